//! Packages from PyPI for the program: `run.sh --with REQUIREMENT` and `-r FILE`.
//!
//! pip resolves them for the guest's Python, and what it chooses is kept under `target/with` by
//! what was asked for: only the first run needs the network. The guest has no C API, so that
//! compiled modules are of no use there. A package that has a wheel for every platform is taken
//! as that; any other is built from its source without a compiler, which is well for those whose
//! compiled modules are optional, as `zope.interface`'s are, and an error that names the package
//! for the others.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fingerprint::ContentKey;
use crate::packages::{self, Need};
use crate::project;
use crate::quality;
use crate::share::Tree;

/// Where they stand in the guest: a directory of its interpreter's path.
pub const PLACE: &str = "/usr/local/lib/python3.14";
/// The guest's Python, as pip knows it.
const PYTHON_VERSION: &str = "3.14";
/// What resolves them, of one version, so that the same is asked of PyPI everywhere.
const PIP: &[&str] = &["pip==26.0"];
/// Platforms of which wheels exist where there is none for all; only to learn the names and
/// versions that are needed.
const PLATFORMS: &[&str] = &["any", "manylinux2014_x86_64", "manylinux_2_28_x86_64"];

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Requirements as pip takes them, such as `twisted` or `attrs==26.1.0`.
    pub names: Vec<String>,
    /// Files of requirements.
    pub files: Vec<PathBuf>,
}

/// A package that pip chose.
#[derive(Debug, PartialEq, Eq)]
struct Chosen {
    name: String,
    version: String,
    /// Its wheel is for every platform.
    is_pure: bool,
}

impl Chosen {
    fn requirement(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }
}

impl Requirements {
    /// Packages by their names, with or without versions.
    #[must_use]
    pub fn named(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            files: Vec::new(),
        }
    }

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.files.is_empty()
    }

    /// Whether its files can be read, before anything is built.
    ///
    /// # Errors
    /// [`Error::Program`] where one cannot.
    pub fn check(&self) -> Result<()> {
        self.key().map(drop)
    }

    /// Puts the packages into a tree, fetched if they are not there yet, and compiled to bytecode
    /// by this interpreter, which runs on the host as well.
    ///
    /// # Errors
    /// [`Error::Program`] where a file of requirements cannot be read, [`Error::Requirements`]
    /// where pip finds no such package, or one that needs a compiler, or no package index.
    pub fn add(&self, python: &Path, tree: &mut Tree) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        tree.read(&self.directory(python)?, Path::new(PLACE))
    }

    /// The directory that has them, on the host.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn directory(&self, python: &Path) -> Result<PathBuf> {
        let all = project::target_directory("with")?;
        let key = self.key()?;
        let whole = all.join(&key);
        if whole.is_dir() {
            return Ok(whole);
        }
        // One at a time; whoever waited finds what it wants.
        let _lock = project::lock(&all.join("lock"))?;
        if whole.is_dir() {
            return Ok(whole);
        }
        packages::require(&[Need::Check])?;
        let pip = quality::python_tools("venv-pip", PIP)?.join("bin/pip");
        eprintln!("roentgen: fetching {} (once)", self.shown());
        let parts = tempfile::tempdir_in(&all).map_err(Error::file(&all))?;
        let place = parts.path().join("packages");
        let fetch = Fetch {
            pip,
            asked: self.shown(),
            place: place.clone(),
        };
        fetch.all(self, &parts.path().join("report.json"))?;
        compile(python, &place)?;
        fs::rename(&place, &whole).map_err(Error::file(&whole))?;
        Ok(whole)
    }

    fn key(&self) -> Result<String> {
        let mut key = ContentKey::default();
        key.text("python", PYTHON_VERSION);
        for name in &self.names {
            key.text("with", name);
        }
        for file in &self.files {
            let content = fs::read_to_string(file).map_err(|reason| Error::Program {
                path: file.clone(),
                reason,
            })?;
            key.text("file", &content);
        }
        Ok(key.finish())
    }

    fn shown(&self) -> String {
        let files = self.files.iter().map(|file| file.display().to_string());
        let all: Vec<String> = self.names.iter().cloned().chain(files).collect();
        all.join(", ")
    }

    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        for file in &self.files {
            words.extend(["-r".into(), file.clone().into()]);
        }
        // Behind this nothing is an option.
        words.push("--".into());
        words.extend(self.names.iter().map(OsString::from));
        words
    }
}

/// One call of pip after another.
struct Fetch {
    pip: PathBuf,
    asked: String,
    place: PathBuf,
}

impl Fetch {
    fn all(&self, requirements: &Requirements, report: &Path) -> Result<()> {
        fs::create_dir_all(&self.place).map_err(Error::file(&self.place))?;
        let chosen = self.resolve(requirements, report)?;
        let (pure, others): (Vec<Chosen>, Vec<Chosen>) =
            chosen.into_iter().partition(|package| package.is_pure);
        if !pure.is_empty() {
            let mut install = self.install();
            install.args(["--only-binary=:all:", "--python-version", PYTHON_VERSION]);
            install.args([
                "--platform",
                "any",
                "--implementation",
                "py",
                "--abi",
                "none",
            ]);
            install.args(pure.iter().map(Chosen::requirement));
            self.run(&mut install, |said| self.refused(said))?;
        }
        for package in &others {
            let mut build = self.install();
            // What asks for a compiler finds none.
            build.args(["--no-binary", &package.name, &package.requirement()]);
            build.env("CC", "false").env("CXX", "false");
            self.run(&mut build, |_| self.compiled(package))?;
            if compiled_module(&self.place)?.is_some() {
                return Err(self.compiled(package));
            }
        }
        match fs::remove_dir_all(self.place.join("bin")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file(&self.place)(error))
            }
            _ => Ok(()),
        }
    }

    /// Which packages are needed, for the guest's Python.
    fn resolve(&self, requirements: &Requirements, report: &Path) -> Result<Vec<Chosen>> {
        let mut command = self.pip();
        command.args(["install", "--dry-run", "--ignore-installed", "--report"]);
        command.arg(report).arg("--target").arg(&self.place);
        command.args(["--only-binary=:all:", "--python-version", PYTHON_VERSION]);
        for platform in PLATFORMS {
            command.args(["--platform", platform]);
        }
        command.args(["--implementation", "cp"]);
        for abi in ["cp314", "abi3", "none"] {
            command.args(["--abi", abi]);
        }
        command.args(requirements.words());
        self.run(&mut command, |said| self.refused(said))?;
        let text = fs::read_to_string(report).map_err(Error::file(report))?;
        let report: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok(read_report(&report))
    }

    fn install(&self) -> Command {
        let mut command = self.pip();
        command.args([
            "install",
            "--no-deps",
            "--no-compile",
            "--upgrade",
            "--target",
        ]);
        command.arg(&self.place);
        command
    }

    fn pip(&self) -> Command {
        let mut command = Command::new(&self.pip);
        command.args(["--disable-pip-version-check", "--no-input", "--quiet"]);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, command: &mut Command, error: impl FnOnce(&str) -> Error) -> Result<Output> {
        let output = command.output().map_err(Error::file(&self.pip))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(error(&String::from_utf8_lossy(&output.stderr)))
    }

    /// What pip said, in one line.
    fn refused(&self, said: &str) -> Error {
        let unreachable = [
            "NewConnectionError",
            "NameResolutionError",
            "ConnectTimeoutError",
            "ReadTimeoutError",
            "ProxyError",
        ];
        let reason = if unreachable.iter().any(|word| said.contains(word)) {
            "the package index cannot be reached".to_owned()
        } else {
            let mut errors = said.lines().filter_map(|line| line.strip_prefix("ERROR: "));
            errors.next().unwrap_or("pip failed").to_owned()
        };
        self.error(reason)
    }

    fn compiled(&self, package: &Chosen) -> Error {
        let what = package.requirement();
        self.error(format!(
            "{what} needs compiled modules, and this interpreter takes pure Python only"
        ))
    }

    fn error(&self, reason: String) -> Error {
        Error::Requirements {
            asked: self.asked.clone(),
            reason,
        }
    }
}

/// Bytecode beside the sources, so that an emulated CPU need not make it: it takes seconds there
/// for a package of some size. What cannot be compiled says so when it is imported.
fn compile(python: &Path, place: &Path) -> Result<()> {
    let mut command = Command::new(python);
    // In the guest's words for where they are; tests are compiled by whoever runs them.
    command.args(["-m", "compileall", "-q", "-x", "/tests?/", "-s"]);
    command.arg(place).args(["-p", PLACE]).arg(place);
    command.env_clear().stdin(Stdio::null());
    command.output().map_err(Error::file(python)).map(drop)
}

/// The packages of pip's report (its version 1).
fn read_report(report: &Value) -> Vec<Chosen> {
    let items = report["install"].as_array();
    let chosen = items.into_iter().flatten().filter_map(|item| {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let url = item["download_info"]["url"].as_str().unwrap_or_default();
        Some(Chosen {
            name: text(&item["metadata"]["name"])?,
            version: text(&item["metadata"]["version"])?,
            is_pure: url.ends_with("-none-any.whl"),
        })
    });
    chosen.collect()
}

/// A compiled module below a directory, if there is one.
fn compiled_module(directory: &Path) -> Result<Option<PathBuf>> {
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).map_err(Error::file(&directory))? {
            let entry = entry.map_err(Error::file(&directory))?;
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "so") {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::{Requirements, compiled_module, read_report};
    use crate::error::Error;

    #[test]
    fn a_report_tells_packages_for_every_platform_from_others() {
        let item = |name: &str, url: &str| json!({"metadata": {"name": name, "version": "1.2"}, "download_info": {"url": url}});
        let report = json!({"version": "1", "install": [
            item("attrs", "https://x/attrs-1.2-py3-none-any.whl"),
            item("zope.interface", "https://x/zope_interface-1.2-cp314-cp314-linux_x86_64.whl"),
        ]});
        let chosen = read_report(&report);
        let requirements: Vec<String> = chosen.iter().map(|one| one.requirement()).collect();
        assert_eq!(requirements, ["attrs==1.2", "zope.interface==1.2"]);
        assert!(chosen[0].is_pure && !chosen[1].is_pure);
        assert!(read_report(&json!({})).is_empty());
    }

    #[test]
    fn a_compiled_module_is_found_wherever_it_is() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        fs::write(place.path().join("a/b/c.py"), "").unwrap();
        assert_eq!(compiled_module(place.path()).unwrap(), None);
        let module = place.path().join("a/b/c.so");
        fs::write(&module, "").unwrap();
        assert_eq!(compiled_module(place.path()).unwrap(), Some(module));
    }

    #[test]
    fn a_file_of_requirements_that_is_not_there_is_said_as_a_program_is() {
        let requirements = Requirements {
            names: Vec::new(),
            files: vec!["/nonexistent/requirements.txt".into()],
        };
        let error = requirements.key().unwrap_err();
        assert!(matches!(error, Error::Program { .. }), "{error}");
    }

    #[test]
    fn what_is_asked_for_is_the_key() {
        let key = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let files = Vec::new();
            Requirements { names, files }.key().unwrap()
        };
        assert_eq!(key(&["twisted"]), key(&["twisted"]));
        assert_ne!(key(&["twisted"]), key(&["twisted", "attrs"]));
    }
}
