//! The oracle: a TLB in software, tagged by PCID, which remembers everything that it is
//! not told to forget. Cores and spaces play long random games with the real slots,
//! generations and shootdowns over it; no access may ever use a translation that a
//! completed unmap, protect, copy-on-write, fork or death of a space took away.
//!
//! No emulator can say that: QEMU's CPUs have no PCID, and Bochs flushes its whole TLB at
//! every load of CR3. The orders of single steps are for the loom models; here are long
//! histories: spaces that come back after many generations, slots that were others', a
//! core that answers long after.
//!
//! That the oracle sees what it should is shown by breaking the game on purpose.

#![cfg(not(loom))]

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use smp::pcid::{Cause, CoreSpaces, Load, Slots};
use smp::shootdown::{Batch, Cores, Hardware, Mailbox, Pen, Translations, shoot_down};

/// Pages of a space: more than are flushed one by one.
const PAGES: usize = 48;
/// Spaces at a time.
const SPACES: usize = 5;

/// One line that is not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// A core that catches up does not flush.
    FlushSkipped,
    /// Of a range, the last page is not flushed.
    LastPageKept,
    /// A space that is older than it should be is entered without a flush.
    OlderKept,
    /// A slot is taken over without a flush.
    SlotKept,
    /// The generation goes up before the tables are changed.
    PublishedFirst,
    /// What was mapped is given away before the others have answered.
    NotWaited,
    /// A core that changes a space forgets that it runs it itself.
    SelfForgotten,
    /// A new space gets the id of one that died.
    IdReused,
}

const ALL_BROKEN: [Broken; 8] = [
    Broken::FlushSkipped,
    Broken::LastPageKept,
    Broken::OlderKept,
    Broken::SlotKept,
    Broken::PublishedFirst,
    Broken::NotWaited,
    Broken::SelfForgotten,
    Broken::IdReused,
];

/// A move of the game. Cores, spaces and pages are taken modulo how many there are.
#[derive(Clone, Debug)]
enum Move {
    Enter(usize, usize),
    Leave(usize),
    Access(usize, usize),
    /// A core's hardware fetches a translation that nobody asked for.
    Speculate(usize, usize),
    Look(usize),
    Map(usize, usize, usize),
    Unmap(usize, usize, usize, usize),
    Protect(usize, usize, usize, usize),
    CopyOnWrite(usize, usize, usize),
    Fork(usize, usize, usize),
    /// A space that no core runs dies, and another one takes its place.
    Die(usize),
}

fn any_move() -> impl Strategy<Value = Move> {
    let (core, space, page) = (0..4_usize, 0..SPACES, 0..PAGES);
    prop_oneof![
        4 => (core.clone(), space.clone()).prop_map(|(core, space)| Move::Enter(core, space)),
        1 => core.clone().prop_map(Move::Leave),
        6 => (core.clone(), page.clone()).prop_map(|(core, page)| Move::Access(core, page)),
        2 => (core.clone(), page.clone()).prop_map(|(core, page)| Move::Speculate(core, page)),
        2 => core.clone().prop_map(Move::Look),
        2 => (space.clone(), page.clone(), 1..PAGES)
            .prop_map(|(space, page, count)| Move::Map(space, page, count)),
        2 => (core.clone(), space.clone(), page.clone(), 1..PAGES)
            .prop_map(|(core, space, page, count)| Move::Unmap(core, space, page, count)),
        2 => (core.clone(), space.clone(), page.clone(), 1..4_usize)
            .prop_map(|(core, space, page, count)| Move::Protect(core, space, page, count)),
        2 => (core.clone(), space.clone(), page)
            .prop_map(|(core, space, page)| Move::CopyOnWrite(core, space, page)),
        1 => (core, space.clone(), space.clone())
            .prop_map(|(core, from, to)| Move::Fork(core, from, to)),
        1 => space.prop_map(Move::Die),
    ]
}

#[derive(Clone, Debug)]
struct Game {
    cores: usize,
    /// Of each core; 0: a CPU without tags.
    slots: u16,
    seed: u64,
    moves: Vec<Move>,
}

fn any_game() -> impl Strategy<Value = Game> {
    let moves = prop::collection::vec(any_move(), 50..400);
    (1..=4_usize, 0..=4_u16, any::<u64>(), moves).prop_map(|(cores, slots, seed, moves)| Game {
        cores,
        slots,
        seed,
        moves,
    })
}

/// A translation that was once put into a table. No two are the same.
type Translation = u64;

struct Space {
    translations: Translations,
    pen: RefCell<Pen>,
    table: RefCell<[Option<Translation>; PAGES]>,
}

/// What a core is doing while others do something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Interrupts are on.
    Open,
    /// It waits for answers, and looks into its mailbox.
    Waiting,
    /// Interrupts are off.
    Closed,
}

struct Core {
    view: RefCell<CoreSpaces>,
    loaded: RefCell<Option<Rc<Space>>>,
    pcid: Cell<u16>,
    tlb: RefCell<HashMap<(u16, usize), Translation>>,
    doing: Cell<Doing>,
    mailbox: Mailbox,
    is_interrupted: Cell<bool>,
}

struct World {
    broken: Broken,
    has_tags: bool,
    cores: Vec<Core>,
    spaces: RefCell<Vec<Rc<Space>>>,
    next_space: Cell<u64>,
    next_translation: Cell<Translation>,
    /// Translations that a completed operation took away.
    gone: RefCell<HashSet<Translation>>,
    violation: RefCell<Option<String>>,
    random: Cell<u64>,
    /// What is being changed, where the other cores like to be too.
    hot: RefCell<Option<(Rc<Space>, usize)>>,
    seen: RefCell<Seen>,
}

/// What happened, to see that the games are worth playing.
#[derive(Clone, Debug, Default)]
struct Seen {
    kept: u64,
    older: u64,
    taken_over: u64,
    untagged: u64,
    ranged: u64,
    everything: u64,
    asked: u64,
}

impl World {
    fn new(game: &Game, broken: Broken) -> Self {
        let slots = || match game.slots {
            0 => Slots::untagged(),
            count => Slots::new(count),
        };
        let world = Self {
            broken,
            has_tags: game.slots > 0,
            cores: (0..game.cores)
                .map(|id| Core {
                    view: RefCell::new(CoreSpaces::new(id, slots())),
                    loaded: RefCell::default(),
                    pcid: Cell::new(0),
                    tlb: RefCell::default(),
                    doing: Cell::new(Doing::Open),
                    mailbox: Mailbox::new(),
                    is_interrupted: Cell::new(false),
                })
                .collect(),
            spaces: RefCell::default(),
            next_space: Cell::new(1),
            next_translation: Cell::new(1),
            gone: RefCell::default(),
            violation: RefCell::default(),
            random: Cell::new(game.seed),
            hot: RefCell::default(),
            seen: RefCell::default(),
        };
        for _ in 0..SPACES {
            let space = world.new_space(None);
            world.spaces.borrow_mut().push(space);
        }
        world
    }

    fn below(&self, limit: usize) -> usize {
        // Knuth's MMIX generator.
        let next = self
            .random
            .get()
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.random.set(next);
        (next >> 33) as usize % limit
    }

    fn new_space(&self, reused: Option<u64>) -> Rc<Space> {
        let id = reused.unwrap_or_else(|| self.next_space.replace(self.next_space.get() + 1));
        let (translations, pen) = Translations::new(id);
        Rc::new(Space {
            translations,
            pen: RefCell::new(pen),
            table: RefCell::new([None; PAGES]),
        })
    }

    fn new_translation(&self) -> Translation {
        self.next_translation
            .replace(self.next_translation.get() + 1)
    }

    fn space(&self, index: usize) -> Rc<Space> {
        self.spaces.borrow()[index % SPACES].clone()
    }

    fn enter(&self, core: usize, space: &Rc<Space>) {
        let this = &self.cores[core];
        let previous = this.loaded.borrow().clone();
        if previous
            .as_ref()
            .is_some_and(|loaded| Rc::ptr_eq(loaded, space))
        {
            return;
        }
        this.doing.set(Doing::Closed);
        this.view.borrow_mut().enter(
            &space.translations,
            previous.as_ref().map(|space| &space.translations),
            |how| {
                self.others_do_something(core);
                self.load(this, how);
                *this.loaded.borrow_mut() = Some(space.clone());
            },
        );
        this.doing.set(Doing::Open);
    }

    fn load(&self, core: &Core, how: Load) {
        let mut seen = self.seen.borrow_mut();
        let is_flushed = match how.flush {
            None => {
                seen.kept += 1;
                false
            }
            Some(Cause::Older) => {
                seen.older += 1;
                self.broken != Broken::OlderKept
            }
            Some(Cause::TakenOver) => {
                seen.taken_over += 1;
                self.broken != Broken::SlotKept
            }
            Some(Cause::Untagged) => {
                seen.untagged += 1;
                true
            }
        };
        assert_eq!(self.has_tags, how.pcid != 0);
        core.pcid.set(how.pcid);
        if is_flushed {
            core.tlb
                .borrow_mut()
                .retain(|(pcid, _), _| *pcid != how.pcid);
        }
    }

    fn leave(&self, core: usize) {
        let this = &self.cores[core];
        let Some(space) = this.loaded.borrow().clone() else {
            return;
        };
        this.doing.set(Doing::Closed);
        this.view.borrow_mut().leave(&space.translations, || {
            self.others_do_something(core);
            this.pcid.set(0);
            if !self.has_tags {
                this.tlb.borrow_mut().clear();
            }
            *this.loaded.borrow_mut() = None;
        });
        this.doing.set(Doing::Open);
    }

    /// The core's hardware translates a page, by the TLB or by a walk.
    fn translate(&self, core: usize, page: usize) -> Option<Translation> {
        let this = &self.cores[core];
        let loaded = this.loaded.borrow();
        let space = loaded.as_ref()?;
        let key = (this.pcid.get(), page % PAGES);
        if let Some(cached) = this.tlb.borrow().get(&key) {
            return Some(*cached);
        }
        let walked = space.table.borrow()[page % PAGES]?;
        this.tlb.borrow_mut().insert(key, walked);
        Some(walked)
    }

    fn access(&self, core: usize, page: usize) {
        if let Some(translation) = self.translate(core, page)
            && self.gone.borrow().contains(&translation)
        {
            *self.violation.borrow_mut() = Some(format!(
                "core {core} used page {} by translation {translation}, which is gone",
                page % PAGES
            ));
        }
    }

    fn catch_up(&self, core: usize) {
        let this = &self.cores[core];
        let Some(space) = this.loaded.borrow().clone() else {
            return;
        };
        let before = this.doing.replace(Doing::Closed);
        this.view
            .borrow_mut()
            .catch_up(&space.translations, |batch| {
                self.others_do_something(core);
                self.flush(this, batch);
            });
        this.doing.set(before);
    }

    fn flush(&self, core: &Core, batch: &Batch) {
        if self.broken == Broken::FlushSkipped {
            return;
        }
        let (mut tlb, mut seen) = (core.tlb.borrow_mut(), self.seen.borrow_mut());
        let pcid = core.pcid.get();
        match batch.ranges() {
            Some(ranges) => {
                seen.ranged += 1;
                for range in ranges {
                    let kept = u64::from(self.broken == Broken::LastPageKept);
                    for page in range.first..range.first + u64::from(range.count) - kept {
                        tlb.remove(&(pcid, page as usize));
                    }
                }
            }
            None => {
                seen.everything += 1;
                tlb.retain(|(tag, _), _| *tag != pcid);
            }
        }
    }

    fn look(&self, core: usize) {
        let this = &self.cores[core];
        let polls = this.doing.get() == Doing::Waiting;
        if this.is_interrupted.replace(false) || polls {
            this.mailbox.answer(|| self.catch_up(core));
        }
    }

    /// Cores other than this one go on for a moment.
    fn others_do_something(&self, than: usize) {
        for _ in 0..self.below(4) {
            let core = self.below(self.cores.len());
            if core == than || self.cores[core].doing.get() != Doing::Open {
                continue;
            }
            let hot = self.hot.borrow().clone().filter(|_| self.below(4) > 0);
            let (space, page) =
                hot.unwrap_or_else(|| (self.space(self.below(SPACES)), self.below(PAGES)));
            match self.below(4) {
                0 => self.access(core, page),
                1 => {
                    self.translate(core, page);
                }
                2 => self.look(core),
                _ => self.enter(core, &space),
            }
        }
    }

    /// `core` changes the table of `space` at `page` by `change`, which notes what it
    /// narrowed and gives back what it took away.
    fn narrow(
        &self,
        core: usize,
        space: &Rc<Space>,
        page: usize,
        change: impl FnOnce(&mut Batch, &mut [Option<Translation>; PAGES]) -> Vec<Translation>,
    ) {
        let this = &self.cores[core];
        // The space's lock: nobody sleeps for it in this game.
        let Ok(mut pen) = space.pen.try_borrow_mut() else {
            return;
        };
        if this.doing.get() != Doing::Open {
            return;
        }
        let before = self.hot.replace(Some((space.clone(), page)));
        let mut batch = Batch::new();
        let gone = if self.broken == Broken::PublishedFirst {
            let mut changed = *space.table.borrow();
            let gone = change(&mut batch, &mut changed);
            space.translations.publish(&mut pen, &batch);
            self.others_do_something(core);
            *space.table.borrow_mut() = changed;
            gone
        } else {
            let gone = change(&mut batch, &mut space.table.borrow_mut());
            self.others_do_something(core);
            space.translations.publish(&mut pen, &batch);
            gone
        };
        if batch.is_empty() {
            *self.hot.borrow_mut() = before;
            return;
        }
        self.others_do_something(core);
        let cores = space.translations.running().now();
        if cores.contains(core) && self.broken != Broken::SelfForgotten {
            self.catch_up(core);
        }
        if self.broken == Broken::NotWaited {
            self.gone.borrow_mut().extend(&gone);
        }
        this.doing.set(Doing::Waiting);
        let as_core = AsCore { world: self, core };
        let sent = shoot_down(&as_core, &cores, core);
        self.seen.borrow_mut().asked += sent.asked;
        this.doing.set(Doing::Open);
        self.gone.borrow_mut().extend(gone);
        self.others_do_something(core);
        *self.hot.borrow_mut() = before;
    }

    /// A shootdown of another space by another core, in the midst of one.
    fn another_at_once(&self, than: usize) {
        let core = self.below(self.cores.len());
        if core == than {
            return;
        }
        let (space, page) = (self.space(self.below(SPACES)), self.below(PAGES));
        self.narrow(core, &space, page, |batch, table| {
            take_out(batch, table, page, 1)
        });
    }

    fn play(&self, step: &Move) {
        let core = |core: usize| core % self.cores.len();
        match *step {
            Move::Enter(on, space) => self.enter(core(on), &self.space(space)),
            Move::Leave(on) => self.leave(core(on)),
            Move::Access(on, page) => self.access(core(on), page),
            Move::Speculate(on, page) => {
                self.translate(core(on), page);
            }
            Move::Look(on) => self.look(core(on)),
            Move::Map(space, page, count) => {
                for entry in &mut self.space(space).table.borrow_mut()[page..]
                    .iter_mut()
                    .take(count)
                {
                    entry.get_or_insert_with(|| self.new_translation());
                }
            }
            Move::Unmap(on, space, page, count) => {
                self.narrow(core(on), &self.space(space), page, |batch, table| {
                    take_out(batch, table, page, count)
                });
            }
            Move::Protect(on, space, page, count) => {
                self.narrow(core(on), &self.space(space), page, |batch, table| {
                    self.replace(batch, table, page, count)
                });
            }
            Move::CopyOnWrite(on, space, page) => {
                self.narrow(core(on), &self.space(space), page, |batch, table| {
                    self.replace(batch, table, page, 1)
                });
            }
            Move::Fork(on, from, to) if from != to => self.fork(core(on), from, to),
            Move::Fork(..) => {}
            Move::Die(space) => {
                self.die(space);
            }
        }
    }

    /// Other translations for the pages that are mapped.
    fn replace(
        &self,
        batch: &mut Batch,
        table: &mut [Option<Translation>; PAGES],
        page: usize,
        count: usize,
    ) -> Vec<Translation> {
        let mut gone = Vec::new();
        for (page, entry) in table.iter_mut().enumerate().skip(page).take(count) {
            if let Some(old) = entry {
                gone.push(*old);
                *old = self.new_translation();
                batch.add(page as u64, 1);
            }
        }
        gone
    }

    fn fork(&self, core: usize, from: usize, to: usize) {
        let parent = self.space(from);
        let Some(child) = self.die(to) else {
            return;
        };
        self.narrow(core, &parent, self.below(PAGES), |batch, table| {
            batch.add_everything();
            let gone = self.replace(&mut Batch::new(), table, 0, PAGES);
            for (mine, its) in table.iter().zip(child.table.borrow_mut().iter_mut()) {
                *its = mine.map(|_| self.new_translation());
            }
            gone
        });
    }

    /// The space that takes a dead one's place; None where that one is needed still.
    fn die(&self, index: usize) -> Option<Rc<Space>> {
        let old = self.space(index);
        let is_held = old.pen.try_borrow_mut().is_err();
        if is_held || old.translations.running().now() != Cores::default() {
            return None;
        }
        let table = *old.table.borrow();
        self.gone.borrow_mut().extend(table.into_iter().flatten());
        let reused = (self.broken == Broken::IdReused).then(|| old.translations.id());
        let new = self.new_space(reused);
        self.spaces.borrow_mut()[index % SPACES] = new.clone();
        Some(new)
    }
}

fn take_out(
    batch: &mut Batch,
    table: &mut [Option<Translation>; PAGES],
    page: usize,
    count: usize,
) -> Vec<Translation> {
    let count = count.min(PAGES - page);
    let gone: Vec<_> = table[page..page + count]
        .iter_mut()
        .filter_map(Option::take)
        .collect();
    if !gone.is_empty() {
        batch.add(page as u64, count as u64);
    }
    gone
}

/// A core that waits for others.
struct AsCore<'a> {
    world: &'a World,
    core: usize,
}

impl Hardware for AsCore<'_> {
    fn mailbox(&self, core: usize) -> Option<&Mailbox> {
        Some(&self.world.cores.get(core)?.mailbox)
    }

    fn interrupt(&self, core: usize) {
        self.world.cores[core].is_interrupted.set(true);
        self.world.others_do_something(self.core);
    }

    fn relax(&self) {
        if self.world.below(8) == 0 {
            self.world.another_at_once(self.core);
        }
        self.world.others_do_something(self.core);
        // Whoever waits, looks: this one, and those that wait further down the stack.
        for core in 0..self.world.cores.len() {
            if self.world.cores[core].doing.get() == Doing::Waiting || self.world.below(4) == 0 {
                self.world.look(core);
            }
        }
    }
}

fn play(game: &Game, broken: Broken) -> Result<Seen, String> {
    let world = World::new(game, broken);
    for step in &game.moves {
        world.play(step);
        if let Some(violation) = world.violation.borrow().clone() {
            return Err(violation);
        }
    }
    Ok(world.seen.into_inner())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn no_core_uses_a_translation_that_was_taken_away(game in any_game()) {
        if let Err(violation) = play(&game, Broken::Nothing) {
            return Err(TestCaseError::fail(violation));
        }
    }
}

/// Games by the same dice every time.
fn games(count: usize) -> impl Iterator<Item = Game> {
    let mut runner = TestRunner::deterministic();
    let strategy = any_game();
    (0..count).map(move |_| {
        let tree = strategy.new_tree(&mut runner);
        tree.expect("the strategy has no filters").current()
    })
}

#[test]
fn every_broken_line_is_found() {
    for broken in ALL_BROKEN {
        let found = games(2000).position(|game| play(&game, broken).is_err());
        println!("{broken:?}: found in game {found:?}");
        assert!(found.is_some(), "{broken:?} is not found");
    }
}

#[test]
fn the_games_come_to_everything_there_is() {
    let mut sum = Seen::default();
    for game in games(300) {
        let seen = play(&game, Broken::Nothing).expect("nothing is broken");
        sum.kept += seen.kept;
        sum.older += seen.older;
        sum.taken_over += seen.taken_over;
        sum.untagged += seen.untagged;
        sum.ranged += seen.ranged;
        sum.everything += seen.everything;
        sum.asked += seen.asked;
    }
    println!("{sum:?}");
    let all = [
        sum.kept,
        sum.older,
        sum.taken_over,
        sum.untagged,
        sum.ranged,
        sum.everything,
        sum.asked,
    ];
    assert!(all.iter().all(|count| *count > 500), "{sum:?}");
}
