//! What is around the suites of one run: where its files go, the older result that it is
//! compared with, and the page at its end.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::compare::compare;
use super::measured::Measured;
use super::plots::Plotter;
use super::{Request, Suite};
use crate::error::{Error, Result};
use crate::project;

/// A run that has begun, and has booted nothing yet.
pub struct Session {
    /// Where its files go.
    pub directory: PathBuf,
    /// What is measured, in order.
    pub suites: Vec<Suite>,
    older: Vec<Measured>,
    plotter: Option<Plotter>,
    results: Vec<PathBuf>,
}

impl Session {
    /// Makes the directory and reads the older result.
    ///
    /// # Errors
    /// Where the directory cannot be written, and where the older result cannot be read or is
    /// of no suite that is to be measured.
    pub fn begin(request: &Request) -> Result<Self> {
        let directory = match &request.out {
            None => project::target_directory("bench")?,
            Some(path) => {
                usable(path).map_err(|error| {
                    Error::Usage(format!("bench --out {}: {error}", path.display()))
                })?;
                path.clone()
            }
        };
        let older = match &request.compare {
            None => Vec::new(),
            Some(path) => Measured::read(path)?,
        };
        let suites = suites(&request.suites, &older)?;
        let plotter = Plotter::new()
            .inspect_err(|error| eprintln!("roentgen: no plots and no page: {error}"))
            .ok();
        Ok(Self {
            directory,
            suites,
            older,
            plotter,
            results: Vec::new(),
        })
    }

    /// Takes a suite's result.
    pub fn add(&mut self, result: PathBuf) {
        self.results.push(result);
    }

    /// Compares, and makes the page, whose path is the last line. False where something got
    /// slower, or there is no page.
    ///
    /// # Errors
    /// Where a result cannot be read again, or the page's program fails.
    pub fn end(self) -> Result<bool> {
        let mut is_well = true;
        if !self.older.is_empty() {
            let mut newer = Vec::new();
            for result in &self.results {
                newer.extend(Measured::read(result)?);
            }
            is_well &= compared(&self.older, &newer);
        }
        let Some(plotter) = self.plotter else {
            return Ok(false);
        };
        if !self.results.is_empty() {
            for path in plotter.page(&self.results, &self.directory)? {
                println!("{}", path.display());
            }
        }
        Ok(is_well)
    }
}

/// Makes a directory and tries it. The system's error where it cannot be written.
fn usable(path: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(path)?;
    tempfile::tempfile_in(path).map(|_| ())
}

/// What is to be measured: what is asked for, or where nothing is, what there is an older result
/// of, or everything.
fn suites(asked: &[Suite], older: &[Measured]) -> Result<Vec<Suite>> {
    let mut known = Vec::new();
    for result in older {
        let Some(suite) = Suite::one_named(&result.suite) else {
            return Err(Error::Usage(format!(
                "{}: of suite {}, which there is not",
                result.path.display(),
                result.suite
            )));
        };
        if !asked.is_empty() && !asked.contains(&suite) {
            return Err(Error::Usage(format!(
                "{}: of suite {}, which is not among those to be measured",
                result.path.display(),
                result.suite
            )));
        }
        known.push(suite);
    }
    Ok(match (asked, known.as_slice()) {
        ([], []) => Suite::ALL.to_vec(),
        ([], _) => known,
        _ => asked.to_vec(),
    })
}

/// Compares what is in two files, or of two directories what both have: `bench --compare`
/// with two paths. The status is 1 where something got slower.
///
/// # Errors
/// Where one cannot be read, or they have no suite in common.
pub fn compare_files(old: &Path, new: &Path) -> Result<ExitCode> {
    let (older, newer) = (Measured::read(old)?, Measured::read(new)?);
    let names = |results: &[Measured]| -> Vec<String> {
        results.iter().map(|result| result.suite.clone()).collect()
    };
    if !older
        .iter()
        .any(|old| newer.iter().any(|new| new.suite == old.suite))
    {
        return Err(Error::Usage(format!(
            "bench --compare: of other suites: {}; then {}",
            names(&older).join(", "),
            names(&newer).join(", ")
        )));
    }
    Ok(match compared(&older, &newer) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Prints the comparison of each suite. False where something got slower.
fn compared(older: &[Measured], newer: &[Measured]) -> bool {
    let mut is_well = true;
    for old in older {
        let new = newer.iter().find(|new| new.suite == old.suite);
        let Some(new) = new else {
            println!("compared: {}: measured in one of them only\n", old.suite);
            continue;
        };
        let comparison = compare(old, new);
        println!("{}", comparison.text());
        is_well &= !comparison.is_slower();
    }
    is_well
}

#[cfg(test)]
mod tests {
    use super::{compare_files, suites, usable};
    use crate::bench::Suite;

    #[test]
    fn without_names_the_older_results_suites_or_all_are_measured() {
        assert_eq!(suites(&[], &[]).unwrap(), Suite::ALL);
        assert_eq!(suites(&[Suite::Irq], &[]).unwrap(), [Suite::Irq]);
    }

    #[test]
    fn a_directory_is_made_and_what_is_none_is_refused() {
        let place = tempfile::tempdir().unwrap();
        usable(&place.path().join("a/b")).unwrap();
        assert!(place.path().join("a/b").is_dir());
        std::fs::write(place.path().join("file"), "").unwrap();
        assert!(usable(&place.path().join("file")).is_err());
        assert!(usable(&place.path().join("file/below")).is_err());
    }

    #[test]
    fn files_that_are_no_results_are_said_before_anything_else() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.json");
        assert_eq!(compare_files(&path, &path).unwrap_err().exit_status(), 2);
        std::fs::write(&path, "[1, 2").unwrap();
        assert_eq!(compare_files(&path, &path).unwrap_err().exit_status(), 2);
        let directory = place.path().join("empty");
        std::fs::create_dir(&directory).unwrap();
        let error = compare_files(&directory, &directory).unwrap_err();
        assert_eq!(error.exit_status(), 2);
    }
}
