//! A machine under QEMU: a PC without anything that it does not need, booted by the
//! kernel's PVH note.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::linux::Control;
use crate::machine::process::{self, Running};
use crate::machine::{Accelerator, Hardware, SecondSerial, accelerator};
use crate::size::MIB;

/// QEMU's program.
pub const PROGRAM: &str = "qemu-system-x86_64";
/// The port that ends QEMU (device `isa-debug-exit`).
pub const EXIT_PORT: u16 = 0xf4;

/// Names more words for the kernel's command line in every machine.
pub const MORE_WORDS: &str = "ROENTGEN_APPEND";

/// What the kernel checks of itself where [`check_kernels`] was called.
const CHECKS: &str = "check=tlb,sched";
static ARE_CHECKED: AtomicBool = AtomicBool::new(false);

/// Has every kernel of ours that this process starts from now on check itself, but where
/// instructions are counted.
pub fn check_kernels() {
    ARE_CHECKED.store(true, Ordering::Relaxed);
}

/// Starts QEMU with a kernel and its initramfs.
///
/// # Errors
/// Where QEMU is not there, or KVM was asked for and does not work.
pub fn start(hardware: &Hardware, kernel: &Path, archive: &OwnedFd) -> Result<Running> {
    let mut command = command(hardware)?;
    let more = std::env::var(MORE_WORDS).unwrap_or_default();
    let are_checked = ARE_CHECKED.load(Ordering::Relaxed);
    let words = format!("{} {more}", words(hardware, are_checked));
    command
        .arg("-kernel")
        .arg(kernel)
        .args(["-append", words.trim_end()]);
    if hardware.is_debugged {
        command.args(["-s", "-S"]);
    }
    boot(
        command,
        archive,
        LogPort::Debug,
        hardware.second_serial.as_ref(),
    )
}

/// The command line of our kernel. The caller's words come last and win.
fn words(hardware: &Hardware, are_checked: bool) -> String {
    // A core that polls would be counted where instructions are, as the checks' own timers.
    let own = match (hardware.is_counting, are_checked) {
        (true, _) => "idle_poll=0",
        (false, true) => CHECKS,
        (false, false) => "",
    };
    let words = ["console=framed", own, &hardware.command_line];
    words
        .map(|word| word.trim())
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Starts QEMU with the control.
///
/// # Errors
/// As [`start`].
pub fn start_linux(hardware: &Hardware, control: &Control, archive: &OwnedFd) -> Result<Running> {
    let mut command = command(hardware)?;
    let words = format!("{} {}", control.words, hardware.command_line);
    command
        .arg("-kernel")
        .arg(&control.kernel)
        .args(["-append", words.trim_end()]);
    boot(command, archive, LogPort::SecondSerial, None)
}

/// Where the kernel writes its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogPort {
    /// Port 0xE9.
    Debug,
    /// COM2: Linux knows no port 0xE9.
    SecondSerial,
}

/// Adds what every machine has on its ports, and starts it.
fn boot(
    mut command: Command,
    archive: &OwnedFd,
    log_port: LogPort,
    second_serial: Option<&SecondSerial>,
) -> Result<Running> {
    let (link, their_link) = process::socket_for_child()?;
    let (log, their_log) = process::socket_for_child()?;
    let archive = archive.try_clone().map_err(Error::io("the initramfs"))?;
    command
        .args(firmware().into_iter().flat_map(|path| ["-bios", path]))
        .args([
            "-initrd",
            &format!("/proc/self/fd/{}", process::number(&archive)),
        ])
        .args([
            "-chardev",
            &format!("socket,id=com1,fd={}", process::number(&their_link)),
        ])
        .args(["-serial", "chardev:com1"])
        .args([
            "-chardev",
            &format!("socket,id=log,fd={}", process::number(&their_log)),
        ]);
    match log_port {
        LogPort::Debug => command.args(["-device", "isa-debugcon,iobase=0xe9,chardev=log"]),
        LogPort::SecondSerial => command.args(["-serial", "chardev:log"]),
    };
    if let Some(other_end) = second_serial {
        command
            .args(["-chardev", &format!("{},id=com2", backend(other_end)?)])
            .args(["-serial", "chardev:com2"]);
    }
    process::pass(&mut command, vec![their_link, their_log, archive]);
    Running::start(command, link, Some(log), Vec::new())
}

/// QEMU's word for the other end of a serial port; commas in a path are doubled.
fn backend(other_end: &SecondSerial) -> Result<String> {
    let (kind, path, more) = match other_end {
        SecondSerial::Socket(path) => ("socket", path, ",server=on,wait=off"),
        SecondSerial::File(path) => ("file", path, ""),
    };
    let path = path.to_str().ok_or_else(|| {
        Error::Usage(format!("--serial2 {}: not a name in UTF-8", path.display()))
    })?;
    Ok(format!("{kind},path={}{more}", path.replace(',', ",,")))
}

/// QEMU with the hardware, without anything to boot.
///
/// # Errors
/// Where KVM was asked for and does not work.
pub fn command(hardware: &Hardware) -> Result<Command> {
    let uses_kvm = match hardware.accelerator {
        Accelerator::Tcg => false,
        Accelerator::Auto if hardware.is_counting => false,
        Accelerator::Kvm if hardware.is_counting => {
            return Err(Error::Usage(
                "--accel kvm: instructions are counted without it".to_owned(),
            ));
        }
        Accelerator::Auto => accelerator::kvm_works(),
        Accelerator::Kvm if accelerator::kvm_works() => true,
        Accelerator::Kvm => {
            return Err(Error::Usage(
                "--accel kvm: KVM does not work on this host".to_owned(),
            ));
        }
    };
    let accelerator = match (uses_kvm, hardware.is_counting) {
        (true, _) => "kvm",
        // QEMU counts with one thread for all cores only.
        (false, true) => "tcg,thread=single",
        (false, false) => "tcg,thread=multi",
    };
    let cpu = hardware
        .cpu
        .as_deref()
        .unwrap_or(if uses_kvm { "host" } else { "max" });
    let mut command = Command::new(PROGRAM);
    command
        .args(["-accel", accelerator, "-cpu", cpu])
        .args(["-smp", &hardware.cores.to_string()])
        .args(["-m", &format!("{}M", hardware.memory / MIB)])
        .args([
            "-display",
            "none",
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
        ])
        .args([
            "-device",
            &format!("isa-debug-exit,iobase={EXIT_PORT:#x},iosize=0x04"),
        ])
        .args(counting(hardware))
        .args(&hardware.extra)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Ok(command)
}

/// Where QEMU's packages put its firmware that does nothing but boot a given kernel: a
/// tenth of a second faster than the other one.
const FAST_FIRMWARE: [&str; 2] = [
    "/usr/share/qemu/qboot.rom",
    "/usr/local/share/qemu/qboot.rom",
];

/// The firmware that boots fastest; None: QEMU's own choice.
fn firmware() -> Option<&'static str> {
    FAST_FIRMWARE
        .into_iter()
        .find(|path| Path::new(path).is_file())
}

/// What makes QEMU's clocks count instructions, and start at one fixed moment. An
/// instruction is 2^0 ns, and nobody waits where all cores do.
fn counting(hardware: &Hardware) -> &'static [&'static str] {
    if hardware.is_counting {
        &[
            "-icount",
            "shift=0,sleep=off",
            "-rtc",
            "base=2026-01-01,clock=vm",
        ]
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::{backend, words};
    use crate::machine::{Hardware, SecondSerial};

    #[test]
    fn a_serial_port_ends_in_a_socket_or_a_file() {
        let socket = SecondSerial::Socket("/tmp/a,b".into());
        let file = SecondSerial::File("out".into());
        assert_eq!(
            backend(&socket).unwrap(),
            "socket,path=/tmp/a,,b,server=on,wait=off"
        );
        assert_eq!(backend(&file).unwrap(), "file,path=out");
    }

    #[test]
    fn nothing_runs_by_itself_while_instructions_are_counted() {
        let mut hardware = Hardware {
            command_line: "log=debug".to_owned(),
            ..Hardware::default()
        };
        assert_eq!(words(&hardware, false), "console=framed log=debug");
        assert_eq!(
            words(&hardware, true),
            "console=framed check=tlb,sched log=debug"
        );
        hardware.is_counting = true;
        for are_checked in [false, true] {
            assert_eq!(
                words(&hardware, are_checked),
                "console=framed idle_poll=0 log=debug"
            );
        }
    }
}
