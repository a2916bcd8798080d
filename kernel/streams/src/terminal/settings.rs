//! The settings of a terminal: `struct termios2` in memory.

use linux_raw_sys::general as linux;

/// Control characters in the kernel's structure.
pub const CHARACTERS: usize = linux::NCCS as usize;

/// How a terminal treats input and output; the fields are `termios(3)`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `c_iflag`.
    pub input: u32,
    /// `c_oflag`.
    pub output: u32,
    /// `c_cflag`.
    pub control: u32,
    /// `c_lflag`.
    pub local: u32,
    /// `c_line`: always 0 here (N_TTY).
    pub line: u8,
    /// `c_cc`.
    pub characters: [u8; CHARACTERS],
    /// Input speed in baud.
    pub input_speed: u32,
    /// Output speed in baud.
    pub output_speed: u32,
}

impl Default for Settings {
    /// What a terminal starts with (Linux's `tty_std_termios`, with UTF-8 input).
    fn default() -> Self {
        let mut characters = [0; CHARACTERS];
        for (index, value) in [
            (linux::VINTR, 3),
            (linux::VQUIT, 28),
            (linux::VERASE, 127),
            (linux::VKILL, 21),
            (linux::VEOF, 4),
            (linux::VMIN, 1),
            (linux::VSTART, 17),
            (linux::VSTOP, 19),
            (linux::VSUSP, 26),
            (linux::VREPRINT, 18),
            (linux::VDISCARD, 15),
            (linux::VWERASE, 23),
            (linux::VLNEXT, 22),
        ] {
            characters[index as usize] = value;
        }
        Self {
            input: linux::ICRNL | linux::IXON | linux::IUTF8,
            output: linux::OPOST | linux::ONLCR,
            control: linux::B38400 | linux::CS8 | linux::CREAD | linux::HUPCL,
            local: linux::ISIG
                | linux::ICANON
                | linux::ECHO
                | linux::ECHOE
                | linux::ECHOK
                | linux::ECHOCTL
                | linux::ECHOKE
                | linux::IEXTEN,
            line: 0,
            characters,
            input_speed: 38400,
            output_speed: 38400,
        }
    }
}

impl Settings {
    /// What a pseudo-terminal starts with.
    #[must_use]
    pub fn pseudo_terminal() -> Self {
        let mut settings = Self::default();
        settings.input &= !linux::IUTF8;
        settings.control &= !linux::HUPCL;
        settings
    }

    /// Whether all bits of `flags` are set in `c_iflag`.
    #[must_use]
    pub fn has_input(&self, flags: u32) -> bool {
        self.input & flags == flags
    }

    /// Whether all bits of `flags` are set in `c_oflag`.
    #[must_use]
    pub fn has_output(&self, flags: u32) -> bool {
        self.output & flags == flags
    }

    /// Whether all bits of `flags` are set in `c_lflag`.
    #[must_use]
    pub fn has_local(&self, flags: u32) -> bool {
        self.local & flags == flags
    }

    /// Whether input is gathered into lines.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        self.has_local(linux::ICANON)
    }

    /// The control character with this index (`VINTR`, …); 0 means that it is off.
    #[must_use]
    pub fn character(&self, index: u32) -> u8 {
        self.characters.get(index as usize).copied().unwrap_or(0)
    }

    /// Whether `byte` is the control character `index`, and that one is not off.
    #[must_use]
    pub fn is(&self, index: u32, byte: u8) -> bool {
        byte != 0 && self.character(index) == byte
    }

    /// `VMIN`: bytes that a non-canonical read waits for.
    #[must_use]
    pub fn minimum(&self) -> usize {
        usize::from(self.character(linux::VMIN))
    }

    /// `VTIME`, in tenths of a second.
    #[must_use]
    pub fn tenths(&self) -> u64 {
        u64::from(self.character(linux::VTIME))
    }
}
