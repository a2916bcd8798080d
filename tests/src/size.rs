//! Sizes as people write them on a command line: `512M`, `1G`, `65536K`.

/// Bytes in a MiB.
pub const MIB: u64 = 1 << 20;

/// Reads a size: digits and an optional `K`, `M`, `G` or `T` (powers of 1024; either
/// case, with or without `iB` or `B`). A bare number is MiB, as QEMU's `-m` has it.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => 1 << 10,
        "" | "m" | "mb" | "mib" => MIB,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_size_is_read_as_qemu_reads_it() {
        assert_eq!(parse("1G"), Some(1 << 30));
        assert_eq!(parse("512"), Some(512 << 20));
        assert_eq!(parse("64mib"), Some(64 << 20));
        for wrong in [
            "",
            "G",
            "-1G",
            "1.5G",
            "1X",
            "99999999999999999999",
            "99999999999T",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
