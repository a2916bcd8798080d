//! The newc cpio format (`cpio(5)`, magic 070701 and 070702), as Linux reads it for its
//! initramfs: several archives one after the other, with NULs between them.
//!
//! Names may be padded with NULs behind their end, which makers of archives use to
//! place a file's data on a page border. The data is given as a slice of the input and
//! never copied.

use core::fmt;

/// Bytes of a header: six of magic, thirteen fields of eight hexadecimal digits.
const HEADER: usize = 6 + 13 * 8;
/// Longest name with its padding: a path of Linux's length, and a page to align with.
const LONGEST_NAME: usize = 4096 + 4096;
const TRAILER: &[u8] = b"TRAILER!!!";

/// One file, directory, link or device of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Path without its padding; usually relative, without a leading `./` or with one.
    pub name: &'a [u8],
    /// Which archive of a concatenation it is in, from 0: inode numbers count within one.
    pub archive: usize,
    /// Inode number: equal ones with `links` above 1 are one file.
    pub ino: u32,
    /// File type and permissions, as `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub links: u32,
    /// Modification time, in seconds since 1970.
    pub modified: u32,
    /// Major and minor number of a device node.
    pub device: (u32, u32),
    /// A file's bytes, or a symbolic link's target.
    pub data: &'a [u8],
    /// Where `data` begins in the input, in bytes.
    pub data_offset: usize,
}

/// Why an archive ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input ends inside of a header, a name or a file.
    Truncated,
    /// No header of this format where one should be.
    BadMagic,
    /// A field of a header is no hexadecimal number.
    BadNumber,
    /// A name without end, or one longer than any path.
    BadName,
}

/// A fault and its place in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Where the bad entry's header begins, in bytes.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            Fault::Truncated => "the archive is cut off",
            Fault::BadMagic => "no newc cpio header",
            Fault::BadNumber => "a header field is no hexadecimal number",
            Fault::BadName => "a name has no end or is too long",
        };
        write!(formatter, "{fault} at byte {:#x}", self.offset)
    }
}

/// The entries of one or several archives. After the first error there is nothing more.
pub struct Entries<'a> {
    input: &'a [u8],
    position: usize,
    archive: usize,
    is_between_archives: bool,
}

/// Reads `input`, which begins with an archive (or with NULs before one).
#[must_use]
pub fn entries(input: &[u8]) -> Entries<'_> {
    Entries {
        input,
        position: 0,
        archive: 0,
        is_between_archives: true,
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.is_between_archives {
                let rest = self.input.get(self.position..)?;
                self.position += rest.iter().position(|byte| *byte != 0)?;
                self.is_between_archives = false;
            }
            let start = self.position;
            match self.entry() {
                Ok(entry) if entry.name == TRAILER => {
                    self.is_between_archives = true;
                    self.archive += 1;
                }
                Ok(entry) => return Some(Ok(entry)),
                Err(fault) => {
                    self.is_between_archives = true;
                    self.position = self.input.len();
                    return Some(Err(Error {
                        offset: start,
                        fault,
                    }));
                }
            }
        }
    }
}

impl<'a> Entries<'a> {
    fn entry(&mut self) -> Result<Entry<'a>, Fault> {
        let header = self.take(HEADER)?;
        let (magic, fields) = header.split_at_checked(6).ok_or(Fault::Truncated)?;
        if magic != b"070701" && magic != b"070702" {
            return Err(Fault::BadMagic);
        }
        let mut numbers = [0_u32; 13];
        for (number, digits) in numbers.iter_mut().zip(fields.chunks_exact(8)) {
            *number = hexadecimal(digits).ok_or(Fault::BadNumber)?;
        }
        let [
            ino,
            mode,
            uid,
            gid,
            links,
            modified,
            size,
            _major,
            _minor,
            device_major,
            device_minor,
            name_size,
            _check,
        ] = numbers;
        let name_size = name_size as usize;
        if name_size == 0 || name_size > LONGEST_NAME {
            return Err(Fault::BadName);
        }
        let padded = self.take(name_size)?;
        let end = padded.iter().position(|byte| *byte == 0);
        let name = end
            .and_then(|end| padded.get(..end))
            .ok_or(Fault::BadName)?;
        self.align();
        let data_offset = self.position;
        let data = self.take(size as usize)?;
        self.align();
        Ok(Entry {
            name,
            archive: self.archive,
            ino,
            mode,
            uid,
            gid,
            links,
            modified,
            device: (device_major, device_minor),
            data,
            data_offset,
        })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let end = self.position.checked_add(count).ok_or(Fault::Truncated)?;
        let taken = self.input.get(self.position..end).ok_or(Fault::Truncated)?;
        self.position = end;
        Ok(taken)
    }

    /// To the next multiple of four bytes, but not past the input's end: the last
    /// entry's padding may be missing.
    fn align(&mut self) {
        self.position = self.position.next_multiple_of(4).min(self.input.len());
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = (*digit as char).to_digit(16)?;
        Some((number << 4) | digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn append(archive: &mut Vec<u8>, name: &[u8], pad: usize, mode: u32, data: &[u8]) {
        let mut header = format!("070701{:08X}{mode:08X}", 7);
        for number in [1, 2, 3, 4, data.len() as u32, 0, 0, 5, 6] {
            header += &format!("{number:08x}");
        }
        header += &format!("{:08x}{:08x}", name.len() + 1 + pad, 0);
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(name);
        archive.resize(archive.len() + 1 + pad, 0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }

    fn sample() -> Vec<u8> {
        let mut archive = Vec::new();
        append(&mut archive, b"etc", 0, 0o040_755, b"");
        append(&mut archive, b"etc/motd", 900, 0o100_644, b"hello");
        append(&mut archive, TRAILER, 0, 0, b"");
        archive
    }

    #[test]
    fn entries_come_with_their_fields_and_padded_names_without_padding() {
        let archive = sample();
        let entries: Vec<_> = entries(&archive).map(Result::unwrap).collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[1].name, b"etc/motd");
        assert_eq!(entries[1].data, b"hello");
        assert_eq!(entries[1].mode, 0o100_644);
        assert_eq!(entries[1].links, 3);
        assert_eq!(entries[1].device, (5, 6));
        let at = entries[1].data_offset;
        assert_eq!(&archive[at..at + 5], b"hello");
    }

    #[test]
    fn archives_follow_each_other_with_padding_between() {
        let mut both = sample();
        both.resize(both.len() + 509, 0);
        both.resize(both.len().next_multiple_of(4), 0);
        both.extend(sample());
        both.resize(both.len() + 100, 0);
        let archives: Vec<_> = entries(&both).map(|entry| entry.unwrap().archive).collect();
        assert_eq!(archives, [0, 0, 1, 1]);
    }

    #[test]
    fn a_cut_archive_keeps_what_came_before() {
        let archive = sample();
        let whole: Vec<_> = entries(&archive).map(Result::unwrap).collect();
        let first_end = 116;
        let second_end = whole[1].data_offset + whole[1].data.len();
        for cut in first_end + 1..second_end {
            let read: Vec<_> = entries(&archive[..cut]).collect();
            assert_eq!(read.len(), 2, "cut at {cut}");
            assert_eq!(read[0].unwrap().name, b"etc");
            assert_eq!(
                read[1],
                Err(Error {
                    offset: first_end,
                    fault: Fault::Truncated
                })
            );
        }
    }

    #[test]
    fn an_absurd_size_and_a_wrong_magic_are_errors() {
        let mut archive = sample();
        archive[6 + 6 * 8..6 + 7 * 8].copy_from_slice(b"ffffffff");
        assert_eq!(
            entries(&archive).next().unwrap().unwrap_err().fault,
            Fault::Truncated
        );
        assert_eq!(
            entries(&[0x1f; 500]).next().unwrap().unwrap_err().fault,
            Fault::BadMagic
        );
        archive[6] = b'x';
        assert_eq!(
            entries(&archive).next().unwrap().unwrap_err().fault,
            Fault::BadNumber
        );
    }

    proptest! {
        #[test]
        fn no_mutation_makes_it_panic_or_run_for_ever(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut archive = sample();
            archive.extend(sample());
            for (index, byte) in changes {
                let at = index.index(archive.len());
                archive[at] = byte;
            }
            let cut = cut.index(archive.len());
            let mut errors = 0;
            for entry in entries(&archive[..cut]) {
                prop_assert_eq!(errors, 0, "an entry after an error");
                match entry {
                    Ok(entry) => prop_assert!(entry.data_offset + entry.data.len() <= cut),
                    Err(error) => {
                        prop_assert!(error.offset <= cut);
                        errors += 1;
                    }
                }
            }
        }
    }
}
