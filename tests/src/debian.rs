//! Programs of Debian as they are, with the shared libraries that they load.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::share::{Node, Tree};

/// Puts a program of the host, and all that its loader asks for, where the host has them.
///
/// # Errors
/// Where one of them is not here, or cannot be read.
pub fn add(tree: &mut Tree, program: &Path) -> Result<()> {
    let ldd = Command::new("ldd")
        .arg(program)
        .output()
        .map_err(Error::file(Path::new("ldd")))?;
    if !ldd.status.success() {
        return Err(Error::Missing(format!(
            "{}: no program with shared libraries",
            program.display()
        )));
    }
    let libraries = libraries(&String::from_utf8_lossy(&ldd.stdout))?;
    for path in libraries.iter().map(PathBuf::as_path).chain([program]) {
        let content = std::fs::read(path).map_err(Error::file(path))?;
        tree.insert(path, Node::File(0o755, content));
    }
    Ok(())
}

/// The files that `ldd` names, the loader among them.
fn libraries(said: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in said.lines().map(str::trim) {
        let path = match line.split_once(" => ") {
            Some((name, "not found")) => {
                return Err(Error::Missing(format!("{name} is not installed")));
            }
            Some((_, path)) => path,
            None => line,
        };
        // What is no file is the kernel's own (the vDSO).
        if path.starts_with('/') {
            let path = path.split_once(" (").map_or(path, |(path, _)| path);
            paths.push(PathBuf::from(path));
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::libraries;

    #[test]
    fn what_ldd_says_is_paths() {
        let said = "\tlinux-vdso.so.1 (0x00007f1b39319000)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1b37eb0000)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f1b3931b000)\n";
        let paths = libraries(said).unwrap();
        let names: Vec<_> = paths.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "/lib/x86_64-linux-gnu/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
        assert!(libraries("\tlibx.so.1 => not found\n").is_err());
    }
}
