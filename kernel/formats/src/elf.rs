//! ELF programs: what a loader must know, checked (System V ABI, AMD64 supplement).
//!
//! Structures are crate `elf`'s. What comes out of [`parse`] can be mapped as it is:
//! every segment lies in user space, does not wrap, and its file part lies in the file.

use alloc::vec::Vec;
use core::fmt;

use elf::abi;
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::segment::{ProgramHeader, SegmentTable};

/// Bytes of a file that [`parse`] wants to see: header and program headers lie in them.
pub const HEADER_SIZE: usize = 4096;

/// Segments that a program may have.
const MAX_SEGMENTS: usize = 64;

/// Bytes in a page.
const PAGE: u64 = 4096;

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address, before the program's base is added.
    pub address: u64,
    /// Bytes in memory.
    pub memory_size: u64,
    /// Where it begins in the file; congruent to `address` modulo the page size.
    pub file_offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// May be read.
    pub is_readable: bool,
    /// May be written.
    pub is_writable: bool,
    /// May be executed.
    pub is_executable: bool,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// First instruction, before the base is added.
    pub entry: u64,
    /// Whether it can be put at any page (`ET_DYN`).
    pub is_relocatable: bool,
    /// Segments by address, disjoint by pages or at least by bytes.
    pub segments: Vec<Segment>,
    /// Where the program headers lie in memory, before the base is added.
    pub headers_address: u64,
    /// How many there are, and the size of each.
    pub header_count: u16,
    /// See `header_count`.
    pub header_size: u16,
    /// The interpreter's path in the file: offset and length with its NUL.
    pub interpreter: Option<(u64, u64)>,
    /// Whether the program asks for an executable stack.
    pub wants_executable_stack: bool,
}

/// Why a file is no program that can be run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No ELF file, or cut off.
    Malformed,
    /// For another machine, word size, byte order, or not a program at all.
    Foreign,
    /// A segment lies outside of user space, of the file, or over another one.
    BadSegment,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "not an ELF file, or cut off",
            Self::Foreign => "not a program for x86-64",
            Self::BadSegment => "a segment lies where it cannot",
        })
    }
}

/// Reads a program's headers. `header` holds the file's first bytes, up to
/// [`HEADER_SIZE`]; `file_length` is the whole file's; `end` is the first address that
/// is not user space.
///
/// # Errors
/// Why it cannot be run.
pub fn parse(header: &[u8], file_length: u64, end: u64) -> Result<Program, Error> {
    let ident_bytes = header.get(..abi::EI_NIDENT).ok_or(Error::Malformed)?;
    let ident = parse_ident::<LittleEndian>(ident_bytes).map_err(|_| Error::Malformed)?;
    if ident.1 != Class::ELF64 {
        return Err(Error::Foreign);
    }
    let tail = header.get(abi::EI_NIDENT..64).ok_or(Error::Malformed)?;
    let file = FileHeader::parse_tail(ident, tail).map_err(|_| Error::Malformed)?;
    let is_relocatable = file.e_type == abi::ET_DYN;
    if file.e_machine != abi::EM_X86_64 || !(is_relocatable || file.e_type == abi::ET_EXEC) {
        return Err(Error::Foreign);
    }
    let count = usize::from(file.e_phnum);
    let size = usize::from(file.e_phentsize);
    if count == 0 || count > MAX_SEGMENTS || size != 56 {
        return Err(Error::Malformed);
    }
    let start = usize::try_from(file.e_phoff).map_err(|_| Error::Malformed)?;
    let table_end = start.checked_add(count * size).ok_or(Error::Malformed)?;
    let table = header.get(start..table_end).ok_or(Error::Malformed)?;

    let mut program = Program {
        entry: file.e_entry,
        is_relocatable,
        segments: Vec::with_capacity(count),
        headers_address: 0,
        header_count: file.e_phnum,
        header_size: file.e_phentsize,
        interpreter: None,
        wants_executable_stack: false,
    };
    let headers = SegmentTable::new(LittleEndian, Class::ELF64, table);
    for header in headers.iter() {
        read_header(&mut program, &header, file_length, end)?;
    }
    check_order(&program.segments)?;
    if program.headers_address == 0 {
        program.headers_address = headers_in_memory(&program.segments, file.e_phoff);
    }
    if program.segments.is_empty() || !(is_relocatable || file.e_entry < end) {
        return Err(Error::BadSegment);
    }
    Ok(program)
}

fn read_header(
    program: &mut Program,
    header: &ProgramHeader,
    file_length: u64,
    end: u64,
) -> Result<(), Error> {
    match header.p_type {
        abi::PT_LOAD if header.p_memsz > 0 => {
            program.segments.push(segment(header, file_length, end)?);
        }
        abi::PT_PHDR => program.headers_address = header.p_vaddr,
        abi::PT_INTERP => {
            let fits = header
                .p_offset
                .checked_add(header.p_filesz)
                .is_some_and(|last| last <= file_length);
            if !fits || header.p_filesz < 2 || header.p_filesz > PAGE {
                return Err(Error::Malformed);
            }
            program.interpreter = Some((header.p_offset, header.p_filesz));
        }
        abi::PT_GNU_STACK => {
            program.wants_executable_stack = header.p_flags & abi::PF_X != 0;
        }
        _ => {}
    }
    Ok(())
}

fn segment(header: &ProgramHeader, file_length: u64, end: u64) -> Result<Segment, Error> {
    let last = header.p_vaddr.checked_add(header.p_memsz);
    let file_last = header.p_offset.checked_add(header.p_filesz);
    let is_sound = header.p_filesz <= header.p_memsz
        && last.is_some_and(|last| last <= end - PAGE)
        && file_last.is_some_and(|last| last <= file_length)
        && header.p_offset % PAGE == header.p_vaddr % PAGE;
    if !is_sound {
        return Err(Error::BadSegment);
    }
    Ok(Segment {
        address: header.p_vaddr,
        memory_size: header.p_memsz,
        file_offset: header.p_offset,
        file_size: header.p_filesz,
        is_readable: header.p_flags & abi::PF_R != 0,
        is_writable: header.p_flags & abi::PF_W != 0,
        is_executable: header.p_flags & abi::PF_X != 0,
    })
}

/// The ABI wants them ascending; two in one page would need one protection for both.
fn check_order(segments: &[Segment]) -> Result<(), Error> {
    for pair in segments.windows(2) {
        let lower_end = (pair[0].address + pair[0].memory_size).next_multiple_of(PAGE);
        if pair[1].address / PAGE * PAGE < lower_end {
            return Err(Error::BadSegment);
        }
    }
    Ok(())
}

fn headers_in_memory(segments: &[Segment], offset: u64) -> u64 {
    segments
        .iter()
        .find(|segment| {
            offset
                .checked_sub(segment.file_offset)
                .is_some_and(|inside| inside < segment.file_size)
        })
        .map_or(0, |segment| {
            segment.address + (offset - segment.file_offset)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const END: u64 = 0x7fff_ffff_f000;

    fn header(kind: u16, segments: &[[u64; 6]]) -> Vec<u8> {
        let mut file = vec![0_u8; HEADER_SIZE];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16..18].copy_from_slice(&kind.to_le_bytes());
        file[18..20].copy_from_slice(&abi::EM_X86_64.to_le_bytes());
        file[20] = 1;
        file[24..32].copy_from_slice(&0x40_1000_u64.to_le_bytes());
        file[32..40].copy_from_slice(&64_u64.to_le_bytes());
        file[54..56].copy_from_slice(&56_u16.to_le_bytes());
        file[56..58].copy_from_slice(&(segments.len() as u16).to_le_bytes());
        for (index, [kind, flags, offset, address, file_size, memory_size]) in
            segments.iter().enumerate()
        {
            let at = 64 + index * 56;
            file[at..at + 4].copy_from_slice(&(*kind as u32).to_le_bytes());
            file[at + 4..at + 8].copy_from_slice(&(*flags as u32).to_le_bytes());
            for (word, value) in [offset, address, address, file_size, memory_size]
                .iter()
                .enumerate()
            {
                let at = at + 8 + word * 8;
                file[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        file
    }

    #[test]
    fn a_plain_program_is_read_as_it_is() {
        let file = header(
            2,
            &[
                [1, 5, 0, 0x40_0000, 0x1800, 0x1800],
                [1, 6, 0x1800, 0x40_2800, 0x100, 0x5000],
            ],
        );
        let program = parse(&file, 0x2000, END).unwrap();
        assert!(!program.is_relocatable);
        assert_eq!(program.entry, 0x40_1000);
        assert_eq!(program.headers_address, 0x40_0040);
        assert_eq!(program.segments.len(), 2);
        assert!(program.segments[1].is_writable && !program.segments[1].is_executable);
    }

    #[test]
    fn what_cannot_be_mapped_is_refused() {
        let bad: [[u64; 6]; 6] = [
            [1, 5, 0, END, 0x1000, 0x1000],
            [1, 5, 0, u64::MAX - 4095, 0x1000, 0x2000],
            [1, 5, 0x1000, 0x40_0000, 0x2000, 0x2000],
            [1, 5, 0, 0x40_0000, 0x1000, 0x10],
            [1, 5, 1, 0x40_0000, 0x10, 0x10],
            [1, 5, u64::MAX, 0x40_0fff, 0x10, 0x10],
        ];
        for segment in bad {
            assert_eq!(
                parse(&header(2, &[segment]), 0x2000, END),
                Err(Error::BadSegment),
                "{segment:x?}"
            );
        }
        let overlapping = header(
            2,
            &[
                [1, 5, 0, 0x40_0000, 0x1800, 0x1800],
                [1, 6, 0x1800, 0x40_1800, 0x10, 0x10],
            ],
        );
        assert_eq!(parse(&overlapping, 0x2000, END), Err(Error::BadSegment));
        assert_eq!(parse(&header(1, &[]), 0x2000, END), Err(Error::Foreign));
        assert_eq!(parse(b"#!/bin/sh", 9, END), Err(Error::Malformed));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn any_damage_gives_an_error_or_a_program_that_can_be_mapped(
            changes in proptest::collection::vec((0_usize..320, any::<u8>()), 1..12),
            length in 0_u64..0x4000,
            cut in 0_usize..HEADER_SIZE,
        ) {
            let mut file = header(3, &[[1, 5, 0, 0, 0x1800, 0x1800], [1, 6, 0x1800, 0x2800, 0x100, 0x5000], [6, 4, 64, 64, 112, 112]]);
            for (at, value) in changes {
                file[at] = value;
            }
            file.truncate(cut.max(1));
            if let Ok(program) = parse(&file, length, END) {
                for segment in &program.segments {
                    prop_assert!(segment.address + segment.memory_size <= END);
                    prop_assert!(segment.file_offset + segment.file_size <= length);
                    prop_assert!(segment.file_size <= segment.memory_size);
                }
            }
        }
    }
}
