//! Starting the other cores: INIT, 10 ms, start-up, 200 µs, start-up again (SDM vol. 3A,
//! 9.4.4, "MP Initialization Example"; MultiProcessor Specification 1.4, B.4).
//!
//! Here: the protocol, for all cores at once, so that its delays are paid once. Not
//! here: the page that a core starts in, and how it says that it is there
//! ([`Machine::has_answered`]).
//!
//! A core may be late. One that answers after it has been given up would run on a stack
//! that somebody else has by then. So answering is not entering: a core that has answered
//! waits until it is admitted, a core that was given up is sent back to sleep by an INIT
//! and is never admitted.

use alloc::vec::Vec;

/// The hardware, as bringing up cores sees it. A core is named by its APIC id.
pub trait Machine {
    /// Sends an INIT: the core stops and waits for a start-up.
    fn send_init(&mut self, apic_id: u32);
    /// Sends a start-up: the core, if it waits for one, starts at `page * 4096`.
    fn send_startup(&mut self, apic_id: u32, page: u8);
    /// Waits at least that long.
    fn delay_us(&mut self, microseconds: u32);
    /// Whether the core has said that it runs. Stays true.
    fn has_answered(&mut self, apic_id: u32) -> bool;
    /// Lets a core that has answered go on. Called once for each that is counted as up.
    fn admit(&mut self, apic_id: u32);
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From INIT to the first start-up. The SDM's 10 ms; current processors need none.
    pub after_init_us: u32,
    /// From the first start-up to the second, for those that have not answered.
    pub after_startup_us: u32,
    /// How often is looked for answers.
    pub poll_us: u32,
    /// No core has answered for that long: those missing are given up. Every answer
    /// starts it anew, so a slow host gets the time it needs.
    pub patience_us: u32,
    /// How many cores are started at the same time. Less than all where the start page
    /// has room for a few only.
    pub at_once: usize,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            after_init_us: 10_000,
            after_startup_us: 200,
            poll_us: 20,
            patience_us: 500_000,
            at_once: usize::MAX,
        }
    }
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The cores that run and have been admitted, in the order in which they were seen.
    pub up: Vec<u32>,
    /// The cores that did not answer, and wait for a start-up again.
    pub silent: Vec<u32>,
    /// How many cores needed the second start-up.
    pub second_startups: usize,
}

/// Starts `cores` (APIC ids; repeated ones are started once) at physical address
/// `page * 4096`, and waits for their answers.
pub fn start(
    machine: &mut impl Machine,
    cores: impl IntoIterator<Item = u32>,
    page: u8,
    timing: &Timing,
) -> Report {
    let mut waiting: Vec<u32> = Vec::new();
    for core in cores {
        if !waiting.contains(&core) {
            waiting.push(core);
        }
    }
    let mut report = Report::default();
    if waiting.is_empty() {
        return report;
    }
    for &core in &waiting {
        machine.send_init(core);
    }
    machine.delay_us(timing.after_init_us);
    for group in waiting.chunks(timing.at_once.max(1)) {
        start_group(machine, group, page, timing, &mut report);
    }
    report
}

/// Start-ups for cores that wait for them.
fn start_group(
    machine: &mut impl Machine,
    group: &[u32],
    page: u8,
    timing: &Timing,
    report: &mut Report,
) {
    let mut missing = group.to_vec();
    for &core in &missing {
        machine.send_startup(core, page);
    }
    wait(
        machine,
        &mut missing,
        Limit::InAll(timing.after_startup_us),
        timing.poll_us,
        report,
    );
    // A core that runs already takes no notice of a second start-up (SDM vol. 3A, 10.4.2):
    // it does no harm to one that only is slow to answer.
    for &core in &missing {
        machine.send_startup(core, page);
    }
    report.second_startups += missing.len();
    wait(
        machine,
        &mut missing,
        Limit::WithoutAnswer(timing.patience_us),
        timing.poll_us,
        report,
    );
    for &core in &missing {
        machine.send_init(core);
    }
    report.silent.append(&mut missing);
}

/// How long answers are waited for, in microseconds.
enum Limit {
    InAll(u32),
    WithoutAnswer(u32),
}

/// Takes answers from `missing` until there are none missing or the time is up.
fn wait(
    machine: &mut impl Machine,
    missing: &mut Vec<u32>,
    limit: Limit,
    poll_us: u32,
    report: &mut Report,
) {
    let (Limit::InAll(whole) | Limit::WithoutAnswer(whole)) = limit;
    let step = poll_us.max(1);
    let mut left = whole;
    loop {
        let before = missing.len();
        missing.retain(|&core| {
            let is_missing = !machine.has_answered(core);
            if !is_missing {
                report.up.push(core);
                machine.admit(core);
            }
            is_missing
        });
        if missing.len() < before && matches!(limit, Limit::WithoutAnswer(_)) {
            left = whole;
        }
        if missing.is_empty() || left == 0 {
            return;
        }
        machine.delay_us(step.min(left));
        left = left.saturating_sub(step);
    }
}

#[cfg(test)]
mod tests;
