//! Where two outputs part: the first lines that differ, readable and short.

use std::fmt::Write as _;

/// How many differing lines are shown.
const SHOWN: usize = 20;
/// How much of a line is shown.
const WIDTH: usize = 160;

/// The first differing lines of what Linux and what Roentgen wrote; empty where both
/// wrote the same.
#[must_use]
pub fn describe(linux: &[u8], roentgen: &[u8]) -> String {
    let mut text = String::new();
    if linux == roentgen {
        return text;
    }
    let (left, right) = (lines(linux), lines(roentgen));
    if linux.len() != roentgen.len() {
        let _ = writeln!(
            text,
            "    {} bytes on Linux, {} here",
            linux.len(),
            roentgen.len()
        );
    }
    let differing =
        (0..left.len().max(right.len())).filter(|&line| left.get(line) != right.get(line));
    for line in differing.take(SHOWN) {
        let _ = writeln!(text, "    line {}:", line + 1);
        let _ = writeln!(text, "      linux    {}", shown(left.get(line)));
        let _ = writeln!(text, "      roentgen {}", shown(right.get(line)));
    }
    text
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// A line with its odd bytes escaped, from its start.
fn shown(line: Option<&&[u8]>) -> String {
    match line {
        None => "(nothing)".to_owned(),
        Some(line) => line[..line.len().min(WIDTH)].escape_ascii().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;

    #[test]
    fn equal_outputs_have_no_difference() {
        assert_eq!(describe(b"a\nb\n", b"a\nb\n"), "");
    }

    #[test]
    fn the_line_that_differs_is_shown_from_both_sides() {
        let text = describe(b"same\nleft\n", b"same\nright\n");
        assert!(text.contains("line 2"));
        assert!(text.contains("linux    left\\n"));
        assert!(text.contains("roentgen right\\n"));
    }

    #[test]
    fn a_missing_newline_at_the_end_is_a_difference() {
        assert!(describe(b"a\n", b"a").contains("roentgen a\n"));
        assert!(describe(b"", b"\x00").contains("(nothing)"));
    }
}
