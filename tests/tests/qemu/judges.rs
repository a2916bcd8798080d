//! Programs that no one here wrote, as Debian ships them, shared libraries included.

use std::path::Path;

use tests::debian;
use tests::machine::Machine;
use tests::share::Tree;
use tests::suite::Tier;

use crate::common::{LIMIT, all_well};

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "judges: hackbench passes its messages in all its ways",
        || {
            all_well(asking("hackbench").timeout(LIMIT), &[]);
        },
    )
    .test("judges: stress-ng finds nothing wrong", || {
        // A hundred and fifty of its programs.
        all_well(asking("stress-ng").timeout(5 * LIMIT), &[]);
    })
}

/// A machine with a program of that name and its libraries, and who asks it.
fn asking(name: &str) -> Machine {
    let mut tree = Tree::default();
    debian::add(&mut tree, &Path::new("/usr/bin").join(name)).unwrap();
    Machine::new()
        .tree(tree)
        .python(["-c", include_str!("judges.py"), name])
        .kernel_words("check=tlb,sched,stacks")
        .smp(2)
}
