//! A GRUB image: the kernel by its multiboot2 header, the initramfs as its module.
//!
//! With a raw console it is for people: on a PC, in Bochs, in QEMU. With a framed one
//! it is what [`crate::machine::bochs`] boots.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Writes an image to `path`.
///
/// # Errors
/// [`Error::Tool`] with what GRUB's tool said.
pub fn write(path: &Path, kernel: &Path, archive: &OwnedFd, words: &str) -> Result<()> {
    let directory = tempfile::tempdir_in(
        path.parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
    )
    .map_err(Error::io("a place for the image's files"))?;
    let boot = directory.path().join("boot");
    let grub = boot.join("grub");
    fs::create_dir_all(&grub).map_err(Error::file(&grub))?;
    fs::copy(kernel, boot.join("kernel")).map_err(Error::file(kernel))?;
    fs::write(boot.join("initramfs"), read_whole(archive)?).map_err(Error::file(&boot))?;
    fs::write(grub.join("grub.cfg"), menu(words)).map_err(Error::file(&grub))?;
    let output = Command::new("grub-mkrescue")
        .args(["-d", "/usr/lib/grub/i386-pc", "--compress=no", "-o"])
        .arg(path)
        .arg(directory.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|_| Error::Missing("grub-mkrescue is not installed".to_owned()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Tool {
        what: "making the boot image".to_owned(),
        output: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn menu(words: &str) -> String {
    format!(
        "set timeout=0\nset default=0\n\
         menuentry Roentgen {{\n  multiboot2 /boot/kernel {words}\n  module2 /boot/initramfs initramfs\n}}\n"
    )
}

fn read_whole(archive: &OwnedFd) -> Result<Vec<u8>> {
    let file = fs::File::from(archive.try_clone().map_err(Error::io("the initramfs"))?);
    let size = file.metadata().map_err(Error::io("the initramfs"))?.len();
    let mut content = vec![0; size as usize];
    file.read_exact_at(&mut content, 0)
        .map_err(Error::io("the initramfs"))?;
    Ok(content)
}
