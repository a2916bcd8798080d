//! Random bytes for a terminal, as no hand types them.

use crate::random::Random;

/// Bytes that a terminal does something about: ^C, ^D, ^\\, ^Z, ^S, ^Q, ^V, ^U, ^W, ^R, erase,
/// carriage return, newline, and the beginnings of escapes and of UTF-8.
const SPECIAL: &[u8] = b"\x03\x04\x1c\x1a\x13\x11\x16\x15\x17\x12\x7f\x08\r\n\x1b\xc3\xf0\xff\0";
/// What is typed after them: the output goes on, the line that was begun is over.
const REST: &[u8] = b"\x11\n\x15\n";
/// What is typed last: the line that the program waits for, and how often. Who is ended by a key
/// may have read some of them, 4 KiB at most.
const LAST: (&[u8], usize) = (b"the end\n", 1024);

/// So many KiB of them from this seed, then the line that ends the program.
#[must_use]
pub fn random(seed: u32, kibibytes: u32) -> Vec<u8> {
    let mut random = Random::new(u64::from(seed));
    let size = kibibytes as usize * 1024;
    let mut bytes = Vec::with_capacity(size + REST.len() + LAST.0.len() * LAST.1);
    while bytes.len() < size {
        // Runs of text, of anything, and of what is special.
        let length = (1 + random.below(256)).min(size - bytes.len());
        match random.below(16) {
            0..8 => bytes.extend((0..length).map(|_| b' ' + random.byte() % 95)),
            8..15 => bytes.extend((0..length).map(|_| anything(&mut random))),
            _ => bytes.extend((0..length.min(4)).map(|_| *random.one_of(SPECIAL))),
        }
    }
    bytes.extend(REST);
    bytes.extend(LAST.0.repeat(LAST.1));
    bytes
}

/// Any byte, but rarely one that sends a signal: they come in such numbers that of several that
/// wait only the first kind would ever be seen.
fn anything(random: &mut Random) -> u8 {
    match random.byte() {
        b'\x03' | b'\x1c' | b'\x1a' if random.below(64) > 0 => b' ',
        byte => byte,
    }
}

#[cfg(test)]
mod tests {
    use super::random;

    #[test]
    fn the_bytes_follow_from_the_seed_and_every_byte_is_among_them() {
        let bytes = random(1, 64);
        assert!(bytes.ends_with(b"the end\nthe end\n"));
        assert_eq!(bytes, random(1, 64));
        assert_ne!(bytes, random(2, 64));
        assert!((0..=u8::MAX).all(|byte| bytes.contains(&byte)));
    }
}
