//! The plots of a result: `tests/plots/NAME.py` draws them with matplotlib, which is fetched
//! into an environment of its own in `target/`. What is drawn is in the JSON file alone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::packages::{self, Need};
use crate::project;
use crate::quality;

/// The library, from PyPI, at the version that the programs are written for.
const LIBRARY: &[&str] = &["matplotlib==3.10.7"];

/// Draws the plots of a result beside it, as PNG and SVG; their paths.
///
/// # Errors
/// Where the library cannot be had, or its program fails.
pub fn draw(result: &Path) -> Result<Vec<PathBuf>> {
    packages::require(&[Need::Check])?;
    let place = quality::python_tools("venv-plots", LIBRARY)?;
    let program = project::root()
        .join("tests/plots")
        .join(result.file_name().unwrap_or_default())
        .with_extension("py");
    let output = Command::new(place.join("bin/python"))
        .arg(&program)
        .arg(result)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file(&program))?;
    if !output.status.success() {
        return Err(Error::Tool {
            what: "drawing the plots".to_owned(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let paths = String::from_utf8_lossy(&output.stdout);
    Ok(paths.lines().map(PathBuf::from).collect())
}
