//! The protocol under loom: every order of a few cores' steps, and every value that a
//! weakly ordered machine may read.
//!
//! A model's core is a thread with a TLB of its own, tagged by PCID. A frame is a cell
//! that loom watches: a core that uses a translation reads it, whoever took the frame
//! away writes it once the shootdown is complete. If any core could still use the
//! translation then, loom finds the two accesses without an order.
//!
//! Beside each model stand its broken twins: the same with one line as it must not be,
//! of which loom must find what goes wrong.

use alloc::vec::Vec;
use core::cell::RefCell;
use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use loom::thread;

use super::{Batch, Hardware, Mailbox, Pen, Translations, shoot_down};
use crate::pcid::{CoreSpaces, Load, Slots};

/// A space of one page: its entry in the tables, and the frame that it maps first.
struct Space {
    translations: Translations,
    /// Under the space's lock in the kernel. Here only ever taken by one thread.
    pen: Mutex<Pen>,
    is_mapped: AtomicBool,
    frame: UnsafeCell<()>,
}

impl Space {
    fn new(id: u64) -> Arc<Self> {
        let (translations, pen) = Translations::new(id);
        Arc::new(Self {
            translations,
            pen: Mutex::new(pen),
            is_mapped: AtomicBool::new(true),
            frame: UnsafeCell::new(()),
        })
    }
}

/// What cores share.
struct World {
    mailboxes: Vec<Mailbox>,
    /// An interrupt is on its way to the core.
    interrupts: Vec<AtomicBool>,
    /// Threads that may still ask something.
    busy: AtomicUsize,
}

impl World {
    fn new(cores: usize, busy: usize) -> Arc<Self> {
        Arc::new(Self {
            mailboxes: (0..cores).map(|_| Mailbox::new()).collect(),
            interrupts: (0..cores).map(|_| AtomicBool::new(false)).collect(),
            busy: AtomicUsize::new(busy),
        })
    }
}

/// How a model is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    Not,
    /// The generation goes up before the tables are changed.
    PublishedFirst,
    /// The set of running cores is read before the generation goes up.
    CoresFirst,
    /// A core reads the generation before it is in the set.
    GenerationFirst,
    /// A core leaves the set before it leaves the space.
    LeftFirst,
    /// A core answers before it has flushed.
    AnsweredFirst,
    /// A core does not look again once it has answered.
    LooksOnce,
    /// A core that waits does not look into its own mailbox.
    WaitsDeaf,
}

/// One core.
struct Core {
    id: usize,
    world: Arc<World>,
    broken: Broken,
    state: RefCell<State>,
}

struct State {
    view: CoreSpaces,
    loaded: Option<Arc<Space>>,
    pcid: usize,
    /// By PCID: whether the page's translation is cached.
    tlb: [bool; 3],
}

impl Core {
    fn new(id: usize, world: &Arc<World>, broken: Broken) -> Self {
        Self {
            id,
            world: world.clone(),
            broken,
            state: RefCell::new(State {
                view: CoreSpaces::new(id, Slots::new(2)),
                loaded: None,
                pcid: 0,
                tlb: [false; 3],
            }),
        }
    }

    fn enter(&self, space: &Arc<Space>) {
        let mut state = self.state.borrow_mut();
        let State {
            view,
            loaded,
            pcid,
            tlb,
        } = &mut *state;
        let load = |how: Load| {
            *pcid = usize::from(how.pcid);
            if how.flush.is_some() {
                tlb[*pcid] = false;
            }
        };
        let previous = loaded.replace(space.clone());
        let previous = previous.as_ref().map(|space| &space.translations);
        if self.broken == Broken::GenerationFirst {
            view.enter_generation_first(&space.translations, previous, load);
        } else {
            view.enter(&space.translations, previous, load);
        }
    }

    fn leave(&self) {
        let mut state = self.state.borrow_mut();
        let space = state.loaded.take().expect("a space is loaded");
        if self.broken == Broken::LeftFirst {
            space.translations.running().remove(self.id);
            drop(state);
            self.touch_in(&space);
            state = self.state.borrow_mut();
        }
        state.view.leave(&space.translations, || ());
        state.pcid = 0;
    }

    /// Uses the page of the loaded space, by the TLB or by a walk.
    fn touch(&self) {
        let space = self.state.borrow().loaded.clone();
        if let Some(space) = space {
            self.touch_in(&space);
        }
    }

    fn touch_in(&self, space: &Space) {
        let mut state = self.state.borrow_mut();
        let pcid = state.pcid;
        state.tlb[pcid] |= space.is_mapped.load(Ordering::Relaxed);
        if state.tlb[pcid] {
            space.frame.with(|_| ());
        }
    }

    /// Flushes what it must.
    fn catch_up(&self) {
        let mut state = self.state.borrow_mut();
        let State {
            view,
            loaded,
            pcid,
            tlb,
        } = &mut *state;
        if let Some(space) = loaded {
            view.catch_up(&space.translations, |_| tlb[*pcid] = false);
        }
    }

    /// The interrupt, if there is one.
    fn look(&self) {
        if !self.world.interrupts[self.id].swap(false, Ordering::AcqRel) {
            return;
        }
        let mailbox = &self.world.mailboxes[self.id];
        match self.broken {
            Broken::AnsweredFirst => {
                mailbox.answer(|| ());
                self.touch();
                self.catch_up();
            }
            Broken::LooksOnce => mailbox.answer_once(|| self.catch_up()),
            _ => {
                mailbox.answer(|| self.catch_up());
            }
        }
    }

    /// Takes the page of `space` away, and its frame.
    fn unmap(&self, space: &Space) {
        let unmap = || space.is_mapped.store(false, Ordering::Relaxed);
        let cores_now = || space.translations.running().now();
        let early = (self.broken == Broken::CoresFirst).then(cores_now);
        let mut batch = Batch::new();
        batch.add(1, 1);
        if self.broken != Broken::PublishedFirst {
            unmap();
        }
        let mut pen = space.pen.lock().expect("nobody panicked");
        space.translations.publish(&mut pen, &batch);
        if self.broken == Broken::PublishedFirst {
            unmap();
        }
        let cores = early.unwrap_or_else(cores_now);
        if cores.contains(self.id) {
            self.catch_up();
        }
        shoot_down(self, &cores, self.id);
        space.frame.with_mut(|_| ());
    }

    /// What a core does when it has nothing to do: it waits for interrupts, until there
    /// is nobody who could send one.
    fn idle(&self) {
        self.world.busy.fetch_sub(1, Ordering::AcqRel);
        while self.world.busy.load(Ordering::Acquire) > 0 {
            self.look();
            thread::yield_now();
        }
    }
}

impl Hardware for Core {
    fn mailbox(&self, core: usize) -> Option<&Mailbox> {
        self.world.mailboxes.get(core)
    }

    fn interrupt(&self, core: usize) {
        self.world.interrupts[core].swap(true, Ordering::AcqRel);
    }

    fn relax(&self) {
        if self.broken != Broken::WaitsDeaf {
            self.look();
        }
        thread::yield_now();
    }
}

/// The line of [`CoreSpaces::enter`] that the broken twin has elsewhere.
impl CoreSpaces {
    fn enter_generation_first(
        &mut self,
        space: &Translations,
        previous: Option<&Translations>,
        load: impl FnOnce(Load),
    ) {
        let generation = space.generation();
        space.running().insert(self.core);
        fence(Ordering::SeqCst);
        let (slot, how) = self.slots.choose(space.id(), generation);
        load(how);
        self.loaded = Some(slot);
        if let Some(previous) = previous {
            previous.running().remove(self.core);
        }
    }
}

/// The lines of [`Mailbox::answer`] that the broken twin lacks.
impl Mailbox {
    fn answer_once(&self, catch_up: impl FnOnce()) {
        let asked = self.asked.load(Ordering::SeqCst);
        catch_up();
        self.answered.store(asked, Ordering::SeqCst);
    }
}

/// Runs a model to the end; a broken one must not get there.
fn model(broken: Broken, body: impl Fn(Broken) + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Spinning past this is a core that waits for ever.
    builder.max_branches = 10_000;
    builder.check(move || body(broken));
}

/// A page is taken away while another core enters the space, uses it, leaves it and
/// comes back to what its TLB has kept.
fn against_switch(broken: Broken) {
    let world = World::new(2, 2);
    let space = Space::new(1);
    let other = thread::spawn({
        let (world, space) = (world.clone(), space.clone());
        move || {
            let core = Core::new(1, &world, broken);
            core.enter(&space);
            core.touch();
            core.leave();
            core.look();
            core.enter(&space);
            core.touch();
            core.idle();
        }
    });
    let core = Core::new(0, &world, broken);
    core.unmap(&space);
    core.idle();
    other.join().expect("the core ran to its end");
}

/// A page is taken away while another core, which has used it, leaves its space to idle.
fn against_leaving(broken: Broken) {
    let world = World::new(2, 2);
    let space = Space::new(1);
    let other = thread::spawn({
        let (world, space) = (world.clone(), space.clone());
        move || {
            let core = Core::new(1, &world, broken);
            core.enter(&space);
            core.touch();
            core.look();
            core.touch();
            core.leave();
            core.idle();
        }
    });
    let core = Core::new(0, &world, broken);
    core.enter(&space);
    core.touch();
    core.unmap(&space);
    core.idle();
    other.join().expect("the core ran to its end");
}

/// Two cores each take away a page of the space that the other one runs.
fn two_at_once(broken: Broken) {
    let world = World::new(2, 2);
    let spaces = [Space::new(1), Space::new(2)];
    let body = move |id: usize, world: &Arc<World>, spaces: &[Arc<Space>; 2]| {
        let core = Core::new(id, world, broken);
        core.enter(&spaces[id]);
        core.touch();
        core.unmap(&spaces[1 - id]);
        core.touch();
        core.idle();
    };
    let other = thread::spawn({
        let (world, spaces) = (world.clone(), spaces.clone());
        move || body(1, &world, &spaces)
    });
    body(0, &world, &spaces);
    other.join().expect("the core ran to its end");
}

/// A page is taken away of a space whose core has been asked for something already, by a
/// third core that still waits: it may answer once for both, and is interrupted once.
fn merging(broken: Broken) {
    let world = World::new(2, 2);
    let space = Space::new(1);
    let other = thread::spawn({
        let (world, space) = (world.clone(), space.clone());
        move || {
            let core = Core::new(1, &world, broken);
            core.enter(&space);
            core.touch();
            core.look();
            core.touch();
            core.idle();
        }
    });
    let core = Core::new(0, &world, broken);
    // The third core's request; its thread would only wait.
    let (_, is_merged) = world.mailboxes[1].ask();
    assert!(!is_merged);
    core.interrupt(1);
    core.unmap(&space);
    core.idle();
    other.join().expect("the core ran to its end");
}

#[test]
fn loom_shootdown_against_a_switch() {
    model(Broken::Not, against_switch);
}

#[test]
fn loom_shootdown_against_a_core_that_goes_idle() {
    model(Broken::Not, against_leaving);
}

#[test]
fn loom_two_shootdowns_at_once_answer_each_other() {
    model(Broken::Not, two_at_once);
}

#[test]
fn loom_two_requests_of_one_core_merge() {
    model(Broken::Not, merging);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_finds_a_generation_raised_before_the_tables_are_changed() {
    model(Broken::PublishedFirst, against_switch);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_finds_cores_read_before_the_generation_is_raised() {
    model(Broken::CoresFirst, against_switch);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_finds_a_generation_read_before_the_core_is_in_the_set() {
    model(Broken::GenerationFirst, against_switch);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_finds_a_core_out_of_the_set_before_it_left_the_space() {
    model(Broken::LeftFirst, against_leaving);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_finds_an_answer_before_the_flush() {
    model(Broken::AnsweredFirst, against_leaving);
}

#[test]
#[should_panic(expected = "Model exceeded maximum number of branches")]
fn loom_finds_a_core_that_waits_and_does_not_answer() {
    model(Broken::WaitsDeaf, two_at_once);
}

#[test]
#[should_panic(expected = "Model exceeded maximum number of branches")]
fn loom_finds_a_core_that_answers_and_does_not_look_again() {
    model(Broken::LooksOnce, merging);
}
