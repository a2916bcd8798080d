//! The frames on the serial line (`roentgen_abi::frame`).

use roentgen_abi::frame::{Decoder, Kind, MAX_PAYLOAD, Step, header};

/// A frame that comes out is one that was there, and what follows nonsense is read again.
pub fn run(bytes: &[u8]) {
    let mut decoder = Decoder::new();
    for (at, byte) in bytes.iter().enumerate() {
        if let Ok(Step::Frame(kind, length)) = decoder.push(*byte) {
            assert!(length <= MAX_PAYLOAD);
            let payload = decoder.payload(length);
            let whole = [&header(kind, length)[..], payload].concat();
            assert!(bytes[..=at].ends_with(&whole));
        }
    }
}

/// Some of them.
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds = (0..=u8::MAX).filter_map(Kind::from_byte);
    let frames = kinds.map(|kind| [&header(kind, 3)[..], b"abc"].concat());
    vec![frames.flatten().collect()]
}
