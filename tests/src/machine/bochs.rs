//! A machine under Bochs 2.7: a CPU that checks its own rules (PCID among them), booted
//! from a GRUB image.
//!
//! Debian's Bochs is a debugger and wants a display and its permission to go on; so it
//! gets a display of its own that nobody sees, and a script that says "continue". Its
//! serial port connects to a socket of ours. It prints the kernel's log (port 0xE9) to
//! its standard output, among its own remarks.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::iso;
use crate::machine::Hardware;
use crate::machine::process::{self, Guard, Running};
use crate::packages::{self, Need};
use crate::project;
use crate::size::MIB;

/// The most cores. Debian's Bochs has room for 64 timers of all devices together, and each
/// core takes three of them; 17 cores do not start, whatever else is left out.
pub const MOST_CORES: u32 = 16;
/// So many cores leave room for the timers of an HPET.
const MOST_CORES_WITH_HPET: u32 = 15;
/// The CPU model with PCID, INVPCID, x2APIC and TSC-deadline.
const DEFAULT_CPU: &str = "corei7_icelake_u";
/// How long Bochs may take to connect its serial port.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts Bochs with a kernel and its initramfs.
///
/// # Errors
/// Where Bochs, its display or the image's tools are not there.
pub fn start(hardware: &Hardware, kernel: &Path, archive: OwnedFd) -> Result<Running> {
    packages::require(&[Need::Bochs, Need::Iso])?;
    let place = tempfile::tempdir_in(project::target_directory("bochs")?)
        .map_err(Error::io("a place for Bochs's files"))?;
    let image = place.path().join("boot.iso");
    // One thread runs all cores: a core that polls would take the time of one that works.
    let words = format!("console=framed idle_poll=0 {}", hardware.command_line);
    iso::write(&image, kernel, &archive, words.trim_end())?;
    drop(archive);

    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("a port for Bochs"))?;
    let port = listener
        .local_addr()
        .map_err(Error::io("a port for Bochs"))?
        .port();
    let settings = place.path().join("bochsrc");
    std::fs::write(
        &settings,
        configuration(hardware, &image, port, place.path()),
    )
    .map_err(Error::file(&settings))?;
    let script = place.path().join("script");
    std::fs::write(&script, "c\n").map_err(Error::file(&script))?;

    let (display, name) = display()?;
    let (log, their_log) = process::socket_for_child()?;
    let mut command = Command::new("bochs");
    command
        .args(["-q", "-f"])
        .arg(&settings)
        .arg("-rc")
        .arg(&script)
        .current_dir(place.path())
        .env("DISPLAY", name)
        .stdin(Stdio::null())
        .stdout(Stdio::from(their_log));
    // A stand-in until Bochs connects; the real line replaces it.
    let (stand_in, _) = process::socket_for_child()?;
    let mut running = Running::start(
        command,
        stand_in,
        Some(log),
        vec![Box::new(display), Box::new(place)],
    )?;
    running.link = accept(&listener)?;
    Ok(running)
}

fn accept(listener: &TcpListener) -> Result<OwnedFd> {
    listener
        .set_nonblocking(true)
        .map_err(Error::io("a port for Bochs"))?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Ok((stream, _)) = listener.accept() {
            let _ = stream.set_nodelay(true);
            let link = OwnedFd::from(stream);
            process::set_nonblocking(&link)?;
            return Ok(link);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Error::Machine(
        "Bochs did not connect its serial port".to_owned(),
    ))
}

/// An X server that shows nothing to nobody, and its name.
fn display() -> Result<(Guard, String)> {
    let mut command = Command::new("Xvfb");
    command
        .args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "800x600x24",
            "-nolisten",
            "tcp",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut server = process::spawn(&mut command)?;
    let mut number = String::new();
    if let Some(stdout) = server.0.stdout.take() {
        let _ = BufReader::new(stdout).read_line(&mut number);
    }
    if number.trim().is_empty() {
        return Err(Error::Machine("Xvfb did not start".to_owned()));
    }
    Ok((server, format!(":{}", number.trim())))
}

fn configuration(hardware: &Hardware, image: &Path, port: u16, place: &Path) -> String {
    let mut text = String::new();
    let cpu = hardware.cpu.as_deref().unwrap_or(DEFAULT_CPU);
    let megabytes = hardware.memory / MIB;
    let options = if hardware.cores > MOST_CORES_WITH_HPET {
        ", advopts=nohpet"
    } else {
        ""
    };
    let _ = write!(
        text,
        "display_library: x\n\
         megs: {megabytes}\n\
         romimage: file=/usr/share/bochs/BIOS-bochs-latest\n\
         vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest\n\
         cpu: model={cpu}, count={cores}, ips=50000000, reset_on_triple_fault=0\n\
         pci: enabled=1, chipset=i440fx{options}\n\
         clock: sync=none, time0=utc\n\
         ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n\
         ata0-master: type=cdrom, path=\"{image}\", status=inserted\n\
         boot: cdrom\n\
         com1: enabled=1, mode=socket-client, dev=localhost:{port}\n\
         sound: waveoutdrv=dummy\n\
         port_e9_hack: enabled=1\n\
         log: {place}/bochs.log\n\
         panic: action=fatal\nerror: action=report\ninfo: action=ignore\ndebug: action=ignore\n",
        cores = hardware.cores,
        image = image.display(),
        place = place.display(),
    );
    text
}
