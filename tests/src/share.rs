//! Which files of the host the program finds in the machine, and where.
//!
//! A [`Tree`] is a list of guest paths with their content, read from the host's disk
//! at once: what runs in the machine never writes back.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use crate::cpio::Archive;
use crate::error::{Error, Result};
use crate::requirements::PLACE;
use crate::size::MIB;

/// The most that `--share` takes.
pub const LIMIT: u64 = 64 * MIB;

/// Where the program starts, in the guest.
pub const HOME: &str = "/home/user";

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory with its permissions.
    Directory(u32),
    /// A file with its permissions and content.
    File(u32, Vec<u8>),
    /// A symbolic link and where it points.
    Link(Vec<u8>),
}

/// Files for the guest, by absolute guest path; the second half is the modification
/// time in seconds. Sorted, so that a parent stands before what it holds.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<PathBuf, (Node, u32)>,
    size: u64,
}

impl Tree {
    /// Puts one thing into the tree, with the directories above it.
    pub fn insert(&mut self, path: impl Into<PathBuf>, node: Node) {
        self.insert_at(path.into(), node, 0);
    }

    /// Whether something stands at this guest path.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        self.nodes.contains_key(path)
    }

    /// Reads `host`, a file or a whole directory, into guest path `guest`.
    /// Sockets, pipes and devices inside a directory are left out; `host` itself may
    /// be a pipe (`<(…)` of a shell) and is then read to its end.
    ///
    /// # Errors
    /// [`Error::ShareTooLarge`] above [`LIMIT`]; [`Error::Program`] where `host` cannot
    /// be read.
    pub fn read(&mut self, host: &Path, guest: &Path) -> Result<()> {
        let unreadable = |reason| Error::Program {
            path: host.to_owned(),
            reason,
        };
        let about = fs::metadata(host).map_err(unreadable)?;
        if !about.is_dir() {
            let content = fs::read(host).map_err(unreadable)?;
            self.grow(content.len() as u64, host)?;
            let mode = if about.is_file() {
                about.mode() & 0o777
            } else {
                0o644
            };
            self.insert_at(guest.to_owned(), Node::File(mode, content), seconds(&about));
            return Ok(());
        }
        let mut waiting = vec![(host.to_owned(), guest.to_owned())];
        while let Some((from, to)) = waiting.pop() {
            let about = fs::metadata(&from).map_err(Error::file(&from))?;
            let node = Node::Directory(about.mode() & 0o7777 | 0o700);
            self.insert_at(to.clone(), node, seconds(&about));
            for entry in fs::read_dir(&from).map_err(Error::file(&from))? {
                let entry = entry.map_err(Error::file(&from))?;
                let (path, inside) = (entry.path(), to.join(entry.file_name()));
                let about = fs::symlink_metadata(&path).map_err(Error::file(&path))?;
                if about.is_dir() {
                    waiting.push((path, inside));
                } else if about.is_symlink() {
                    let target = fs::read_link(&path).map_err(Error::file(&path))?;
                    let node = Node::Link(target.as_os_str().as_bytes().to_vec());
                    self.insert_at(inside, node, seconds(&about));
                } else if about.is_file() {
                    self.grow(about.len(), host)?;
                    let content = fs::read(&path).map_err(Error::file(&path))?;
                    let node = Node::File(about.permissions().mode() & 0o777, content);
                    self.insert_at(inside, node, seconds(&about));
                }
            }
        }
        Ok(())
    }

    /// Writes everything into an archive, parents first.
    pub fn write(&self, archive: &mut Archive) {
        for (path, (node, modified)) in &self.nodes {
            // Newc names are bytes; a name that is not UTF-8 cannot be typed in Python
            // source either and goes in with its odd bytes replaced.
            let path = path.to_string_lossy();
            match node {
                Node::Directory(mode) => archive.directory(&path, *mode, *modified),
                Node::File(mode, content) => archive.file(&path, *mode, *modified, content),
                Node::Link(target) => archive.symlink(&path, target, *modified),
            }
        }
    }

    fn grow(&mut self, bytes: u64, path: &Path) -> Result<()> {
        self.size += bytes;
        if self.size > LIMIT {
            return Err(Error::ShareTooLarge {
                path: path.to_owned(),
                limit_mib: LIMIT / MIB,
            });
        }
        Ok(())
    }

    fn insert_at(&mut self, path: PathBuf, node: Node, modified: u32) {
        for parent in path.ancestors().skip(1) {
            // What the base archive has keeps its own permissions.
            if parent != Path::new("/")
                && !BASE_DIRECTORIES
                    .iter()
                    .any(|base| parent == Path::new(base))
            {
                self.nodes
                    .entry(parent.to_owned())
                    .or_insert((Node::Directory(0o755), modified));
            }
        }
        self.nodes.insert(path, (node, modified));
    }
}

/// The directories that are in every machine, with the base archive's permissions.
pub const BASE_DIRECTORIES: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/etc/roentgen",
    "/home",
    HOME,
    "/proc",
    "/root",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/local",
    "/usr/local/lib",
    PLACE,
    "/var",
    "/var/tmp",
];

fn seconds(about: &fs::Metadata) -> u32 {
    u32::try_from(about.mtime()).unwrap_or(0)
}

/// A program's files in the machine, and how the program is named there.
#[derive(Debug)]
pub struct Placed {
    /// What goes into the machine.
    pub tree: Tree,
    /// The working directory there.
    pub directory: PathBuf,
    /// The program's path as Python is given it; `sys.argv[0]` is the same.
    pub program: PathBuf,
}

/// Places FILE. Alone, or its outermost package where it stands in one. A relative path
/// stays what was typed: the common part of our working directory and the file's place
/// becomes [`HOME`]. An absolute path is the same path in the machine.
///
/// # Errors
/// [`Error::Program`] where FILE cannot be read.
pub fn place_file(program: &Path, here: &Path) -> Result<Placed> {
    let host = normal(&here.join(program));
    let about = fs::metadata(&host).map_err(|reason| Error::Program {
        path: program.to_owned(),
        reason,
    })?;
    let mut tree = Tree::default();
    if !about.is_file() && !about.is_dir() {
        let name = Path::new("program.py");
        tree.read(&host, &Path::new(HOME).join(name))?;
        return Ok(Placed {
            tree,
            directory: HOME.into(),
            program: name.into(),
        });
    }
    let shipped = package_of(&host).unwrap_or_else(|| host.clone());
    if program.is_absolute() {
        tree.read(&shipped, &shipped)?;
        return Ok(Placed {
            tree,
            directory: HOME.into(),
            program: program.to_owned(),
        });
    }
    let top = shipped.parent().unwrap_or(Path::new("/"));
    let common = here
        .ancestors()
        .find(|ancestor| top.starts_with(ancestor))
        .unwrap_or(Path::new("/"));
    let inside = |path: &Path| {
        let below = path.strip_prefix(common).unwrap_or(Path::new(""));
        Path::new(HOME)
            .join(below)
            .components()
            .collect::<PathBuf>()
    };
    tree.read(&shipped, &inside(&shipped))?;
    let directory = inside(here);
    if directory != Path::new(HOME) && !tree.contains(&directory) {
        tree.insert(&directory, Node::Directory(0o755));
    }
    Ok(Placed {
        tree,
        directory,
        program: program.to_owned(),
    })
}

/// Places FILE where `--share` says what the machine gets. FILE may be named from our
/// working directory or from the shared one; outside of it, it comes along.
///
/// # Errors
/// [`Error::Program`] where FILE is nowhere.
pub fn place_in_share(program: &Path, share: &Path, mut tree: Tree, here: &Path) -> Result<Placed> {
    let share = fs::canonicalize(share).unwrap_or_else(|_| share.to_owned());
    let typed = here.join(program);
    let host = fs::canonicalize(&typed)
        .or_else(|first| fs::canonicalize(share.join(program)).map_err(|_| first))
        .map_err(|reason| Error::Program {
            path: program.to_owned(),
            reason,
        })?;
    let program = if let Ok(inside) = host.strip_prefix(&share) {
        inside.to_owned()
    } else {
        tree.read(&host, &host)?;
        host
    };
    Ok(Placed {
        tree,
        directory: HOME.into(),
        program,
    })
}

/// Ships `MODULE.py` or `MODULE/` of our working directory, where `-m` names one.
///
/// # Errors
/// [`Error::ShareTooLarge`].
pub fn place_module(module: &str, here: &Path) -> Result<Tree> {
    let mut tree = Tree::default();
    let top = module.split('.').next().unwrap_or(module);
    for name in [format!("{top}.py"), top.to_owned()] {
        let host = here.join(&name);
        if !top.is_empty() && (name.ends_with(".py") && host.is_file() || host.is_dir()) {
            tree.read(&host, &Path::new(HOME).join(&name))?;
        }
    }
    Ok(tree)
}

/// The outermost package that a file stands in: the highest directory of an unbroken
/// chain of directories with an `__init__.py`.
fn package_of(file: &Path) -> Option<PathBuf> {
    file.ancestors()
        .skip(1)
        .take_while(|directory| directory.join("__init__.py").is_file())
        .last()
        .map(Path::to_path_buf)
}

/// A path without `.` and `..`, by its text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> tempfile::TempDir {
        let host = tempfile::tempdir().unwrap();
        for file in [
            "alone.py",
            "proj/pkg/__init__.py",
            "proj/pkg/sub/__init__.py",
            "proj/pkg/sub/main.py",
            "proj/x",
        ] {
            let path = host.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        host
    }

    #[test]
    fn a_file_alone_comes_alone_under_the_name_that_was_typed() {
        let host = host();
        let placed = place_file(Path::new("alone.py"), host.path()).unwrap();
        assert_eq!(placed.program, Path::new("alone.py"));
        assert_eq!(placed.directory, Path::new(HOME));
        assert!(placed.tree.contains(Path::new("/home/user/alone.py")));
        assert!(!placed.tree.contains(Path::new("/home/user/proj")));

        let placed = place_file(Path::new("../alone.py"), &host.path().join("proj")).unwrap();
        assert_eq!(placed.directory, Path::new("/home/user/proj"));
        assert!(placed.tree.contains(Path::new("/home/user/alone.py")));
    }

    #[test]
    fn a_file_in_a_package_brings_the_whole_package() {
        let host = host();
        let placed = place_file(Path::new("proj/pkg/sub/main.py"), host.path()).unwrap();
        assert!(
            placed
                .tree
                .contains(Path::new("/home/user/proj/pkg/__init__.py"))
        );
        assert!(!placed.tree.contains(Path::new("/home/user/proj/x")));

        let placed = place_file(Path::new("main.py"), &host.path().join("proj/pkg/sub")).unwrap();
        assert_eq!(placed.directory, Path::new("/home/user/pkg/sub"));
        assert!(
            placed
                .tree
                .contains(Path::new("/home/user/pkg/__init__.py"))
        );
        assert!(
            placed
                .tree
                .contains(Path::new("/home/user/pkg/sub/main.py"))
        );
    }

    #[test]
    fn an_absolute_path_is_the_same_in_the_machine() {
        let host = host();
        let file = host.path().join("alone.py");
        let placed = place_file(&file, Path::new("/")).unwrap();
        assert_eq!(placed.program, file);
        assert!(placed.tree.contains(&file));
    }

    #[test]
    fn a_shared_tree_is_the_working_directory() {
        let host = host();
        let share = host.path().join("proj");
        let mut tree = Tree::default();
        tree.read(&share, Path::new(HOME)).unwrap();
        let placed =
            place_in_share(Path::new("proj/pkg/sub/main.py"), &share, tree, host.path()).unwrap();
        assert_eq!(placed.program, Path::new("pkg/sub/main.py"));
    }

    #[test]
    fn too_large_a_tree_is_one_clear_line() {
        let host = host();
        fs::File::create(host.path().join("big"))
            .unwrap()
            .set_len(LIMIT + 1)
            .unwrap();
        let error = Tree::default()
            .read(host.path(), Path::new(HOME))
            .unwrap_err();
        assert_eq!(error.exit_status(), 2);
        assert!(
            error
                .to_string()
                .ends_with("is too large to share: more than 64 MiB")
        );
    }

    #[test]
    fn a_missing_file_is_said_as_python_says_it() {
        let error = place_file(Path::new("nothere.py"), Path::new("/")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("can't open file 'nothere.py': ")
        );
        assert_eq!(error.exit_status(), 2);
    }
}
