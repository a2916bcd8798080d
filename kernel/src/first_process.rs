//! The machine's first process: what it is, how it starts, what its end means.

use std::sync::Arc;

use core::sync::atomic::{AtomicU32, Ordering};

use formats::cmdline::CommandLine;
use formats::init_file::{self, InitFile, Stream};
use x86_64::instructions::port::Port;

use crate::console::{self, Mode, Stdio};
use crate::cpu::{self, interrupts, start, stop};
use crate::errno::Result;
use crate::fs;
use crate::inject;
use crate::memory::user::{Destination, Source};
use crate::task::exec::{self, Call, Surroundings};
use crate::task::saved;

/// Where the boot archive says what to run.
const INIT_FILE: &[u8] = b"/etc/roentgen/init";

/// COM1's ISA line.
const SERIAL_LINE: u8 = 4;

/// Id of the first process.
static FIRST: AtomicU32 = AtomicU32::new(0);

/// Greets the host on the console and queues the first process.
///
/// # Panics
/// Where there is none to run: without it the machine is of no use.
pub fn start(command_line: &CommandLine) {
    let is_framed = command_line.value("console") == Some("framed");
    console::init(if is_framed { Mode::Framed } else { Mode::Raw });
    start::route_line(SERIAL_LINE, console::serial::interrupt);
    if let Some(fault) = command_line.value("inject") {
        inject::inject(fault);
    }
    let wanted = wanted(command_line, is_framed);
    let files = Arc::new(fs::FdTable::default());
    let streams = [
        (Stdio::Input, wanted.stdin),
        (Stdio::Output, wanted.stdout),
        (Stdio::Error, wanted.stderr),
    ];
    for (which, stream) in streams {
        if let Some(file) = console::stdio(which, stream)
            && let Err(error) = files.install(file, false)
        {
            crate::warn!("standard stream {which:?}: {error:?}");
        }
    }
    let context = crate::kernel_process().fs().fork();
    if !wanted.directory.is_empty() {
        match fs::lookup(&wanted.directory) {
            Ok(found) => context.set_directory(found.inode),
            Err(error) => crate::warn!("working directory: {error:?}"),
        }
    }
    let size = wanted.rows.zip(wanted.columns);
    let path = wanted.arguments.first().cloned().unwrap_or_default();
    let shown = String::from_utf8_lossy(&path).into_owned();
    let call = Call {
        path,
        arguments: wanted.arguments,
        environment: wanted.environment,
    };
    let around = Surroundings {
        files: files.clone(),
        context,
        // Known before it runs: on another core it may end at once.
        announce: |id| {
            FIRST.store(id, Ordering::Release);
            console::set_first_process(id, size);
            crate::log!("first process: {shown} ({} core(s))", cpu::count());
        },
    };
    match begin(call, around) {
        Ok(()) => {}
        Err(error) => {
            complain(
                &files,
                &format!("roentgen: cannot run {shown}: {error:?}\n"),
            );
            finish(if error == crate::errno::Errno::ENOENT {
                127
            } else {
                126
            });
        }
    }
}

/// Queues it, from its program's template where there is one that fits. Not a part of
/// [`start`], which has little room on its stack.
#[inline(never)]
fn begin(call: Call, around: Surroundings<impl FnOnce(u32)>) -> Result<()> {
    match saved::find(&call.path) {
        Ok(Some(template)) => {
            crate::log!("a saved template is there, and fits");
            return exec::start_first_from(&template, &call, around);
        }
        Ok(None) => {}
        Err(refusal) => {
            let program = String::from_utf8_lossy(&call.path);
            let text =
                format!("roentgen: {program} starts without its saved template: {refusal}\n");
            complain(&around.files, &text);
        }
    }
    exec::start_first(call, around)
}

/// Writes to standard error, for whoever sits at the other end.
fn complain(files: &fs::FdTable, text: &str) {
    if let Ok(file) = files.get(2) {
        let mut source = Source::kernel(text.as_bytes());
        if file.object.write(&file, &mut source).is_err() {
            crate::warn!("{text}");
        }
    }
}

/// What the archive or the command line asks for; Python without arguments otherwise.
fn wanted(command_line: &CommandLine, is_framed: bool) -> InitFile {
    let text = read_file(INIT_FILE);
    if let Some(text) = text {
        match init_file::parse(&text) {
            Ok(file) => return file,
            Err(error) => crate::warn!("{}: {error}", String::from_utf8_lossy(INIT_FILE)),
        }
    }
    let stream = if is_framed {
        Stream::Pipe
    } else {
        Stream::Terminal
    };
    let program = command_line.value("init").unwrap_or("/bin/python");
    InitFile {
        arguments: program
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect(),
        environment: [
            "HOME=/root",
            "PATH=/bin:/usr/bin",
            "TERM=vt220",
            "LANG=C.UTF-8",
        ]
        .map(|variable| variable.as_bytes().to_vec())
        .to_vec(),
        directory: b"/root".to_vec(),
        stdin: stream,
        stdout: stream,
        stderr: stream,
        rows: None,
        columns: None,
    }
}

/// A file of the boot archive; None where it is not there.
pub fn read_file(path: &[u8]) -> Option<Vec<u8>> {
    let base = fs::kernel_base().ok()?;
    let file = fs::open::open(&base, path, linux_raw_sys::general::O_RDONLY, 0).ok()?;
    let length = file.object.memory().ok()?.length();
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let read = file
        .object
        .read_at(&file, 0, &mut Destination::kernel(&mut bytes))
        .ok()?;
    bytes.truncate(read);
    Some(bytes)
}

/// Its id; 0 before there is one.
#[must_use]
pub fn id() -> u32 {
    FIRST.load(Ordering::Acquire)
}

/// A process without a parent has ended: if it is the first one, the machine does.
pub fn ended(id: u32, status: u32) {
    if id != FIRST.load(Ordering::Acquire) {
        return;
    }
    let code = if status & 0x7f == 0 {
        (status >> 8 & 0xff) as i32
    } else {
        -((status & 0x7f) as i32)
    };
    finish(code);
}

/// Tells the host, and stops the machine.
fn finish(code: i32) -> ! {
    crate::log!("the first process ended with {code}");
    for line in crate::counters::text().lines() {
        crate::debug!("counter {line}");
    }
    console::exit(code);
    stop::stop_others();
    power_off();
    stop::halt()
}

/// Powers an emulated machine off: QEMU's debug-exit device, then ACPI's S5 as QEMU and
/// Bochs have it. Elsewhere it stays halted.
pub fn power_off() {
    let off = crate::sync::InterruptsOff::new();
    interrupts::with_apic(&off, smp::apic::LocalApic::disarm);
    // SAFETY: these ports end emulators, or nothing listens there.
    unsafe {
        Port::<u32>::new(0xf4).write(0);
        Port::<u16>::new(0x604).write(0x2000);
        Port::<u16>::new(0xb004).write(0x2000);
        for byte in *b"Shutdown" {
            Port::<u8>::new(0x8900).write(byte);
        }
    }
}
