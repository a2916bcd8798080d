//! ELF programs: what a loader must know, checked (System V ABI, AMD64 supplement).
//!
//! Structures are crate `elf`'s. A loader reads the [`Header`], the table of program
//! headers that it names, and from both the [`Program`]. What [`Program::segments`] gives
//! can be mapped as it is: every segment lies in user space, does not wrap, and its file
//! part lies in the file.

use alloc::vec::Vec;
use core::fmt;

use elf::abi;
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::segment::{ProgramHeader, SegmentTable};

/// Bytes of the file header.
pub const HEADER_SIZE: usize = 64;

/// Bytes of a program header.
const PROGRAM_HEADER_SIZE: usize = 56;

/// Bytes of program headers that a program may have (as on Linux).
const MAX_TABLE: usize = 65_536;

/// Bytes in a page.
const PAGE: u64 = 4096;

/// A loadable segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address, before the program's base is added.
    pub address: u64,
    /// Bytes in memory.
    pub memory_size: u64,
    /// Where it begins in the file; congruent to `address` modulo the page size, where
    /// it has bytes in the file.
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

/// A file header of a program for this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// First instruction, before the base is added.
    entry: u64,
    /// Whether it can be put at any page (`ET_DYN`).
    is_relocatable: bool,
    /// Where the program headers begin in the file.
    pub table_offset: u64,
    /// How many there are.
    count: u16,
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// First instruction, before the base is added.
    pub entry: u64,
    /// Whether it can be put at any page (`ET_DYN`).
    pub is_relocatable: bool,
    /// Where the program headers lie in memory, before the base is added; 0 where in no
    /// segment.
    pub headers_address: u64,
    /// How many there are, and the size of each.
    pub header_count: u16,
    /// See `header_count`.
    pub header_size: u16,
    /// The interpreter's path in the file: offset and length with its NUL, unchecked.
    pub interpreter: Option<(u64, u64)>,
    /// Whether the program asks for an executable stack.
    pub wants_executable_stack: bool,
    loads: Vec<ProgramHeader>,
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

impl Header {
    /// Reads a file's first bytes, [`HEADER_SIZE`] of them.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let ident_bytes = bytes.get(..abi::EI_NIDENT).ok_or(Error::Malformed)?;
        let ident = parse_ident::<LittleEndian>(ident_bytes).map_err(|_| Error::Malformed)?;
        if ident.1 != Class::ELF64 {
            return Err(Error::Foreign);
        }
        let tail = bytes
            .get(abi::EI_NIDENT..HEADER_SIZE)
            .ok_or(Error::Malformed)?;
        let file = FileHeader::parse_tail(ident, tail).map_err(|_| Error::Malformed)?;
        let is_relocatable = file.e_type == abi::ET_DYN;
        if file.e_machine != abi::EM_X86_64 || !(is_relocatable || file.e_type == abi::ET_EXEC) {
            return Err(Error::Foreign);
        }
        let header = Self {
            entry: file.e_entry,
            is_relocatable,
            table_offset: file.e_phoff,
            count: file.e_phnum,
        };
        let has_table = (1..=MAX_TABLE).contains(&header.table_length());
        if !has_table || usize::from(file.e_phentsize) != PROGRAM_HEADER_SIZE {
            return Err(Error::Malformed);
        }
        Ok(header)
    }

    /// Bytes of all program headers.
    #[must_use]
    pub fn table_length(&self) -> usize {
        usize::from(self.count) * PROGRAM_HEADER_SIZE
    }
}

impl Program {
    /// Reads the program headers: [`Header::table_length`] bytes.
    ///
    /// # Errors
    /// Why it cannot be run.
    pub fn parse(header: &Header, table: &[u8]) -> Result<Self, Error> {
        if table.len() != header.table_length() {
            return Err(Error::Malformed);
        }
        let mut program = Self {
            entry: header.entry,
            is_relocatable: header.is_relocatable,
            headers_address: 0,
            header_count: header.count,
            header_size: PROGRAM_HEADER_SIZE as u16,
            interpreter: None,
            wants_executable_stack: false,
            loads: Vec::new(),
        };
        for one in SegmentTable::new(LittleEndian, Class::ELF64, table).iter() {
            match one.p_type {
                abi::PT_LOAD => program.loads.push(one),
                // As on Linux, the first one counts.
                abi::PT_INTERP if program.interpreter.is_none() => {
                    program.interpreter = Some((one.p_offset, one.p_filesz));
                }
                abi::PT_GNU_STACK => {
                    program.wants_executable_stack = one.p_flags & abi::PF_X != 0;
                }
                _ => {}
            }
        }
        program.headers_address = program.address_of(header.table_offset);
        Ok(program)
    }

    /// The address that this byte of the file is loaded to; 0 where to none.
    fn address_of(&self, offset: u64) -> u64 {
        self.loads
            .iter()
            .find_map(|load| {
                let inside = offset.checked_sub(load.p_offset)?;
                (inside < load.p_filesz).then(|| load.p_vaddr.wrapping_add(inside))
            })
            .unwrap_or(0)
    }

    /// The segments, by address and disjoint by pages. `file_length` is the whole file's;
    /// `user` holds the addresses that a program may have.
    ///
    /// # Errors
    /// [`Error::BadSegment`]; also where a program without an interpreter has none, or its
    /// first instruction lies outside of user space.
    pub fn segments(
        &self,
        file_length: u64,
        user: core::ops::Range<u64>,
    ) -> Result<Vec<Segment>, Error> {
        let mut segments: Vec<Segment> = Vec::with_capacity(self.loads.len());
        for load in &self.loads {
            let segment = segment(load, file_length, user.end)?;
            if segment.memory_size == 0 {
                continue;
            }
            // The ABI wants them ascending; two in one page would need one protection
            // for both.
            let free = segments.last().map_or(0, |lower| {
                (lower.address + lower.memory_size).next_multiple_of(PAGE)
            });
            if segment.address / PAGE * PAGE < free {
                return Err(Error::BadSegment);
            }
            segments.push(segment);
        }
        let lowest = segments.first().map_or(user.start, |first| first.address);
        let is_placed = self.is_relocatable || lowest >= user.start;
        // With an interpreter, what to run is for that to judge.
        let can_begin = self.interpreter.is_some()
            || (!segments.is_empty() && (self.is_relocatable || user.contains(&self.entry)));
        if is_placed && can_begin {
            Ok(segments)
        } else {
            Err(Error::BadSegment)
        }
    }
}

fn segment(header: &ProgramHeader, file_length: u64, end: u64) -> Result<Segment, Error> {
    let last = header.p_vaddr.checked_add(header.p_memsz);
    let file_last = header.p_offset.checked_add(header.p_filesz);
    let is_in_file = header.p_filesz == 0
        || (file_last.is_some_and(|last| last <= file_length)
            && header.p_offset % PAGE == header.p_vaddr % PAGE);
    let is_sound = header.p_filesz <= header.p_memsz
        && last.is_some_and(|last| last <= end - PAGE)
        && is_in_file;
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    const USER: core::ops::Range<u64> = 0x1_0000..0x7fff_ffff_f000;
    const END: u64 = USER.end;
    /// Room for the file header and a few program headers.
    const SIZE: usize = 512;

    /// All three steps over the start of a file of this length.
    fn parse(file: &[u8], length: u64) -> Result<(Program, Vec<Segment>), Error> {
        let header = Header::parse(file)?;
        let start = usize::try_from(header.table_offset).map_err(|_| Error::Malformed)?;
        let table = start
            .checked_add(header.table_length())
            .and_then(|end| file.get(start..end))
            .ok_or(Error::Malformed)?;
        let program = Program::parse(&header, table)?;
        let segments = program.segments(length, USER)?;
        Ok((program, segments))
    }

    fn header(kind: u16, segments: &[[u64; 6]]) -> Vec<u8> {
        let mut file = vec![0_u8; SIZE];
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
        let (program, segments) = parse(&file, 0x2000).unwrap();
        assert!(!program.is_relocatable);
        assert_eq!(program.entry, 0x40_1000);
        assert_eq!(program.headers_address, 0x40_0040);
        assert_eq!(segments.len(), 2);
        assert!(segments[1].is_writable && !segments[1].is_executable);
    }

    #[test]
    fn what_cannot_be_mapped_is_refused() {
        let refusal = |file: &[u8], length| parse(file, length).map(|_| ()).unwrap_err();
        let bad: [[u64; 6]; 8] = [
            [1, 5, 0, END, 0x1000, 0x1000],
            [1, 5, 0, u64::MAX - 4095, 0x1000, 0x2000],
            [1, 5, 0x1000, 0x40_0000, 0x2000, 0x2000],
            [1, 5, 0, 0x40_0000, 0x1000, 0x10],
            [1, 5, 1, 0x40_0000, 0x10, 0x10],
            [1, 5, u64::MAX, 0x40_0fff, 0x10, 0x10],
            [1, 5, 0, 0x1000, 0x1000, 0x1000],
            [1, 5, 0, 0x40_0000, 0x10, 0],
        ];
        for segment in bad {
            assert_eq!(
                refusal(&header(2, &[segment]), 0x2000),
                Error::BadSegment,
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
        assert_eq!(refusal(&overlapping, 0x2000), Error::BadSegment);
        assert_eq!(refusal(&header(1, &[]), 0x2000), Error::Foreign);
        assert_eq!(refusal(b"#!/bin/sh", 9), Error::Malformed);
        let only_empty = header(2, &[[1, 5, 0, 0x40_0000, 0, 0]]);
        assert_eq!(refusal(&only_empty, 0x2000), Error::BadSegment);
    }

    #[test]
    fn the_first_of_several_interpreters_counts() {
        let file = header(
            2,
            &[
                [3, 4, 0x100, 0, 20, 20],
                [1, 5, 0, 0x40_0000, 0x1800, 0x1800],
                [3, 4, 0x200, 0, 30, 30],
            ],
        );
        let (program, _) = parse(&file, 0x2000).unwrap();
        assert_eq!(program.interpreter, Some((0x100, 20)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn any_damage_gives_an_error_or_a_program_that_can_be_mapped(
            changes in proptest::collection::vec((0_usize..320, any::<u8>()), 1..12),
            length in 0_u64..0x4000,
            cut in 0_usize..SIZE,
        ) {
            let mut file = header(3, &[[1, 5, 0, 0, 0x1800, 0x1800], [1, 6, 0x1800, 0x2800, 0x100, 0x5000], [6, 4, 64, 64, 112, 112]]);
            for (at, value) in changes {
                file[at] = value;
            }
            file.truncate(cut.max(1));
            if let Ok((_, segments)) = parse(&file, length) {
                let mut end = 0;
                for segment in &segments {
                    prop_assert!(segment.address >= end);
                    end = segment.address + segment.memory_size;
                    prop_assert!(end <= END);
                    prop_assert!(segment.file_size == 0 || segment.file_offset + segment.file_size <= length);
                    prop_assert!(segment.file_size <= segment.memory_size);
                }
            }
        }
    }
}
