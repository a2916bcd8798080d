//! The guest's end of the serial line, as messages; and what goes to it, as frames.
//!
//! Pure: bytes in, messages out, and the other way round. No descriptor is touched here.

use std::collections::VecDeque;

use roentgen_abi::frame::{self, Decoder, HELLO, Kind, MAX_PAYLOAD, Step};

/// What the guest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The kernel is there; frames follow.
    Hello,
    /// Bytes for standard output.
    Stdout(Vec<u8>),
    /// Bytes for standard error.
    Stderr(Vec<u8>),
    /// The first process ended: status, or a negative signal number.
    Exit(i32),
    /// A piece of a panic's text.
    Panic(Vec<u8>),
    /// What came is no frame, or none that a guest sends.
    Nonsense(String),
}

/// The serial line's state.
pub struct Guest {
    decoder: Decoder,
    /// How much of [`HELLO`] has been seen.
    greeted: usize,
    /// Bytes of standard input that the guest still wants.
    credit: usize,
    outgoing: VecDeque<u8>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            decoder: Decoder::new(),
            greeted: 0,
            credit: 0,
            outgoing: VecDeque::new(),
        }
    }
}

impl Guest {
    /// Whether the kernel has said hello.
    #[must_use]
    pub fn is_greeted(&self) -> bool {
        self.greeted == HELLO.len()
    }

    /// How many bytes of standard input may be sent now.
    #[must_use]
    pub fn credit(&self) -> usize {
        self.credit
    }

    /// Whether bytes wait to be written to the serial line.
    #[must_use]
    pub fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Bytes waiting to be written to the serial line.
    pub fn outgoing(&mut self) -> &mut VecDeque<u8> {
        &mut self.outgoing
    }

    /// Takes bytes from the serial line.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Message> {
        let mut messages = Vec::new();
        for byte in bytes {
            if !self.is_greeted() {
                // HELLO's first byte is its only zero, so a failed match can only
                // start again at this byte.
                self.greeted = if *byte == HELLO[self.greeted] {
                    self.greeted + 1
                } else {
                    usize::from(*byte == HELLO[0])
                };
                if self.is_greeted() {
                    messages.push(Message::Hello);
                }
                continue;
            }
            match self.decoder.push(*byte) {
                Ok(Step::More) => {}
                Ok(Step::Frame(kind, length)) => {
                    let payload = self.decoder.payload(length).to_vec();
                    messages.extend(self.message(kind, payload));
                }
                Err(error) => messages.push(Message::Nonsense(format!("{error:?}"))),
            }
        }
        messages
    }

    fn message(&mut self, kind: Kind, payload: Vec<u8>) -> Option<Message> {
        let word = || {
            payload
                .first_chunk::<4>()
                .copied()
                .filter(|_| payload.len() == 4)
        };
        Some(match kind {
            Kind::Stdout => Message::Stdout(payload),
            Kind::Stderr => Message::Stderr(payload),
            Kind::Panic => Message::Panic(payload),
            Kind::Exit => match word() {
                Some(bytes) => Message::Exit(i32::from_le_bytes(bytes)),
                None => Message::Nonsense("an Exit frame of the wrong size".to_owned()),
            },
            Kind::Credit => match word() {
                Some(bytes) => {
                    self.credit = self
                        .credit
                        .saturating_add(u32::from_le_bytes(bytes) as usize);
                    return None;
                }
                None => Message::Nonsense("a Credit frame of the wrong size".to_owned()),
            },
            other => Message::Nonsense(format!("a guest does not send {other:?}")),
        })
    }

    /// Queues standard input, which must be within the credit.
    ///
    /// # Panics
    /// Where `bytes` is more than [`Self::credit`].
    pub fn send_input(&mut self, bytes: &[u8]) {
        assert!(
            bytes.len() <= self.credit,
            "input beyond the guest's credit"
        );
        self.credit -= bytes.len();
        for piece in bytes.chunks(MAX_PAYLOAD) {
            self.send(Kind::Stdin, piece);
        }
    }

    /// Queues one frame.
    ///
    /// # Panics
    /// Where the payload is above [`MAX_PAYLOAD`].
    pub fn send(&mut self, kind: Kind, payload: &[u8]) {
        self.outgoing.extend(frame::header(kind, payload.len()));
        self.outgoing.extend(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
        [&frame::header(kind, payload.len())[..], payload].concat()
    }

    #[test]
    fn noise_before_the_hello_is_skipped_even_where_it_looks_like_one() {
        let mut guest = Guest::default();
        let stream = [
            b"SeaBIOS\x00\x0eRG\x00\x00\x0eRGfrm".as_slice(),
            b"\x00\x0eRGfrm1",
            &frame(Kind::Exit, &7_i32.to_le_bytes()),
        ]
        .concat();
        let messages: Vec<Message> = stream
            .iter()
            .flat_map(|byte| guest.receive(&[*byte]))
            .collect();
        assert_eq!(messages, [Message::Hello, Message::Exit(7)]);
    }

    #[test]
    fn input_is_sent_within_the_credit_and_split_into_frames() {
        let mut guest = Guest::default();
        guest.receive(&HELLO);
        assert_eq!(guest.credit(), 0);
        guest.receive(&frame(Kind::Credit, &5000_u32.to_le_bytes()));
        guest.send_input(&[9; 5000]);
        assert_eq!(guest.credit(), 0);
        assert_eq!(guest.outgoing().len(), 5000 + 2 * frame::HEADER);
    }

    #[test]
    fn what_no_guest_sends_is_nonsense_and_the_next_frame_is_read() {
        let mut guest = Guest::default();
        guest.receive(&HELLO);
        let stream = [
            frame(Kind::Seed, b"x"),
            frame(Kind::Exit, b""),
            frame(Kind::Stdout, b"out"),
        ]
        .concat();
        let messages = guest.receive(&stream);
        assert!(matches!(messages[0], Message::Nonsense(_)));
        assert!(matches!(messages[1], Message::Nonsense(_)));
        assert_eq!(messages[2], Message::Stdout(b"out".to_vec()));
    }
}
