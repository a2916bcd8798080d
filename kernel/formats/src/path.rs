//! Path names as strings of bytes: components, trailing slashes (POSIX.1-2017, 4.13).

/// Longest name of one directory entry, in bytes.
pub const NAME_MAX: usize = 255;
/// Longest path with its NUL, in bytes.
pub const PATH_MAX: usize = 4096;

/// The first component of a path and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// First component; never empty, no slashes.
    pub first: &'a [u8],
    /// What follows, without leading slashes; empty behind the last component.
    pub rest: &'a [u8],
    /// Whether at least one slash follows `first`.
    pub has_slash: bool,
}

/// Whether the path begins at the root.
#[must_use]
pub fn is_absolute(path: &[u8]) -> bool {
    path.first() == Some(&b'/')
}

/// Takes the first component off. None where there is none (empty, or slashes only).
#[must_use]
pub fn split(path: &[u8]) -> Option<Split<'_>> {
    let path = without_slashes(path);
    if path.is_empty() {
        return None;
    }
    let end = path.iter().position(|byte| *byte == b'/');
    let (first, behind) = path.split_at_checked(end.unwrap_or(path.len()))?;
    Some(Split {
        first,
        rest: without_slashes(behind),
        has_slash: end.is_some(),
    })
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/');
    start
        .and_then(|start| path.get(start..))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn components_come_in_order_and_the_last_slash_is_seen() {
        let split_once = split(b"//usr///lib/").unwrap();
        assert_eq!(split_once.first, b"usr");
        assert_eq!(split_once.rest, b"lib/");
        let last = split(split_once.rest).unwrap();
        assert_eq!(
            (last.first, last.rest, last.has_slash),
            (&b"lib"[..], &b""[..], true)
        );
        assert!(!split(b"lib").unwrap().has_slash);
        assert_eq!(split(b"///"), None);
        assert_eq!(split(b""), None);
    }

    proptest! {
        #[test]
        fn the_components_are_those_between_the_slashes(path in "[a-c/.]{0,40}") {
            let expected: Vec<&[u8]> =
                path.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
            let mut found = Vec::new();
            let mut rest = path.as_bytes();
            while let Some(next) = split(rest) {
                found.push(next.first);
                rest = next.rest;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
