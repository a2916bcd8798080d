//! ELF files (`formats::elf`).

use formats::elf::{HEADER_SIZE, Header, Program};

const USER: core::ops::Range<u64> = 0x1_0000..0x7fff_ffff_f000;

/// Segments that are accepted lie in user space and in the file, ascending and apart.
pub fn run(bytes: &[u8]) {
    let Ok(header) = Header::parse(&bytes[..bytes.len().min(HEADER_SIZE)]) else {
        return;
    };
    let start = usize::try_from(header.table_offset).unwrap_or(usize::MAX);
    let end = start.saturating_add(header.table_length());
    let Some(table) = bytes.get(start..end) else {
        return;
    };
    let Ok(program) = Program::parse(&header, table) else {
        return;
    };
    let Ok(segments) = program.segments(bytes.len() as u64, USER) else {
        return;
    };
    let mut free = 0;
    for segment in segments {
        let last = segment.address.checked_add(segment.memory_size);
        assert!(last.is_some_and(|last| last < USER.end));
        assert!(segment.address / 4096 * 4096 >= free);
        free = (segment.address + segment.memory_size).next_multiple_of(4096);
        assert!(segment.file_size <= segment.memory_size);
        let file_end = segment.file_offset.checked_add(segment.file_size);
        assert!(segment.file_size == 0 || file_end.is_some_and(|end| end <= bytes.len() as u64));
    }
}

/// A small program with three segments.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut file = vec![0; 0x1000];
    file[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
    let mut put = |at: usize, value: u64, size: usize| {
        file[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    };
    // Type, machine, version, entry, program headers: where, how large, how many.
    for (at, value, size) in [
        (16, 2, 2),
        (18, 62, 2),
        (20, 1, 4),
        (24, 0x40_0400, 8),
        (32, 64, 8),
        (52, 64, 2),
        (54, 56, 2),
        (56, 3, 2),
    ] {
        put(at, value, size);
    }
    let loads = [
        (0x40_0000, 0_u64, 0x800_u64, 5),
        (0x40_1800, 0x800, 0x400, 6),
    ];
    for (number, (address, offset, length, flags)) in loads.into_iter().enumerate() {
        let at = 64 + 56 * number;
        let words = [offset, address, address, length, length + 0x100, 0x1000];
        put(at, 1, 4);
        put(at + 4, flags, 4);
        for (word, value) in words.into_iter().enumerate() {
            put(at + 8 + 8 * word, value, 8);
        }
    }
    put(64 + 56 * 2, 0x6474_e551, 4);
    vec![file]
}
