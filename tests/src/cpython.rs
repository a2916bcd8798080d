//! Debian's CPython for the control: the interpreter that one would take on Linux, with its
//! standard library and the shared libraries of both.
//!
//! The packages are fetched and unpacked into `target/`; nothing is installed.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::linux;
use crate::project;
use crate::share::{Node, Tree};

/// The packages that have it. Modules that want other libraries (`sqlite3`, `curses`, `ssl`)
/// are there and cannot be imported.
const PACKAGES: [&str; 6] = [
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libc6",
    "libexpat1",
    "zlib1g",
];
/// Its command, in the packages and in the machine.
const COMMAND: &str = "usr/bin/python3.11";
/// What is taken of the packages besides: the standard library whole.
const LIBRARY: &str = "usr/lib/python3.11";
/// Shared libraries, by what their names begin with; the directories are one and the same in
/// a merged system, as the machine's is.
const SHARED: [&str; 5] = [
    "ld-linux-x86-64.so",
    "libc.so",
    "libm.so",
    "libz.so",
    "libexpat.so",
];
const SHARED_PLACES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
/// Parts of the library that no program here imports.
const LEFT_OUT: [&str; 5] = ["test", "idlelib", "ensurepip", "lib2to3", "pydoc_data"];

/// Fetches it, if it is not there, and adds it to a tree.
///
/// # Errors
/// Where a package cannot be had.
pub fn add(tree: &mut Tree) -> Result<()> {
    let place = fetched()?;
    tree.read(&place.join(COMMAND), &Path::new("/").join(COMMAND))?;
    let library = place.join(LIBRARY);
    for entry in entries(&library)? {
        let name = entry.file_name().unwrap_or_default().to_owned();
        if !LEFT_OUT.iter().any(|other| name == *other) {
            tree.read(&entry, &Path::new("/").join(LIBRARY).join(name))?;
        }
    }
    for directory in SHARED_PLACES {
        let directory = place.join(directory);
        for entry in entries(&directory)? {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if SHARED.iter().any(|prefix| name.starts_with(prefix)) {
                tree.read(&entry, &Path::new("/lib/x86_64-linux-gnu").join(&*name))?;
            }
        }
    }
    let loader = b"/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2".to_vec();
    tree.insert("/lib64/ld-linux-x86-64.so.2", Node::Link(loader));
    Ok(())
}

/// Where the packages are unpacked.
fn fetched() -> Result<PathBuf> {
    let root = project::target_directory("control")?.join("cpython");
    let stamp = root.join("packages");
    let wanted = PACKAGES.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|old| old == wanted) {
        return Ok(root);
    }
    std::fs::create_dir_all(&root).map_err(Error::file(&root))?;
    for package in PACKAGES {
        linux::fetch_package(package, &root)?;
    }
    std::fs::write(&stamp, wanted).map_err(Error::file(&stamp))?;
    Ok(root)
}

/// What a directory holds, in order; nothing where it is not there.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(Error::file(directory))? {
        paths.push(entry.map_err(Error::file(directory))?.path());
    }
    paths.sort();
    Ok(paths)
}
