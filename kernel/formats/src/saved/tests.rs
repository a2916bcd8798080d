//! What is written is read back; what is damaged is refused; what is hostile but sealed
//! anew is refused or coherent.

use alloc::vec;

use proptest::prelude::*;

use super::*;

const PAGE_BYTES: usize = PAGE as usize;

fn machine() -> Machine {
    Machine {
        kernel: [1, 2],
        program: [3, 4],
        cpu: 5,
        extended: 7,
        cores: 2,
    }
}

/// Two areas and a hole between them, stored pages and the program's.
fn state() -> State {
    let area = |start, end, backing, name| Area {
        start: start * PAGE,
        end: end * PAGE,
        protection: 3,
        allowed: 7,
        backing,
        name,
    };
    let run = |start, count, pages| Run {
        start: start * PAGE,
        count,
        pages,
    };
    State {
        registers: core::array::from_fn(|index| index as u64 * 11),
        bases: [0x7000, 0x8000],
        blocked: 1 << 9,
        alternate_stack: [0x9000, 0x2000, 0],
        id_address: 0xa000,
        layout: [0x10_0000, 0x20_0000, 0x7fff_0000_0000],
        strings: [0xb000, 0xb100],
        extended: vec![0xab; 577],
        actions: vec![[1, 2, 3, 4]; 64],
        auxiliary: vec![6, 4096, 0, 0],
        areas: vec![
            area(16, 24, Backing::Program(8 * PAGE), Name::Program),
            area(24, 30, Backing::Zeros, Name::None),
            area(90, 100, Backing::Zeros, Name::Heap),
        ],
        runs: vec![
            run(16, 2, Pages::Stored(0)),
            run(20, 4, Pages::Program(3 * PAGE)),
            run(25, 1, Pages::Stored(2)),
            run(99, 1, Pages::Stored(3)),
        ],
    }
}

fn file_of(state: &State, pages: &[u8]) -> Vec<u8> {
    let count = pages.len() as u64 / PAGE;
    let mut file = write_head(&machine(), state, count, seal(pages));
    file.extend(pages);
    file
}

fn pages() -> Vec<u8> {
    (0..4 * PAGE_BYTES).map(|at| (at / 7) as u8).collect()
}

fn file() -> Vec<u8> {
    file_of(&state(), &pages())
}

/// What reading and looking at all of it says.
fn verdict(bytes: &[u8]) -> Result<(), Error> {
    read(bytes)?.check_pages()
}

/// Makes the head's seal right again.
fn reseal(file: &mut [u8], head: usize) {
    let sealed = seal(&file[24..head]);
    file[16..24].copy_from_slice(&sealed.to_le_bytes());
}

fn head_length(file: &[u8]) -> usize {
    file.len() - 4 * PAGE_BYTES
}

#[test]
fn the_seal_is_xxhash_64() {
    // The reference implementation's own values for seed 0.
    assert_eq!(seal(b""), 0xef46_db37_51d8_e999);
    assert_eq!(seal(b"abc"), 0x44bc_2cf5_ad77_0999);
    let mut pieces = Sealer::new();
    pieces.add(b"a");
    pieces.add(b"bc");
    assert_eq!(pieces.finish(), seal(b"abc"));
}

#[test]
fn what_is_written_is_read_back() {
    let file = file();
    assert!(head_length(&file).is_multiple_of(PAGE_BYTES));
    let saved = read(&file).unwrap();
    assert_eq!(saved.machine, machine());
    assert_eq!(saved.state, state());
    assert_eq!(saved.pages, pages());
    assert_eq!(saved.check_pages(), Ok(()));
}

#[test]
fn every_flipped_bit_is_found() {
    let mut file = file();
    for at in 0..file.len() {
        file[at] ^= 1 << (at % 8);
        let found = verdict(&file);
        let is_right = match at {
            0..8 => found == Err(Error::NotOne),
            8..16 => matches!(found, Err(Error::Version(version)) if version != VERSION),
            // The lengths are looked at first.
            32..48 => matches!(found, Err(Error::Length | Error::DamagedHead)),
            _ if at < head_length(&file) => found == Err(Error::DamagedHead),
            _ => found == Err(Error::DamagedPages),
        };
        assert!(is_right, "byte {at}: {found:?}");
        file[at] ^= 1 << (at % 8);
    }
    assert_eq!(verdict(&file), Ok(()));
}

#[test]
fn every_other_length_is_refused() {
    let mut file = file();
    for length in 0..file.len() {
        let found = verdict(&file[..length]);
        let expected = if length < 8 {
            Error::NotOne
        } else {
            Error::Length
        };
        assert_eq!(found, Err(expected), "{length} bytes");
    }
    file.push(0);
    assert_eq!(verdict(&file), Err(Error::Length));
}

#[test]
fn lengths_that_no_memory_holds_are_refused_before_anything_is_allocated() {
    for word in [4, 5, 43, 44, 45, 46, 47] {
        for value in [u64::MAX, u64::MAX / 8, 1 << 61, 1 << 40] {
            let mut file = file();
            let head = head_length(&file);
            file[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
            reseal(&mut file, head);
            assert_eq!(
                verdict(&file),
                Err(Error::Length),
                "word {word}: {value:#x}"
            );
        }
    }
}

#[test]
fn what_is_not_coherent_is_named() {
    let refused = |change: &dyn Fn(&mut State)| {
        let mut state = state();
        change(&mut state);
        verdict(&file_of(&state, &pages())).unwrap_err()
    };
    let area = Error::BadArea;
    assert_eq!(refused(&|state| state.areas[1].start -= PAGE), area(1));
    assert_eq!(
        refused(&|state| state.areas[2].end = USER_END + PAGE),
        area(2)
    );
    assert_eq!(refused(&|state| state.areas[0].end = 16 * PAGE), area(0));
    assert_eq!(refused(&|state| state.areas[0].start += 1), area(0));
    assert_eq!(refused(&|state| state.areas[0].allowed = 8), area(0));
    assert_eq!(refused(&|state| state.areas[0].allowed = 1), area(0));
    let offset = Backing::Program(1);
    assert_eq!(refused(&|state| state.areas[0].backing = offset), area(0));
    let run = Error::BadRun;
    // Across areas, in none, before the one before, empty, beyond all numbers.
    assert_eq!(refused(&|state| state.runs[1].count = 5), run(1));
    assert_eq!(refused(&|state| state.runs[2].start = 40 * PAGE), run(2));
    assert_eq!(refused(&|state| state.runs[2].start = 22 * PAGE), run(2));
    assert_eq!(refused(&|state| state.runs[0].count = 0), run(0));
    assert_eq!(refused(&|state| state.runs[3].count = u64::MAX / 4), run(3));
    // A stored page twice, one that is not there, one that nobody has.
    assert_eq!(
        refused(&|state| state.runs[2].pages = Pages::Stored(1)),
        run(2)
    );
    assert_eq!(refused(&|state| state.runs[0].count = 4), run(2));
    assert_eq!(refused(&|state| state.runs.truncate(3)), Error::Leftover);
}

/// What the kernel relies on in whatever [`read`] lets through.
fn assert_coherent(saved: &Saved<'_>) {
    let state = &saved.state;
    for pair in state.areas.windows(2) {
        assert!(pair[0].end <= pair[1].start);
    }
    assert!(state.areas.iter().all(|area| area.end <= USER_END));
    let mut stored = 0;
    for run in &state.runs {
        let end = run.start + run.count * PAGE;
        let holds = |area: &Area| area.start <= run.start && end <= area.end;
        assert!(state.areas.iter().any(holds));
        if let Pages::Stored(number) = run.pages {
            assert_eq!(number, stored);
            stored += run.count;
        }
    }
    assert_eq!(stored * PAGE, saved.pages.len() as u64);
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(read(&bytes).is_err());
    }

    /// Behind a right seal, so that the checks of the content are reached.
    #[test]
    fn a_forged_head_is_refused_or_coherent(
        changes in prop::collection::vec((6_usize..512, prop_oneof![
            0_u64..8,
            (0_u64..128).prop_map(|page| page * PAGE),
            any::<u64>(),
        ]), 1..6),
    ) {
        let mut file = file();
        let head = head_length(&file);
        for (word, value) in changes {
            file[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
        }
        reseal(&mut file, head);
        if let Ok(saved) = read(&file) {
            assert_coherent(&saved);
        }
    }
}
