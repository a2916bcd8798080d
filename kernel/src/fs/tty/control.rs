//! `ioctl(2)` on terminals (`ioctl_tty(2)`).

use core::sync::atomic::Ordering;
use std::sync::Arc;

use linux_raw_sys::{general as linux, ioctl as request};
use streams::terminal::Settings;

use super::session::{self, Background, check_background, controlling_terminal, take};
use super::{Size, Terminal, input_room};
use crate::errno::{Errno, Result};
use crate::fs::anonymous::block;
use crate::fs::file::OpenFile;
use crate::memory::user::{self, plain};
use crate::task;

plain!(linux::termios, linux::termios2, linux::winsize);

/// `B38400` and its relatives, with their speeds in baud (`asm-generic/termbits.h`).
const SPEEDS: [(u32, u32); 16] = [
    (linux::B0, 0),
    (linux::B50, 50),
    (linux::B75, 75),
    (linux::B110, 110),
    (linux::B134, 134),
    (linux::B150, 150),
    (linux::B200, 200),
    (linux::B300, 300),
    (linux::B600, 600),
    (linux::B1200, 1200),
    (linux::B1800, 1800),
    (linux::B2400, 2400),
    (linux::B4800, 4800),
    (linux::B9600, 9600),
    (linux::B19200, 19200),
    (linux::B38400, 38400),
];

/// When changed settings count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    /// After output (`TCSADRAIN`).
    Drained,
    /// After output, and unread input is thrown away (`TCSAFLUSH`).
    Flushed,
}

/// Carries out `number` on `terminal`.
///
/// # Errors
/// Those of `ioctl_tty(2)`; `ENOTTY` for unknown requests.
pub fn ioctl(
    terminal: &Arc<Terminal>,
    file: &OpenFile,
    number: u32,
    argument: usize,
) -> Result<usize> {
    if terminal.is_hung_up() {
        return Err(if number == request::TIOCSPGRP {
            Errno::ENOTTY
        } else {
            Errno::EIO
        });
    }
    match number {
        request::TCGETS => user::write(argument, &to_termios(&settings(terminal)))?,
        request::TCGETS2 => user::write(argument, &to_termios2(&settings(terminal)))?,
        request::TCSETS => set(
            terminal,
            file,
            from_termios(user::read(argument)?),
            When::Now,
        )?,
        request::TCSETSW => set(
            terminal,
            file,
            from_termios(user::read(argument)?),
            When::Drained,
        )?,
        request::TCSETSF => set(
            terminal,
            file,
            from_termios(user::read(argument)?),
            When::Flushed,
        )?,
        request::TCSETS2 => set(
            terminal,
            file,
            from_termios2(user::read(argument)?),
            When::Now,
        )?,
        request::TCSETSW2 => set(
            terminal,
            file,
            from_termios2(user::read(argument)?),
            When::Drained,
        )?,
        request::TCSETSF2 => set(
            terminal,
            file,
            from_termios2(user::read(argument)?),
            When::Flushed,
        )?,
        request::TIOCGWINSZ => user::write(argument, &to_winsize(terminal.state.lock().size))?,
        request::TIOCSWINSZ => terminal.resize(from_winsize(user::read(argument)?)),
        request::FIONREAD => {
            let count = terminal.state.lock().discipline.available();
            user::write(argument, &i32::try_from(count).unwrap_or(i32::MAX))?;
        }
        request::TIOCOUTQ => {
            let left = i32::from(!terminal.backend.is_drained());
            user::write(argument, &left)?;
        }
        request::TCFLSH => flush(terminal, argument)?,
        request::TCSBRK | request::TCSBRKP => {
            check_background(terminal, Background::Change)?;
            drain(terminal, file)?;
        }
        request::TCXONC => flow(terminal, argument)?,
        request::TIOCSTI => return Err(Errno::EPERM),
        request::TIOCEXCL => terminal.is_exclusive.store(true, Ordering::Relaxed),
        request::TIOCNXCL => terminal.is_exclusive.store(false, Ordering::Relaxed),
        _ => return session_ioctl(terminal, number, argument),
    }
    Ok(0)
}

fn session_ioctl(terminal: &Arc<Terminal>, number: u32, argument: usize) -> Result<usize> {
    match number {
        request::TIOCGPGRP => {
            let group = own_state(terminal)?.0.unwrap_or(0);
            user::write(argument, &group)?;
        }
        request::TIOCSPGRP => {
            check_background(terminal, Background::Change)?;
            let group: i32 = user::read(argument)?;
            set_foreground(terminal, group)?;
        }
        request::TIOCGSID => {
            let session = own_state(terminal)?.1;
            user::write(argument, &session)?;
        }
        request::TIOCSCTTY => take(terminal, argument == 1)?,
        request::TIOCNOTTY => {
            let is_ours = controlling_terminal().is_some_and(|ours| Arc::ptr_eq(&ours, terminal));
            if !is_ours {
                return Err(Errno::ENOTTY);
            }
            let process = task::current_process();
            // For other members of the session this would need a terminal of each
            // process's own; the session keeps it.
            if process.id() == process.session_id() {
                session::leave(process.session_id());
            }
        }
        request::TIOCGETD => user::write(argument, &0_i32)?,
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}

/// Foreground group and session, for members of that session.
fn own_state(terminal: &Arc<Terminal>) -> Result<(Option<u32>, u32)> {
    let state = terminal.state.lock();
    let (foreground, session) = (state.foreground, state.session);
    drop(state);
    match session {
        Some(session) if session == task::current_process().session_id() => {
            Ok((foreground, session))
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn set_foreground(terminal: &Arc<Terminal>, group: i32) -> Result<()> {
    let (_, session) = own_state(terminal)?;
    let group = u32::try_from(group).map_err(|_| Errno::EINVAL)?;
    let members = task::process::all();
    let member = members
        .iter()
        .find(|process| process.group_id() == group)
        .ok_or(Errno::ESRCH)?;
    if member.session_id() != session {
        return Err(Errno::EPERM);
    }
    terminal.state.lock().foreground = Some(group);
    Ok(())
}

fn settings(terminal: &Terminal) -> Settings {
    *terminal.state.lock().discipline.settings()
}

fn set(terminal: &Terminal, file: &OpenFile, settings: Settings, when: When) -> Result<()> {
    check_background(terminal, Background::Change)?;
    if when != When::Now {
        drain(terminal, file)?;
    }
    let mut state = terminal.state.lock();
    if when == When::Flushed {
        state.discipline.flush_input();
    }
    state.discipline.set_settings(settings);
    terminal.backend.input_changed(0, input_room(&state));
    drop(state);
    terminal.changed.wake_all();
    terminal.tell_writers();
    terminal.backend.start();
    Ok(())
}

/// Waits until all output has gone out.
fn drain(terminal: &Terminal, _file: &OpenFile) -> Result<()> {
    terminal.backend.start();
    block(terminal.backend.room_queue(), false, None, || {
        (terminal.backend.is_drained() || terminal.is_hung_up()).then_some(Ok(()))
    })
}

fn flush(terminal: &Terminal, queue: usize) -> Result<()> {
    check_background(terminal, Background::Change)?;
    let queue = queue as u32;
    if !matches!(queue, linux::TCIFLUSH | linux::TCOFLUSH | linux::TCIOFLUSH) {
        return Err(Errno::EINVAL);
    }
    let mut state = terminal.state.lock();
    if queue != linux::TCOFLUSH {
        state.discipline.flush_input();
        terminal.backend.input_changed(0, input_room(&state));
    }
    if queue != linux::TCIFLUSH {
        terminal.backend.discard_output();
    }
    drop(state);
    terminal.backend.start();
    Ok(())
}

fn flow(terminal: &Terminal, action: usize) -> Result<()> {
    check_background(terminal, Background::Change)?;
    match action as u32 {
        linux::TCOOFF => terminal.state.lock().discipline.set_stopped(true),
        linux::TCOON => {
            terminal.state.lock().discipline.set_stopped(false);
            terminal.tell_writers();
        }
        // The other side's flow: START and STOP characters to it.
        linux::TCIOFF | linux::TCION => {
            let index = match action as u32 {
                linux::TCIOFF => linux::VSTOP,
                _ => linux::VSTART,
            };
            let state = terminal.state.lock();
            let byte = state.discipline.settings().character(index);
            if byte != 0 {
                terminal.backend.queue(&[byte]);
            }
            drop(state);
            terminal.backend.start();
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(())
}

fn speed(control: u32) -> u32 {
    SPEEDS
        .iter()
        .find(|(bits, _)| control & linux::CBAUD == *bits)
        .map_or(38400, |(_, baud)| *baud)
}

fn to_termios(settings: &Settings) -> linux::termios {
    linux::termios {
        c_iflag: settings.input,
        c_oflag: settings.output,
        c_cflag: settings.control,
        c_lflag: settings.local,
        c_line: settings.line,
        c_cc: settings.characters,
    }
}

fn from_termios(termios: linux::termios) -> Settings {
    Settings {
        input: termios.c_iflag,
        output: termios.c_oflag,
        control: termios.c_cflag,
        local: termios.c_lflag,
        line: 0,
        characters: termios.c_cc,
        input_speed: speed(termios.c_cflag),
        output_speed: speed(termios.c_cflag),
    }
}

fn to_termios2(settings: &Settings) -> linux::termios2 {
    linux::termios2 {
        c_iflag: settings.input,
        c_oflag: settings.output,
        c_cflag: settings.control,
        c_lflag: settings.local,
        c_line: settings.line,
        c_cc: settings.characters,
        c_ispeed: settings.input_speed,
        c_ospeed: settings.output_speed,
    }
}

fn from_termios2(termios: linux::termios2) -> Settings {
    Settings {
        input: termios.c_iflag,
        output: termios.c_oflag,
        control: termios.c_cflag,
        local: termios.c_lflag,
        line: 0,
        characters: termios.c_cc,
        input_speed: termios.c_ispeed,
        output_speed: termios.c_ospeed,
    }
}

fn to_winsize(size: Size) -> linux::winsize {
    linux::winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: size.width,
        ws_ypixel: size.height,
    }
}

fn from_winsize(size: linux::winsize) -> Size {
    Size {
        rows: size.ws_row,
        columns: size.ws_col,
        width: size.ws_xpixel,
        height: size.ws_ypixel,
    }
}
