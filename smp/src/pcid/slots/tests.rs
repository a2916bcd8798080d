use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;

/// What [`Slots`] promises, the slow way.
struct Reference {
    count: usize,
    /// Least recently used first.
    slots: Vec<(u64, u64)>,
}

impl Reference {
    fn choose(&mut self, space: u64, generation: u64) -> Option<Cause> {
        let at = self.slots.iter().position(|slot| slot.0 == space);
        let cause = match at.map(|at| self.slots.remove(at)) {
            Some((_, known)) if known == generation => None,
            Some(_) => Some(Cause::Older),
            None => {
                if self.slots.len() == self.count {
                    self.slots.remove(0);
                }
                Some(Cause::TakenOver)
            }
        };
        self.slots.push((space, generation));
        cause
    }
}

proptest! {
    #[test]
    fn slots_do_what_the_slow_way_does(
        count in 1_u16..40,
        picks in prop::collection::vec((1_u64..60, 0_u64..3), 1..400),
    ) {
        let mut slots = Slots::new(count);
        let mut reference = Reference { count: usize::from(count), slots: Vec::new() };
        for (space, generation) in picks {
            // Ids as far apart as ids may be.
            let space = space * 0x0123_4567_89ab;
            let (slot, load) = slots.choose(space, generation);
            prop_assert_eq!(load.flush, reference.choose(space, generation));
            prop_assert!((1..=count).contains(&load.pcid));
            prop_assert_eq!(slot, Slot(load.pcid));
            prop_assert_eq!(slots.generation(slot), generation);
            prop_assert_eq!(slots.in_use(), reference.slots.len());
        }
    }
}

#[test]
fn every_pcid_but_the_kernels_is_handed_out_before_one_is_taken_over() {
    let mut slots = Slots::new(MOST);
    let mut seen = [false; 4096];
    for space in 1..=u64::from(MOST) {
        let (_, load) = slots.choose(space, 0);
        assert_eq!(load.flush, Some(Cause::TakenOver));
        assert!(!seen[usize::from(load.pcid)], "PCID {} twice", load.pcid);
        seen[usize::from(load.pcid)] = true;
    }
    assert!(!seen[0]);
    for space in 1..=u64::from(MOST) {
        assert_eq!(slots.choose(space, 0).1.flush, None);
    }
    assert_eq!(slots.in_use(), 4095);
}

#[test]
fn ten_thousand_spaces_take_turns_over_the_least_recently_used_slot() {
    let mut slots = Slots::new(MOST);
    for space in 1..=10_000_u64 {
        assert_eq!(slots.choose(space, 0).1.flush, Some(Cause::TakenOver));
    }
    // The last 4,095 are there, and entering them disturbs nobody.
    let oldest = 10_000 - u64::from(MOST) + 1;
    for space in oldest..=10_000 {
        assert_eq!(slots.choose(space, 0).1.flush, None, "space {space}");
    }
    let (_, load) = slots.choose(1, 0);
    assert_eq!(load.flush, Some(Cause::TakenOver));
    assert_eq!(slots.choose(oldest, 0).1.flush, Some(Cause::TakenOver));
    assert_eq!(slots.choose(oldest + 2, 0).1.flush, None);
}

#[test]
fn without_tags_every_load_flushes_under_pcid_0() {
    let mut slots = Slots::untagged();
    for (space, generation) in [(1, 0), (1, 0), (2, 5), (1, 0)] {
        let (slot, load) = slots.choose(space, generation);
        assert_eq!(
            load,
            Load {
                pcid: 0,
                flush: Some(Cause::Untagged)
            }
        );
        assert_eq!(slots.generation(slot), generation);
    }
    assert_eq!(slots.in_use(), 1);
}
