//! One run of Python over a tree of files, on either side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::build::Images;
use crate::cpio::Archive;
use crate::error::{Error, Result};
use crate::fingerprint::ContentKey;
use crate::machine::{Machine, Output};
use crate::oracle::jail::Jail;
use crate::project;
use crate::share::{HOME, Node, Tree};

/// Memory of the machine in MiB: some programs take a lot, and the tests' own files
/// stay in it beside the interpreter.
const MEMORY_MIB: u64 = 2048;
/// Cores of the machine: programs run two at a time.
const CORES: u32 = 2;
/// What a few of the programs run in a shell, by the names of busybox's applets.
const APPLETS: &[&str] = &[
    "sh", "cat", "echo", "env", "false", "kill", "ls", "sleep", "true",
];

/// Where the oracle's own files stand, on the host.
#[must_use]
pub fn source() -> PathBuf {
    project::root().join("tests/oracle")
}

/// What Python is to run, and the files that it needs beside the machine's own.
pub struct Task {
    /// The files.
    pub tree: Tree,
    /// Python's arguments.
    pub arguments: Vec<String>,
    /// Its standard input.
    pub stdin: Vec<u8>,
}

impl Task {
    /// A task with the oracle's files and a shell in its tree.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn new(arguments: Vec<String>) -> Result<Self> {
        let mut tree = Tree::default();
        tree.read(&source(), Path::new(HOME))?;
        tree.read(Path::new("/bin/busybox"), Path::new("/bin/busybox"))?;
        for applet in APPLETS {
            tree.insert(format!("/bin/{applet}"), Node::Link(b"busybox".to_vec()));
        }
        Ok(Self {
            tree,
            arguments,
            stdin: Vec::new(),
        })
    }

    /// Runs it on Linux; the second half is the exit status, 128 + n for signal n.
    ///
    /// # Errors
    /// Where there is no jail to be had.
    pub fn on_linux(&self, images: &Images, limit: Duration) -> Result<(Vec<u8>, i32)> {
        Jail::new(images, &self.tree)?.run(&self.arguments, &self.stdin, limit)
    }

    /// The same, but taken from `target/` where nothing has changed since. Only for
    /// tasks that say by themselves how each of their parts ended.
    ///
    /// # Errors
    /// As [`Task::on_linux`].
    pub fn on_linux_cached(&self, images: &Images, limit: Duration) -> Result<Vec<u8>> {
        let mut key = ContentKey::default();
        key.files(Path::new("/"), std::slice::from_ref(&images.python))?;
        let mut archive = Archive::new();
        self.tree.write(&mut archive);
        key.bytes("tree", &archive.finish());
        key.text("arguments", &self.arguments.join("\0"));
        key.text("kernel", &host_kernel());
        let path = project::target_directory("oracle")?.join(key.finish());
        if let Ok(known) = fs::read(&path) {
            return Ok(known);
        }
        let (output, status) = self.on_linux(images, limit)?;
        if status == 0 {
            fs::write(&path, &output).map_err(Error::file(&path))?;
        }
        Ok(output)
    }

    /// Runs it as the first process of a machine.
    ///
    /// # Errors
    /// Where the machine does not start.
    pub fn on_roentgen(&self, images: &Images, limit: Duration) -> Result<Output> {
        Machine::new()
            .images(images.clone())
            .smp(CORES)
            .memory_mib(MEMORY_MIB)
            .tree(self.tree.clone())
            .environment("TZ", "UTC")
            .python(&self.arguments)
            .stdin(self.stdin.clone())
            .timeout(limit)
            .run()
    }
}

/// The host's kernel, whose behaviour is the measure.
fn host_kernel() -> String {
    let output = Command::new("uname").args(["-srvm"]).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}
