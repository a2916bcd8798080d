//! The interpreter's template: an interpreter that has started, as a file with which a
//! machine boots (`docs/processes.md`). Made by a machine once for each build and each kind
//! of hardware, and kept.

use std::fs;
use std::path::Path;
use std::time::Duration;

use zlib_rs::{Inflate, InflateFlush, Status};

use crate::build::{Images, heap_layout};
use crate::error::{Error, Result};
use crate::files::write_whole;
use crate::fingerprint::{self, ContentKey};
use crate::machine::{Accelerator, Emulator, Hardware, Machine, accelerator};
use crate::project;

/// Where the kernel looks for it in the machine.
pub const PATH: &str = "/bin/python.template";

/// For making it, on a busy host.
const LIMIT: Duration = Duration::from_secs(240);

/// Most bytes of it; more is no template.
const MOST: usize = 256 << 20;

/// Most cores of a machine that makes one: with more, an emulator takes minutes for it.
const MOST_CORES: u32 = 8;

/// Whether machines like this boot with a template. Bochs is too slow to make one; where
/// instructions are counted, what is counted is a start from nothing.
#[must_use]
pub fn is_for(hardware: &Hardware) -> bool {
    hardware.emulator == Emulator::Qemu
        && !hardware.is_counting
        && !hardware.is_debugged
        && hardware.cores <= MOST_CORES
}

/// The template for these images on such hardware. None where it could not be made: then
/// the interpreter starts from nothing, and nothing else is different. It is tried again with
/// the next build.
///
/// # Errors
/// Where files under `target` cannot be read or written.
pub fn current(images: &Images, hardware: &Hardware) -> Result<Option<Vec<u8>>> {
    let directory = project::target_directory("images/templates")?;
    let mut key = ContentKey::default();
    let sources = [images.python.clone(), images.kernel.clone()];
    key.text("images", &fingerprint::metadata(&sources)?);
    if let Some(layout) = heap_layout::current(images)? {
        key.text("heap", &format!("{layout:?}"));
    }
    let key = key.finish();
    let path = directory.join(format!("{key}-{}", name(hardware)));
    let kept = match fs::read(&path) {
        Ok(kept) => kept,
        Err(_) => {
            let made = make(images, hardware).unwrap_or_default();
            forget_others(&directory, &key)?;
            write_whole(&path, &made)?;
            made
        }
    };
    Ok((!kept.is_empty()).then_some(kept))
}

/// What the template depends on of a machine, as a file's name.
fn name(hardware: &Hardware) -> String {
    let has_kvm = match hardware.accelerator {
        Accelerator::Tcg => false,
        Accelerator::Kvm => true,
        Accelerator::Auto => accelerator::kvm_works(),
    };
    let accelerator = if has_kvm { "kvm" } else { "tcg" };
    let cpu = hardware.cpu.as_deref().unwrap_or("default");
    let cpu: String = cpu
        .chars()
        .map(|letter| if letter == '/' { '_' } else { letter })
        .collect();
    format!("{accelerator}-{}-{cpu}", hardware.cores)
}

/// Removes what was made for other images.
fn forget_others(directory: &Path, key: &str) -> Result<()> {
    let entries = fs::read_dir(directory).map_err(Error::file(directory))?;
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(key) {
            // Somebody else may be faster.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn make(images: &Images, hardware: &Hardware) -> Option<Vec<u8>> {
    eprintln!("roentgen: making the interpreter's template (seconds, once)");
    let machine = Machine::new()
        .hardware(Hardware {
            memory: Hardware::default().memory,
            command_line: String::new(),
            extra: Vec::new(),
            ..hardware.clone()
        })
        .images(images.clone())
        .without_python_variables()
        .python(["-m", "roentgen._saved_template"])
        .timeout(LIMIT);
    let why = match machine.run() {
        Ok(output) if output.status() == 0 => match unpacked(&output.stdout) {
            Some(template) => return Some(template),
            None => "what it wrote is none".to_owned(),
        },
        Ok(output) => format!("{}{}", output.stderr_text(), output.remarks()),
        Err(error) => error.to_string(),
    };
    eprintln!("roentgen: it could not be made, and the interpreter starts slower: {why}");
    None
}

/// What was packed by Python's `zlib`; None where it was not.
fn unpacked(packed: &[u8]) -> Option<Vec<u8>> {
    let mut inflate = Inflate::new(true, 15);
    let mut unpacked = Vec::new();
    loop {
        let (read, written) = (inflate.total_in() as usize, inflate.total_out() as usize);
        if written == unpacked.len() {
            let room = (2 * written).clamp(1 << 22, MOST);
            if room == written {
                return None;
            }
            unpacked.resize(room, 0);
        }
        let status = inflate
            .decompress(
                packed.get(read..)?,
                unpacked.get_mut(written..)?,
                InflateFlush::NoFlush,
            )
            .ok()?;
        let written = inflate.total_out() as usize;
        match status {
            Status::StreamEnd => {
                unpacked.truncate(written);
                return Some(unpacked);
            }
            // All was read, and it is no whole.
            _ if inflate.total_in() as usize == packed.len() && written < unpacked.len() => {
                return None;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unpacked;

    #[test]
    fn what_is_not_whole_is_no_template() {
        // `zlib.compress(b"a" * 100)`
        let packed = [
            0x78, 0x9c, 0x4b, 0x4c, 0xa4, 0x3d, 0x00, 0x00, 0x7a, 0x47, 0x25, 0xe5,
        ];
        assert_eq!(unpacked(&packed), Some(vec![b'a'; 100]));
        for length in 0..packed.len() {
            assert_eq!(unpacked(&packed[..length]), None, "{length} bytes");
        }
        assert_eq!(unpacked(b"Traceback"), None);
    }
}
