//! CPython's own tests.
//!
//! The tests are Debian's (package `libpython3.11-testsuite`); they go into the machine
//! when it is made and are never kept by us. Which of them, says `cpython.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::Images;
use crate::error::{Error, Result};
use crate::oracle::comparison::Suite;
use crate::oracle::task::Task;
use crate::share::Node;

/// Where Debian has the library that the tests are part of.
const LIBRARY: &str = "/usr/lib/python3.11";
/// Where the package `test` stands in the machine.
const TESTS: &str = "/home/user/cpython";
/// Modules that the tests need and that a later library no longer has.
const FORMER_MODULES: &[&str] = &["asyncore.py", "asynchat.py", "smtpd.py"];
/// What none of the listed modules reads, or what is large beyond its use.
const LEFT_OUT: &[&str] = &[
    "__pycache__",
    "audiodata",
    "cjkencodings",
    "decimaltestdata",
    "imghdrdata",
    "libregrtest",
    "sndhdrdata",
    "test_email",
    "test_importlib",
    "test_peg_generator",
    "test_tools",
    "xmltestdata",
];
/// CPython's tests of these groups.
#[must_use]
pub fn suite<'a>(groups: &'a [&'a str]) -> Suite<'a> {
    Suite {
        whose: "CPython",
        runner: "run_cpython.py",
        list: "cpython.toml",
        groups,
        options: &["--tests=/home/user/cpython"],
        ship,
    }
}

/// Puts the tests into a task's tree.
fn ship(task: &mut Task, _: &Images) -> Result<()> {
    let tree = &mut task.tree;
    let library = Path::new(LIBRARY);
    for name in FORMER_MODULES {
        tree.read(&library.join(name), &Path::new(TESTS).join(name))?;
    }
    let mut waiting = vec![PathBuf::from("test")];
    while let Some(directory) = waiting.pop() {
        let from = library.join(&directory);
        for entry in fs::read_dir(&from).map_err(Error::file(&from))? {
            let entry = entry.map_err(Error::file(&from))?;
            let name = entry.file_name();
            if LEFT_OUT.iter().any(|left_out| name == *left_out) {
                continue;
            }
            let inside = directory.join(&name);
            // Through links: Debian has a few, and the target is outside.
            let about = fs::metadata(entry.path()).map_err(Error::file(&entry.path()))?;
            if about.is_dir() {
                waiting.push(inside);
            } else {
                let content = fs::read(entry.path()).map_err(Error::file(&entry.path()))?;
                tree.insert(Path::new(TESTS).join(inside), Node::File(0o644, content));
            }
        }
    }
    Ok(())
}
