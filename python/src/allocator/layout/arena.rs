//! The arena: memory in which the blocks of a profile have their places.
//!
//! Each has a stand-in in the system's heap as long as the interpreter starts: so all other
//! blocks lie where they lay when the profile was learnt.

use std::alloc::Layout;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::profile::{Place, UNIT};
use crate::allocator::{PAGE, map};

/// What one page table maps (Intel SDM vol. 3A, 4.5).
const TABLE: usize = 2 << 20;
/// The least arena.
const LEAST: usize = 512 << 10;

/// Its address, and its bytes.
static START: AtomicUsize = AtomicUsize::new(0);
static SIZE: AtomicUsize = AtomicUsize::new(0);
/// What is behind this is taken, by blocks [aside].
static END: AtomicUsize = AtomicUsize::new(0);

/// The places by number, each with the block of the system's heap that it stands for.
static PLACES: OnceLock<Vec<(Place, AtomicPtr<u8>)>> = OnceLock::new();

unsafe extern "C" {
    /// The linker's: here the program's data ends.
    static _end: u8;
}

/// Makes the arena; false where there is no memory for it.
pub(super) fn reserve() -> bool {
    let (start, size) = map_arena();
    START.store(start, Ordering::Relaxed);
    SIZE.store(size, Ordering::Relaxed);
    END.store(size, Ordering::Relaxed);
    start != 0
}

/// Sets the places. False where they are too many.
pub(super) fn set(places: Vec<Place>) -> bool {
    let places: Vec<_> = places
        .into_iter()
        .map(|place| (place, AtomicPtr::default()))
        .collect();
    let ends = places
        .iter()
        .map(|(place, _)| place.offset as usize + place.size as usize);
    let fits = ends.max().unwrap_or(0) <= END.load(Ordering::Relaxed);
    fits && PLACES.set(places).is_ok()
}

/// A block at the arena's end, for whoever is to leave the system's heap as it is. It is given
/// back to nobody.
pub(super) fn aside(layout: Layout) -> Option<*mut u8> {
    let end = END.load(Ordering::Relaxed).checked_sub(layout.size())?;
    let end = end & !(layout.align().max(UNIT) - 1);
    END.store(end, Ordering::Relaxed);
    Some(std::ptr::with_exposed_provenance_mut(
        START.load(Ordering::Relaxed) + end,
    ))
}

/// Address and size: what the page table of the end of the program's data has left, since
/// every copy of the process writes that data, too; or as much elsewhere.
fn map_arena() -> (usize, usize) {
    let end = (&raw const _end).addr().next_multiple_of(PAGE);
    let size = end.next_multiple_of(TABLE) - end;
    if size >= LEAST {
        // SAFETY: a new mapping where nothing is, or none.
        let address = unsafe {
            libc::mmap(
                std::ptr::without_provenance_mut(end),
                size,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        if address != libc::MAP_FAILED {
            return (address.expose_provenance(), size);
        }
    }
    (map(TABLE).expose_provenance(), TABLE)
}

/// The place of the block with this number, where it has one that is large enough. No number
/// comes twice. `stand_in` is what the system's heap gave for it.
pub(super) fn block(number: u32, layout: Layout, stand_in: *mut u8) -> Option<*mut u8> {
    let places = PLACES.get()?;
    let index = places.binary_search_by_key(&number, |(place, _)| place.number);
    let (place, kept) = &places[index.ok()?];
    let fits = layout.size() <= place.size as usize && layout.align() <= UNIT;
    fits.then(|| {
        kept.store(stand_in, Ordering::Relaxed);
        let address = START.load(Ordering::Relaxed) + place.offset as usize;
        std::ptr::with_exposed_provenance_mut(address)
    })
}

/// What the system's heap gave for a block of the arena.
pub(super) fn stand_in(block: *mut u8) -> Option<*mut u8> {
    let offset = block.addr() - START.load(Ordering::Relaxed);
    let mut places = PLACES.get()?.iter();
    let (_, kept) = places.find(|(place, _)| place.offset as usize == offset)?;
    Some(kept.load(Ordering::Relaxed)).filter(|block| !block.is_null())
}

/// Whether a block lies in the arena. Its place is given back to nobody.
#[inline]
pub(in crate::allocator) fn is_placed(block: *mut u8) -> bool {
    let start = START.load(Ordering::Relaxed);
    start != 0 && block.addr().wrapping_sub(start) < SIZE.load(Ordering::Relaxed)
}
