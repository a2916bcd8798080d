//! The terminal's line discipline (`streams::terminal`).

use streams::terminal::{CAPACITY, Discipline, Effects, Settings};

/// The input is a list of steps: what is done, how many bytes with, and these. What was received
/// is read, dropped, or waits.
pub fn run(bytes: &[u8]) {
    let mut discipline = Discipline::default();
    let mut rest = bytes;
    while let [step, length, tail @ ..] = rest {
        let length = usize::from(*length).min(tail.len());
        let (data, tail) = tail.split_at(length);
        rest = tail;
        match step % 8 {
            0..3 => {
                let mut effects = Effects::default();
                discipline.receive(data, &mut effects);
                assert!(effects.dropped <= data.len());
                assert!(effects.signals.len() <= data.len());
            }
            3 => {
                let mut to = vec![0; length];
                let (count, _) = discipline.read(&mut to);
                assert!(count <= length);
            }
            4 => {
                let mut to = Vec::new();
                discipline.process_output(data, &mut to);
            }
            5 => discipline.set_settings(settings(data)),
            6 => discipline.flush_input(),
            _ => discipline.set_stopped(length % 2 == 0),
        }
        assert!(discipline.room() <= CAPACITY);
        assert!(discipline.available() <= CAPACITY);
        let (pollable, readable) = (discipline.is_pollable(), discipline.is_readable(1));
        let _ = (pollable, readable);
    }
}

/// Flags and characters from the bytes, as far as there are any.
fn settings(data: &[u8]) -> Settings {
    let mut settings = Settings::default();
    let word = |at: usize| {
        let bytes = data.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    settings.input ^= word(0);
    settings.output ^= word(4);
    settings.local ^= word(8);
    let characters = data.get(12..).unwrap_or_default();
    for (to, from) in settings.characters.iter_mut().zip(characters) {
        *to = *from;
    }
    settings
}

/// Lines, keys with a meaning, and another mode.
pub fn seeds() -> Vec<Vec<u8>> {
    let step = |step: u8, data: &[u8]| [&[step, data.len() as u8], data].concat();
    vec![
        [
            step(0, b"hello\x7f\x15one\ntwo \x17\x16\x03\n\x04"),
            step(3, &[0; 20]),
        ]
        .concat(),
        [
            step(5, &[0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0]),
            step(0, b"raw\x03\x1c\x1a\x13\x11"),
            step(3, &[0; 8]),
            step(4, b"out\n\tput\r\n"),
        ]
        .concat(),
    ]
}
