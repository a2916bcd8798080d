//! The kernel command line: `key=value` words between spaces; double quotes keep spaces
//! in a value, as Linux's `next_arg` reads them.

use alloc::string::String;
use alloc::vec::Vec;

/// A parsed command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    words: Vec<(String, Option<String>)>,
}

impl CommandLine {
    /// Parses `text`; what is no UTF-8 becomes replacement characters. A quote that is
    /// never closed reaches to the end.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let mut words = Vec::new();
        let mut word = String::new();
        let mut equals = None;
        let mut is_quoted = false;
        let mut is_word = false;
        for character in text.chars() {
            match character {
                '"' => {
                    is_quoted = !is_quoted;
                    is_word = true;
                }
                ' ' | '\t' | '\n' | '\r' | '\0' if !is_quoted => {
                    if is_word {
                        words.push(split(&word, equals));
                    }
                    word.clear();
                    equals = None;
                    is_word = false;
                }
                _ => {
                    if character == '=' && equals.is_none() {
                        equals = Some(word.len());
                    }
                    word.push(character);
                    is_word = true;
                }
            }
        }
        if is_word {
            words.push(split(&word, equals));
        }
        Self { words }
    }

    /// The value of `key`; the last one counts. None where it is absent or has none.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let word = self.words.iter().rev().find(|(name, _)| name == key)?;
        word.1.as_deref()
    }

    /// Whether `key` is there, with or without a value.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.words.iter().any(|(name, _)| name == key)
    }

    /// All words in order: key, and value where there is one.
    pub fn words(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.words
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

fn split(word: &str, equals: Option<usize>) -> (String, Option<String>) {
    match equals.and_then(|at| word.split_at_checked(at)) {
        Some((key, value)) => (key.into(), Some(value.get(1..).unwrap_or_default().into())),
        None => (word.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_flags_and_quotes() {
        let line =
            CommandLine::parse(b"init=/bin/x  quiet log=debug name=\"a b=c\" \"key=d e\" log=info");
        assert_eq!(line.value("init"), Some("/bin/x"));
        assert!(line.has("quiet"));
        assert_eq!(line.value("quiet"), None);
        assert_eq!(line.value("log"), Some("info"));
        assert_eq!(line.value("name"), Some("a b=c"));
        assert_eq!(line.value("key"), Some("d e"));
        assert_eq!(line.value("absent"), None);
    }

    #[test]
    fn an_open_quote_reaches_to_the_end() {
        let line = CommandLine::parse(b"a=\"b c");
        assert_eq!(line.value("a"), Some("b c"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_command_line(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = CommandLine::parse(&text).words().count();
        }
    }
}
