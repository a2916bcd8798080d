//! Tables that the kernel writes as text: a line of column names, then a line for each
//! row, words separated by single spaces. Numbers are decimal. A reader finds a column by
//! its name and skips those it does not know; columns are only ever added.
//!
//! Here: the names, so that both sides mean the same. All times are nanoseconds.

/// Columns of [`RG_CORES`](crate::syscall::RG_CORES), one row a core. All but the first
/// eight count up from the boot. [`WAKE_BUCKETS`] more columns follow, `wake_0` and on.
pub const CORES: &[&str] = &[
    // The core's number and its local APIC's id.
    "core",
    "apic_id",
    // When the row was read, on the monotonic clock.
    "now",
    // Thread that runs there, 0: none; and its process.
    "running",
    "running_process",
    // Threads that wait in the core's queues.
    "queue_length",
    // The core's virtual time: what a thread of weight 1024 would have run.
    "virtual_time",
    // Address spaces that the core remembers in its TLB.
    "pcid_slots",
    "idle_time",
    "interrupts",
    "timer_interrupts",
    "ipis_sent",
    "ipis_received",
    "system_calls",
    "switches",
    "preemptions",
    // Every entry into a queue of the core, and every way out: queued is the sum of
    // popped, stolen and dropped, and of queue_length.
    "queued",
    "popped",
    "stolen",
    "dropped",
    // Searches in other cores' queues, those that found something, threads moved here.
    "steals_tried",
    "steals_done",
    "steals_moved",
    // Threads that ran elsewhere before.
    "migrations",
    // Times that the core halted, and found work while it polled.
    "halts",
    "polls_hit",
    // CR3 loads for another address space, and those of them that kept the TLB.
    "space_loads",
    "space_loads_kept",
    // Requests to flush: sent to others, merged into one not answered yet, answered.
    "shootdowns_sent",
    "shootdowns_merged",
    "shootdowns_answered",
];

/// Buckets of the wake-to-run latency in [`CORES`]: `wake_n` counts the wake-ups after
/// which a thread ran within less than 2^n ns, and not within half of that. The last one
/// has all that took longer.
pub const WAKE_BUCKETS: usize = 32;

/// Columns of [`RG_LINES`](crate::syscall::RG_LINES), one row a line.
pub const LINES: &[&str] = &[
    // The global system interrupt, and the ISA line that it is, -1: none.
    "gsi",
    "isa",
    // 1: somebody has it; the process that attached it, and the one that serves it now, 0: none.
    "attached",
    "process",
    "server",
    // The core that it interrupts, 1: level-triggered, 1: masked now.
    "core",
    "level",
    "masked",
    // Interrupts since it was attached last, and those that nobody has taken.
    "interrupts",
    "untaken",
    // Times that it was masked because it took too much.
    "pauses",
    // Time of all runs of its server that are over.
    "busy",
    // When the last interrupt came, on the monotonic clock; 0: none did.
    "last",
    // Interrupts since the boot, whoever had it.
    "total",
];

/// Columns of [`RG_THREADS`](crate::syscall::RG_THREADS), one row a thread. `name` is the
/// rest of the line, and may hold spaces.
pub const THREADS: &[&str] = &[
    // Thread, process, the process's parent.
    "tid",
    "pid",
    "parent",
    // The core it runs on, or ran on last.
    "core",
    // The letter that /proc/PID/stat has.
    "state",
    // 0: interrupt work, 1: normal, 2: idle.
    "class",
    "nice",
    "weight",
    // The cores it may run on: hexadecimal, core 0 the lowest bit.
    "affinity",
    "virtual_time",
    "run_time",
    // Times that it was switched to; of those, the ones that ended before it gave up the core.
    "switches",
    "preemptions",
    "migrations",
    // Of those, by stealing.
    "stolen",
    // Wake-ups, and the time from them until it ran.
    "wakes",
    "wake_time",
    // Resident memory of the process, in bytes.
    "resident",
    "name",
];
