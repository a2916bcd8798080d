//! What is a sound decision of a policy from outside.

use roentgen_abi::policy::{First, SLICE_UNIT, Second};

use super::Fault;
use crate::policy::{LONGEST_SLICE, SHORTEST_SLICE};
use crate::weight::HEAVIEST;

const _: () = assert!(SLICE_UNIT == SHORTEST_SLICE);

/// What a policy decided of a task; None: what the built-in policy says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Its weight, 1 to [`HEAVIEST`].
    pub weight: Option<u32>,
    /// Its slice in nanoseconds, [`SHORTEST_SLICE`] to [`LONGEST_SLICE`].
    pub slice: Option<u64>,
    /// The core that it keeps to while others do not idle; it may not be allowed there.
    pub place: Option<usize>,
}

/// Reads the first word of a slot, for the task with this tag. None: it is another one's.
///
/// # Errors
/// It is the task's and says what cannot be.
pub fn check(word: u64, tag: u16, cores: usize) -> Result<Option<Decision>, Fault> {
    let first = First::decode(word);
    if first.tag != tag || tag == 0 {
        return Ok(None);
    }
    if first.unused != 0 {
        return Err(Fault::Unused);
    }
    if first.weight > HEAVIEST {
        return Err(Fault::Weight);
    }
    let slice = u64::from(first.slice) * SLICE_UNIT;
    if slice > LONGEST_SLICE {
        return Err(Fault::Slice);
    }
    let place = (first.place as usize).checked_sub(1);
    if place.is_some_and(|place| place >= cores) {
        return Err(Fault::Place);
    }
    Ok(Some(Decision {
        weight: Some(first.weight).filter(|weight| *weight > 0),
        slice: Some(slice).filter(|slice| *slice > 0),
        place,
    }))
}

/// Reads the second word of a slot, for the task with this tag: its rank.
#[must_use]
pub fn rank(word: u64, tag: u16) -> Option<u64> {
    let second = Second::decode(word);
    (second.tag == tag && tag != 0 && second.rank != 0).then_some(second.rank)
}
