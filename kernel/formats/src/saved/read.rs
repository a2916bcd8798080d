//! Reading a saved template, which may be damaged or made by somebody else.

use alloc::vec::Vec;

use super::{
    Action, Area, Backing, Error, FIXED_WORDS, MAGIC, MOST_HEAD, Machine, Name, PAGE, Pages, Run,
    State, USER_END, VERSION, are_user_pages, seal,
};

/// A template, read.
#[derive(Debug)]
pub struct Saved<'a> {
    /// What it fits.
    pub machine: Machine,
    /// The process.
    pub state: State,
    /// The stored pages.
    pub pages: &'a [u8],
    pages_seal: u64,
}

impl Saved<'_> {
    /// Looks at every page: what costs time, and is not needed for a template that does
    /// not fit.
    ///
    /// # Errors
    /// [`Error::DamagedPages`].
    pub fn check_pages(&self) -> Result<(), Error> {
        if seal(self.pages) == self.pages_seal {
            Ok(())
        } else {
            Err(Error::DamagedPages)
        }
    }
}

/// Reads a template of exactly these bytes. Nothing is allocated before the head is known
/// to be whole, and then never more than it is long, by a small factor.
///
/// # Errors
/// The first thing that is wrong. Pages are not looked at: see [`Saved::check_pages`].
pub fn read(bytes: &[u8]) -> Result<Saved<'_>, Error> {
    let mut words = Words { rest: bytes };
    if words.next().ok() != Some(MAGIC) {
        return Err(Error::NotOne);
    }
    let version = words.next()?;
    if version != VERSION {
        return Err(Error::Version(version));
    }
    let [head_seal, pages_seal, length, page_count] = words.take()?;
    let is_possible = length.is_multiple_of(PAGE) && length <= MOST_HEAD;
    let whole = page_count
        .checked_mul(PAGE)
        .and_then(|pages| pages.checked_add(length));
    if !is_possible || whole != Some(bytes.len() as u64) {
        return Err(Error::Length);
    }
    let (head, pages) = bytes
        .split_at_checked(length as usize)
        .ok_or(Error::Length)?;
    if head.get(24..).map(seal) != Some(head_seal) {
        return Err(Error::DamagedHead);
    }
    let mut words = Words {
        rest: head.get(6 * 8..).ok_or(Error::Length)?,
    };
    let machine = Machine {
        kernel: words.take()?,
        program: words.take()?,
        cpu: words.next()?,
        extended: words.next()?,
        cores: words.next()?,
    };
    let mut state = State {
        registers: words.take()?,
        bases: words.take()?,
        blocked: words.next()?,
        alternate_stack: words.take()?,
        id_address: words.next()?,
        layout: words.take()?,
        strings: words.take()?,
        ..State::default()
    };
    let [extended, actions, auxiliary, areas, runs] = words.take()?;
    debug_assert_eq!(head.len() - words.rest.len(), FIXED_WORDS * 8);
    state.extended = words.bytes(extended)?.to_vec();
    state.actions = words.array(actions)?.collect::<Vec<Action>>();
    state.auxiliary = words.array(auxiliary)?.map(|[word]| word).collect();
    state.areas = read_areas(words.array(areas)?)?;
    state.runs = read_runs(words.array(runs)?, &state.areas, page_count)?;
    if words.rest.len() as u64 >= PAGE || words.rest.iter().any(|byte| *byte != 0) {
        return Err(Error::Leftover);
    }
    Ok(Saved {
        machine,
        state,
        pages,
        pages_seal,
    })
}

fn read_areas(records: impl Iterator<Item = [u64; 4]>) -> Result<Vec<Area>, Error> {
    let mut areas = Vec::new();
    let mut free_from = 0;
    for (number, record) in records.enumerate() {
        let area = area(record)
            .filter(|area| area.start >= free_from)
            .ok_or(Error::BadArea(number))?;
        free_from = area.end;
        areas.push(area);
    }
    Ok(areas)
}

fn area([start, end, about, offset]: [u64; 4]) -> Option<Area> {
    let [protection, allowed, name, kind, 0, 0, 0, 0] = about.to_le_bytes() else {
        return None;
    };
    let backing = match (kind, offset) {
        (0, 0) => Backing::Zeros,
        (1, offset) if is_offset(offset) => Backing::Program(offset),
        _ => return None,
    };
    let name = match name {
        0 => Name::None,
        1 => Name::Heap,
        2 => Name::Stack,
        3 => Name::Program,
        _ => return None,
    };
    let is_coherent = allowed <= 7 && protection & !allowed == 0 && are_user_pages(start, end);
    is_coherent.then_some(Area {
        start,
        end,
        protection,
        allowed,
        backing,
        name,
    })
}

/// Whether a program's pages may begin there: as far as any address, no sum overflows.
fn is_offset(offset: u64) -> bool {
    offset.is_multiple_of(PAGE) && offset <= USER_END
}

fn read_runs(
    records: impl Iterator<Item = [u64; 4]>,
    areas: &[Area],
    page_count: u64,
) -> Result<Vec<Run>, Error> {
    let mut runs = Vec::new();
    let (mut free_from, mut stored) = (0, 0);
    let mut areas = areas.iter().peekable();
    for (number, [start, count, kind, place]) in records.enumerate() {
        let bad = Error::BadRun(number);
        let end = count
            .checked_mul(PAGE)
            .and_then(|bytes| bytes.checked_add(start))
            .filter(|end| start >= free_from && are_user_pages(start, *end))
            .ok_or(bad)?;
        free_from = end;
        while areas.next_if(|area| area.end <= start).is_some() {}
        let is_within = |area: &&Area| area.start <= start && end <= area.end;
        areas.peek().copied().filter(is_within).ok_or(bad)?;
        let pages = match kind {
            0 if place == stored && count <= page_count - stored => {
                stored += count;
                Pages::Stored(place)
            }
            1 if is_offset(place) => Pages::Program(place),
            _ => return Err(bad),
        };
        runs.push(Run {
            start,
            count,
            pages,
        });
    }
    if stored != page_count {
        return Err(Error::Leftover);
    }
    Ok(runs)
}

/// What is left to read.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<u64, Error> {
        let (word, rest) = self.rest.split_first_chunk().ok_or(Error::Length)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*word))
    }

    fn take<const N: usize>(&mut self) -> Result<[u64; N], Error> {
        let mut words = [0; N];
        for word in &mut words {
            *word = self.next()?;
        }
        Ok(words)
    }

    /// So many bytes, and the padding behind them.
    fn bytes(&mut self, count: u64) -> Result<&'a [u8], Error> {
        let count = usize::try_from(count).map_err(|_| Error::Length)?;
        let padded = count.checked_next_multiple_of(8).ok_or(Error::Length)?;
        let (bytes, rest) = self.rest.split_at_checked(padded).ok_or(Error::Length)?;
        self.rest = rest;
        let (bytes, padding) = bytes.split_at_checked(count).ok_or(Error::Length)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(Error::Leftover);
        }
        Ok(bytes)
    }

    /// So many records of `N` words, known to be there.
    fn array<const N: usize>(
        &mut self,
        count: u64,
    ) -> Result<impl Iterator<Item = [u64; N]> + use<'a, N>, Error> {
        let bytes = count.checked_mul(N as u64 * 8).ok_or(Error::Length)?;
        let records = self.bytes(bytes)?.chunks_exact(N * 8);
        Ok(records.map(|record| {
            let mut words = [0; N];
            for (word, bytes) in words.iter_mut().zip(record.chunks_exact(8)) {
                *word = bytes.try_into().map_or(0, u64::from_le_bytes);
            }
            words
        }))
    }
}
