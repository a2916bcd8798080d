//! The bytes of an encoded value: tags, numbers, and a reader that trusts nothing.
//!
//! A version byte, then one value. A value is a tag and what the tag says; numbers are
//! LEB128. Every count is of things that take a byte at least, so that a reader never
//! makes room for more than it was given. Not here: Python objects.

/// First byte of every encoded value.
pub(crate) const VERSION: u8 = 1;

/// First byte where what is encoded is the message's last range instead.
pub(crate) const IN_RANGE: u8 = 0x81;

/// How deep values may lie within each other.
pub(crate) const DEPTH: usize = 500;

/// What a value is. Those that can be [`Tag::Again`] are counted in the order in which
/// they begin; a tag with the bit [`COUNTED`] begins such a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    None = 0,
    False = 1,
    True = 2,
    Ellipsis = 3,
    NotImplemented = 4,
    /// Zigzag number.
    Int = 5,
    /// Length, two's complement little endian.
    BigInt = 6,
    /// 8 bytes.
    Float = 7,
    /// 16 bytes.
    Complex = 8,
    /// Length, WTF-8.
    Str = 9,
    Bytes = 10,
    ByteArray = 11,
    /// Index of a range.
    RangeBytes = 12,
    RangeByteArray = 13,
    /// Count, items.
    Tuple = 14,
    List = 15,
    /// Count, keys and values.
    Dict = 16,
    Set = 17,
    FrozenSet = 18,
    /// Index of a descriptor.
    Descriptor = 19,
    /// Index of a counted one.
    Again = 20,
    /// Module, qualified name.
    Reference = 21,
    /// Name; count, names of submodules that are wanted as well.
    Module = 22,
    /// Marshalled bytes. Always counted.
    Code = 23,
    /// See `function.rs`. Always counted.
    Function = 24,
    /// A cell, its content unless empty. Always counted.
    Cell = 25,
    /// A callable, a tuple of arguments, what `__reduce_ex__` says more. Always counted.
    Object = 26,
    /// End of a list of unknown length; absent part of an object.
    End = 27,
    /// A dictionary of globals that is no module's here. Always counted.
    Globals = 28,
}

/// Marks a tag whose value is counted.
pub(crate) const COUNTED: u8 = 0x80;

const LAST: u8 = Tag::Globals as u8;

impl Tag {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        const TAGS: [Tag; LAST as usize + 1] = [
            Tag::None,
            Tag::False,
            Tag::True,
            Tag::Ellipsis,
            Tag::NotImplemented,
            Tag::Int,
            Tag::BigInt,
            Tag::Float,
            Tag::Complex,
            Tag::Str,
            Tag::Bytes,
            Tag::ByteArray,
            Tag::RangeBytes,
            Tag::RangeByteArray,
            Tag::Tuple,
            Tag::List,
            Tag::Dict,
            Tag::Set,
            Tag::FrozenSet,
            Tag::Descriptor,
            Tag::Again,
            Tag::Reference,
            Tag::Module,
            Tag::Code,
            Tag::Function,
            Tag::Cell,
            Tag::Object,
            Tag::End,
            Tag::Globals,
        ];
        TAGS.get(usize::from(byte)).copied()
    }
}

/// Why bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    Truncated,
    Number,
    Count,
    Version(u8),
    Tag(u8),
    Index,
    Text,
    Depth,
    Unexpected(Tag),
    Trailing,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("it ends too early"),
            Self::Number => formatter.write_str("a number is too large"),
            Self::Count => formatter.write_str("a count is larger than what follows"),
            Self::Version(found) => {
                write!(formatter, "it is of version {found}, not {VERSION}")
            }
            Self::Tag(byte) => write!(formatter, "nothing has the tag {byte}"),
            Self::Index => formatter.write_str("it refers to what is not there"),
            Self::Text => formatter.write_str("a text is not in WTF-8"),
            Self::Depth => write!(formatter, "it is nested more than {DEPTH} deep"),
            Self::Unexpected(tag) => write!(formatter, "{tag:?} is out of place"),
            Self::Trailing => formatter.write_str("something follows it"),
        }
    }
}

pub(crate) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(crate) fn put_sized(bytes: &mut Vec<u8>, data: &[u8]) {
    put_number(bytes, data.len() as u64);
    bytes.extend_from_slice(data);
}

/// So that small negative numbers are short as well.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Reads from the front of some bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (&taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed::Number);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::Number)
    }

    /// An index into something; whether it is within is the caller's to see.
    pub(crate) fn index(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.number()?).map_err(|_| Malformed::Index)
    }

    /// A count of things that each take `least` bytes or more.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed::Count)?;
        match count.checked_mul(least) {
            Some(needed) if needed <= self.rest.len() => Ok(count),
            _ => Err(Malformed::Count),
        }
    }

    /// Bytes behind their length.
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        self.take(length)
    }

    /// A tag, and whether its value is counted.
    pub(crate) fn tag(&mut self) -> Result<(Tag, bool), Malformed> {
        let byte = self.byte()?;
        let tag = Tag::from_byte(byte & !COUNTED).ok_or(Malformed::Tag(byte))?;
        Ok((tag, byte & COUNTED != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for exponent in 0..64 {
            for near in [-1_i64, 0, 1] {
                let number = (1_u64 << exponent).wrapping_add_signed(near);
                let mut bytes = Vec::new();
                put_number(&mut bytes, number);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.number(), Ok(number));
                assert!(reader.is_empty());
                let signed = number as i64;
                assert_eq!(unzigzag(zigzag(signed)), signed);
            }
        }
    }

    #[test]
    fn small_numbers_are_short() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, zigzag(-64));
        assert_eq!(bytes.len(), 1);
    }

    #[test]
    fn a_number_that_does_not_fit_or_end_is_refused() {
        let mut reader = Reader::new(&[0xff; 12]);
        assert_eq!(reader.number(), Err(Malformed::Number));
        assert_eq!(Reader::new(&[0xff; 3]).number(), Err(Malformed::Truncated));
        let too_large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(Reader::new(&too_large).number(), Err(Malformed::Number));
    }

    #[test]
    fn a_count_is_at_most_what_follows() {
        let mut bytes = Vec::new();
        put_number(&mut bytes, 3);
        bytes.extend_from_slice(&[0; 5]);
        assert_eq!(Reader::new(&bytes).count(1), Ok(3));
        assert_eq!(Reader::new(&bytes).count(2), Err(Malformed::Count));
        let mut bytes = Vec::new();
        put_number(&mut bytes, u64::MAX);
        assert_eq!(Reader::new(&bytes).count(2), Err(Malformed::Count));
    }

    #[test]
    fn tags_are_their_numbers() {
        for byte in 0..=LAST {
            assert_eq!(Tag::from_byte(byte).map(|tag| tag as u8), Some(byte));
        }
        assert_eq!(Tag::from_byte(LAST + 1), None);
        let mut reader = Reader::new(&[Tag::List as u8 | COUNTED]);
        assert_eq!(reader.tag(), Ok((Tag::List, true)));
    }
}
