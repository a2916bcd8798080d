//! Netlink messages (`netlink(7)`, RFC 3549 section 2.3): the requests in what a program
//! sends, and the framing of answers. What the messages are about is [`crate::rtnetlink`]'s.

use alloc::vec::Vec;

/// Bytes of `struct nlmsghdr`: length (4), type (2), flags (2), sequence (4), port (4).
const HEADER: usize = 16;
/// Bytes of `struct nlattr`: length (2), type (2).
const ATTRIBUTE: usize = 4;
/// Messages and attributes begin at multiples of this (`NLMSG_ALIGNTO`, `NLA_ALIGNTO`).
const ALIGNMENT: usize = 4;

/// Types below this are about netlink itself (`NLMSG_MIN_TYPE`).
const FIRST_TYPE: u16 = 16;
const TYPE_ERROR: u16 = 2;
const TYPE_DONE: u16 = 3;

const FLAG_REQUEST: u16 = 0x1;
const FLAG_MULTI: u16 = 0x2;
const FLAG_ACKNOWLEDGE: u16 = 0x4;
const FLAG_CAPPED: u16 = 0x100;
/// `NLM_F_ROOT | NLM_F_MATCH`: either one asks for a list.
const FLAG_DUMP: u16 = 0x300;

/// One message of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is asked for; the family of protocols gives it its meaning.
    pub kind: u16,
    flags: u16,
    sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
    header: &'a [u8],
}

impl Request<'_> {
    /// Whether it is one that the kernel acts upon.
    #[must_use]
    pub fn is_for_kernel(&self) -> bool {
        self.flags & FLAG_REQUEST != 0 && self.kind >= FIRST_TYPE
    }

    /// Whether it asks for a list of everything (`NLM_F_DUMP`).
    #[must_use]
    pub fn is_dump(&self) -> bool {
        self.flags & FLAG_DUMP != 0
    }

    /// Whether success is told as well (`NLM_F_ACK`).
    #[must_use]
    pub fn wants_acknowledgement(&self) -> bool {
        self.flags & FLAG_ACKNOWLEDGE != 0
    }

    /// `NLMSG_ERROR` to the sender, whose socket has `port`: an errno, or 0 for success. An
    /// error brings the whole request back, a success its header.
    #[must_use]
    pub fn error(&self, port: u32, errno: u16) -> Vec<u8> {
        let flags = if errno == 0 { FLAG_CAPPED } else { 0 };
        let mut answer = Answer::new(self, port, TYPE_ERROR, flags);
        answer.put(&(-i32::from(errno)).to_ne_bytes());
        answer.put(self.header);
        if errno != 0 {
            answer.put(self.payload);
        }
        answer.finish()
    }

    /// `NLMSG_DONE`, behind the last message of a list.
    #[must_use]
    pub fn done(&self, port: u32) -> Vec<u8> {
        let mut answer = Answer::new(self, port, TYPE_DONE, FLAG_MULTI);
        answer.put(&0_i32.to_ne_bytes());
        answer.finish()
    }
}

/// The messages in one datagram of a program. What does not hold a whole message any more
/// ends them (`netlink_rcv_skb` of Linux).
#[derive(Clone, Debug)]
pub struct Requests<'a>(&'a [u8]);

impl<'a> Requests<'a> {
    /// Those in `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = Request<'a>;

    fn next(&mut self) -> Option<Request<'a>> {
        let length = u32::from_ne_bytes(field(self.0, 0)?);
        let message = self.0.get(..usize::try_from(length).ok()?)?;
        // None where the length is less than a header's.
        let (header, payload) = message.split_at_checked(HEADER)?;
        let request = Request {
            kind: u16::from_ne_bytes(field(header, 4)?),
            flags: u16::from_ne_bytes(field(header, 6)?),
            sequence: u32::from_ne_bytes(field(header, 8)?),
            payload,
            header,
        };
        let next = message.len().next_multiple_of(ALIGNMENT);
        self.0 = self.0.get(next..).unwrap_or_default();
        Some(request)
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A message to a program, while it is made.
pub struct Answer(Vec<u8>);

impl Answer {
    /// One of the messages of a list.
    #[must_use]
    pub fn listed(request: &Request<'_>, port: u32, kind: u16) -> Self {
        Self::new(request, port, kind, FLAG_MULTI)
    }

    fn new(request: &Request<'_>, port: u32, kind: u16, flags: u16) -> Self {
        let mut bytes = Vec::new();
        // The length, until it is known.
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&request.sequence.to_ne_bytes());
        bytes.extend_from_slice(&port.to_ne_bytes());
        Self(bytes)
    }

    /// Appends plain bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Appends an attribute, and what aligns the next one. Data beyond 65,531 bytes, which
    /// an attribute cannot have, is cut.
    pub fn attribute(&mut self, kind: u16, data: &[u8]) {
        let data = &data[..data.len().min(usize::from(u16::MAX) - ATTRIBUTE)];
        let length = u16::try_from(ATTRIBUTE + data.len()).unwrap_or(u16::MAX);
        self.put(&length.to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(data);
        self.align();
    }

    fn align(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// The message's bytes; aligned, so that another one may follow.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.align();
        self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// A request as a program makes it.
    pub fn request(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let length = (HEADER + payload.len()) as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&7_u32.to_ne_bytes());
        bytes.extend_from_slice(&0_u32.to_ne_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn messages_follow_each_other_aligned() {
        let mut bytes = request(18, 0x301, &[1, 2, 3, 4, 5]);
        bytes.extend_from_slice(&[0; 3]);
        bytes.extend_from_slice(&request(22, 5, &[]));
        let found: Vec<_> = Requests::new(&bytes).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].kind, found[0].payload),
            (18, &[1, 2, 3, 4, 5][..])
        );
        assert!(found[0].is_dump() && !found[0].wants_acknowledgement());
        assert!(!found[1].is_dump() && found[1].wants_acknowledgement());
    }

    #[test]
    fn a_truncated_message_ends_the_list() {
        let whole = request(18, 0x301, &[0; 4]);
        for length in 0..whole.len() {
            assert_eq!(Requests::new(&whole[..length]).next(), None);
        }
        assert!(Requests::new(&whole).next().is_some());
    }

    #[test]
    fn a_length_below_a_header_or_beyond_the_end_ends_the_list() {
        for length in [0_u32, 1, 15, 21, u32::MAX] {
            let mut bytes = request(18, 0x301, &[0; 4]);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(Requests::new(&bytes).next(), None);
        }
    }

    #[test]
    fn an_error_brings_the_request_back_and_a_success_its_header() {
        let bytes = request(200, 0x301, &[9; 4]);
        let found = Requests::new(&bytes).next().unwrap();
        // As Linux 6.18 answers it.
        let mut expected = vec![40, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 66, 0, 0, 0];
        expected.extend_from_slice(&(-95_i32).to_ne_bytes());
        expected.extend_from_slice(&bytes);
        assert_eq!(found.error(66, 95), expected);
        let success = found.error(66, 0);
        assert_eq!(success.len(), 36);
        assert_eq!(success[6..8], [0, 1]);
        assert_eq!(success[20..], bytes[..16]);
    }

    #[test]
    fn an_attribute_is_padded_but_tells_its_own_length() {
        let bytes = request(18, 0x301, &[]);
        let found = Requests::new(&bytes).next().unwrap();
        let mut answer = Answer::listed(&found, 1, 16);
        answer.attribute(3, b"lo\0");
        assert_eq!(answer.finish()[16..], [7, 0, 3, 0, b'l', b'o', 0, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_end_and_stay_inside(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let found: Vec<_> = Requests::new(&bytes).collect();
            prop_assert!(found.len() <= bytes.len() / HEADER);
            let inside: usize = found.iter().map(|one| HEADER + one.payload.len()).sum();
            prop_assert!(inside <= bytes.len());
        }

        #[test]
        fn what_was_made_is_found_again(
            made in prop::collection::vec(
                (any::<u16>(), any::<u16>(), prop::collection::vec(any::<u8>(), 0..9)), 0..6),
        ) {
            let mut bytes = Vec::new();
            for (kind, flags, payload) in &made {
                bytes.extend_from_slice(&request(*kind, *flags, payload));
                bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
            }
            let found: Vec<_> = Requests::new(&bytes)
                .map(|one| (one.kind, one.flags, one.payload.to_vec()))
                .collect();
            prop_assert_eq!(found, made);
        }
    }
}
