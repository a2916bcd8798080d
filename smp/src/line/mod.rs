//! One device interrupt line that a program serves: what is counted, when the line is
//! masked, and how much of a core it may take.
//!
//! Here: the state of a line and what each event does to it. Not here: the redirection
//! table that is masked ([`crate::ioapic`]), who is woken, timers and locks (the kernel's).
//! The kernel keeps one lock around a line and around what it does to the pin for it, so
//! events come one at a time.
//!
//! - An edge-triggered line is counted and goes on. A level-triggered one stays masked from
//!   its interrupt until whoever was given the count [acknowledges](Line::acknowledge) it,
//!   as it would fire at once again.
//! - No more than an allowance of interrupts is let through in a [window](WINDOW); then the
//!   line pauses, masked, until the window is over.
//! - Runs (from the moment that a count was handed out until it is acknowledged) take half
//!   of the time at most, but for a [reserve](RESERVE): then the line pauses until that is
//!   true again.
//! - Edges that come while a line is masked are lost. So whoever serves an edge-triggered
//!   line is told to look once, with a count of 0, at first and after each pause.
//! - A run that is longer than the line's limit is an [overrun](Line::is_overrun).

#[cfg(test)]
mod tests;

use crate::madt::Trigger;

/// The time for which interrupts are counted, in nanoseconds: 100 ms.
pub const WINDOW: u64 = 100_000_000;

/// How far ahead of half of the time the runs may be, in nanoseconds.
pub const RESERVE: u64 = WINDOW / 2;

/// The shortest pause for runs that took too much time, in nanoseconds: a line is not
/// masked and unmasked for less.
pub const SHORTEST_PAUSE: u64 = WINDOW / 4;

/// What is to be done to the pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// It stays as it is.
    Stays,
    /// It is to be masked.
    Mask,
    /// It is to be let through again.
    Unmask,
}

/// Why a line pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// More interrupts than its allowance.
    Rate,
    /// Its runs took more than half of the time.
    Time,
}

/// What an event has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is to be done to the pin, at once.
    pub pin: Pin,
    /// A pause has begun, for this cause; it ends at [`Line::deadline`].
    pub pause: Option<Cause>,
}

/// A line that is served.
#[derive(Clone, Debug)]
pub struct Line {
    is_level: bool,
    /// Interrupts in a window, at most.
    allowance: u32,
    /// The longest run, in nanoseconds.
    run_limit: u64,
    total: u64,
    untaken: u64,
    pauses: u64,
    /// When a window is over, and what came in it.
    window_end: u64,
    in_window: u32,
    /// Of a level-triggered line: it fired, and nobody has acknowledged that.
    is_owed: bool,
    paused_until: Option<u64>,
    /// Edges may have been lost.
    must_look: bool,
    /// When the present run began.
    run_began: Option<u64>,
    /// What runs may still take, as of a moment.
    credit: i64,
    credit_at: u64,
    /// Nanoseconds of all runs.
    busy: u64,
}

impl Line {
    /// A line that lets through at most `allowance` interrupts in a [`WINDOW`] and whose
    /// runs last at most `run_limit` nanoseconds, unmasked, as of `now`.
    #[must_use]
    pub fn new(trigger: Trigger, allowance: u32, run_limit: u64, now: u64) -> Self {
        Self {
            is_level: trigger == Trigger::Level,
            allowance,
            run_limit,
            total: 0,
            untaken: 0,
            pauses: 0,
            window_end: now,
            in_window: 0,
            is_owed: false,
            paused_until: None,
            must_look: trigger == Trigger::Edge,
            run_began: None,
            credit: RESERVE.cast_signed(),
            credit_at: now,
            busy: 0,
        }
    }

    /// Whether the pin is to be masked now.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.is_owed || self.paused_until.is_some()
    }

    /// It has fired. One that was under way when the pin was masked counts as well.
    pub fn interrupt(&mut self, now: u64) -> Change {
        let was_masked = self.is_masked();
        self.total += 1;
        self.untaken += 1;
        if now >= self.window_end {
            self.window_end = now.saturating_add(WINDOW);
            self.in_window = 0;
        }
        self.in_window = self.in_window.saturating_add(1);
        self.is_owed |= self.is_level;
        let is_too_often = self.in_window >= self.allowance && self.paused_until.is_none();
        let pause = is_too_often.then(|| self.pause(self.window_end, Cause::Rate));
        self.change(was_masked, pause)
    }

    /// Takes the interrupts since it was taken last, which begins a run; 0: edges may have
    /// been lost. None: there is nothing to look at.
    pub fn take(&mut self, now: u64) -> Option<u64> {
        if self.untaken == 0 && !core::mem::take(&mut self.must_look) {
            return None;
        }
        self.must_look = false;
        self.run_began = Some(now);
        Some(core::mem::take(&mut self.untaken))
    }

    /// The run that a take has begun is nobody's to time: the time is not counted.
    pub fn forget_run(&mut self) {
        self.run_began = None;
    }

    /// Whether [`Line::take`] has something.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.untaken > 0 || self.must_look
    }

    /// What was taken last has been dealt with: the run is over.
    pub fn acknowledge(&mut self, now: u64) -> Change {
        let was_masked = self.is_masked();
        let mut pause = None;
        if let Some(began) = self.run_began.take() {
            let spent = now.saturating_sub(began);
            self.busy = self.busy.saturating_add(spent);
            let earned = now.saturating_sub(self.credit_at) / 2;
            self.credit = self
                .credit
                .saturating_add_unsigned(earned)
                .min(RESERVE.cast_signed())
                .saturating_sub_unsigned(spent);
            self.credit_at = now;
            if self.credit < 0 {
                let back = self.credit.unsigned_abs().saturating_mul(2);
                let end = now.saturating_add(back.max(SHORTEST_PAUSE));
                pause = Some(self.pause(end, Cause::Time));
            }
        }
        // What came since it was taken is owed to whoever takes that.
        self.is_owed &= self.untaken > 0;
        self.change(was_masked, pause)
    }

    /// Ends a pause that is over.
    pub fn look(&mut self, now: u64) -> Change {
        let was_masked = self.is_masked();
        if self.paused_until.is_some_and(|end| end <= now) {
            self.paused_until = None;
            self.must_look |= !self.is_level;
        }
        self.change(was_masked, None)
    }

    /// When [`Line::look`] or [`Line::is_overrun`] should be asked next.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let run_end = self
            .run_began
            .map(|began| began.saturating_add(self.run_limit));
        self.paused_until.into_iter().chain(run_end).min()
    }

    /// Whether the present run is longer than it may be.
    #[must_use]
    pub fn is_overrun(&self, now: u64) -> bool {
        self.run_began
            .is_some_and(|began| now >= began.saturating_add(self.run_limit))
    }

    /// Interrupts in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Interrupts that nobody has taken.
    #[must_use]
    pub fn untaken(&self) -> u64 {
        self.untaken
    }

    /// Pauses that have begun.
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.pauses
    }

    /// Nanoseconds of all runs that are over.
    #[must_use]
    pub fn busy(&self) -> u64 {
        self.busy
    }

    /// Whether the line is level-triggered.
    #[must_use]
    pub fn is_level(&self) -> bool {
        self.is_level
    }

    /// The longest run, in nanoseconds.
    #[must_use]
    pub fn run_limit(&self) -> u64 {
        self.run_limit
    }

    fn pause(&mut self, end: u64, cause: Cause) -> Cause {
        // A longer one that is there already stays.
        self.paused_until = Some(self.paused_until.map_or(end, |other| other.max(end)));
        self.pauses += 1;
        cause
    }

    fn change(&self, was_masked: bool, pause: Option<Cause>) -> Change {
        let pin = match (was_masked, self.is_masked()) {
            (false, true) => Pin::Mask,
            (true, false) => Pin::Unmask,
            _ => Pin::Stays,
        };
        Change { pin, pause }
    }
}
