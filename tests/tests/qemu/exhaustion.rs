//! What runs out: memory, files, descriptors, processes, threads.

use tests::suite::Tier;

use crate::common::{LIMIT, finished, python};

const CODE: &str = include_str!("exhaustion.py");

/// What each child says (see the program): an error, or a status.
const SAID: &str = "\
huge MemoryError 0
limited MemoryError 0
all_memory -9
files ENOSPC 0
names ENOSPC 0
descriptors EMFILE 0
all_descriptors ENFILE 0
pipes ENFILE 0
sockets ENFILE 0
processes 19 EAGAIN 0
threads 19 RuntimeError 0
bomb many ENOMEM 0
True 1 True True
";

pub fn add(tier: Tier) -> Tier {
    tier.test(
        "exhaustion: memory, files, descriptors and processes run out, and the machine goes on",
        || {
            let machine = python(CODE).smp(2).memory_mib(256).timeout(LIMIT);
            let output = finished(machine);
            assert_eq!(output.stdout_text(), SAID, "{}", output.stderr_text());
        },
    )
}
