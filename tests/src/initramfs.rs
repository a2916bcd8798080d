//! What the machine finds at boot: the base archive (interpreter, symbols, an empty
//! system), cached in `target/`, and one small archive for each run.
//!
//! `/etc/roentgen/init` tells the kernel what its first process is: records `name=value`,
//! each ended by a NUL, in this order where several have one name:
//! `arg` (the first is the path of the ELF), `env` (`NAME=value`), `cwd`, `stdin`,
//! `stdout` and `stderr` (`tty` or `pipe`), `rows`, `cols` (where something is a
//! terminal). Where standard output is no terminal, what the terminal prints (echo,
//! and the streams that are the terminal) goes in `Stderr` frames.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::MemfdFlags;

use crate::cpio::Archive;
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::fingerprint;
use crate::project;
use crate::share::{BASE_DIRECTORIES, Tree};
use crate::symbols;

/// Where the interpreter stands in the machine.
pub const PYTHON: &str = "/bin/python";
/// Where the first process is described.
pub const INIT: &str = "/etc/roentgen/init";

/// What a standard stream of the first process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The console as a terminal.
    Terminal,
    /// Bytes until their end.
    Pipe,
}

/// The first process.
#[derive(Clone, Debug)]
pub struct Init {
    /// The path of its ELF, then its arguments (the path is also its `argv[0]`).
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value` each.
    pub environment: Vec<Vec<u8>>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Standard input, output and error.
    pub streams: [Stream; 3],
    /// Rows and columns of the terminal, if there is one.
    pub window: Option<(u16, u16)>,
}

impl Init {
    /// The content of [`INIT`].
    #[must_use]
    pub fn record(&self) -> Vec<u8> {
        let mut record = Vec::new();
        let mut add = |name: &str, value: &[u8]| {
            record.extend(name.bytes());
            record.push(b'=');
            record.extend(value.iter().copied().filter(|byte| *byte != 0));
            record.push(0);
        };
        for argument in &self.arguments {
            add("arg", argument);
        }
        for variable in &self.environment {
            add("env", variable);
        }
        add("cwd", self.directory.as_os_str().as_encoded_bytes());
        for (name, stream) in ["stdin", "stdout", "stderr"].iter().zip(self.streams) {
            let kind: &[u8] = match stream {
                Stream::Terminal => b"tty",
                Stream::Pipe => b"pipe",
            };
            add(name, kind);
        }
        if let Some((rows, columns)) = self.window {
            add("rows", rows.to_string().as_bytes());
            add("cols", columns.to_string().as_bytes());
        }
        record
    }
}

/// The small archive of one run.
#[must_use]
pub fn run_archive(init: &Init, tree: &Tree) -> Vec<u8> {
    let mut archive = Archive::new();
    tree.write(&mut archive);
    archive.file(INIT, 0o644, 0, &init.record());
    archive.finish()
}

/// The base archive with this interpreter, if one is wanted, and with the symbols of this
/// kernel if it is ours; made if they changed.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn base(python: Option<&Path>, kernel: Option<&Path>) -> Result<PathBuf> {
    let name = match (python.is_some(), kernel.is_some()) {
        (true, true) => "base",
        (true, false) => "base-linux",
        (false, true) => "base-native",
        (false, false) => "base-linux-native",
    };
    let path = project::target_directory("images")?
        .join(name)
        .with_extension("cpio");
    let stamp_path = project::target_directory("stamps")?.join(name);
    // This very program is an ingredient: it says what else is in the archive.
    let program = std::env::current_exe().map_err(Error::io("our own path"))?;
    let mut sources = vec![program];
    sources.extend(python.into_iter().chain(kernel).map(Path::to_owned));
    let stamp = fingerprint::metadata(&sources)?;
    if path.is_file() && fs::read_to_string(&stamp_path).is_ok_and(|old| old == stamp) {
        return Ok(path);
    }
    let read = |path: &Path| fs::read(path).map_err(Error::file(path));
    let kernel_symbols = match kernel {
        Some(kernel) => symbols::table(&read(kernel)?)?,
        None => Vec::new(),
    };
    let mut archive = Archive::new();
    for directory in BASE_DIRECTORIES {
        archive.directory(directory, permissions(directory), 0);
    }
    archive.character_device("/dev/console", 0o600, (5, 1));
    archive.character_device("/dev/null", 0o666, (1, 3));
    for (path, content) in SMALL_FILES {
        archive.file(path, 0o644, 0, content.as_bytes());
    }
    archive.file("/boot/kernel.sym", 0o444, 0, &kernel_symbols);
    if let Some(python) = python {
        archive.file(PYTHON, 0o755, 0, &read(python)?);
        archive.symlink("/bin/python3", b"python", 0);
    }
    write_whole(&path, &archive.finish())?;
    fs::write(&stamp_path, stamp).map_err(Error::file(&stamp_path))?;
    Ok(path)
}

fn permissions(directory: &str) -> u32 {
    match directory {
        "/tmp" | "/var/tmp" => 0o1777,
        "/root" => 0o700,
        "/proc" | "/sys" => 0o555,
        _ => 0o755,
    }
}

const SMALL_FILES: &[(&str, &str)] = &[
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/python\nuser:x:1000:1000:user:/home/user:/bin/python\n",
    ),
    ("/etc/group", "root:x:0:\nuser:x:1000:\n"),
    ("/etc/hostname", "roentgen\n"),
    (
        "/etc/hosts",
        "127.0.0.1 localhost roentgen\n::1 localhost\n",
    ),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files\n",
    ),
];

/// What is done to a boot archive before it is booted.
pub type Damage = Box<dyn FnOnce(&mut Vec<u8>) + Send>;

/// Base and run archive in one file that lives in memory only and goes away with its
/// last descriptor; `damage` has all of it in its hands before. The second half is its size in
/// bytes.
///
/// # Errors
/// Where there is no memory for it.
pub fn joined(base: &Path, run: &[u8], damage: Option<Damage>) -> Result<(OwnedFd, u64)> {
    let memory = rustix::fs::memfd_create("initramfs", MemfdFlags::CLOEXEC)
        .map_err(Error::io("memory for the initramfs"))?;
    let mut file = fs::File::from(memory);
    if let Some(damage) = damage {
        let mut archive = fs::read(base).map_err(Error::file(base))?;
        archive.extend(run);
        damage(&mut archive);
        file.write_all(&archive)
            .map_err(Error::io("memory for the initramfs"))?;
        return Ok((file.into(), archive.len() as u64));
    }
    let mut from = fs::File::open(base).map_err(Error::file(base))?;
    let size = std::io::copy(&mut from, &mut file).map_err(Error::file(base))?;
    file.write_all(run)
        .map_err(Error::io("memory for the initramfs"))?;
    Ok((file.into(), size + run.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_described_record_by_record() {
        let init = Init {
            arguments: vec![b"/bin/python".to_vec(), b"-c".to_vec(), b"a\nb".to_vec()],
            environment: vec![b"TERM=xterm".to_vec()],
            directory: "/home/user".into(),
            streams: [Stream::Pipe, Stream::Terminal, Stream::Pipe],
            window: Some((24, 80)),
        };
        assert_eq!(
            init.record(),
            b"arg=/bin/python\0arg=-c\0arg=a\nb\0env=TERM=xterm\0cwd=/home/user\0\
              stdin=pipe\0stdout=tty\0stderr=pipe\0rows=24\0cols=80\0"
        );
    }

    #[test]
    fn every_base_directory_stands_after_its_parent() {
        for (index, directory) in BASE_DIRECTORIES.iter().enumerate() {
            let parent = Path::new(directory).parent().unwrap();
            assert!(
                parent == Path::new("/")
                    || BASE_DIRECTORIES[..index]
                        .iter()
                        .any(|other| Path::new(other) == parent),
                "{directory}"
            );
        }
    }
}
