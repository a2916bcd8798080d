//! The plots of results, and the page that shows all of a run: `tests/plots/page.py` makes them
//! with matplotlib and Jinja, which are fetched into an environment of their own in `target/`.
//! What is drawn is in the JSON files alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::packages::{self, Need};
use crate::project;
use crate::quality;

/// The libraries, from PyPI, at the versions that the programs are written for.
const LIBRARIES: &[&str] = &["matplotlib==3.10.7", "jinja2==3.1.6"];

/// What draws.
pub struct Plotter {
    python: PathBuf,
}

impl Plotter {
    /// Gets the libraries, if they are not there yet.
    ///
    /// # Errors
    /// Where they cannot be had.
    pub fn new() -> Result<Self> {
        packages::require(&[Need::Check])?;
        let place = quality::python_tools("venv-plots", LIBRARIES)?;
        Ok(Self {
            python: place.join("bin/python"),
        })
    }

    /// Draws the plots of results as PNG and SVG into a directory, and the page that has them
    /// all; the paths, the page's last.
    ///
    /// # Errors
    /// Where the program fails.
    pub fn page(&self, results: &[PathBuf], directory: &Path) -> Result<Vec<PathBuf>> {
        let program = project::root().join("tests/plots/page.py");
        let output = Command::new(&self.python)
            .arg(&program)
            .arg(directory)
            .args(results)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME")
            .stdin(Stdio::null())
            .output()
            .map_err(Error::file(&program))?;
        if !output.status.success() {
            return Err(Error::Tool {
                what: "making the page".to_owned(),
                output: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        let paths = String::from_utf8_lossy(&output.stdout);
        Ok(paths.lines().map(PathBuf::from).collect())
    }
}
