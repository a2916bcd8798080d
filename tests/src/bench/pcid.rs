//! Suite `pcid`: what it buys not to lose the TLB at a switch, by how many pages are used
//! across it; and from how many pages on it is better to lose it than to flush them one by
//! one.
//!
//! Of the first, only hardware can tell: no TCG has PCID, so there both columns are one and
//! the same path, and the difference between them is what the noise is. The second has
//! TCG's own answer, and another one on a CPU.

use super::Depth;
use super::case::{Case, Group, Kernel, Kind, MEMORY, System};
use super::figure::{Figure, Unit};
use crate::linux::Variant;
use crate::machine::accelerator;

const PAGES: [u32; 4] = [0, 8, 64, 512];

const WITHOUT: System = System {
    name: "roentgen, pcid=off",
    kernel: Kernel::Ours,
    words: "pcid=off",
};
const LINUX_WITHOUT: System = System {
    name: "linux, nopcid",
    kernel: Kernel::Linux(Variant::Best),
    words: "nopcid",
};

/// How many pages are taken away, and how many others are used afterwards.
const UNMAPPED: [u32; 6] = [1, 8, 16, 32, 64, 128];
const STAYING: u32 = 256;

const ONE_BY_ONE: System = System {
    name: "one by one",
    kernel: Kernel::Ours,
    words: "flush_pages=255",
};
const AT_ONCE: System = System {
    name: "everything",
    kernel: Kernel::Ours,
    words: "flush_pages=0",
};

/// The suite's groups.
#[must_use]
pub fn groups(depth: Depth) -> Vec<Group> {
    vec![switches(depth), unmapping(depth)]
}

fn unmapping(depth: Depth) -> Group {
    let case = |pages: u32| {
        let label = format!("{pages} pages go, {STAYING} stay");
        Case::new(
            format!("bench_unmap {pages} {STAYING} 500 {}", depth.pick(3, 5)),
            [Figure::new(
                format!("unmap_{pages}"),
                label,
                Unit::Microseconds,
            )],
        )
    };
    Group {
        title: "flushing pages of a process, by how".to_owned(),
        kind: Kind::Wall,
        cores: 1,
        memory: MEMORY,
        systems: vec![ONE_BY_ONE, AT_ONCE],
        rounds: depth.pick(3, 10),
        first_line: None,
        cases: UNMAPPED.into_iter().map(case).collect(),
    }
}

fn switches(depth: Depth) -> Group {
    let case = |pages: u32| {
        let label = format!("a switch and {pages} pages");
        Case::new(
            format!("bench_pages {pages} 1000 {}", depth.pick(3, 5)),
            [Figure::new(
                format!("pages_{pages}"),
                label,
                Unit::Microseconds,
            )],
        )
    };
    Group {
        title: "two processes on one core".to_owned(),
        kind: Kind::Wall,
        cores: 1,
        memory: MEMORY,
        systems: vec![System::OURS, WITHOUT, System::BEST, LINUX_WITHOUT],
        rounds: depth.pick(3, 10),
        first_line: None,
        cases: PAGES.into_iter().map(case).collect(),
    }
}

/// Whether the figures mean something on this host.
#[must_use]
pub fn preface() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    describe(accelerator::kvm_works(), has_pcid(&cpuinfo)).to_owned()
}

fn describe(has_kvm: bool, has_pcid: bool) -> &'static str {
    match (has_kvm, has_pcid) {
        (true, true) => "KVM on a CPU with PCID: the columns differ by what PCID buys.",
        (true, false) => "KVM on a CPU without PCID: both columns are the same path.",
        (false, _) => "TCG: no PCID: both columns are the same path.",
    }
}

fn has_pcid(cpuinfo: &str) -> bool {
    let mut flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags.any(|line| line.split_whitespace().any(|flag| flag == "pcid"))
}

#[cfg(test)]
mod tests {
    use super::{describe, has_pcid};

    #[test]
    fn the_reader_is_told_where_both_columns_are_one_path() {
        assert!(has_pcid("flags\t\t: fpu pcid sse"));
        assert!(!has_pcid("flags\t\t: fpu invpcid\nbugs\t\t: pcid"));
        assert!(describe(false, true).contains("no PCID"));
        assert!(describe(true, false).contains("the same path"));
        assert!(!describe(true, true).contains("the same path"));
    }
}
