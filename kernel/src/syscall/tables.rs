//! `RG_CORES` and `RG_THREADS`: what each core has done, and every thread there is, as
//! text tables (`roentgen_abi::table` says what the columns mean).

use core::fmt::Write;
use std::sync::Arc;

use roentgen_abi::table::{CORES, THREADS, WAKE_BUCKETS};
use sched::counts::BUCKETS;
use sched::mask::CoreMask;

use crate::cpu::{self, Core};
use crate::memory::PAGE_SIZE;
use crate::task::process::{self, Process};
use crate::task::{Thread, scheduler};
use crate::time::{self, Instant};

const _: () = assert!(WAKE_BUCKETS == BUCKETS);

/// Numeric columns of a thread; its name is the last.
const THREAD_NUMBERS: usize = THREADS.len() - 1;

/// The table of cores.
#[must_use]
#[inline(never)]
pub fn cores() -> String {
    let mut text = CORES.join(" ");
    for bucket in 0..BUCKETS {
        let _ = write!(text, " wake_{bucket}");
    }
    text.push('\n');
    for core in cpu::all() {
        let latencies = core.scheduler.shared().counts.latencies.get();
        let row: Vec<String> = core_values(core)
            .iter()
            .chain(&latencies)
            .map(u64::to_string)
            .collect();
        text.push_str(&row.join(" "));
        text.push('\n');
    }
    text
}

fn core_values(core: &Core) -> [u64; CORES.len()] {
    let shared = core.scheduler.shared();
    let counts = &shared.counts;
    let out = counts.popped.get() + counts.stolen.get() + counts.dropped.get();
    let queued = counts.queued.get();
    let running = core.scheduler.running();
    let (thread, process) = running.map_or((0, 0), |thread| (thread.id(), thread.process().id()));
    let (sent, received) = (&core.interrupts.sent, &core.interrupts.from_cores);
    let tlb = core.tlb.counts();
    [
        core.id as u64,
        u64::from(core.apic_id),
        Instant::now().as_nanos(),
        u64::from(thread),
        u64::from(process),
        queued.saturating_sub(out),
        shared.virtual_time(),
        tlb.slots_in_use,
        core.scheduler.idle_nanos(),
        core.interrupts.all.get(),
        core.interrupts.timer.get(),
        sent.get(),
        received.get(),
        core.system_calls(),
        counts.switches.get(),
        counts.preemptions.get(),
        queued,
        counts.popped.get(),
        counts.stolen.get(),
        counts.dropped.get(),
        counts.steals_tried.get(),
        counts.steals_done.get(),
        counts.steals_moved.get(),
        counts.migrations.get(),
        counts.halts.get(),
        counts.polls_hit.get(),
        tlb.space_loads,
        tlb.space_loads_kept,
        tlb.shootdowns_sent,
        tlb.shootdowns_merged,
        tlb.shootdowns_answered,
    ]
}

/// The table of threads.
#[must_use]
#[inline(never)]
pub fn threads() -> String {
    let mut text = THREADS.join(" ");
    text.push('\n');
    for process in process::all() {
        let resident = process
            .try_space()
            .map_or(0, |space| space.statm().resident * PAGE_SIZE as u64);
        for thread in process.threads() {
            thread_row(&mut text, &process, &thread, resident);
        }
    }
    text
}

fn thread_row(text: &mut String, process: &Process, thread: &Arc<Thread>, resident: u64) {
    let entity = thread.scheduling();
    let (switches, preemptions) = entity.switches();
    let (migrations, stolen) = entity.migrations();
    let (wakes, wake_time) = entity.wakes();
    let affinity = hexadecimal(entity.affinity());
    let columns: [String; THREAD_NUMBERS] = [
        thread.id().to_string(),
        process.id().to_string(),
        process.parent_id().to_string(),
        thread.core().to_string(),
        char::from(thread.state_letter()).to_string(),
        (entity.class() as u8).to_string(),
        entity.nice().to_string(),
        scheduler::weight(entity).to_string(),
        affinity,
        entity.virtual_time().to_string(),
        thread.run_nanos().to_string(),
        switches.to_string(),
        preemptions.to_string(),
        migrations.to_string(),
        stolen.to_string(),
        wakes.to_string(),
        wake_time.to_string(),
        resident.to_string(),
    ];
    text.push_str(&columns.join(" "));
    text.push(' ');
    // A name has no line's end in it, whatever the program says.
    let name = String::from_utf8_lossy(&thread.name()).replace(char::is_control, "?");
    text.push_str(&name);
    text.push('\n');
}

/// The cores that are there, core 0 the lowest bit.
fn hexadecimal(mut mask: CoreMask) -> String {
    for (word, there) in mask.0.iter_mut().zip(CoreMask::first(cpu::count()).0) {
        *word &= there;
    }
    let words: Vec<String> = mask
        .0
        .iter()
        .rev()
        .map(|word| format!("{word:016x}"))
        .collect();
    let digits = words.concat();
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        significant => significant.to_owned(),
    }
}

/// Sums over all cores, under the names that `RG_COUNTERS` has for them.
pub fn sums(text: &mut String) {
    type Pick = fn(&Core) -> u64;
    let sums: [(&str, Pick); 22] = [
        ("system_calls", |core| core.system_calls()),
        ("timer_interrupts", |core| core.interrupts.timer.get()),
        ("ipis_sent", |core| core.interrupts.sent.get()),
        ("ipis_received", |core| core.interrupts.from_cores.get()),
        ("wake_ipis", |core| counts(core).interrupts_sent.get()),
        ("switches", |core| counts(core).switches.get()),
        ("preemptions", |core| counts(core).preemptions.get()),
        ("policy_picks", |core| counts(core).governed.get()),
        ("migrations", |core| counts(core).migrations.get()),
        ("queued", |core| counts(core).queued.get()),
        ("popped", |core| counts(core).popped.get()),
        ("stolen", |core| counts(core).stolen.get()),
        ("dropped", |core| counts(core).dropped.get()),
        ("steals_tried", |core| counts(core).steals_tried.get()),
        ("steals_done", |core| counts(core).steals_done.get()),
        ("steals_moved", |core| counts(core).steals_moved.get()),
        ("pushed", |core| counts(core).pushed.get()),
        ("halts", |core| counts(core).halts.get()),
        ("polls_hit", |core| counts(core).polls_hit.get()),
        ("timers_armed", |core| time::counts(core.id).armed),
        ("timers_cancelled", |core| time::counts(core.id).cancelled),
        ("timers_expired", |core| time::counts(core.id).expired),
    ];
    for (name, pick) in sums {
        let sum: u64 = cpu::all().map(pick).sum();
        let _ = writeln!(text, "{name} {sum}");
    }
    for core in cpu::all() {
        let id = core.id;
        let _ = writeln!(text, "core{id}_system_calls {}", core.system_calls());
        let _ = writeln!(text, "core{id}_interrupts {}", core.interrupts.all.get());
        let _ = writeln!(text, "core{id}_idle_nanos {}", core.scheduler.idle_nanos());
        let tlb = core.tlb.counts();
        let _ = writeln!(text, "core{id}_space_loads {}", tlb.space_loads);
        let _ = writeln!(text, "core{id}_space_loads_kept {}", tlb.space_loads_kept);
        let _ = writeln!(text, "core{id}_pcid_slots {}", tlb.slots_in_use);
    }
}

fn counts(core: &Core) -> &sched::counts::Counts {
    &core.scheduler.shared().counts
}
