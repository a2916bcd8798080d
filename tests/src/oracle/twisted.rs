//! Twisted's own tests, on its reactor for Linux and on Roentgen's.
//!
//! They are part of the package as it is published; the version is fixed here, for the list
//! of what is run (`twisted.toml`) is of that one.

use crate::build::Images;
use crate::error::Result;
use crate::oracle::comparison::Suite;
use crate::oracle::task::Task;
use crate::requirements::Requirements;

/// Twisted, and what its tests need. Later versions of hypothesis are not pure Python.
const PACKAGES: &[&str] = &["twisted==26.10.0", "pyhamcrest", "hypothesis<6.156"];

/// Twisted's tests of these groups.
#[must_use]
pub fn suite<'a>(groups: &'a [&'a str]) -> Suite<'a> {
    Suite {
        whose: "Twisted",
        runner: "run_twisted.py",
        list: "twisted.toml",
        groups,
        options: &[],
        ship,
    }
}

fn ship(task: &mut Task, images: &Images) -> Result<()> {
    Requirements::named(PACKAGES).add(&images.python, &mut task.tree)
}
