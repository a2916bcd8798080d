//! How many PCID slots, and which one to give up: measured in a model of a tagged TLB.
//!
//! Spaces take turns on one core by some pattern. Each touches the same few pages in each
//! of its turns. Two things are counted: how often the table of slots lets the TLB be
//! kept, and how many of the touched pages are in the TLB still. The second is what the
//! first is for: a slot that outlives its space's entries is worth nothing.
//!
//! Run with `--nocapture` for the table; its finding is in the documentation of
//! `smp::pcid`.

use std::collections::HashMap;

use smp::pcid::{MOST, Slots};

/// Entries of the TLB: the second level of Intel's cores since Skylake has 1,536.
const ENTRIES: usize = 1536;
/// Pages that a space touches in a turn.
const PAGES: u64 = 16;
const TURNS: u64 = 20_000;

/// A linear congruential generator (Knuth's MMIX): the same numbers every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A set of keys of bounded size that forgets the least recently used one.
struct Recent<K> {
    capacity: usize,
    clock: u64,
    used: HashMap<K, u64>,
    order: std::collections::BTreeMap<u64, K>,
}

impl<K: Copy + Eq + std::hash::Hash> Recent<K> {
    fn new(capacity: usize) -> Self {
        Self {
            capacity,
            clock: 0,
            used: HashMap::new(),
            order: std::collections::BTreeMap::new(),
        }
    }

    /// Whether the key was there; it is now.
    fn touch(&mut self, key: K) -> bool {
        self.clock += 1;
        let before = self.used.insert(key, self.clock);
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.insert(self.clock, key);
        if self.used.len() > self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.used.remove(&oldest);
        }
        before.is_some()
    }
}

/// Slots that give up one at random: what [`Slots`] is compared with.
struct AtRandom {
    count: usize,
    spaces: Vec<u64>,
    places: HashMap<u64, usize>,
    random: Random,
    /// By slot: how often it was given up, so that its entries are nobody's.
    lives: Vec<u64>,
}

impl AtRandom {
    fn new(count: usize) -> Self {
        Self {
            count,
            spaces: Vec::new(),
            places: HashMap::new(),
            random: Random(7),
            lives: vec![0; count],
        }
    }

    /// Slot, how often that was flushed, and whether the TLB is kept.
    fn choose(&mut self, space: u64) -> (usize, u64, bool) {
        if let Some(&place) = self.places.get(&space) {
            return (place, self.lives[place], true);
        }
        let place = if self.spaces.len() < self.count {
            self.spaces.push(space);
            self.spaces.len() - 1
        } else {
            let place = self.random.below(self.count as u64) as usize;
            self.places.remove(&self.spaces[place]);
            self.spaces[place] = space;
            place
        };
        self.places.insert(space, place);
        self.lives[place] += 1;
        (place, self.lives[place], false)
    }
}

#[derive(Clone, Copy)]
enum Pattern {
    /// One after another.
    RoundRobin,
    /// Few of them often, many rarely: the n-th with a share of about 1 / n.
    Skewed,
}

impl Pattern {
    fn pick(self, spaces: u64, turn: u64, random: &mut Random) -> u64 {
        1 + match self {
            Self::RoundRobin => turn % spaces,
            Self::Skewed => {
                // Uniform in the logarithm is Zipf's law with exponent 1.
                let uniform = random.below(1 << 30) as f64 / f64::from(1 << 30);
                ((spaces as f64).powf(uniform) as u64 - 1).min(spaces - 1)
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "in turn",
            Self::Skewed => "skewed",
        }
    }
}

/// Shares in percent.
#[derive(Clone, Copy, Debug)]
struct Shares {
    /// Switches that kept the TLB.
    kept: f64,
    /// Touched pages that were in the TLB.
    found: f64,
}

fn measure(
    spaces: u64,
    pattern: Pattern,
    mut choose: impl FnMut(u64) -> (usize, u64, bool),
) -> Shares {
    let mut tlb = Recent::new(ENTRIES);
    let mut random = Random(1);
    let (mut kept, mut found) = (0, 0);
    // Everybody once, and then some, before anything counts.
    let warm = spaces * 2;
    for turn in 0..warm + TURNS {
        let space = if turn < spaces {
            turn + 1
        } else {
            pattern.pick(spaces, turn, &mut random)
        };
        let (slot, life, is_kept) = choose(space);
        let counts = u64::from(turn >= warm);
        kept += counts * u64::from(is_kept);
        for page in 0..PAGES {
            found += counts * u64::from(tlb.touch((slot, life, page)));
        }
    }
    Shares {
        kept: 100.0 * kept as f64 / TURNS as f64,
        found: 100.0 * found as f64 / (TURNS * PAGES) as f64,
    }
}

fn by_slots(spaces: u64, pattern: Pattern, count: u16) -> Shares {
    let mut slots = Slots::new(count);
    let mut lives = vec![0; usize::from(count) + 1];
    measure(spaces, pattern, |space| {
        let (_, load) = slots.choose(space, 0);
        let slot = usize::from(load.pcid);
        lives[slot] += u64::from(load.flush.is_some());
        (slot, lives[slot], load.flush.is_none())
    })
}

fn at_random(spaces: u64, pattern: Pattern, count: u16) -> Shares {
    let mut slots = AtRandom::new(usize::from(count));
    measure(spaces, pattern, |space| slots.choose(space))
}

#[test]
fn all_slots_and_the_least_recent_one_goes() {
    println!("| spaces, picks | slots | least recent: kept, found | at random: kept, found |");
    println!("|---|---|---|---|");
    for spaces in [64, 1_000, 4_096, 10_000] {
        for pattern in [Pattern::RoundRobin, Pattern::Skewed] {
            for count in [64, 1_024, MOST] {
                let recent = by_slots(spaces, pattern, count);
                let random = at_random(spaces, pattern, count);
                println!(
                    "| {spaces}, {} | {count} | {:.1} %, {:.1} % | {:.1} %, {:.1} % |",
                    pattern.name(),
                    recent.kept,
                    recent.found,
                    random.kept,
                    random.found
                );
                if spaces <= u64::from(count) {
                    assert_eq!(recent.kept, 100.0, "a slot for each of {spaces}");
                }
                // More slots never keep less, and where picks are skewed the least
                // recent one is the better choice.
                if matches!(pattern, Pattern::Skewed) {
                    assert!(recent.found + 0.5 >= random.found);
                }
            }
            let few = by_slots(spaces, pattern, 64);
            let all = by_slots(spaces, pattern, MOST);
            assert!(all.kept >= few.kept && all.found >= few.found);
        }
    }
}
