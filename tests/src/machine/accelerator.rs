//! Does KVM really work here? `/dev/kvm` may open and make machines that then hang, so
//! a few bytes of real-mode code must run to their end before it is trusted.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::machine::process;
use crate::machine::qemu::{EXIT_PORT, PROGRAM};
use crate::project;

/// What the probe writes to the exit port; QEMU's status is twice that plus one.
const MARK: u8 = 0x2a;
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a guest really runs under KVM. Tried once and remembered in `target/`.
#[must_use]
pub fn kvm_works() -> bool {
    if !cpu_has_virtualization(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
        || fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_err()
    {
        return false;
    }
    // One boot of the host is one answer: after that the kernel may be another.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let Ok(stamp) = project::target_directory("stamps").map(|stamps| stamps.join("kvm")) else {
        return probe();
    };
    if let Ok(old) = fs::read_to_string(&stamp)
        && let Some(answer) = old.strip_prefix(&boot)
    {
        return answer == "works";
    }
    let works = probe();
    let _ = fs::write(&stamp, boot + if works { "works" } else { "does not" });
    works
}

fn cpu_has_virtualization(cpuinfo: &str) -> bool {
    cpuinfo
        .lines()
        .filter(|line| line.starts_with("flags"))
        .any(|line| {
            line.split_whitespace()
                .any(|flag| flag == "vmx" || flag == "svm")
        })
}

/// A 64 KiB firmware that is nothing but its reset vector (16 bytes below 4 GiB; Intel
/// SDM vol. 3, 9.1.4): write [`MARK`] to the exit port.
fn firmware() -> Vec<u8> {
    let [low, high] = EXIT_PORT.to_le_bytes();
    let code = [
        0xba, low, high, // mov dx, EXIT_PORT
        0xb0, MARK, // mov al, MARK
        0xee, // out dx, al
        0xf4, // hlt
    ];
    let mut image = vec![0xf4; 64 * 1024];
    let vector = image.len() - 16;
    image[vector..vector + code.len()].copy_from_slice(&code);
    image
}

fn probe() -> bool {
    run_probe("kvm")
}

fn run_probe(accelerator: &str) -> bool {
    let Ok(file) = tempfile::NamedTempFile::new() else {
        return false;
    };
    if fs::write(file.path(), firmware()).is_err() {
        return false;
    }
    let mut command = Command::new(PROGRAM);
    command
        .args([
            "-accel",
            accelerator,
            "-m",
            "16M",
            "-display",
            "none",
            "-nodefaults",
        ])
        .args(["-no-user-config", "-no-reboot"])
        .args([
            "-device",
            &format!("isa-debug-exit,iobase={EXIT_PORT:#x},iosize=0x04"),
        ])
        .arg("-bios")
        .arg(file.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    process::spawn(&mut command).is_ok_and(|mut guest| {
        guest
            .wait_or_kill(PATIENCE)
            .is_some_and(|status| status.code() == Some(i32::from(MARK) * 2 + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_itself_runs_where_a_guest_can_run() {
        if crate::packages::is_there(PROGRAM) {
            assert!(run_probe("tcg"));
        }
        assert!(!run_probe("no-such-accelerator"));
    }

    #[test]
    fn a_cpu_without_the_flag_is_not_asked() {
        assert!(cpu_has_virtualization("flags\t\t: fpu vmx sse"));
        assert!(!cpu_has_virtualization(
            "flags\t\t: fpu sse\nvmx flags\t: vnmi"
        ));
    }
}
