//! `/etc/roentgen/init`: what the kernel starts as its first process, written by
//! whoever makes the boot archive.
//!
//! NUL-separated records `key=value`: `arg=` (in order, the first is the program's
//! path), `env=NAME=value`, `cwd=`, `stdin=`, `stdout=`, `stderr=` (`tty` or `pipe`),
//! `rows=`, `cols=`. Empty records are skipped.

use alloc::vec::Vec;
use core::fmt;

/// What a standard stream of the first process is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    /// The console's terminal.
    #[default]
    Terminal,
    /// A stream of bytes without a terminal discipline.
    Pipe,
}

/// The first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitFile {
    /// Program and arguments; at least one.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value` each.
    pub environment: Vec<Vec<u8>>,
    /// Working directory; `/` where not given.
    pub directory: Vec<u8>,
    /// Standard input.
    pub stdin: Stream,
    /// Standard output.
    pub stdout: Stream,
    /// Standard error.
    pub stderr: Stream,
    /// The terminal's rows and columns, where given.
    pub rows: Option<u16>,
    /// See `rows`.
    pub columns: Option<u16>,
}

/// Why the file describes no process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No `arg=` at all.
    NoProgram,
    /// The record with this number, from 0, has no known key.
    UnknownKey(usize),
    /// The record with this number, from 0, has a value that its key does not take.
    BadValue(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProgram => write!(formatter, "no arg= record"),
            Self::UnknownKey(record) => write!(formatter, "record {record} has no known key"),
            Self::BadValue(record) => write!(formatter, "record {record} has a bad value"),
        }
    }
}

/// Parses the file.
///
/// # Errors
/// The first record that is wrong.
pub fn parse(text: &[u8]) -> Result<InitFile, Error> {
    let mut file = InitFile {
        arguments: Vec::new(),
        environment: Vec::new(),
        directory: b"/".to_vec(),
        stdin: Stream::default(),
        stdout: Stream::default(),
        stderr: Stream::default(),
        rows: None,
        columns: None,
    };
    for (number, record) in text.split(|byte| *byte == 0).enumerate() {
        if record.is_empty() {
            continue;
        }
        let equals = record.iter().position(|byte| *byte == b'=');
        let (key, value) = equals
            .and_then(|at| Some((record.get(..at)?, record.get(at + 1..)?)))
            .ok_or(Error::UnknownKey(number))?;
        let bad = Error::BadValue(number);
        match key {
            b"arg" => file.arguments.push(value.to_vec()),
            b"env" if value.contains(&b'=') => file.environment.push(value.to_vec()),
            b"cwd" if value.starts_with(b"/") => file.directory = value.to_vec(),
            b"env" | b"cwd" => return Err(bad),
            b"stdin" => file.stdin = stream(value).ok_or(bad)?,
            b"stdout" => file.stdout = stream(value).ok_or(bad)?,
            b"stderr" => file.stderr = stream(value).ok_or(bad)?,
            b"rows" => file.rows = Some(number_in(value).ok_or(bad)?),
            b"cols" => file.columns = Some(number_in(value).ok_or(bad)?),
            _ => return Err(Error::UnknownKey(number)),
        }
    }
    if file.arguments.is_empty() {
        return Err(Error::NoProgram);
    }
    Ok(file)
}

fn stream(value: &[u8]) -> Option<Stream> {
    match value {
        b"tty" => Some(Stream::Terminal),
        b"pipe" => Some(Stream::Pipe),
        _ => None,
    }
}

fn number_in(value: &[u8]) -> Option<u16> {
    core::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_key_arrives() {
        let text = b"arg=/bin/python\0arg=-c\0arg=print(1=1)\0env=A=b=c\0cwd=/work\0stdin=pipe\0stdout=tty\0stderr=pipe\0rows=24\0cols=80\0";
        let file = parse(text).unwrap();
        assert_eq!(file.arguments, [&b"/bin/python"[..], b"-c", b"print(1=1)"]);
        assert_eq!(file.environment, [b"A=b=c"]);
        assert_eq!(file.directory, b"/work");
        assert_eq!(
            (file.stdin, file.stdout, file.stderr),
            (Stream::Pipe, Stream::Terminal, Stream::Pipe)
        );
        assert_eq!((file.rows, file.columns), (Some(24), Some(80)));
    }

    #[test]
    fn wrong_records_are_named() {
        assert_eq!(parse(b"env=A=b"), Err(Error::NoProgram));
        assert_eq!(parse(b"arg=x\0what=1"), Err(Error::UnknownKey(1)));
        assert_eq!(parse(b"arg=x\0\0rows=high"), Err(Error::BadValue(2)));
        assert_eq!(parse(b"arg=x\0stdin=file"), Err(Error::BadValue(1)));
        assert_eq!(parse(b"arg=x\0env=A"), Err(Error::BadValue(1)));
        assert_eq!(parse(b"arg=x\0cwd=work"), Err(Error::BadValue(1)));
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
