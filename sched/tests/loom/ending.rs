//! The end of a process against everything: kills, threads that are made and that end, waits,
//! the parent's end, a limit of the account, wake-ups and migration.
//!
//! The kernel's own code: [`Ending`], [`Fate`], and the task's state word. Mirrored step by
//! step, with the same locks: `kernel/src/task/exit.rs` (`begin`, `exit_thread`,
//! `end_process`, `orphan_children`), `clone.rs` (the end of `clone`), `wait.rs` (`wait`,
//! `reap`), `account.rs` (`join`, `leave`, `end`). A thread that never ends is what loom
//! calls a deadlock. Each test names the mistakes that it is meant for; those that the kernel once
//! made are broken twins beside it, which must be found.

use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use sched::ending::{Ending, Fate};
use sched::state::TaskState;
use std::sync::Arc;

const EXITED: u32 = 7 << 8;
const KILLED: u32 = 9;

/// A run switches threads this often, at most, where it need not.
fn bounded(preemptions: usize, test: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(test);
}

/// A queue of waiters: whoever waits looks again whenever it is told.
#[derive(Default)]
struct Events {
    told: Mutex<usize>,
    changed: Condvar,
}

impl Events {
    fn wake_all(&self) {
        *self.told.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    fn wait<R>(&self, mut ready: impl FnMut() -> Option<R>) -> R {
        loop {
            let before = *self.told.lock().unwrap();
            if let Some(value) = ready() {
                return value;
            }
            let mut told = self.told.lock().unwrap();
            while *told == before {
                told = self.changed.wait(told).unwrap();
            }
        }
    }
}

/// A process, as far as its end goes.
#[derive(Default)]
struct Process {
    ending: Ending,
    fate: Fate,
    /// What its threads park in, one each.
    threads: Mutex<Vec<Arc<Events>>>,
    /// `Family::children`: None once it has ended.
    children: Mutex<Option<Vec<Arc<Process>>>>,
    child_events: Events,
    self_events: Events,
    /// How often its last thread ended it.
    ends: AtomicUsize,
    /// How often its id was given back.
    forgotten: AtomicUsize,
}

impl Process {
    fn new() -> Arc<Self> {
        let process = Self::default();
        *process.children.lock().unwrap() = Some(Vec::new());
        Arc::new(process)
    }

    fn with_threads(count: usize) -> (Arc<Self>, Vec<Arc<Events>>) {
        let process = Self::new();
        let threads: Vec<_> = (0..count).map(|_| Arc::default()).collect();
        *process.threads.lock().unwrap() = threads.clone();
        (process, threads)
    }

    fn with_child() -> (Arc<Self>, Arc<Self>) {
        let (parent, child) = (Self::new(), Self::new());
        parent.adopt(&child);
        (parent, child)
    }

    /// `exit::begin`.
    fn begin(&self, status: u32) {
        if self.ending.begin(status) {
            let threads = self.threads.lock().unwrap().clone();
            for thread in threads {
                thread.wake_all();
            }
            self.self_events.wake_all();
        }
    }

    /// A thread that sleeps until it must leave.
    fn sleep(&self, thread: &Events) {
        thread.wait(|| self.ending.has_begun().then_some(()));
    }

    /// `exit::exit_thread`.
    fn exit_thread(self: &Arc<Self>, thread: &Arc<Events>) {
        let is_last = {
            let mut threads = self.threads.lock().unwrap();
            threads.retain(|other| !Arc::ptr_eq(other, thread));
            threads.is_empty()
        };
        self.self_events.wake_all();
        if is_last {
            self.begin(0);
            self.ends.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The end of `clone` for a thread; false where it is not to be.
    fn add_thread(&self, thread: &Arc<Events>) -> bool {
        if self.ending.has_begun() {
            return false;
        }
        self.threads.lock().unwrap().push(thread.clone());
        if self.ending.has_begun() {
            thread.wake_all();
        }
        true
    }

    fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }

    /// `Process::adopt`.
    fn adopt(&self, child: &Arc<Self>) {
        match &mut *self.children.lock().unwrap() {
            Some(children) => children.push(child.clone()),
            None => drop(child.fate.orphan()),
        }
    }

    /// `wait::reap`.
    fn reap(&self, child: &Arc<Self>) -> bool {
        let removed = {
            let mut children = self.children.lock().unwrap();
            children.as_mut().and_then(|children| {
                let position = children.iter().position(|other| Arc::ptr_eq(other, child));
                position.map(|position| children.swap_remove(position))
            })
        };
        if removed.is_some() {
            child.forget();
        }
        removed.is_some()
    }

    /// The last part of `exit::end_process`.
    fn end(self: &Arc<Self>, parent: &Self, is_ignored: bool) {
        let is_orphan = self.fate.end();
        self.self_events.wake_all();
        if is_orphan {
            self.forget();
        } else {
            if is_ignored {
                let _ = parent.reap(self);
            }
            parent.child_events.wake_all();
        }
    }

    /// `exit::orphan_children`.
    fn orphan_children(&self) {
        let children = self.children.lock().unwrap().take();
        for child in children.into_iter().flatten() {
            if child.fate.orphan() {
                child.forget();
            }
        }
    }

    /// `wait::wait` for any child; false where there is none.
    fn wait(&self) -> bool {
        self.child_events.wait(|| {
            let children = self.children.lock().unwrap().clone().unwrap_or_default();
            if children.is_empty() {
                return Some(false);
            }
            let ended = children.iter().find(|child| child.fate.has_ended());
            ended.and_then(|child| self.reap(child).then_some(true))
        })
    }

    fn times_forgotten(&self) -> usize {
        self.forgotten.load(Ordering::SeqCst)
    }
}

/// Two threads sleep, a third party kills, and another one exits with a status.
///
/// Meant for: a first thread that is told and a second that is not; a `begin` that tells
/// before it says that the process ends.
#[test]
fn one_way_of_ending_counts_and_every_thread_leaves() {
    bounded(3, || {
        let (process, threads) = Process::with_threads(2);
        let sleeper = thread::spawn({
            let (process, thread) = (process.clone(), threads[0].clone());
            move || {
                process.sleep(&thread);
                process.exit_thread(&thread);
            }
        });
        let killer = thread::spawn({
            let process = process.clone();
            move || process.begin(KILLED)
        });
        process.begin(EXITED);
        let status = process.ending.status();
        process.exit_thread(&threads[1]);
        killer.join().unwrap();
        sleeper.join().unwrap();
        assert!(status == EXITED || status == KILLED);
        assert_eq!(process.ending.status(), status, "the first one counts");
        assert_eq!(process.ends.load(Ordering::SeqCst), 1, "it ends once");
    });
}

/// Meant for: no second look at `ending` once the thread is in the list.
#[test]
fn a_thread_that_is_made_while_its_process_is_killed_leaves_too() {
    bounded(3, || {
        let (process, threads) = Process::with_threads(1);
        let killer = thread::spawn({
            let process = process.clone();
            move || process.begin(KILLED)
        });
        let young: Arc<Events> = Arc::default();
        let sibling = process.add_thread(&young).then(|| {
            let (process, young) = (process.clone(), young.clone());
            thread::spawn(move || {
                process.sleep(&young);
                process.exit_thread(&young);
            })
        });
        process.sleep(&threads[0]);
        process.exit_thread(&threads[0]);
        killer.join().unwrap();
        if let Some(sibling) = sibling {
            sibling.join().unwrap();
        }
        assert_eq!(process.ends.load(Ordering::SeqCst), 1);
        assert!(process.threads.lock().unwrap().is_empty());
    });
}

/// Threads that end by themselves, at once: one of them is the last.
///
/// Meant for: looking whether the list is empty outside of the lock that the thread left
/// it under.
#[test]
fn of_threads_that_exit_at_once_one_ends_the_process() {
    loom::model(|| {
        let (process, threads) = Process::with_threads(2);
        let other = thread::spawn({
            let (process, thread) = (process.clone(), threads[0].clone());
            move || process.exit_thread(&thread)
        });
        process.exit_thread(&threads[1]);
        other.join().unwrap();
        assert_eq!(process.ends.load(Ordering::SeqCst), 1);
    });
}

/// `execve` waits until its thread is alone, or the process ends.
///
/// Meant for: an `exit_thread` that tells nobody; a `begin` that does not tell the
/// process's own events.
#[test]
fn a_thread_that_waits_to_be_alone_is_told_of_exits_and_of_kills() {
    for is_killed in [false, true] {
        bounded(3, move || {
            let (process, threads) = Process::with_threads(2);
            let other = thread::spawn({
                let (process, thread) = (process.clone(), threads[0].clone());
                move || match is_killed {
                    true => process.begin(KILLED),
                    false => process.exit_thread(&thread),
                }
            });
            process.self_events.wait(|| {
                let is_alone = process.threads.lock().unwrap().len() == 1;
                (is_alone || process.ending.has_begun()).then_some(())
            });
            other.join().unwrap();
        });
    }
}

/// Meant for: an end that tells the parent before it says that it is over.
#[test]
fn of_two_waits_one_gets_the_child_and_the_other_sees_that_there_is_none() {
    bounded(3, || {
        let (parent, child) = Process::with_child();
        let ending = thread::spawn({
            let (parent, child) = (parent.clone(), child.clone());
            move || child.end(&parent, false)
        });
        let waiting = thread::spawn({
            let parent = parent.clone();
            move || {
                let got = parent.wait();
                // A wait that another thread's reaping leaves without children is told by
                // the next event in the kernel too: here that is the other's.
                parent.child_events.wake_all();
                got
            }
        });
        let got = parent.wait();
        parent.child_events.wake_all();
        ending.join().unwrap();
        let other_got = waiting.join().unwrap();
        assert!(got != other_got, "one of both");
        assert_eq!(child.times_forgotten(), 1);
    });
}

/// A parent and its child end at once; the parent ignores its children, or does not.
///
/// Meant for: a child that asks for its parent before it says that it has ended, as the
/// kernel once did (its id was never given back); both giving the id back.
#[test]
fn the_id_of_a_child_that_ends_with_its_parent_is_given_back_once() {
    for is_ignored in [false, true] {
        loom::model(move || {
            let (parent, child) = Process::with_child();
            let ending = thread::spawn({
                let (parent, child) = (parent.clone(), child.clone());
                move || child.end(&parent, is_ignored)
            });
            parent.orphan_children();
            ending.join().unwrap();
            assert_eq!(child.times_forgotten(), 1);
        });
    }
}

/// As the kernel once did: the child asks for its parent, and says only then that it has
/// ended; the parent looks whether it has, and does not say that it looked.
#[test]
#[should_panic(expected = "an id is never given back")]
fn a_child_that_asks_for_its_parent_first_is_found_to_stay() {
    loom::model(|| {
        let has_parent = Arc::new(Mutex::new(true));
        let has_ended = Arc::new(AtomicBool::new(false));
        let child = thread::spawn({
            let (has_parent, has_ended) = (has_parent.clone(), has_ended.clone());
            move || {
                let is_orphan = !*has_parent.lock().unwrap();
                has_ended.store(true, Ordering::SeqCst);
                is_orphan
            }
        });
        *has_parent.lock().unwrap() = false;
        let is_found = has_ended.load(Ordering::SeqCst);
        let gives_itself_up = child.join().unwrap();
        assert!(is_found || gives_itself_up, "an id is never given back");
    });
}

/// `CLONE_PARENT`: a process gets its maker's parent, which ends meanwhile.
///
/// Meant for: a list of children that takes more after it was given up.
#[test]
fn a_child_that_is_made_for_a_parent_that_ends_is_not_left_behind() {
    loom::model(|| {
        let (grandparent, child) = (Process::new(), Process::new());
        let ending = thread::spawn({
            let grandparent = grandparent.clone();
            move || grandparent.orphan_children()
        });
        grandparent.adopt(&child);
        child.end(&grandparent, false);
        ending.join().unwrap();
        assert_eq!(child.times_forgotten(), 1);
    });
}

/// An account: its members, and whether a limit ended it.
struct Account {
    members: Mutex<Vec<Arc<Process>>>,
    ended_by: AtomicUsize,
}

impl Account {
    fn of(members: &[&Arc<Process>]) -> Arc<Self> {
        Arc::new(Self {
            members: Mutex::new(members.iter().copied().cloned().collect()),
            ended_by: AtomicUsize::new(0),
        })
    }

    fn has_ended(&self) -> bool {
        fence(Ordering::SeqCst);
        self.ended_by.load(Ordering::SeqCst) != 0
    }

    /// `Account::join`; `is_first` is what a low id means: it is the one that is told.
    /// `tells` is false in the broken twin.
    fn join(&self, process: &Arc<Process>, is_first: bool, tells: bool) -> bool {
        {
            let mut members = self.members.lock().unwrap();
            let place = if is_first { 0 } else { members.len() };
            members.insert(place, process.clone());
        }
        if !self.has_ended() {
            return true;
        }
        match tells {
            true => self.leave(process),
            false => self.forget(process),
        }
        false
    }

    fn forget(&self, process: &Arc<Process>) {
        let mut members = self.members.lock().unwrap();
        members.retain(|other| !Arc::ptr_eq(other, process));
    }

    /// `Account::leave`.
    fn leave(&self, process: &Arc<Process>) {
        self.forget(process);
        if self.has_ended() {
            let members = self.members.lock().unwrap().clone();
            for member in members {
                member.begin(KILLED);
            }
        }
    }

    /// `Account::end`.
    fn end(&self) {
        self.ended_by.store(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if let Some(first) = self.members.lock().unwrap().first() {
            first.begin(KILLED);
        }
    }

    /// The life of a member with one thread that sleeps until it is killed.
    fn live(&self, process: &Arc<Process>, thread: &Arc<Events>) {
        process.sleep(thread);
        process.exit_thread(thread);
        self.leave(process);
    }
}

/// One is told, and its end tells the others; a process joins meanwhile.
///
/// Meant for: a process that finds the account ended, takes itself out and tells nobody,
/// as the kernel once did (it may be the one that was told); an end that asks for the first
/// member before it says that it ends the account.
#[test]
fn a_limit_ends_every_member_whoever_joins_meanwhile() {
    for is_first in [false, true] {
        bounded(3, move || joins_at_the_limit(is_first, true));
    }
}

/// The first of those.
#[test]
#[should_panic(expected = "deadlock")]
fn who_joins_and_tells_nobody_is_found_to_leave_others_alive() {
    bounded(3, || joins_at_the_limit(true, false));
}

fn joins_at_the_limit(is_first: bool, tells: bool) {
    let (old, threads) = Process::with_threads(1);
    let account = Account::of(&[&old]);
    let limit = thread::spawn({
        let account = account.clone();
        move || account.end()
    });
    let member = thread::spawn({
        let account = account.clone();
        move || account.live(&old, &threads[0])
    });
    let (young, threads) = Process::with_threads(1);
    if account.join(&young, is_first, tells) {
        account.live(&young, &threads[0]);
    }
    limit.join().unwrap();
    member.join().unwrap();
    assert!(account.members.lock().unwrap().is_empty());
}

/// A member leaves by itself as the limit is reached.
///
/// Meant for: a `leave` that looks whether the account has ended before it has left.
#[test]
fn a_limit_ends_the_rest_where_the_one_that_is_told_leaves() {
    bounded(3, || {
        let [first, second] = [(); 2].map(|()| Process::with_threads(1));
        let account = Account::of(&[&first.0, &second.0]);
        let limit = thread::spawn({
            let account = account.clone();
            move || account.end()
        });
        let member = thread::spawn({
            let account = account.clone();
            move || account.live(&second.0, &second.1[0])
        });
        first.0.begin(EXITED);
        first.0.exit_thread(&first.1[0]);
        account.leave(&first.0);
        limit.join().unwrap();
        member.join().unwrap();
    });
}

/// A thread that is stolen on its way to user mode, and a kill that looks where it runs:
/// either it sees the end itself, or the core that it came to is interrupted.
///
/// Meant for: a thread that looks before it says where it runs; a kill that looks where it
/// runs before it says that the process ends.
#[test]
fn a_kill_reaches_a_thread_that_migrates() {
    loom::model(|| {
        let process = Process::new();
        let state = Arc::new(TaskState::running());
        let core = Arc::new(AtomicUsize::new(0));
        let interrupted: Arc<[AtomicBool; 2]> =
            Arc::new(std::array::from_fn(|_| AtomicBool::new(false)));
        state.finish_yield();
        let killer = thread::spawn({
            let (process, state) = (process.clone(), state.clone());
            let (core, interrupted) = (core.clone(), interrupted.clone());
            move || {
                process.ending.begin(KILLED);
                // `signal::interrupt`: wake, and nudge the core.
                assert!(!state.wake(), "it is queued already, or runs");
                interrupted[core.load(Ordering::Relaxed)].store(true, Ordering::Relaxed);
            }
        });
        // The thief: `System::pick`, `Entity::begin`, then the way to user mode.
        assert!(state.start());
        core.swap(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let has_seen = process.ending.has_begun();
        killer.join().unwrap();
        let is_told = interrupted[1].load(Ordering::Relaxed);
        assert!(has_seen || is_told, "it runs on, and nobody tells it");
    });
}

/// A thread that parks, is woken for what it waits for and is killed, all at once: by the
/// state word alone.
///
/// Meant for: `finish_park` that looks for no notification; a kill that wakes before it
/// says that the process ends.
#[test]
fn a_kill_is_not_lost_beside_a_wake_up() {
    bounded(3, || {
        let process = Process::new();
        let state = Arc::new(TaskState::running());
        let queued = Arc::new(AtomicUsize::new(0));
        let wake = |state: &TaskState, queued: &AtomicUsize| {
            if state.wake() {
                queued.fetch_add(1, Ordering::SeqCst);
            }
        };
        let killer = thread::spawn({
            let (process, state, queued) = (process.clone(), state.clone(), queued.clone());
            move || {
                process.ending.begin(KILLED);
                wake(&state, &queued);
            }
        });
        let waker = thread::spawn({
            let (state, queued) = (state.clone(), queued.clone());
            move || wake(&state, &queued)
        });
        // It waits for something that never comes.
        let has_left = loop {
            if process.ending.has_begun() {
                break true;
            }
            if state.take_notification() {
                continue;
            }
            if !state.finish_park() {
                break false;
            }
            assert!(state.start());
        };
        killer.join().unwrap();
        waker.join().unwrap();
        if !has_left {
            // Whoever queued it has it run, and it sees the end.
            assert_eq!(queued.load(Ordering::SeqCst), 1, "the kill was lost");
            assert!(state.start() && process.ending.has_begun());
        }
    });
}
