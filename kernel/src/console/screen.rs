//! The VGA text screen, as a mirror of the terminal in raw mode: 25 rows of 80 columns,
//! no colours, no escape sequences beyond skipping them.

use x86_64::PhysAddr;

use crate::memory::direct;
use crate::sync::IrqLock;

const ADDRESS: PhysAddr = PhysAddr::new_truncate(0xb8000);
const COLUMNS: usize = 80;
const ROWS: usize = 25;
/// Light grey on black.
const ATTRIBUTE: u16 = 0x0700;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    /// After ESC.
    Begun,
    /// After ESC and `[`: up to a letter.
    Sequence,
}

struct Screen {
    cells: [u16; COLUMNS * ROWS],
    column: usize,
    row: usize,
    escape: Escape,
}

static SCREEN: IrqLock<Screen> = IrqLock::new(Screen {
    cells: [ATTRIBUTE | 0x20; COLUMNS * ROWS],
    column: 0,
    row: 0,
    escape: Escape::None,
});

/// Empties the screen.
pub fn clear() {
    let mut screen = SCREEN.lock();
    screen.cells.fill(ATTRIBUTE | 0x20);
    screen.show(0, COLUMNS * ROWS);
}

/// Shows bytes of the terminal's output.
pub fn write(bytes: &[u8]) {
    // A panic on this very core may have interrupted a write.
    let Some(mut screen) = SCREEN.try_lock() else {
        return;
    };
    for byte in bytes {
        screen.put(*byte);
    }
}

impl Screen {
    fn put(&mut self, byte: u8) {
        match (self.escape, byte) {
            (Escape::None, 0x1b) => self.escape = Escape::Begun,
            (Escape::Begun, b'[') => self.escape = Escape::Sequence,
            (Escape::Begun, _) => self.escape = Escape::None,
            (Escape::Sequence, 0x40..=0x7e) => {
                self.escape = Escape::None;
                if byte == b'K' {
                    let from = self.row * COLUMNS + self.column;
                    let to = (self.row + 1) * COLUMNS;
                    self.cells[from..to].fill(ATTRIBUTE | 0x20);
                    self.show(from, to);
                }
            }
            (Escape::Sequence, _) => {}
            (Escape::None, b'\n') => self.next_row(),
            (Escape::None, b'\r') => self.column = 0,
            (Escape::None, 0x08) => self.column = self.column.saturating_sub(1),
            (Escape::None, b'\t') => self.column = ((self.column | 7) + 1).min(COLUMNS - 1),
            (Escape::None, ..0x20) => {}
            (Escape::None, _) => {
                let at = self.row * COLUMNS + self.column;
                self.cells[at] = ATTRIBUTE | u16::from(byte);
                self.show(at, at + 1);
                self.column += 1;
                if self.column == COLUMNS {
                    self.column = 0;
                    self.next_row();
                }
            }
        }
    }

    fn next_row(&mut self) {
        if self.row + 1 < ROWS {
            self.row += 1;
            return;
        }
        self.cells.copy_within(COLUMNS.., 0);
        self.cells[(ROWS - 1) * COLUMNS..].fill(ATTRIBUTE | 0x20);
        self.show(0, COLUMNS * ROWS);
    }

    /// Copies the cells `[from, to)` to the device.
    fn show(&self, from: usize, to: usize) {
        let device = direct::pointer(ADDRESS).cast::<u16>();
        for (index, cell) in self.cells.iter().enumerate().take(to).skip(from) {
            // SAFETY: the text buffer has 32 KiB of device memory at this address, and
            // only this lock's holder writes there.
            unsafe { device.add(index).write_volatile(*cell) };
        }
    }
}
