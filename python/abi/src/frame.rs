//! Frames on COM1, while a host program drives the machine.
//!
//! A UART carries bytes and nothing else: no end of file, no window size, no second
//! stream. So both sides speak frames: one byte of kind, two bytes of payload length
//! (little endian), the payload. The guest opens with [`HELLO`]; what comes before it
//! (firmware, boot loader) is noise that the host skips.
//!
//! The host sends standard input only within the credit that the guest gave
//! ([`Kind::Credit`]), so the guest can drain its UART at all times and an
//! [`Kind::Signal`] is never stuck behind input that nobody reads.

/// The guest's first bytes; frames follow.
pub const HELLO: [u8; 8] = *b"\x00\x0eRGfrm1";

/// Bytes before a frame's payload: kind, length low, length high.
pub const HEADER: usize = 3;

/// Longest payload that either side sends. A longer one is a protocol error.
pub const MAX_PAYLOAD: usize = 4096;

/// What a frame carries. Values below 0x80 go from guest to host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Bytes of the program's standard output (also all output of a terminal).
    Stdout = 0x01,
    /// Bytes of the program's standard error, where it is not the terminal.
    Stderr = 0x02,
    /// The first process ended: `i32`, little endian. 0 to 255 is its exit status,
    /// a negative number the signal that killed it.
    Exit = 0x03,
    /// The kernel panicked: UTF-8 text, in one or several frames.
    Panic = 0x04,
    /// The host may send this many more bytes of standard input: `u32`, little endian.
    Credit = 0x05,
    /// Bytes of standard input, at most the outstanding credit.
    Stdin = 0x81,
    /// Standard input has ended; empty payload.
    StdinEnd = 0x82,
    /// The terminal's size: rows, columns, each `u16`, little endian.
    WindowSize = 0x83,
    /// Fresh entropy from the host: 32 bytes or more.
    Seed = 0x84,
    /// A signal for the foreground process group: `u8`, Linux's number.
    Signal = 0x85,
}

impl Kind {
    /// The kind with this number, if there is one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Stdout,
            0x02 => Self::Stderr,
            0x03 => Self::Exit,
            0x04 => Self::Panic,
            0x05 => Self::Credit,
            0x81 => Self::Stdin,
            0x82 => Self::StdinEnd,
            0x83 => Self::WindowSize,
            0x84 => Self::Seed,
            0x85 => Self::Signal,
            _ => return None,
        })
    }
}

/// The bytes before a payload of `length` bytes.
///
/// # Panics
/// Where `length` is above [`MAX_PAYLOAD`]; the sender splits.
#[must_use]
pub fn header(kind: Kind, length: usize) -> [u8; HEADER] {
    assert!(length <= MAX_PAYLOAD, "a frame's payload is split before");
    let [low, high] = (length as u16).to_le_bytes();
    [kind as u8, low, high]
}

/// Why a byte stream is not frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// No frame has this kind.
    UnknownKind(u8),
    /// A payload length above [`MAX_PAYLOAD`].
    TooLong(usize),
}

/// What a decoder makes of one more byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// In the middle of a frame.
    More,
    /// A frame is complete: its kind and payload length; the payload is
    /// [`Decoder::payload`].
    Frame(Kind, usize),
}

/// Puts frames together from single bytes, without allocating.
pub struct Decoder {
    header: [u8; HEADER],
    header_length: usize,
    payload: [u8; MAX_PAYLOAD],
    payload_length: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// A decoder at the start of a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            header: [0; HEADER],
            header_length: 0,
            payload: [0; MAX_PAYLOAD],
            payload_length: 0,
        }
    }

    /// The payload of the frame that [`Decoder::push`] just completed.
    #[must_use]
    pub fn payload(&self, length: usize) -> &[u8] {
        &self.payload[..length.min(MAX_PAYLOAD)]
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// What is no frame is reported once, and the decoder stands at the start of a
    /// frame again.
    pub fn push(&mut self, byte: u8) -> Result<Step, FrameError> {
        if self.header_length < HEADER {
            self.header[self.header_length] = byte;
            self.header_length += 1;
            if self.header_length == 1 && Kind::from_byte(byte).is_none() {
                self.header_length = 0;
                return Err(FrameError::UnknownKind(byte));
            }
            if self.header_length < HEADER {
                return Ok(Step::More);
            }
            let length = self.announced();
            if length > MAX_PAYLOAD {
                self.header_length = 0;
                return Err(FrameError::TooLong(length));
            }
        } else {
            self.payload[self.payload_length] = byte;
            self.payload_length += 1;
        }
        if self.payload_length < self.announced() {
            return Ok(Step::More);
        }
        let length = self.payload_length;
        self.header_length = 0;
        self.payload_length = 0;
        match Kind::from_byte(self.header[0]) {
            Some(kind) => Ok(Step::Frame(kind, length)),
            None => Err(FrameError::UnknownKind(self.header[0])),
        }
    }

    fn announced(&self) -> usize {
        usize::from(u16::from_le_bytes([self.header[1], self.header[2]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_out_as_it_went_in_and_the_next_one_too() {
        let mut decoder = Decoder::new();
        for payload in [&b""[..], b"x", &[0x81; MAX_PAYLOAD]] {
            let mut last = Step::More;
            for byte in header(Kind::Stdin, payload.len()).iter().chain(payload) {
                assert_eq!(last, Step::More);
                last = decoder.push(*byte).unwrap();
            }
            assert_eq!(last, Step::Frame(Kind::Stdin, payload.len()));
            assert_eq!(decoder.payload(payload.len()), payload);
        }
    }

    #[test]
    fn nonsense_is_an_error_and_the_decoder_goes_on() {
        let mut decoder = Decoder::new();
        assert_eq!(decoder.push(0x77), Err(FrameError::UnknownKind(0x77)));
        decoder.push(Kind::Stdin as u8).unwrap();
        decoder.push(0xff).unwrap();
        assert_eq!(decoder.push(0xff), Err(FrameError::TooLong(0xffff)));
        decoder.push(Kind::StdinEnd as u8).unwrap();
        decoder.push(0).unwrap();
        assert_eq!(decoder.push(0), Ok(Step::Frame(Kind::StdinEnd, 0)));
    }
}
