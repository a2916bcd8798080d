//! The arena: memory in which the blocks of a profile have their places.

use std::alloc::Layout;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::profile::{Place, UNIT};
use crate::allocator::{PAGE, map};

/// What one page table maps (Intel SDM vol. 3A, 4.5).
const TABLE: usize = 2 << 20;
/// The least arena.
const LEAST: usize = 512 << 10;

/// Its address, and its bytes.
static START: AtomicUsize = AtomicUsize::new(0);
static SIZE: AtomicUsize = AtomicUsize::new(0);

/// The places, by number.
static PLACES: OnceLock<Vec<Place>> = OnceLock::new();

unsafe extern "C" {
    /// The linker's: here the program's data ends.
    static _end: u8;
}

/// Makes the arena for these places; false where there is no memory for it.
pub(super) fn reserve(places: Vec<Place>) -> bool {
    let (start, size) = map_arena();
    if start == 0 || PLACES.set(places).is_err() {
        return false;
    }
    START.store(start, Ordering::Relaxed);
    SIZE.store(size, Ordering::Relaxed);
    true
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
/// comes twice.
pub(super) fn block(number: u32, layout: Layout) -> Option<*mut u8> {
    let places = PLACES.get()?;
    let index = places.binary_search_by_key(&number, |place| place.number);
    let place = places[index.ok()?];
    let end = place.offset as usize + place.size as usize;
    let fits = layout.size() <= place.size as usize
        && layout.align() <= UNIT
        && end <= SIZE.load(Ordering::Relaxed);
    fits.then(|| {
        let address = START.load(Ordering::Relaxed) + place.offset as usize;
        std::ptr::with_exposed_provenance_mut(address)
    })
}

/// Whether a block lies in the arena. It is given back to nobody.
#[inline]
pub(in crate::allocator) fn is_placed(block: *mut u8) -> bool {
    let start = START.load(Ordering::Relaxed);
    start != 0 && block.addr().wrapping_sub(start) < SIZE.load(Ordering::Relaxed)
}
