//! What a program in a machine has counted: lines of a name, a space and a number.

/// The number behind `name` in `text`; None where there is no such line.
#[must_use]
pub fn find(text: &str, name: &str) -> Option<i64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find_map(|(word, number)| (word == name).then(|| number.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn a_number_is_found_by_its_whole_name() {
        let text = "loads_kept 7\nloads 12\n3 more, done\nbad x\n";
        assert_eq!(find(text, "loads"), Some(12));
        assert_eq!(find(text, "loads_kept"), Some(7));
        assert_eq!(find(text, "kept"), None);
        assert_eq!(find(text, "bad"), None);
    }
}
