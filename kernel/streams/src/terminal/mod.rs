//! A terminal without its hardware: settings ([`Settings`]) and the line discipline
//! ([`Discipline`]) that turns keystrokes into lines, echoes and signals.
//!
//! The model is Linux's N_TTY (`drivers/tty/n_tty.c`, POSIX.1-2017 chapter 11), with a
//! larger input buffer, so that pasted megabytes lose nothing.

mod discipline;
mod erase;
mod input_buffer;
mod output;
mod settings;
#[cfg(test)]
mod tests;

pub use discipline::{CAPACITY, Discipline, Effects, TerminalSignal};
pub use settings::Settings;
