//! Numbered items in chunks, each twice as large as the one before: growing moves no item,
//! and so takes no longer however many there are.

/// Most chunks: with them all, numbers run out.
const MOST_CHUNKS: usize = 26;

/// Storage that is not in use yet.
pub(super) struct Chunk<T> {
    items: Box<[Item<T>]>,
    /// Room to note the chunks in; only the first chunk brings it.
    directory: Vec<Box<[Item<T>]>>,
}

#[derive(Default)]
struct Item<T> {
    value: T,
    /// The next free item, counted from 1; 0: none. Only of a free one.
    next_free: u32,
}

/// Items that are taken and given back; `FIRST` of them are in the first chunk, a power of
/// two.
pub(super) struct Slab<T, const FIRST: u32> {
    chunks: Vec<Box<[Item<T>]>>,
    /// The first free item among those that were in use, counted from 1; 0: none.
    free: u32,
    /// How many were ever in use: those behind are free.
    used: u32,
    /// How many there are.
    capacity: u32,
    /// How often an item was looked at, for tests of what something costs.
    #[cfg(test)]
    touches: core::cell::Cell<usize>,
}

impl<T: Default, const FIRST: u32> Slab<T, FIRST> {
    /// No items.
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            free: 0,
            used: 0,
            capacity: 0,
            #[cfg(test)]
            touches: core::cell::Cell::new(0),
        }
    }

    /// Storage for the chunk with this number.
    pub(super) fn chunk(number: usize) -> Chunk<T> {
        let items = (0..FIRST << number).map(|_| Item::default()).collect();
        let directory = match number {
            0 => Vec::with_capacity(MOST_CHUNKS),
            _ => Vec::new(),
        };
        Chunk { items, directory }
    }

    /// How many chunks there are: the number of the next one.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Takes the next chunk.
    pub(super) fn supply(&mut self, chunk: Chunk<T>) {
        if self.chunks.is_empty() {
            self.chunks = chunk.directory;
        }
        self.capacity += chunk.items.len() as u32;
        self.chunks.push(chunk.items);
    }

    /// Whether an item can be taken.
    pub(super) fn has_room(&self) -> bool {
        self.free != 0 || self.used < self.capacity
    }

    /// Takes a free item, which is as it was given back; its number. Only where
    /// [`Slab::has_room`].
    pub(super) fn take(&mut self) -> u32 {
        match self.free.checked_sub(1) {
            Some(index) => {
                self.free = self.item(index).next_free;
                index
            }
            None => {
                self.used += 1;
                self.used - 1
            }
        }
    }

    /// Gives an item back.
    pub(super) fn give(&mut self, index: u32) {
        let next_free = core::mem::replace(&mut self.free, index + 1);
        self.item_mut(index).next_free = next_free;
    }

    /// An item.
    pub(super) fn get(&self, index: u32) -> &T {
        &self.item(index).value
    }

    /// An item, to change it.
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        &mut self.item_mut(index).value
    }

    /// An item, if there is one with this number.
    pub(super) fn find(&self, index: u32) -> Option<&T> {
        (index < self.used).then(|| self.get(index))
    }

    fn item(&self, index: u32) -> &Item<T> {
        self.count_touch();
        let (chunk, offset) = Self::position(index);
        &self.chunks[chunk][offset]
    }

    fn item_mut(&mut self, index: u32) -> &mut Item<T> {
        self.count_touch();
        let (chunk, offset) = Self::position(index);
        &mut self.chunks[chunk][offset]
    }

    /// Chunk n begins behind the `FIRST * (2^n - 1)` items of those before it.
    fn position(index: u32) -> (usize, usize) {
        let number = u64::from(index) + u64::from(FIRST);
        let chunk = number.ilog2() - FIRST.ilog2();
        (
            chunk as usize,
            (number - (u64::from(FIRST) << chunk)) as usize,
        )
    }

    fn count_touch(&self) {
        #[cfg(test)]
        self.touches.set(self.touches.get() + 1);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
impl<T: Default, const FIRST: u32> Slab<T, FIRST> {
    /// How often items were looked at.
    pub(super) fn touches(&self) -> usize {
        self.touches.get()
    }

    /// Items in use.
    pub(super) fn in_use(&self) -> usize {
        let mut free = 0;
        let mut next = self.free;
        while let Some(index) = next.checked_sub(1) {
            free += 1;
            next = self.item(index).next_free;
        }
        self.used as usize - free
    }

    /// Items in all.
    pub(super) fn capacity(&self) -> usize {
        self.capacity as usize
    }
}
