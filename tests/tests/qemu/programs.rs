//! The static C programs of `tests/programs`: what they print, they print on Linux.

use tests::programs::{Link, differences};
use tests::suite::Tier;

use crate::common::LIMIT;

const PROGRAMS: &[(&str, Link, &str)] = &[
    (
        "faults",
        Link::Static,
        "every class of fault ends its process as on Linux, and a handler learns the same",
    ),
    (
        "pointers",
        Link::Static,
        "a bad pointer is EFAULT wherever Linux says so",
    ),
    (
        "errnos",
        Link::Static,
        "wrong calls fail with Linux's errors",
    ),
    (
        "registers",
        Link::Static,
        "x87, SSE, AVX and general registers are a thread's own",
    ),
    (
        "threads",
        Link::Static,
        "threads of the C library lock, wait, cancel and end",
    ),
    (
        "memory",
        Link::Static,
        "mappings are made, moved, protected, shared and given back as on Linux",
    ),
    (
        "stack",
        Link::Static,
        "a program finds its arguments and auxiliary vector",
    ),
    (
        "stack",
        Link::StaticPie,
        "so does one at an address that the kernel chooses",
    ),
];

pub fn add(mut tier: Tier) -> Tier {
    for (name, link, promise) in PROGRAMS.iter().copied() {
        tier = tier.test(format!("programs: {name}: {promise}"), move || {
            let differences = differences(name, link, LIMIT).unwrap();
            assert!(differences.is_empty(), "\n{differences}");
        });
    }
    tier
}
