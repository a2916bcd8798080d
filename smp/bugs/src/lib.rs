//! Bugs on purpose, to see that the tests find them.
//!
//! Each is a one-line mistake on a path that every run takes. In an ordinary build
//! [`has`] is the constant false, and nothing of them is left. With feature `seeded` one
//! is chosen at run time: by the word `bug=NAME` on the kernel's command line. Which test
//! finds which is the table in `tests/src/seeded.rs`, and `./run.sh test seeded` runs it.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "seeded")]
use core::sync::atomic::{AtomicU8, Ordering};

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal;)+) => {
        /// A mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Bug { $($(#[doc = $doc])+ $variant,)+ }

        /// Every bug and its name.
        pub const ALL: &[(Bug, &str)] = &[$((Bug::$variant, $name),)+];
    };
}

bugs! {
    /// Who posts to a core that halts does not interrupt it.
    LostInterrupt = "lost-interrupt";
    /// A wake-up that comes while its thread parks is forgotten.
    LostWake = "lost-wake";
    /// A wake-up queues a thread that runs.
    TwoCores = "two-cores";
    /// Whoever queues work for others wakes nobody to steal it.
    UncalledThief = "uncalled-thief";
    /// A picked thread runs here whether it may or not.
    UncheckedAffinity = "unchecked-affinity";
    /// All threads weigh the same.
    EqualWeights = "equal-weights";
    /// Nobody's quantum is ever timed.
    EndlessQuantum = "endless-quantum";
    /// The registers of the FPU stay the last thread's.
    MixedRegisters = "mixed-registers";
    /// A thread's FS base is not restored.
    MixedThreadPointer = "mixed-thread-pointer";
    /// A futex's word is not looked at before its waiter sleeps.
    UncheckedFutex = "unchecked-futex";
    /// A thread that ends passes none of its locks on.
    KeptLocks = "kept-locks";
    /// Other cores are not told to flush.
    SkippedShootdown = "skipped-shootdown";
    /// This core does not flush.
    SkippedFlush = "skipped-flush";
    /// A forked child's pages stay writable for its parent.
    WritableFork = "writable-fork";
    /// A page that several spaces share is written in place.
    SharedWrite = "shared-write";
    /// A page that belongs to a template is written in place.
    TemplateWrite = "template-write";
    /// A fresh page has what was in its frame.
    DirtyFrames = "dirty-frames";
    /// Frames that are unmapped are never free again.
    LeakedFrames = "leaked-frames";
    /// A kernel address is used again before the TLBs have forgotten it.
    StaleAddress = "stale-address";
    /// A reader that makes room tells no writer.
    SilentPipe = "silent-pipe";
    /// A message that is sent, or a place that is free, is told to nobody.
    SilentChannel = "silent-channel";
    /// A page that moves to another process stays writable for its sender.
    WritableMessage = "writable-message";
    /// A message that could not be delivered stays mapped where it was to go.
    KeptMessage = "kept-message";
    /// A mutex that is opened tells nobody.
    SilentMutex = "silent-mutex";
    /// A timer that is armed for an earlier moment than the first one is not told to the
    /// hardware.
    LateTimer = "late-timer";
    /// A user pointer may reach into the kernel's half.
    LongPointer = "long-pointer";
    /// A signal handler's mask stays after it returns.
    KeptMask = "kept-mask";
    /// A thread that ends by itself keeps its process.
    KeptProcess = "kept-process";
}

#[cfg(feature = "seeded")]
const NONE: u8 = u8::MAX;
#[cfg(feature = "seeded")]
static CHOSEN: AtomicU8 = AtomicU8::new(NONE);

/// Whether that bug is in this kernel.
#[cfg(not(feature = "seeded"))]
#[must_use]
#[inline(always)]
pub const fn has(_bug: Bug) -> bool {
    false
}

/// Whether that bug is in this kernel.
#[cfg(feature = "seeded")]
#[must_use]
pub fn has(bug: Bug) -> bool {
    CHOSEN.load(Ordering::Relaxed) == bug as u8
}

/// There is no such bug, or this is no build for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown;

/// Puts the bug of that name in.
///
/// # Errors
/// Nothing has that name, or the build is an ordinary one.
pub fn choose(name: &str) -> Result<(), Unknown> {
    let found = ALL.iter().find(|(_, known)| *known == name);
    let (bug, _) = found.filter(|_| cfg!(feature = "seeded")).ok_or(Unknown)?;
    put_in(*bug);
    Ok(())
}

#[cfg(feature = "seeded")]
fn put_in(bug: Bug) {
    CHOSEN.store(bug as u8, Ordering::Relaxed);
}

#[cfg(not(feature = "seeded"))]
fn put_in(_bug: Bug) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_build_has_no_bug_and_takes_none() {
        let in_this_build = choose("lost-wake").is_ok();
        assert_eq!(in_this_build, cfg!(feature = "seeded"));
        assert_eq!(has(Bug::LostWake), in_this_build);
        assert!(!has(Bug::LostInterrupt));
        assert_eq!(choose("no such bug"), Err(Unknown));
    }
}
