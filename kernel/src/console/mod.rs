//! The console: COM1, framed while a host program drives the machine, raw otherwise.
//!
//! | file | what lives there |
//! |---|---|
//! | [`uart`] | the 16550's registers |
//! | [`transmit`] | the way out: a ring of whole frames |
//! | [`receive`] | the way in: frames, signals, sizes |
//! | [`input`], [`output`] | standard streams that are no terminal |
//! | [`backend`] | the console as a terminal's hardware |
//! | [`screen`] | the VGA text screen, in raw mode |
//!
//! The terminal itself is [`crate::fs::tty`]'s; the frames are `roentgen_abi::frame`'s.
//!
//! Lock order: `receive` before a terminal's state before `transmit`; wait queues are
//! told with none of them held but `receive` and a terminal's.

mod backend;
mod input;
mod output;
mod receive;
mod screen;
pub mod serial;
mod transmit;
mod uart;

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use formats::init_file::Stream;
use roentgen_abi::frame::{HELLO, Kind};
use spin::Once;

use crate::fs::file::OpenFile;
use crate::fs::inode::device_number;
use crate::fs::tty::Terminal;

/// How COM1 is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Frames: a host program drives the machine.
    Framed,
    /// Bare bytes: somebody's terminal.
    Raw,
}

/// Which of the first process's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// Descriptor 0.
    Input,
    /// Descriptor 1.
    Output,
    /// Descriptor 2.
    Error,
}

struct Console {
    is_framed: bool,
    transmit: Arc<transmit::Transmit>,
    receive: receive::Receive,
    input: input::Input,
    backend: Arc<backend::ConsoleBackend>,
    terminal: Arc<Terminal>,
    /// The one description that the first process's standard streams share, as they do
    /// where a login made them.
    terminal_file: Once<Arc<OpenFile>>,
}

/// Id of the first process, which is also its session and process group; 0 before it is.
static FIRST_PROCESS: AtomicU32 = AtomicU32::new(0);

/// Tells who the first process is, and the terminal's size where the host gave one: the
/// terminal is its controlling one, if it has it among its standard streams; signals from
/// the host go to it.
pub fn set_first_process(id: u32, size: Option<(u16, u16)>) {
    FIRST_PROCESS.store(id, Ordering::Relaxed);
    let Some(console) = CONSOLE.get() else {
        return;
    };
    if let Some((rows, columns)) = size {
        console.terminal.set_size(rows, columns);
    }
    if console.terminal_file.get().is_some() {
        console.terminal.set_foreground(id, id);
    }
}

static CONSOLE: Once<Console> = Once::new();

/// Finds COM1 and greets the host. Once, with the heap up and before the first process;
/// interrupts come once the caller has routed IRQ 4 to [`serial::interrupt`].
pub fn init(mode: Mode) {
    CONSOLE.call_once(|| {
        let uart = uart::Uart::find();
        if uart.is_none() {
            crate::warn!("console: no UART at COM1");
        }
        let is_framed = mode == Mode::Framed;
        let transmit = Arc::new(transmit::Transmit::new(uart, is_framed));
        let backend = Arc::new(backend::ConsoleBackend::new(transmit.clone(), is_framed));
        Console {
            is_framed,
            transmit,
            receive: receive::Receive::new(),
            input: input::Input::new(),
            terminal: Terminal::new(backend.clone(), device_number(5, 1)),
            backend,
            terminal_file: Once::new(),
        }
    });
    let Some(console) = CONSOLE.get() else {
        return;
    };
    if console.is_framed {
        console.transmit.greet(&HELLO);
    } else {
        screen::clear();
    }
    console.transmit.rearm_interrupt();
    // What came before us stands in the FIFO and makes no edge.
    serial::interrupt();
}

/// The console's terminal (`/dev/console`).
#[must_use]
pub fn terminal() -> Option<Arc<Terminal>> {
    CONSOLE.get().map(|console| console.terminal.clone())
}

/// An open file for the first process: the terminal, or a stream of bytes. None before
/// [`init`].
#[must_use]
pub fn stdio(which: Stdio, stream: Stream) -> Option<Arc<OpenFile>> {
    let console = CONSOLE.get()?;
    Some(match (stream, which) {
        (Stream::Pipe, Stdio::Input) if console.is_framed => input::InputFile::open(console),
        (Stream::Pipe, Stdio::Output) => {
            console.backend.leave_standard_output();
            output::OutputFile::open(console, Kind::Stdout)
        }
        (Stream::Pipe, Stdio::Error) => output::OutputFile::open(console, Kind::Stderr),
        // A raw line has no end of file, so that its input is always a terminal.
        (Stream::Terminal, _) | (Stream::Pipe, Stdio::Input) => console
            .terminal_file
            .call_once(|| console.terminal.open())
            .clone(),
    })
}

/// The first process ended: sends everything and its status (0 to 255, or the negative
/// number of a signal), in bounded time.
pub fn exit(status: i32) {
    if let Some(console) = CONSOLE.get() {
        console.transmit.finish(Kind::Exit, &status.to_le_bytes());
    }
}

/// A kernel panic's text, by polling and without waiting for any lock.
///
/// # Safety
/// All other cores stand still, for ever.
pub unsafe fn panic_text(text: &str) {
    if let Some(console) = CONSOLE.get() {
        // SAFETY: the caller's promise.
        unsafe { console.transmit.send_last_words(text) }
        if !console.is_framed {
            screen::write(text.as_bytes());
        }
    }
}

impl Console {
    /// Lets the host send `bytes` more of standard input.
    fn grant(&self, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
        // Rather late than never: the host waits for it.
        self.transmit
            .room
            .wait_uninterruptibly(|| self.transmit.try_send(Kind::Credit, &bytes).then_some(()));
    }
}
