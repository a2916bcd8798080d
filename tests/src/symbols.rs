//! `/boot/kernel.sym`: the kernel's functions by address, so that it can name the
//! frames of its own backtrace.
//!
//! Text, a line each, sorted by address: 16 hexadecimal digits, a space, the
//! demangled name without its hash.

use std::fmt::Write as _;

use object::{Object, ObjectSymbol, SymbolKind};

use crate::error::{Error, Result};

/// The table for a kernel's ELF.
///
/// # Errors
/// Where the file is no ELF.
pub fn table(elf: &[u8]) -> Result<Vec<u8>> {
    let file = object::File::parse(elf)
        .map_err(|error| Error::Machine(format!("the kernel is no ELF file: {error}")))?;
    let mut functions: Vec<(u64, String)> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.address() != 0)
        .filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?.to_owned())))
        .collect();
    functions.sort();
    functions.dedup_by_key(|(address, _)| *address);
    let mut text = String::new();
    for (address, name) in functions {
        let _ = writeln!(text, "{address:016x} {:#}", rustc_demangle::demangle(&name));
    }
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn our_own_functions_are_found_by_name_and_in_order() {
        let ourselves = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let text = String::from_utf8(table(&ourselves).unwrap()).unwrap();
        assert!(text.contains("tests::symbols::table\n"));
        assert!(text.lines().is_sorted());
    }

    #[test]
    fn a_file_that_is_no_elf_is_refused() {
        assert!(table(b"#!/bin/sh\n").is_err());
    }
}
