//! Rings of items in one table of nodes: the runnable tasklets of a thread, and those that
//! wait at each of its channels. Pure: nothing of Python here, no unsafe.
//!
//! An item is in one ring at a time, and leaves it in constant time by its index. Whoever
//! keeps an index keeps the ring that it is of.

/// Where an item is.
pub(super) type Index = u32;

const NONE: Index = Index::MAX;

struct Node<T> {
    /// None while the node is free; `next` is then the next free one.
    item: Option<T>,
    next: Index,
    previous: Index,
}

/// The table.
pub(super) struct Links<T> {
    nodes: Vec<Node<T>>,
    free: Index,
}

/// A ring: its first item, and how many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ring {
    pub(super) head: Option<Index>,
    pub(super) length: usize,
}

impl<T> Links<T> {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            free: NONE,
        }
    }

    fn allocate(&mut self, node: Node<T>) -> Index {
        if self.free == NONE {
            self.nodes.push(node);
            (self.nodes.len() - 1) as Index
        } else {
            let index = self.free;
            self.free = self.nodes[index as usize].next;
            self.nodes[index as usize] = node;
            index
        }
    }

    /// Puts an item before another of the ring, which stays its head if it was.
    fn insert_before(&mut self, ring: &mut Ring, at: Index, item: T) -> Index {
        let previous = self.nodes[at as usize].previous;
        let index = self.allocate(Node {
            item: Some(item),
            next: at,
            previous,
        });
        self.nodes[previous as usize].next = index;
        self.nodes[at as usize].previous = index;
        ring.length += 1;
        index
    }

    /// Puts an item at the end: before the head.
    pub(super) fn append(&mut self, ring: &mut Ring, item: T) -> Index {
        if let Some(head) = ring.head {
            return self.insert_before(ring, head, item);
        }
        let index = self.allocate(Node {
            item: Some(item),
            next: 0,
            previous: 0,
        });
        let node = &mut self.nodes[index as usize];
        (node.next, node.previous) = (index, index);
        *ring = Ring {
            head: Some(index),
            length: 1,
        };
        index
    }

    /// Puts an item behind the head.
    pub(super) fn insert_second(&mut self, ring: &mut Ring, item: T) -> Index {
        match ring.head {
            None => self.append(ring, item),
            Some(head) => {
                let second = self.nodes[head as usize].next;
                self.insert_before(ring, second, item)
            }
        }
    }

    /// Takes an item out. Where it was the head, the next one is.
    pub(super) fn remove(&mut self, ring: &mut Ring, index: Index) -> Option<T> {
        let node = self.nodes.get_mut(index as usize)?;
        let item = node.item.take()?;
        let (next, previous) = (node.next, node.previous);
        node.next = self.free;
        self.free = index;
        ring.length -= 1;
        if ring.length == 0 {
            ring.head = None;
        } else {
            self.nodes[previous as usize].next = next;
            self.nodes[next as usize].previous = previous;
            if ring.head == Some(index) {
                ring.head = Some(next);
            }
        }
        Some(item)
    }

    pub(super) fn get(&self, index: Index) -> Option<&T> {
        self.nodes.get(index as usize)?.item.as_ref()
    }

    pub(super) fn next(&self, index: Index) -> Option<&T> {
        self.get(self.nodes.get(index as usize)?.next)
    }

    pub(super) fn previous(&self, index: Index) -> Option<&T> {
        self.get(self.nodes.get(index as usize)?.previous)
    }

    /// Makes the next item the head.
    pub(super) fn advance(&self, ring: &mut Ring) {
        ring.head = ring.head.map(|head| self.nodes[head as usize].next);
    }

    /// All items of all rings.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.nodes.iter().filter_map(|node| node.item.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(links: &Links<u32>, ring: Ring) -> Vec<u32> {
        let mut ring = ring;
        let mut all = Vec::new();
        for _ in 0..ring.length {
            all.extend(ring.head.and_then(|head| links.get(head)).copied());
            links.advance(&mut ring);
        }
        all
    }

    #[test]
    fn items_keep_their_order_and_leave_from_anywhere() {
        let (mut links, mut ring) = (Links::new(), Ring::default());
        let indices: Vec<_> = (0..5).map(|n| links.append(&mut ring, n)).collect();
        assert_eq!(items(&links, ring), [0, 1, 2, 3, 4]);
        assert_eq!(links.remove(&mut ring, indices[2]), Some(2));
        assert_eq!(links.remove(&mut ring, indices[2]), None);
        assert_eq!(links.remove(&mut ring, indices[0]), Some(0));
        assert_eq!(items(&links, ring), [1, 3, 4]);
        links.insert_second(&mut ring, 7);
        links.append(&mut ring, 8);
        assert_eq!(items(&links, ring), [1, 7, 3, 4, 8]);
        assert_eq!(links.nodes.len(), 5, "nodes are used again");
    }

    #[test]
    fn a_ring_that_is_empty_begins_anew() {
        let (mut links, mut ring) = (Links::new(), Ring::default());
        let index = links.insert_second(&mut ring, 1);
        assert_eq!(links.next(index), Some(&1));
        assert_eq!(links.remove(&mut ring, index), Some(1));
        assert_eq!(ring, Ring::default());
        links.append(&mut ring, 2);
        assert_eq!(items(&links, ring), [2]);
    }

    #[test]
    fn two_rings_share_a_table() {
        let mut links = Links::new();
        let (mut one, mut other) = (Ring::default(), Ring::default());
        for n in 0..6 {
            let ring = if n % 2 == 0 { &mut one } else { &mut other };
            links.append(ring, n);
        }
        assert_eq!(items(&links, one), [0, 2, 4]);
        assert_eq!(items(&links, other), [1, 3, 5]);
        assert_eq!(links.iter().count(), 6);
    }
}
