//! Random bytes for a terminal, as no hand types them.

use super::random::Random;

/// Bytes that a terminal does something about: ^C, ^D, ^\\, ^Z, ^S, ^Q, ^V, ^U, ^W, ^R, erase,
/// carriage return, newline, and the beginnings of escapes and of UTF-8.
const SPECIAL: &[u8] = b"\x03\x04\x1c\x1a\x13\x11\x16\x15\x17\x12\x7f\x08\r\n\x1b\xc3\xf0\xff\0";
/// What is typed last: the output goes on, the line that was begun is over, and three lines that
/// the program waits for, one of which no discipline can have taken for something else.
const LAST: &[u8] = b"\x11\n\x15\nthe end\nthe end\nthe end\n";

/// So many KiB of them from this seed, then the line that ends the program.
#[must_use]
pub fn random(seed: u32, kibibytes: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(seed));
    let size = kibibytes as usize * 1024;
    let mut bytes = Vec::with_capacity(size + LAST.len());
    while bytes.len() < size {
        // Runs of text, of anything, and of what is special.
        let length = (1 + random.below(256)).min(size - bytes.len());
        match random.below(8) {
            0..3 => bytes.extend((0..length).map(|_| b' ' + random.byte() % 95)),
            3..6 => bytes.extend((0..length).map(|_| random.byte())),
            _ => bytes.extend((0..length.min(8)).map(|_| *random.one_of(SPECIAL))),
        }
    }
    bytes.extend(LAST);
    bytes
}

#[cfg(test)]
mod tests {
    use super::{LAST, random};

    #[test]
    fn the_bytes_follow_from_the_seed_and_every_byte_is_among_them() {
        let bytes = random(1, 64);
        assert_eq!(bytes.len(), 64 * 1024 + LAST.len());
        assert_eq!(bytes, random(1, 64));
        assert_ne!(bytes, random(2, 64));
        assert!((0..=u8::MAX).all(|byte| bytes.contains(&byte)));
    }
}
