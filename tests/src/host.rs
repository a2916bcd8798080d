//! What somebody must know of a host and of what ran there, to compare two results.

use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// A file's SHA-256, in hexadecimal.
///
/// # Errors
/// Where it cannot be read.
pub fn hash(path: &Path) -> Result<String> {
    let content = std::fs::read(path).map_err(Error::file(path))?;
    let digest = Sha256::digest(&content);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a program says of its version, without what stands in parentheses; empty where it
/// cannot be asked.
#[must_use]
pub fn version(program: &str) -> String {
    let line = first_line(program, "--version");
    line.split(" (").next().unwrap_or_default().to_owned()
}

/// Today, as `2000-12-31`.
#[must_use]
pub fn date() -> String {
    first_line("date", "+%F")
}

fn first_line(program: &str, option: &str) -> String {
    let output = Command::new(program).arg(option).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{date, hash, version};

    #[test]
    fn a_host_says_what_it_is() {
        let date = date();
        assert_eq!(date.len(), 10, "{date}");
        assert!(date.starts_with("20"), "{date}");
        assert!(version("cargo").starts_with("cargo "));
        assert_eq!(version("/no such program"), "");
        assert_eq!(
            hash(&crate::project::root().join("Cargo.toml"))
                .unwrap()
                .len(),
            64
        );
    }
}
