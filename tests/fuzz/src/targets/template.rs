//! Saved templates (`formats::saved`).

use formats::saved::{self, Area, Backing, Machine, Name, PAGE, Pages, Run, State};

/// A template that is read is coherent: its areas are apart, and every run lies in one. The
/// first byte says whether the head's checksum is made right before.
pub fn run(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    let mut file = rest.to_vec();
    if first & 1 == 0 {
        seal(&mut file);
    }
    let Ok(template) = saved::read(&file) else {
        return;
    };
    let _ = template.check_pages();
    let mut free = 0;
    for area in &template.state.areas {
        assert!(area.start >= free && area.start < area.end);
        free = area.end;
    }
    let mut stored = 0;
    for run in &template.state.runs {
        let end = run.start + run.count * PAGE;
        let mut areas = template.state.areas.iter();
        assert!(areas.any(|area| area.start <= run.start && end <= area.end));
        if let Pages::Stored(number) = run.pages {
            assert_eq!(number, stored);
            stored += run.count;
        }
    }
    assert_eq!(stored * PAGE, template.pages.len() as u64);
}

fn seal(file: &mut [u8]) {
    let length = file.get(32..40).and_then(|bytes| bytes.try_into().ok());
    let length = length.map_or(0, u64::from_le_bytes);
    let end = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .min(file.len());
    if let Some(sealed) = file.get(24..end).map(saved::seal)
        && let Some(place) = file.get_mut(16..24)
    {
        place.copy_from_slice(&sealed.to_le_bytes());
    }
}

/// A small one.
pub fn seeds() -> Vec<Vec<u8>> {
    let area = |start: u64, pages: u64, backing, name| Area {
        start,
        end: start + pages * PAGE,
        protection: 3,
        allowed: 7,
        backing,
        name,
    };
    let state = State {
        extended: vec![1; 24],
        actions: vec![[1, 2, 3, 4]; 2],
        auxiliary: vec![3, 0x40_0040, 0, 0],
        areas: vec![
            area(0x40_0000, 4, Backing::Program(0), Name::Program),
            area(0x80_0000, 4, Backing::Zeros, Name::Heap),
        ],
        runs: vec![
            Run {
                start: 0x40_1000,
                count: 1,
                pages: Pages::Program(PAGE),
            },
            Run {
                start: 0x80_0000,
                count: 1,
                pages: Pages::Stored(0),
            },
        ],
        ..State::default()
    };
    let pages = [7; PAGE as usize];
    let head = saved::write_head(&Machine::default(), &state, 1, saved::seal(&pages));
    vec![[&[0][..], &head, &pages].concat()]
}
