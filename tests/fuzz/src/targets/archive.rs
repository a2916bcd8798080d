//! Boot archives (`formats::cpio`), and the paths in them (`formats::path`).

use formats::{cpio, path};

/// What is given lies in the input, and there is an end.
pub fn run(bytes: &[u8]) {
    let mut count = 0;
    let mut has_failed = false;
    for entry in cpio::entries(bytes) {
        assert!(!has_failed, "an entry after the archive's fault");
        count += 1;
        match entry {
            Ok(entry) => {
                let end = entry.data_offset + entry.data.len();
                assert_eq!(bytes.get(entry.data_offset..end), Some(entry.data));
                assert!(!entry.name.contains(&0));
                let _ = path::is_absolute(entry.name);
                if let Some(split) = path::split(entry.name) {
                    let _ = split;
                }
            }
            Err(error) => {
                has_failed = true;
                assert!(error.offset <= bytes.len());
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(count <= bytes.len() / 110 + 1);
}

/// Two archives, one behind the other.
pub fn seeds() -> Vec<Vec<u8>> {
    let file = |name: &str, mode: u32, data: &[u8]| {
        let mut text = b"070701".to_vec();
        let fields = [
            1,
            mode,
            0,
            0,
            1,
            0,
            data.len() as u32,
            0,
            0,
            5,
            1,
            name.len() as u32 + 1,
            0,
        ];
        for field in fields {
            text.extend(format!("{field:08x}").bytes());
        }
        text.extend(name.bytes());
        text.push(0);
        text.resize(text.len().next_multiple_of(4), 0);
        text.extend(data);
        text.resize(text.len().next_multiple_of(4), 0);
        text
    };
    let archive = [
        file("bin", 0o40755, b""),
        file("bin/python", 0o100_755, b"\x7fELF"),
        file("bin/python3", 0o120_777, b"python"),
        file("TRAILER!!!", 0, b""),
    ]
    .concat();
    vec![
        archive.clone(),
        [&archive[..], &[0; 512], &archive].concat(),
    ]
}
