//! Output processing (`OPOST`) and echo.

use alloc::vec::Vec;

use linux_raw_sys::general as linux;

use super::settings::Settings;

/// Where the cursor stands, as far as the discipline knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Column, from 0.
    pub column: usize,
    /// Column where the line that is being typed began: what erasing a tab needs.
    pub line_start: usize,
}

/// Whether `byte` continues a UTF-8 character, where input is UTF-8.
pub fn is_continuation(byte: u8, settings: &Settings) -> bool {
    settings.has_input(linux::IUTF8) && byte & 0xc0 == 0x80
}

/// Processes one byte of output into `to`: at most 8 bytes.
pub fn put(byte: u8, settings: &Settings, cursor: &mut Cursor, to: &mut Vec<u8>) {
    if !settings.has_output(linux::OPOST) {
        to.push(byte);
        return;
    }
    match byte {
        b'\n' => {
            if settings.has_output(linux::ONLRET) {
                cursor.column = 0;
            }
            if settings.has_output(linux::ONLCR) {
                cursor.column = 0;
                to.push(b'\r');
            }
            cursor.line_start = cursor.column;
            to.push(b'\n');
        }
        b'\r' => {
            if settings.has_output(linux::ONOCR) && cursor.column == 0 {
                return;
            }
            if settings.has_output(linux::OCRNL) {
                if settings.has_output(linux::ONLRET) {
                    *cursor = Cursor::default();
                }
                to.push(b'\n');
                return;
            }
            *cursor = Cursor::default();
            to.push(b'\r');
        }
        b'\t' => {
            let spaces = 8 - (cursor.column & 7);
            cursor.column = cursor.column.wrapping_add(spaces);
            if settings.output & linux::TABDLY == linux::XTABS {
                to.extend(core::iter::repeat_n(b' ', spaces));
            } else {
                to.push(b'\t');
            }
        }
        0x08 => {
            cursor.column = cursor.column.saturating_sub(1);
            to.push(byte);
        }
        _ => {
            let mut byte = byte;
            if !byte.is_ascii_control() {
                if settings.has_output(linux::OLCUC) {
                    byte = byte.to_ascii_uppercase();
                }
                if !is_continuation(byte, settings) {
                    cursor.column = cursor.column.wrapping_add(1);
                }
            }
            to.push(byte);
        }
    }
}

/// Echoes a typed byte: control characters as `^X` under `ECHOCTL`.
pub fn echo(byte: u8, settings: &Settings, cursor: &mut Cursor, to: &mut Vec<u8>) {
    if settings.has_local(linux::ECHOCTL) && byte.is_ascii_control() && byte != b'\t' {
        to.extend_from_slice(&[b'^', byte ^ 0o100]);
        cursor.column = cursor.column.wrapping_add(2);
    } else {
        put(byte, settings, cursor, to);
    }
}
