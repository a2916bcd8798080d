//! Writing an initramfs: a newc cpio archive whose files' data starts on page
//! boundaries, so that the kernel maps text from it without a copy.
//!
//! The padding is NULs after an entry's name, counted in its name size. Linux takes
//! that (and since 6.18 its own `gen_init_cpio -a` writes it), because a name ends at
//! its first NUL; so does Roentgen. A name field holds at most 4096 bytes there, so an
//! entry for `.` goes before a file whose own name has no room for the padding.
//!
//! No published crate lays out data on pages, hence this writer. The format is in
//! Linux's `Documentation/driver-api/early-userspace/buffer-format.rst`.

/// What file data is aligned to, in bytes.
pub const PAGE: usize = 4096;

/// Bytes of an entry's header before its name.
const HEADER: usize = 110;

const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// One archive in the making. Finished ones may be put one after another.
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Default for Archive {
    fn default() -> Self {
        Self::new()
    }
}

/// What every entry has beside its name.
#[derive(Clone, Copy)]
struct About {
    mode: u32,
    modified: u32,
    device: (u32, u32),
}

impl Archive {
    /// An archive without entries.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            entries: 0,
        }
    }

    /// Adds a directory. Its parents must be there already.
    pub fn directory(&mut self, path: &str, permissions: u32, modified: u32) {
        let mode = DIRECTORY | permissions;
        self.entry(path, about(mode, modified), &[], 0);
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &[u8], modified: u32) {
        self.entry(path, about(SYMLINK | 0o777, modified), target, 0);
    }

    /// Adds a character device's node (for Linux, which wants `/dev/console`).
    pub fn character_device(&mut self, path: &str, permissions: u32, device: (u32, u32)) {
        let mode = CHARACTER_DEVICE | permissions;
        self.entry(
            path,
            About {
                device,
                ..about(mode, 0)
            },
            &[],
            0,
        );
    }

    /// Adds a regular file; its data starts on a page boundary.
    pub fn file(&mut self, path: &str, permissions: u32, modified: u32, content: &[u8]) {
        let mode = REGULAR | permissions;
        let about = about(mode, modified);
        if content.is_empty() {
            self.entry(path, about, content, 0);
            return;
        }
        let shortest = path.len() + 1;
        if self.name_field() < shortest {
            // The filler ends where the file's header leaves just enough for its name.
            // Entries are 4-aligned, so the fitting name fields are 2 modulo 4.
            let field = shortest + (6 - shortest % 4) % 4;
            let start = PAGE - (HEADER + field) % PAGE;
            let filler = (start + PAGE - (self.bytes.len() + HEADER) % PAGE) % PAGE;
            self.entry(".", self::about(DIRECTORY | 0o755, 0), &[], filler);
        }
        let field = self.name_field();
        // A name too long for any padding goes unaligned.
        let field = if field < shortest { 0 } else { field };
        self.entry(path, about, content, field);
    }

    /// The size of a name field that makes data start on a page, if it were next.
    fn name_field(&self) -> usize {
        let before = (self.bytes.len() + HEADER) % PAGE;
        PAGE - before
    }

    /// Ends the archive, on a page boundary.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", about(0, 0), &[], 0);
        self.bytes
            .resize(self.bytes.len().next_multiple_of(PAGE), 0);
        self.bytes
    }

    /// Writes an entry whose name field has at least `field` bytes.
    fn entry(&mut self, path: &str, about: About, content: &[u8], field: usize) {
        let name = path.trim_start_matches('/');
        self.entries += 1;
        let links = if about.mode & DIRECTORY != 0 { 2 } else { 1 };
        let field = field.max(name.len() + 1);
        let words = [
            self.entries,
            about.mode,
            0,
            0,
            links,
            about.modified,
            content.len() as u32,
            0,
            0,
            about.device.0,
            about.device.1,
            field as u32,
            0,
        ];
        self.bytes.extend(b"070701");
        for word in words {
            self.bytes.extend(format!("{word:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes
            .extend(std::iter::repeat_n(0, field - name.len()));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

fn about(mode: u32, modified: u32) -> About {
    About {
        mode,
        modified,
        device: (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an archive as Linux does: (name, name field, data offset, data).
    fn read(bytes: &[u8]) -> Vec<(String, usize, usize, Vec<u8>)> {
        let (mut at, mut entries) = (0, Vec::new());
        while at < bytes.len() {
            if bytes[at] == 0 {
                at += 4;
                continue;
            }
            assert_eq!(&bytes[at..at + 6], b"070701");
            let word = |index: usize| {
                let from = at + 6 + index * 8;
                let text = std::str::from_utf8(&bytes[from..from + 8]).unwrap();
                usize::from_str_radix(text, 16).unwrap()
            };
            let (size, field) = (word(6), word(11));
            let name = &bytes[at + HEADER..at + HEADER + field];
            assert_eq!(name.last(), Some(&0));
            let name = name.split(|byte| *byte == 0).next().unwrap();
            let data = (at + HEADER + field).next_multiple_of(4);
            entries.push((
                String::from_utf8(name.to_vec()).unwrap(),
                field,
                data,
                bytes[data..data + size].to_vec(),
            ));
            at = (data + size).next_multiple_of(4);
        }
        entries
    }

    #[test]
    fn every_file_starts_on_a_page_wherever_the_archive_stands() {
        for length in (0..PAGE).step_by(4).chain([PAGE, PAGE + 1]) {
            for name in ["a", &"n".repeat(200), &"d/".repeat(1000)] {
                let mut archive = Archive::new();
                archive.symlink("first", &vec![b'x'; length], 0);
                archive.file(name, 0o644, 0, b"content");
                let bytes = archive.finish();
                assert_eq!(bytes.len() % PAGE, 0);
                let entries = read(&bytes);
                let (_, field, data, content) =
                    entries.iter().find(|entry| entry.0 == name).unwrap();
                assert_eq!(content, b"content");
                assert_eq!(
                    data % PAGE,
                    0,
                    "{length} bytes before {} of name",
                    name.len()
                );
                assert!(*field <= 4096);
            }
        }
    }

    #[test]
    fn archives_may_follow_one_another() {
        let mut both = Archive::new().finish();
        let mut second = Archive::new();
        second.file("/f", 0o600, 0, &[7; 5000]);
        both.extend(second.finish());
        let names: Vec<String> = read(&both).into_iter().map(|entry| entry.0).collect();
        assert_eq!(names, ["TRAILER!!!", "f", "TRAILER!!!"]);
    }
}
