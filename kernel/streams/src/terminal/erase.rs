//! Erasing in the line that is being typed (`eraser` of N_TTY).

use linux_raw_sys::general as linux;

use super::discipline::{Discipline, Effects};
use super::output::is_continuation;

/// How much is erased.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Erase {
    /// `VERASE`.
    Character,
    /// `VWERASE`.
    Word,
    /// `VKILL`.
    Line,
}

impl Discipline {
    pub(super) fn erase(&mut self, erase: Erase, effects: &mut Effects) {
        let settings = self.settings;
        if self.input.len() == self.committed {
            return;
        }
        let echoes = settings.has_local(linux::ECHO);
        if erase == Erase::Line {
            if !echoes {
                self.input.truncate(self.committed);
                return;
            }
            if !settings.has_local(linux::ECHOK | linux::ECHOKE | linux::ECHOE) {
                self.input.truncate(self.committed);
                self.echo(settings.character(linux::VKILL), effects);
                if settings.has_local(linux::ECHOK) {
                    self.echo_raw(b'\n', effects);
                }
                return;
            }
        }
        let mut has_seen_word = false;
        while let Some((head, byte)) = self.last_character() {
            if erase == Erase::Word {
                if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 {
                    has_seen_word = true;
                } else if has_seen_word {
                    break;
                }
            }
            self.input.truncate(head);
            if echoes {
                self.echo_erased(byte, erase, effects);
            }
            if erase == Erase::Character {
                break;
            }
        }
    }

    /// Where the last character of the line begins, and its first byte; None where the
    /// line is empty or begins with a broken character.
    fn last_character(&self) -> Option<(usize, u8)> {
        let mut head = self.input.len();
        while head > self.committed {
            head -= 1;
            let (byte, _) = self.input.get(head)?;
            if !is_continuation(byte, &self.settings) {
                return Some((head, byte));
            }
        }
        None
    }

    fn echo_erased(&mut self, byte: u8, erase: Erase, effects: &mut Effects) {
        let settings = self.settings;
        if erase == Erase::Character && !settings.has_local(linux::ECHOE) {
            self.echo(settings.character(linux::VERASE), effects);
        } else if byte == b'\t' {
            let width = self.tab_width();
            effects.echo.extend(core::iter::repeat_n(0x08, width));
            self.cursor.column = self.cursor.column.saturating_sub(width);
        } else {
            let width = match (byte.is_ascii_control(), settings.has_local(linux::ECHOCTL)) {
                (true, true) => 2,
                (true, false) => 0,
                (false, _) => 1,
            };
            for _ in 0..width {
                effects.echo.extend_from_slice(b"\x08 \x08");
                self.cursor.column = self.cursor.column.saturating_sub(1);
            }
        }
    }

    /// Columns that a tab took which stood behind what is now the line.
    fn tab_width(&self) -> usize {
        let mut columns = 0;
        let mut base = self.cursor.line_start;
        for index in (self.committed..self.input.len()).rev() {
            let Some((byte, _)) = self.input.get(index) else {
                break;
            };
            if byte == b'\t' {
                base = 0;
                break;
            }
            if byte.is_ascii_control() {
                if self.settings.has_local(linux::ECHOCTL) {
                    columns += 2;
                }
            } else if !is_continuation(byte, &self.settings) {
                columns += 1;
            }
        }
        8 - ((columns + base) & 7)
    }
}
