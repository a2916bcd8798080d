//! Numbered items in chunks, each twice as large as the one before: growing moves no item,
//! and so takes no longer however many there are.

/// Bits of an item's number that say where in its chunk it is; those above say in which.
const OFFSET_BITS: u32 = 26;
/// Most chunks, as there are no more numbers. Memory ends before.
const MOST_CHUNKS: usize = 1 << (u32::BITS - OFFSET_BITS);
/// No item.
const NONE: u32 = u32::MAX;

/// Storage that is not in use yet.
pub(super) struct Chunk<T> {
    number: usize,
    items: Box<[Item<T>]>,
    /// Room to note the chunks in; only the first chunk brings it.
    directory: Vec<Box<[Item<T>]>>,
}

#[derive(Default)]
struct Item<T> {
    value: T,
    /// Of a free item: the next one.
    next_free: u32,
}

/// Items that are taken and given back; `FIRST` of them are in the first chunk, a power of
/// two.
pub(super) struct Slab<T, const FIRST: usize> {
    chunks: Vec<Box<[Item<T>]>>,
    /// The first free item among those that were in use before.
    free: u32,
    /// The first item that was never in use, and how many follow it in the last chunk; the
    /// chunks before that are used up.
    fresh: u32,
    fresh_left: usize,
    /// How often an item was looked at, for tests of what something costs.
    #[cfg(test)]
    touches: core::cell::Cell<usize>,
}

impl<T: Default, const FIRST: usize> Slab<T, FIRST> {
    /// No items.
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: NONE,
            fresh: 0,
            fresh_left: 0,
            #[cfg(test)]
            touches: core::cell::Cell::new(0),
        }
    }

    /// Storage for the chunk with this number.
    pub(super) fn chunk(number: usize) -> Chunk<T> {
        let length = FIRST << number.min((OFFSET_BITS - FIRST.ilog2()) as usize);
        let directory = match number {
            0 => Vec::with_capacity(MOST_CHUNKS),
            _ => Vec::new(),
        };
        Chunk {
            number,
            items: (0..length).map(|_| Item::default()).collect(),
            directory,
        }
    }

    /// Whether there are no items at all, not even free ones.
    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The number of the chunk without which no item can be taken; None: one can.
    pub(super) fn wants(&self) -> Option<usize> {
        let has_room = self.free != NONE || self.fresh_left > 0;
        (!has_room).then_some(self.chunks.len())
    }

    /// Takes a chunk; gives it back if it is not the one that is wanted.
    pub(super) fn supply(&mut self, chunk: Chunk<T>) -> Option<Chunk<T>> {
        if self.wants() != Some(chunk.number) {
            return Some(chunk);
        }
        if chunk.number == 0 {
            self.chunks = chunk.directory;
        }
        self.fresh = (chunk.number as u32) << OFFSET_BITS;
        self.fresh_left = chunk.items.len();
        self.chunks.push(chunk.items);
        None
    }

    /// The number of the item that is taken next.
    pub(super) fn next_number(&self) -> u32 {
        if self.free == NONE {
            self.fresh
        } else {
            self.free
        }
    }

    /// Takes a free item, which is as it was given back. Only where nothing is wanted.
    pub(super) fn take(&mut self) -> &mut T {
        self.count_touch();
        let (chunk, offset) = position(self.next_number());
        let item = &mut self.chunks[chunk][offset];
        if self.free == NONE {
            self.fresh += 1;
            self.fresh_left -= 1;
        } else {
            self.free = item.next_free;
        }
        &mut item.value
    }

    /// Gives an item back.
    pub(super) fn give(&mut self, index: u32) {
        self.item_mut(index).next_free = self.free;
        self.free = index;
    }

    /// An item.
    pub(super) fn get(&self, index: u32) -> &T {
        &self.item(index).value
    }

    /// An item, to change it.
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.item_mut(index).value
    }

    fn item(&self, index: u32) -> &Item<T> {
        self.count_touch();
        let (chunk, offset) = position(index);
        &self.chunks[chunk][offset]
    }

    fn item_mut(&mut self, index: u32) -> &mut Item<T> {
        self.count_touch();
        let (chunk, offset) = position(index);
        &mut self.chunks[chunk][offset]
    }

    fn count_touch(&self) {
        #[cfg(test)]
        self.touches.set(self.touches.get() + 1);
    }
}

/// An item's chunk, and where in it the item is.
fn position(index: u32) -> (usize, usize) {
    let offset = index & ((1 << OFFSET_BITS) - 1);
    ((index >> OFFSET_BITS) as usize, offset as usize)
}

#[cfg(all(test, not(any(loom, shuttle))))]
impl<T: Default, const FIRST: usize> Slab<T, FIRST> {
    /// How often items were looked at.
    pub(super) fn touches(&self) -> usize {
        self.touches.get()
    }

    /// Items in use.
    pub(super) fn in_use(&self) -> usize {
        let mut free = self.fresh_left;
        let mut next = self.free;
        while next != NONE {
            free += 1;
            next = self.item(next).next_free;
        }
        self.capacity() - free
    }

    /// Items in all.
    pub(super) fn capacity(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }
}
