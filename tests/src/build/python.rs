//! The `python` ELF: minutes to build, so it is kept by the hash of what it is made
//! from, in `target/` and, across checkouts, in the user's cache directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::build::cargo;
use crate::error::{Error, Result};
use crate::fingerprint::{self, ContentKey};
use crate::project;
use crate::toolchain::Toolchain;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const RUSTFLAGS_VARIABLE: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";
const RUSTFLAGS: &str = "-C target-feature=+crt-static -C relocation-model=static";
/// Names an ELF to take as it is, for whoever works on the kernel alone.
const GIVEN: &str = "ROENTGEN_PYTHON";
/// How many interpreters the cache directory keeps.
const KEPT: usize = 4;

/// How the interpreter is optimised; the workspace's `Cargo.toml` has the profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Builds in minutes.
    Release,
    /// Fat LTO: faster, and slow to build.
    Ship,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Ship => "ship",
        }
    }
}

/// The interpreter as its sources are now: the one that ships where somebody has built
/// it from these sources, else the quick one, built if need be.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn current(toolchain: &Toolchain) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os(GIVEN) {
        return Ok(given.into());
    }
    let key = key(toolchain)?;
    match find(&key, Profile::Ship) {
        Some(ship) => Ok(ship),
        None => build(toolchain, Profile::Release),
    }
}

/// The interpreter in this profile, from the cache or built.
///
/// # Errors
/// [`Error::Tool`] with the compiler's output.
pub fn build(toolchain: &Toolchain, profile: Profile) -> Result<PathBuf> {
    let key = key(toolchain)?;
    if let Some(found) = find(&key, profile) {
        return Ok(found);
    }
    let mut command = command(toolchain, "build", profile);
    cargo::run("building the interpreter (minutes, once)", &mut command)?;
    let built = project::target()
        .join("python")
        .join(TRIPLE)
        .join(profile.name())
        .join("python");
    let kept = local(&key, profile)?;
    install(&built, &kept)?;
    if let Some(cache) = project::cache() {
        // The cache is a favour to the next checkout: a full or read-only disk is no error.
        if fs::create_dir_all(&cache).is_ok()
            && install(&built, &cache.join(name(&key, profile))).is_ok()
        {
            forget_old(&cache);
        }
    }
    Ok(kept)
}

fn command(toolchain: &Toolchain, what: &str, profile: Profile) -> Command {
    let mut command = toolchain.cargo();
    command
        .args([
            what,
            "--profile",
            profile.name(),
            "-p",
            "python",
            "--target",
            TRIPLE,
        ])
        .args(["--target-dir", "target/python"])
        .env(RUSTFLAGS_VARIABLE, RUSTFLAGS);
    command
}

/// The tests of the interpreter's own crate; None where an ELF is given: then nothing of it
/// is built.
#[must_use]
pub fn tests(toolchain: &Toolchain) -> Option<Command> {
    std::env::var_os(GIVEN)
        .is_none()
        .then(|| command(toolchain, "test", Profile::Release))
}

fn name(key: &str, profile: Profile) -> String {
    format!("python-{}-{key}", profile.name())
}

fn local(key: &str, profile: Profile) -> Result<PathBuf> {
    Ok(project::target_directory("images")?.join(name(key, profile)))
}

fn find(key: &str, profile: Profile) -> Option<PathBuf> {
    let here = local(key, profile).ok()?;
    if here.is_file() {
        return Some(here);
    }
    let cached = project::cache()?.join(name(key, profile));
    install(&cached, &here).ok()?;
    Some(here)
}

/// Copies a file into place in one step: nobody sees half of it.
fn install(from: &Path, to: &Path) -> Result<()> {
    let half = to.with_extension(std::process::id().to_string());
    fs::copy(from, &half).map_err(Error::file(from))?;
    fs::rename(&half, to).map_err(Error::file(to))
}

fn forget_old(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    let mut kept: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("python-"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    kept.sort();
    for (_, path) in kept.iter().rev().skip(KEPT) {
        let _ = fs::remove_file(path);
    }
}

/// The hash of what the interpreter is made from. Kept with a metadata stamp, so that
/// asking again costs a few `stat` calls.
fn key(toolchain: &Toolchain) -> Result<String> {
    let root = project::root();
    let sources: Vec<PathBuf> = [
        "Cargo.toml",
        "Cargo.lock",
        ".cargo",
        "python",
        "target/toolchain",
    ]
    .iter()
    .map(|source| root.join(source))
    .collect();
    let stamp = fingerprint::metadata(&sources)?;
    let stamp_path = project::target_directory("stamps")?.join("python");
    if let Ok(old) = fs::read_to_string(&stamp_path)
        && let Some((key, old_stamp)) = old.split_once('\n')
        && old_stamp == stamp
    {
        return Ok(key.to_owned());
    }
    let mut key = ContentKey::default();
    key.text("rustc", &toolchain.version()?);
    key.text("rustflags", RUSTFLAGS);
    key.text("crates", &dependencies(toolchain)?);
    let manifest = fs::read_to_string(root.join("Cargo.toml")).map_err(Error::file(&root))?;
    key.text("profiles", &profiles(&manifest));
    // `cargo tree` may write the lock file: the stamp is of the state after it.
    let stamp = fingerprint::metadata(&sources)?;
    key.files(&root, &[root.join(".cargo"), root.join("python")])?;
    let key = key.finish();
    fs::write(&stamp_path, format!("{key}\n{stamp}")).map_err(Error::file(&stamp_path))?;
    Ok(key)
}

/// Every crate of the interpreter with its version and features, from the lock file.
fn dependencies(toolchain: &Toolchain) -> Result<String> {
    let output = toolchain
        .cargo()
        .args([
            "tree",
            "-q",
            "-p",
            "python",
            "--target",
            TRIPLE,
            "--edges",
            "normal,build",
        ])
        .args(["--prefix", "none", "--format", "{p} {f}"])
        .output()
        .map_err(Error::file(&toolchain.cargo))?;
    if !output.status.success() {
        return Err(Error::Tool {
            what: "reading the interpreter's dependencies".to_owned(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let here = project::root().display().to_string();
    let mut lines: Vec<String> = text.lines().map(|line| line.replace(&here, "")).collect();
    lines.sort();
    lines.dedup();
    Ok(lines.join("\n"))
}

/// The sections of the workspace manifest that shape the interpreter.
fn profiles(manifest: &str) -> String {
    let mut ours = false;
    let mut text = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            ours = line.starts_with("[profile.release") || line.starts_with("[profile.ship");
        }
        let code = line.split('#').next().unwrap_or_default().trim();
        if ours && !code.is_empty() {
            text.push_str(code);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::profiles;

    #[test]
    fn only_the_profiles_that_shape_the_interpreter_count() {
        let manifest = "[workspace]\nmembers = []\n[profile.release] # quick\n# why\nopt-level = 3\n\
                        [profile.kernel]\ndebug = 1\n[profile.ship]\nlto = \"fat\"\n";
        assert_eq!(
            profiles(manifest),
            "[profile.release]\nopt-level = 3\n[profile.ship]\nlto = \"fat\"\n"
        );
    }
}
