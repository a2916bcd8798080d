//! Interrupt lines that processes serve: their handler, and what is done to their pins.
//!
//! What is counted and when a line is masked is [`smp::line`]'s; here is the lock around
//! it, the pin, whom to wake, and the moments at which it must be looked at. A line has
//! the place and the vector of its global system interrupt.
//!
//! In the handler nothing is allocated, and the locks that are taken are spin locks, with
//! interrupts off wherever they are taken. Order: a line's state, then the I/O APICs'; the
//! waiters are told with neither held.

use core::fmt::Write;

use linux_raw_sys::general as linux;
use roentgen_abi::table;
use smp::ioapic::Route;
use smp::line::{Cause, Change, Line, Pin, WINDOW};
use smp::madt::Trigger;

use crate::cpu::looks::{Due, Looks};
use crate::cpu::{self, interrupts, start};
use crate::errno::{Errno, Result};
use crate::sync::{IrqLock, WaitQueue};
use crate::task::{self, process};
use crate::time::Instant;

/// How many global system interrupts can be served.
pub const COUNT: usize = 64;

crate::counters! {
    /// Interrupts of lines that processes serve.
    static LINE_INTERRUPTS = "line_interrupts";
    /// Times that such a line was masked because it took too much.
    static LINE_PAUSES = "line_pauses";
    /// Servers that were killed because they did not come back in time.
    static LINE_OVERRUNS = "line_overruns";
}

/// Who uses a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Kernel,
    /// The process that attached it.
    Process(u32),
}

struct State {
    owner: Owner,
    /// There while a process has it.
    line: Option<Line>,
    /// Goes up when it is attached: a descriptor of an earlier time is of no use.
    generation: u64,
    core: usize,
    /// The process whose thread took the count last by [`wait`]; 0: none.
    server: u32,
    last: u64,
    /// Interrupts of earlier attachments.
    earlier: u64,
}

struct Slot {
    state: IrqLock<State>,
    /// Told when there is something to take, and when the line is gone.
    changed: WaitQueue,
}

static SLOTS: [Slot; COUNT] = [const {
    Slot {
        state: IrqLock::new(State {
            owner: Owner::Nobody,
            line: None,
            generation: 0,
            core: 0,
            server: 0,
            last: 0,
            earlier: 0,
        }),
        changed: WaitQueue::new(),
    }
}; COUNT];

/// When each core looks at all lines.
static LOOKS: Looks = Looks::new();

/// What is asked of a line.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The global system interrupt.
    pub gsi: u32,
    /// The core that it goes to.
    pub core: usize,
    /// What raises it; None: what the firmware says.
    pub trigger: Option<Trigger>,
    /// Interrupts a second, at most.
    pub rate: u32,
    /// The longest run, in nanoseconds.
    pub limit: u64,
}

/// A line, as one attachment of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attachment {
    place: usize,
    generation: u64,
}

fn slot(gsi: u32) -> Result<(usize, &'static Slot)> {
    let place = gsi as usize;
    let slot = SLOTS.get(place).ok_or(Errno::EINVAL)?;
    Ok((place, slot))
}

fn vector(place: usize) -> u8 {
    interrupts::LINES + place as u8
}

/// The kernel itself uses the line.
pub fn reserve(gsi: u32) {
    if let Ok((_, slot)) = slot(gsi) {
        slot.state.lock().owner = Owner::Kernel;
    }
}

/// Lets a line through to a core, for the current process.
///
/// # Errors
/// `EINVAL` (no such line or core), `EBUSY`.
pub fn attach(wish: &Wish) -> Result<Attachment> {
    let (place, slot) = slot(wish.gsi)?;
    let core = (wish.core < cpu::count())
        .then(|| cpu::by_id(wish.core))
        .flatten()
        .ok_or(Errno::EINVAL)?;
    let (polarity, spoken) = start::with_io_apics(|io_apics| {
        io_apics
            .reaches(wish.gsi)
            .then(|| io_apics.speech(wish.gsi))
    })
    .flatten()
    .ok_or(Errno::EINVAL)?;
    let trigger = wish.trigger.unwrap_or(spoken);
    let allowance = u64::from(wish.rate) * WINDOW / 1_000_000_000;
    let allowance = u32::try_from(allowance.max(1)).unwrap_or(u32::MAX);
    let mut state = slot.state.lock();
    if state.owner != Owner::Nobody {
        return Err(Errno::EBUSY);
    }
    let route = Route {
        vector: vector(place),
        apic_id: core.apic_id,
        polarity,
        trigger,
    };
    // Held meanwhile: it may fire at once, and waits for the lock.
    start::with_io_apics(|io_apics| io_apics.route(wish.gsi, route))
        .and_then(core::result::Result::ok)
        .ok_or(Errno::EINVAL)?;
    let now = Instant::now().as_nanos();
    state.owner = Owner::Process(task::current_process().id());
    state.line = Some(Line::new(trigger, allowance, wish.limit, now));
    state.generation += 1;
    state.core = wish.core;
    state.server = 0;
    state.last = 0;
    Ok(Attachment {
        place,
        generation: state.generation,
    })
}

/// Takes a line away from whoever has it.
///
/// # Errors
/// `EINVAL` (no such line), `ENOENT` (no process has it).
pub fn detach(gsi: u32) -> Result<()> {
    let (place, slot) = slot(gsi)?;
    let mut state = slot.state.lock();
    if state.line.is_none() {
        return Err(Errno::ENOENT);
    }
    let_go(place, &mut state);
    drop(state);
    slot.changed.wake_all();
    Ok(())
}

/// Masks the pin and gives the line back.
fn let_go(place: usize, state: &mut State) {
    mask(place, true);
    if let Some(line) = state.line.take() {
        state.earlier += line.total();
    }
    state.owner = Owner::Nobody;
    state.server = 0;
}

fn mask(place: usize, is_masked: bool) {
    start::with_io_apics(|io_apics| {
        let gsi = place as u32;
        // There: it was routed.
        let _ = if is_masked {
            io_apics.mask(gsi)
        } else {
            io_apics.unmask(gsi)
        };
    });
}

/// Does to the pin what a change of the line asks for, and sees to its next deadline.
fn carry_out(place: usize, line: &Line, change: Change) {
    match change.pin {
        Pin::Stays => {}
        Pin::Mask => mask(place, true),
        Pin::Unmask => mask(place, false),
    }
    if let Some(cause) = change.pause {
        LINE_PAUSES.add(1);
        // Said at the first, the second, the fourth, …
        if line.pauses().is_power_of_two() {
            let why = match cause {
                Cause::Rate => "more interrupts than it may have",
                Cause::Time => "serving it takes more than half of the time",
            };
            crate::warn!(
                "line {place}: {why}; masked for a while (pause {})",
                line.pauses()
            );
        }
    }
    if let Some(deadline) = line.deadline() {
        LOOKS.look_at(deadline);
    }
}

/// When this core looks at the lines next.
pub fn next_look(core: usize) -> Option<Instant> {
    LOOKS.next(core)
}

/// The interrupt of a line; before the end of interrupt is told, so that a level-triggered
/// one is masked by then.
pub fn interrupt(vector: u8) {
    let place = usize::from(vector - interrupts::LINES);
    let slot = &SLOTS[place];
    LINE_INTERRUPTS.add(1);
    {
        let mut state = slot.state.lock();
        let now = Instant::now().as_nanos();
        let Some(line) = &mut state.line else {
            // Under way when it was taken away: the pin is masked.
            return;
        };
        let change = line.interrupt(now);
        carry_out(place, line, change);
        state.last = now;
    }
    slot.changed.wake_all();
}

/// The timer's interrupt: ends pauses, and takes lines away whose servers do not come back.
pub fn look(core: usize) {
    let Some(Due { now, .. }) = LOOKS.take_due(core) else {
        return;
    };
    for (place, slot) in SLOTS.iter().enumerate() {
        let mut overrun = None;
        {
            let mut state = slot.state.lock();
            let server = state.server;
            let Some(line) = &mut state.line else {
                continue;
            };
            if line.is_overrun(now) {
                overrun = Some((server, line.run_limit()));
                let_go(place, &mut state);
            } else if line.deadline().is_some() {
                let change = line.look(now);
                carry_out(place, line, change);
                if !line.has_news() {
                    continue;
                }
            } else {
                continue;
            }
        }
        if let Some((server, limit)) = overrun {
            end_server(place, server, limit);
        }
        slot.changed.wake_all();
    }
}

fn end_server(place: usize, server: u32, limit: u64) {
    LINE_OVERRUNS.add(1);
    crate::warn!(
        "line {place}: process {server} serves it for longer than {} ms; it is killed, and \
         the line taken away",
        limit / 1_000_000
    );
    if let Some(process) = process::find(server) {
        process.send_signal(linux::SIGKILL);
    }
}

impl Attachment {
    fn slot(&self) -> &'static Slot {
        &SLOTS[self.place]
    }

    fn with<T>(&self, body: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.slot().state.lock();
        if state.generation != self.generation || state.line.is_none() {
            return Err(Errno::ENODEV);
        }
        Ok(body(&mut state))
    }

    /// Told when there is something to take, and when the line is gone.
    #[must_use]
    pub fn changed(&self) -> &'static WaitQueue {
        &self.slot().changed
    }

    /// Whether there is something to take.
    ///
    /// # Errors
    /// `ENODEV`: the line was taken away.
    pub fn has_news(&self) -> Result<bool> {
        self.with(|state| state.line.as_ref().is_some_and(Line::has_news))
    }

    /// The global system interrupt.
    #[must_use]
    pub fn gsi(&self) -> u32 {
        self.place as u32
    }

    /// The interrupts since the last time, and when the run ends at the latest; None: there
    /// were none. Without a `server`, a process, the run is not limited.
    ///
    /// # Errors
    /// `ENODEV`.
    pub fn take(&self, server: u32) -> Result<Option<(u64, u64)>> {
        self.with(|state| {
            let now = Instant::now().as_nanos();
            let line = state.line.as_mut()?;
            let count = line.take(now)?;
            if server == 0 {
                // Who reads is not waited for: no run, and no limit.
                line.forget_run();
            } else if let Some(deadline) = line.deadline() {
                LOOKS.look_at(deadline);
            }
            let end = now.saturating_add(line.run_limit());
            state.server = server;
            Some((count, end))
        })
    }

    /// What was taken last has been dealt with.
    ///
    /// # Errors
    /// `ENODEV`.
    pub fn acknowledge(&self) -> Result<()> {
        self.with(|state| {
            state.server = 0;
            if let Some(line) = &mut state.line {
                let change = line.acknowledge(Instant::now().as_nanos());
                carry_out(self.place, line, change);
            }
        })
    }

    /// Gives the line back, if it still is this one.
    pub fn let_go(&self) {
        // Where it is gone already there is nothing to do.
        let _ = self.with(|state| let_go(self.place, state));
    }
}

/// The table of lines: those that are or were served.
#[must_use]
pub fn table() -> String {
    let mut text = table::LINES.join(" ");
    text.push('\n');
    for (place, slot) in SLOTS.iter().enumerate() {
        let row = {
            let state = slot.state.lock();
            row(&state)
        };
        let Some(row) = row else { continue };
        let isa = start::with_io_apics(|io_apics| {
            (0..16).find(|irq| {
                let is_it = io_apics
                    .isa(*irq)
                    .is_ok_and(|(gsi, ..)| gsi == place as u32);
                *irq != start::CASCADE && is_it
            })
        });
        let isa = isa.flatten().map_or(-1, i32::from);
        let _ = write!(text, "{place} {isa}");
        for value in row {
            let _ = write!(text, " {value}");
        }
        text.push('\n');
    }
    text
}

/// The columns behind the first two.
fn row(state: &State) -> Option<[u64; table::LINES.len() - 2]> {
    let Owner::Process(owner) = state.owner else {
        let is_known = state.earlier > 0 && state.owner == Owner::Nobody;
        let mut row = [0; table::LINES.len() - 2];
        row[row.len() - 1] = state.earlier;
        return is_known.then_some(row);
    };
    let line = state.line.as_ref()?;
    Some([
        1,
        u64::from(owner),
        u64::from(state.server),
        state.core as u64,
        u64::from(line.is_level()),
        u64::from(line.is_masked()),
        line.total(),
        line.untaken(),
        line.pauses(),
        line.busy(),
        state.last,
        state.earlier + line.total(),
    ])
}
