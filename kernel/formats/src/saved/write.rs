//! Writing the head of a saved template. The pages, in the order of its runs, are their
//! owner's to write behind it.

use alloc::vec::Vec;

use super::{Area, Backing, FIXED_WORDS, MAGIC, Machine, Name, PAGE, Pages, State, VERSION, seal};

/// The head of a template with this many stored pages, whose [`seal`] is `pages_seal`: a
/// multiple of [`PAGE`] bytes.
#[must_use]
pub fn write_head(machine: &Machine, state: &State, page_count: u64, pages_seal: u64) -> Vec<u8> {
    let mut words: Vec<u64> = Vec::with_capacity(FIXED_WORDS);
    words.extend([MAGIC, VERSION, 0, pages_seal, 0, page_count]);
    words.extend(machine.kernel);
    words.extend(machine.program);
    words.extend([machine.cpu, machine.extended, machine.cores]);
    words.extend(state.registers);
    words.extend(state.bases);
    words.push(state.blocked);
    words.extend(state.alternate_stack);
    words.push(state.id_address);
    words.extend(state.layout);
    words.extend(state.strings);
    words.extend(
        [
            state.extended.len(),
            state.actions.len(),
            state.auxiliary.len(),
            state.areas.len(),
            state.runs.len(),
        ]
        .map(|length| length as u64),
    );
    debug_assert_eq!(words.len(), FIXED_WORDS);
    words.extend(state.extended.chunks(8).map(|bytes| {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        u64::from_le_bytes(word)
    }));
    words.extend(state.actions.iter().flatten());
    words.extend(&state.auxiliary);
    words.extend(state.areas.iter().flat_map(area_words));
    for run in &state.runs {
        let (kind, place) = match run.pages {
            Pages::Stored(number) => (0, number),
            Pages::Program(offset) => (1, offset),
        };
        words.extend([run.start, run.count, kind, place]);
    }
    let length = (words.len() as u64 * 8).next_multiple_of(PAGE);
    if let Some(word) = words.get_mut(4) {
        *word = length;
    }
    words.resize((length / 8) as usize, 0);
    let mut head: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let sealed = seal(head.get(24..).unwrap_or_default());
    if let Some(place) = head.get_mut(16..24) {
        place.copy_from_slice(&sealed.to_le_bytes());
    }
    head
}

fn area_words(area: &Area) -> [u64; 4] {
    let (kind, offset) = match area.backing {
        Backing::Zeros => (0, 0),
        Backing::Program(offset) => (1, offset),
    };
    let name = match area.name {
        Name::None => 0,
        Name::Heap => 1,
        Name::Stack => 2,
        Name::Program => 3,
    };
    let about = u64::from(area.protection) | u64::from(area.allowed) << 8 | name << 16 | kind << 24;
    [area.start, area.end, about, offset]
}
