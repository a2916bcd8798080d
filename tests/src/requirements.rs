//! Python packages for the machine (`--with REQ`, `-r FILE`): fetched by the host's pip once,
//! kept in `target/packages` as an archive to boot with.
//!
//! The guest has no dynamic loader, so that a package must be pure Python: a wheel for any
//! platform, or one of the few whose extension in C is a faster twin of code that is there in
//! Python too ([`OPTIONAL_EXTENSIONS`]). What is kept is what was asked for, not what is newest
//! today: who wants that removes `target/packages`.
//!
//! pip evaluates a requirement's markers (`; python_version < …`) for the Python it runs on, the
//! host's; wheels are chosen for the guest's.
//!
//! Not here: what of it a program imports. The packages stand at [`PLACE`], which is on the
//! interpreter's path without any option or variable, so that the saved template goes on
//! working.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::FlockOperation;
use tempfile::TempDir;

use crate::cpio::Archive;
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::fingerprint::{self, ContentKey};
use crate::packages::{self, Need};
use crate::project;

/// Where packages stand in the machine.
pub const PLACE: &str = "/usr/local/lib/python3.14";
/// The guest's Python, as pip has it.
const VERSION: &str = "3.14";
/// Packages that do the same without their extension modules, which are left out.
const OPTIONAL_EXTENSIONS: &[&str] = &["zope_interface"];
/// How much of pip's own words is passed on.
const LINES: usize = 3;
/// Changes when the same wheels give another archive.
const FORMAT: &str = "1";

/// What pip says where it did not reach a server.
const NO_NETWORK: &[&str] = &[
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "connection broken",
];

/// One of the words that were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// As in a file of requirements: `twisted`, `twisted>=24`.
    Named(String),
    /// A file of requirements.
    File(PathBuf),
}

impl Requirement {
    /// A requirement by its name; None where it is none, such as an option or a path.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let is_name = word.starts_with(|first: char| first.is_ascii_alphanumeric());
        let is_path = word.contains('/') && !word.contains('@');
        (is_name && !is_path && !word.ends_with(".whl")).then(|| Self::Named(word.to_owned()))
    }
}

/// The archive with what is wanted and all that it needs, fetched if it is not there.
/// Programs are compiled by `python`, which the machine will run too.
///
/// # Errors
/// [`Error::Usage`] where a file of requirements cannot be read; [`Error::Missing`] with one
/// clear line where a package is not to be had.
pub fn archive(wanted: &[Requirement], python: &Path) -> Result<PathBuf> {
    let directory = project::target_directory("packages")?;
    let key = key(wanted, python)?;
    let path = directory.join(format!("{key}.cpio"));
    if path.is_file() {
        return Ok(path);
    }
    // Two that want the same: the second finds what the first has made.
    let lock_path = directory.join("lock");
    let lock = File::create(&lock_path).map_err(Error::file(&lock_path))?;
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(Error::file(&lock_path))?;
    if path.is_file() {
        return Ok(path);
    }
    packages::require(&[Need::Pip])?;
    eprintln!("roentgen: fetching {} (once)", described(wanted));
    let scratch = TempDir::new_in(&directory).map_err(Error::file(&directory))?;
    let (wheels, site) = (scratch.path().join("wheels"), scratch.path().join("site"));
    let words = words(wanted);
    download(&wheels, Platform::Any, &words)?;
    let extensions = impure(&wheels, &words)?;
    install(&wheels, &site)?;
    for name in extensions {
        remove_extensions(&site, &name)?;
    }
    // Scripts, with the host's interpreter in their first line.
    let _ = fs::remove_dir_all(site.join("bin"));
    compile(python, &site);
    write_whole(&path, &pack(&site)?)?;
    Ok(path)
}

fn described(wanted: &[Requirement]) -> String {
    let words: Vec<String> = wanted
        .iter()
        .map(|one| match one {
            Requirement::Named(name) => name.clone(),
            Requirement::File(path) => format!("what {} asks for", path.display()),
        })
        .collect();
    words.join(" and ")
}

/// What is wanted, in pip's words.
fn words(wanted: &[Requirement]) -> Vec<OsString> {
    let mut words = Vec::new();
    for one in wanted {
        match one {
            Requirement::Named(name) => words.push(name.into()),
            Requirement::File(path) => words.extend(["-r".into(), path.into()]),
        }
    }
    words
}

/// The hash of what is asked for, of whom, and of the interpreter that compiles it.
fn key(wanted: &[Requirement], python: &Path) -> Result<String> {
    let mut key = ContentKey::default();
    key.text("format", FORMAT);
    key.text("python", &fingerprint::metadata(&[python.to_owned()])?);
    for one in wanted {
        match one {
            Requirement::Named(name) => key.text("named", name),
            Requirement::File(path) => {
                let mut seen = BTreeSet::new();
                add_file(&mut key, path, &mut seen)?;
            }
        }
    }
    // Another index, for one.
    for (name, value) in std::env::vars_os().collect::<BTreeSet<_>>() {
        if name.as_encoded_bytes().starts_with(b"PIP_") {
            key.text(&name.to_string_lossy(), &value.to_string_lossy());
        }
    }
    Ok(key.finish())
}

/// Adds a file of requirements, and the files that it names.
fn add_file(key: &mut ContentKey, path: &Path, seen: &mut BTreeSet<PathBuf>) -> Result<()> {
    let text = fs::read_to_string(path)
        .map_err(|reason| Error::Usage(format!("-r {}: {reason}", path.display())))?;
    key.text("file", &text);
    if !seen.insert(path.to_owned()) {
        return Ok(());
    }
    for line in text.lines() {
        let named = ["-r", "--requirement", "-c", "--constraint"]
            .iter()
            .find_map(|option| line.trim_start().strip_prefix(option))
            .map(|rest| rest.trim_start_matches([' ', '\t', '=']).trim_end());
        if let Some(named) = named.filter(|named| !named.contains("://")) {
            add_file(key, &path.with_file_name(named), seen)?;
        }
    }
    Ok(())
}

/// Whose wheels are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Platform {
    /// Linux's too: then it can be said what is wrong with them.
    Any,
    /// Pure Python alone.
    None,
}

impl Platform {
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Any => &[
                "--implementation=cp",
                "--abi=cp314",
                "--abi=abi3",
                "--abi=none",
                "--platform=manylinux2014_x86_64",
                "--platform=manylinux_2_17_x86_64",
                "--platform=manylinux_2_28_x86_64",
                "--platform=any",
            ],
            Self::None => &["--implementation=py", "--abi=none", "--platform=any"],
        }
    }
}

fn pip(command: &str, platform: Platform) -> Command {
    let mut pip = Command::new("pip3");
    pip.args([
        command,
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--retries=1",
        "--only-binary=:all:",
        "--python-version",
        VERSION,
    ])
    .args(platform.options())
    .stdin(Stdio::null())
    // What runs the tests may be a Python of its own.
    .env_remove("PYTHONPATH");
    pip
}

/// Fetches wheels, with what they need.
fn download(wheels: &Path, platform: Platform, words: &[OsString]) -> Result<()> {
    let mut pip = pip("download", platform);
    pip.arg("--dest").arg(wheels).args(words);
    run(pip).map_err(|complaint| refused(&complaint))
}

/// Puts all of the wheels into a directory, as an interpreter wants them.
fn install(wheels: &Path, site: &Path) -> Result<()> {
    let mut pip = pip("install", Platform::Any);
    pip.args(["--no-index", "--no-deps", "--no-compile", "--target"])
        .arg(site)
        .args(wheels_in(wheels)?);
    run(pip).map_err(|complaint| refused(&complaint))
}

/// Runs pip; where it fails, what it wrote.
fn run(mut pip: Command) -> std::result::Result<(), String> {
    let output = pip.output().map_err(|error| format!("pip3: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// pip's complaint as one clear error.
fn refused(complaint: &str) -> Error {
    let has_network = !NO_NETWORK.iter().any(|words| complaint.contains(words));
    if !has_network {
        return Error::Missing(
            "packages cannot be fetched: pip does not reach the package index (with a network \
             once, they are kept)"
                .to_owned(),
        );
    }
    let lines: Vec<&str> = complaint
        .lines()
        .filter_map(|line| line.strip_prefix("ERROR: "))
        .take(LINES)
        .collect();
    let said = if lines.is_empty() {
        complaint.trim()
    } else {
        &lines.join("; ")
    };
    Error::Missing(format!("pip: {said}"))
}

fn wheels_in(directory: &Path) -> Result<Vec<PathBuf>> {
    all_files_under(directory)
}

/// Every file under a directory, compiled programs too, sorted.
fn all_files_under(directory: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut waiting) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(place) = waiting.pop() {
        for entry in fs::read_dir(&place).map_err(Error::file(&place))? {
            let path = entry.map_err(Error::file(&place))?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A wheel's name, by PEP 427.
#[derive(Debug, PartialEq, Eq)]
struct Wheel {
    name: String,
    version: String,
    is_pure: bool,
}

impl Wheel {
    fn named(path: &Path) -> Option<Self> {
        let stem = path.file_name()?.to_str()?.strip_suffix(".whl")?;
        let mut parts = stem.split('-');
        let (name, version) = (parts.next()?.to_lowercase(), parts.next()?.to_owned());
        Some(Self {
            name: name.replace('.', "_"),
            version,
            is_pure: stem.ends_with("-none-any"),
        })
    }
}

/// Sees that all wheels are pure. One with extensions is replaced by one without, where its
/// package has such; returned are the names of those that do without their extensions.
fn impure(wheels: &Path, words: &[OsString]) -> Result<Vec<String>> {
    let mut optional = Vec::new();
    for path in wheels_in(wheels)? {
        let Some(wheel) = Wheel::named(&path) else {
            return Err(Error::Missing(format!("{} is no wheel", path.display())));
        };
        if wheel.is_pure {
            continue;
        }
        if OPTIONAL_EXTENSIONS.contains(&wheel.name.as_str()) {
            optional.push(wheel.name);
            continue;
        }
        fs::remove_file(&path).map_err(Error::file(&path))?;
        let pinned = OsString::from(format!("{}=={}", wheel.name, wheel.version));
        let mut pip = pip("download", Platform::None);
        pip.args(["--no-deps", "--dest"]).arg(wheels).arg(pinned);
        run(pip).map_err(|_| not_pure(&wheel, words))?;
    }
    Ok(optional)
}

fn not_pure(wheel: &Wheel, words: &[OsString]) -> Error {
    let is_asked_for = words.iter().any(|word| {
        let word = word
            .to_string_lossy()
            .to_lowercase()
            .replace(['-', '.'], "_");
        word.starts_with(&wheel.name)
    });
    let why = if is_asked_for {
        ""
    } else {
        ", which is needed by what was asked for,"
    };
    Error::Missing(format!(
        "{} {}{why} is not pure Python: it has extension modules, which the machine cannot load",
        wheel.name, wheel.version
    ))
}

/// Removes a package's extension modules and their sources.
fn remove_extensions(site: &Path, name: &str) -> Result<()> {
    let place = site.join(name.replace('_', "/"));
    for path in all_files_under(&place)? {
        if path
            .extension()
            .is_some_and(|kind| kind == "so" || kind == "c")
        {
            fs::remove_file(&path).map_err(Error::file(&path))?;
        }
    }
    Ok(())
}

/// Compiles all but the packages' own tests: an emulator takes long for it. What does not
/// compile is left to whoever imports it.
fn compile(python: &Path, site: &Path) {
    let _ = Command::new(python)
        .args([
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode=unchecked-hash",
        ])
        .args(["-x", r"/tests?/"])
        .arg(site)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// The archive of a directory of packages.
fn pack(site: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    let mut made = BTreeSet::new();
    for path in all_files_under(site)? {
        let inside = path.strip_prefix(site).unwrap_or(&path);
        for above in inside.ancestors().skip(1).collect::<Vec<_>>().iter().rev() {
            if made.insert(above.to_path_buf()) {
                // Not the time of the base archive's: whoever has listed it without the
                // packages sees that it is another.
                archive.directory(&guest(above), 0o755, MODIFIED);
            }
        }
        let content = fs::read(&path).map_err(Error::file(&path))?;
        archive.file(&guest(inside), 0o644, MODIFIED, &content);
    }
    Ok(archive.finish())
}

/// The modification time of all packages: the wheel format's first day, so that archives of
/// the same wheels are the same.
const MODIFIED: u32 = 315_532_800;

fn guest(inside: &Path) -> String {
    let path = Path::new(PLACE).join(inside);
    path.to_string_lossy().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_has_a_name() {
        for word in [
            "twisted",
            "twisted>=24",
            "Twisted[tls]",
            "a @ https://b/a.whl?x",
        ] {
            assert!(Requirement::named(word).is_some(), "{word}");
        }
        for word in [
            "",
            "-r",
            "--index-url=x",
            "./here",
            "a/b",
            "a-1-py3-none-any.whl",
        ] {
            assert_eq!(Requirement::named(word), None, "{word}");
        }
    }

    #[test]
    fn a_wheel_says_whether_it_is_pure() {
        let wheel = |name: &str| Wheel::named(Path::new(name)).unwrap();
        assert!(wheel("twisted-26.10.0-py3-none-any.whl").is_pure);
        let native = wheel("zope.interface-8.7-cp314-cp314-manylinux2014_x86_64.whl");
        assert_eq!(
            (native.name.as_str(), native.is_pure),
            ("zope_interface", false)
        );
        assert!(OPTIONAL_EXTENSIONS.contains(&native.name.as_str()));
        assert_eq!(Wheel::named(Path::new("a-1.tar.gz")), None);
    }

    #[test]
    fn the_key_follows_every_file_that_is_named() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (place.path().join("first"), place.path().join("second"));
        fs::write(&first, "twisted\n-r second\n-r first\n").unwrap();
        fs::write(&second, "attrs\n").unwrap();
        let wanted = [Requirement::File(first)];
        let before = key(&wanted, Path::new("/nothere")).unwrap();
        assert_eq!(key(&wanted, Path::new("/nothere")).unwrap(), before);
        fs::write(&second, "attrs>20\n").unwrap();
        assert_ne!(key(&wanted, Path::new("/nothere")).unwrap(), before);
        fs::remove_file(&second).unwrap();
        assert_eq!(key(&wanted, Path::new("/")).unwrap_err().exit_status(), 2);
    }

    #[test]
    fn pip_without_a_network_is_one_clear_line() {
        let error = refused("WARNING: Retrying: NewConnectionError('x')\nERROR: No matching\n");
        assert!(error.to_string().contains("does not reach"), "{error}");
        let error = refused("WARNING: x\nERROR: No matching distribution found for nope\n");
        assert_eq!(
            error.to_string(),
            "pip: No matching distribution found for nope"
        );
    }

    #[test]
    fn the_archive_has_each_directory_before_what_is_in_it() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/target")).unwrap();
        fs::write(place.path().join("a/target/b.py"), "x").unwrap();
        let bytes = pack(place.path()).unwrap();
        let at = |name: &str| {
            let name = format!("{}\0", name.trim_start_matches('/'));
            bytes
                .windows(name.len())
                .position(|piece| piece == name.as_bytes())
        };
        let file = at(&format!("{PLACE}/a/target/b.py")).unwrap();
        for directory in ["", "/a", "/a/target"] {
            assert!(
                at(&format!("{PLACE}{directory}")).unwrap() < file,
                "{directory}"
            );
        }
    }
}
