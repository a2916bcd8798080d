//! The Linux side: the very files of a machine as the root of new mount, process and
//! network namespaces, so that only the kernel differs: no other programs, no other
//! users, no network but loopback, and Python as process 1.
//!
//! Works for root, and for others where the host lets them have a user namespace.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::build::Images;
use crate::error::{Error, Result};
use crate::initramfs::{self, Init, PYTHON, Stream};
use crate::project;
use crate::share::{HOME, Tree};

/// Mounts what a kernel brings along, then becomes the first process. `$1` is the root.
const ENTER: &str = r#"
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys" || true
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
"$root/bin/busybox" ip link set lo up
exec env -i HOME=/root PATH=/bin:/usr/bin LANG=C.UTF-8 TZ=UTC \
    "$root/bin/busybox" chroot "$root" "$@"
"#;

/// A root directory on the host with what a machine would find.
pub struct Jail {
    root: TempDir,
}

impl Jail {
    /// Unpacks the machine's base archive, packages, and a tree. The tree must have busybox.
    ///
    /// # Errors
    /// Where there is no room, or no `cpio`.
    pub fn new(images: &Images, packages: Option<&Path>, tree: &Tree) -> Result<Self> {
        let parent = project::target_directory("oracle")?;
        let root = TempDir::new_in(&parent).map_err(Error::file(&parent))?;
        let base = initramfs::base(Some(&images.python), Some(&images.kernel))?;
        for archive in std::iter::once(base.as_path()).chain(packages) {
            let file = File::open(archive).map_err(Error::file(archive))?;
            unpack(root.path(), Stdio::from(file), &[])?;
        }
        let nobody = Init {
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: HOME.into(),
            streams: [Stream::Pipe; 3],
            window: None,
        };
        unpack(
            root.path(),
            Stdio::piped(),
            &initramfs::run_archive(&nobody, tree),
        )?;
        let python = root.path().join(PYTHON.trim_start_matches('/'));
        if python.is_file() {
            return Ok(Self { root });
        }
        Err(Error::Machine(format!(
            "{}: cpio did not unpack it",
            python.display()
        )))
    }

    /// Runs Python in the jail; the second half is its exit status, 128 + n for signal n.
    ///
    /// # Errors
    /// Where namespaces are refused.
    pub fn run(
        &self,
        arguments: &[String],
        stdin: &[u8],
        limit: Duration,
    ) -> Result<(Vec<u8>, i32)> {
        let mut command = Command::new("timeout");
        command.args(["-s", "KILL", &limit.as_secs().to_string()]);
        command.args([
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--fork",
            "--kill-child",
        ]);
        if !is_root() {
            command.arg("--map-root-user");
        }
        let mut child = command
            .args(["sh", "-c", ENTER, "sh"])
            .arg(self.root.path())
            .arg(PYTHON)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::io("unshare"))?;
        let mut complaint = child.stderr.take();
        // Both other streams are served beside, so that no pipe fills up.
        let (output, complaint, status) = std::thread::scope(|scope| {
            if let Some(mut pipe) = child.stdin.take() {
                // A program need not read all of its input.
                scope.spawn(move || drop(pipe.write_all(stdin)));
            }
            let gathered = scope.spawn(move || {
                let mut bytes = Vec::new();
                if let Some(pipe) = &mut complaint {
                    let _ = pipe.read_to_end(&mut bytes);
                }
                bytes
            });
            let output = child.wait_with_output();
            let complaint = gathered.join().unwrap_or_default();
            output
                .map(|output| (output.stdout, complaint, output.status))
                .map_err(Error::io("unshare"))
        })?;
        let status = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        let complaint = String::from_utf8_lossy(&complaint);
        if output.is_empty()
            && (complaint.starts_with("unshare: ") || complaint.starts_with("mount: "))
        {
            return Err(Error::Missing(format!(
                "the oracle needs namespaces (root, or user namespaces allowed): {}",
                complaint.trim_end()
            )));
        }
        Ok((output, status))
    }
}

/// Unpacks one archive. Who is not root cannot make its device nodes, which the jail
/// covers anyway; so what counts is what is there afterwards.
fn unpack(root: &Path, input: Stdio, bytes: &[u8]) -> Result<()> {
    let mut child = Command::new("cpio")
        .args([
            "--extract",
            "--make-directories",
            "--quiet",
            "--no-absolute-filenames",
        ])
        .args(["--unconditional", "--preserve-modification-time"])
        .current_dir(root)
        .stdin(input)
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io("cpio"))?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(bytes).map_err(Error::io("cpio"))?;
    }
    child.wait().map_err(Error::io("cpio"))?;
    Ok(())
}

fn is_root() -> bool {
    fs::read_to_string("/proc/self/status")
        .is_ok_and(|text| text.lines().any(|line| line.starts_with("Uid:\t0\t0\t")))
}
