//! Byte-range locks of one file (`fcntl(2)`, advisory record locking): ranges, conflicts,
//! splitting and merging. Waiting and deadlocks are the kernel's.

use alloc::vec::Vec;

/// Bytes `start..=end`; an `end` of [`Range::TO_END`] is "to the end, however it grows".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub start: u64,
    /// Last byte.
    pub end: u64,
}

impl Range {
    /// Largest offset of a file.
    pub const TO_END: u64 = i64::MAX as u64;
    /// The whole file.
    pub const WHOLE: Self = Self {
        start: 0,
        end: Self::TO_END,
    };

    /// The range that `struct flock` means: `length` bytes from `base + start`, to the
    /// end where `length` is 0, before it where it is negative. None where it begins
    /// before the file or its numbers overflow.
    #[must_use]
    pub fn from_flock(base: i64, start: i64, length: i64) -> Option<Self> {
        let start = base.checked_add(start).filter(|start| *start >= 0)?;
        let (first, last) = match length {
            0 => (start, i64::MAX),
            1.. => (start, start.checked_add(length - 1)?),
            _ => (start.checked_add(length)?, start - 1),
        };
        Some(Self {
            start: u64::try_from(first).ok()?,
            end: u64::try_from(last).ok()?,
        })
    }

    /// `l_len` for this range: 0 where it reaches to the end.
    #[must_use]
    pub fn flock_length(&self) -> u64 {
        if self.end == Self::TO_END {
            0
        } else {
            self.end - self.start + 1
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }

    fn touches(&self, other: &Self) -> bool {
        self.start <= other.end.saturating_add(1) && other.start <= self.end.saturating_add(1)
    }
}

/// A lock that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock<O> {
    /// Whose it is.
    pub owner: O,
    /// What it covers.
    pub range: Range,
    /// A write lock, which tolerates no other owner's; else a read lock.
    pub is_exclusive: bool,
}

/// All locks of one file. Of one owner no two overlap.
#[derive(Clone, Debug)]
pub struct RecordLocks<O> {
    locks: Vec<Lock<O>>,
}

impl<O> Default for RecordLocks<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O> RecordLocks<O> {
    /// No locks.
    #[must_use]
    pub const fn new() -> Self {
        Self { locks: Vec::new() }
    }

    /// Whether nobody holds any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }
}

impl<O: Copy + Eq> RecordLocks<O> {
    /// The lowest lock of another owner that `wanted` would have to wait for.
    #[must_use]
    pub fn conflict(&self, wanted: &Lock<O>) -> Option<Lock<O>> {
        self.locks
            .iter()
            .filter(|held| {
                held.owner != wanted.owner
                    && held.range.overlaps(&wanted.range)
                    && (held.is_exclusive || wanted.is_exclusive)
            })
            .min_by_key(|held| held.range.start)
            .copied()
    }

    /// Grants `lock` if nobody else's is in the way; it replaces what its owner held
    /// there and joins neighbours of the same kind.
    ///
    /// # Errors
    /// The lock that is in the way.
    pub fn set(&mut self, lock: Lock<O>) -> Result<(), Lock<O>> {
        if let Some(conflict) = self.conflict(&lock) {
            return Err(conflict);
        }
        self.clear(lock.owner, lock.range);
        let mut whole = lock;
        self.locks.retain(|held| {
            let joins = held.owner == lock.owner
                && held.is_exclusive == lock.is_exclusive
                && held.range.touches(&lock.range);
            if joins {
                whole.range.start = whole.range.start.min(held.range.start);
                whole.range.end = whole.range.end.max(held.range.end);
            }
            !joins
        });
        self.locks.push(whole);
        Ok(())
    }

    /// Takes `range` out of what `owner` holds; says whether that was anything.
    pub fn clear(&mut self, owner: O, range: Range) -> bool {
        let mut remains = Vec::new();
        let before = self.locks.len();
        self.locks.retain(|held| {
            if held.owner != owner || !held.range.overlaps(&range) {
                return true;
            }
            if held.range.start < range.start {
                let left = Range {
                    start: held.range.start,
                    end: range.start - 1,
                };
                remains.push(Lock {
                    range: left,
                    ..*held
                });
            }
            if held.range.end > range.end {
                let right = Range {
                    start: range.end + 1,
                    end: held.range.end,
                };
                remains.push(Lock {
                    range: right,
                    ..*held
                });
            }
            false
        });
        let changed = self.locks.len() != before;
        self.locks.append(&mut remains);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flock_ranges() {
        let range = |base, start, length| {
            Range::from_flock(base, start, length).map(|range| (range.start, range.end))
        };
        assert_eq!(range(0, 10, 5), Some((10, 14)));
        assert_eq!(range(100, -10, 0), Some((90, Range::TO_END)));
        assert_eq!(range(0, 10, -4), Some((6, 9)));
        assert_eq!(range(0, 10, -11), None);
        assert_eq!(range(0, -1, 5), None);
        assert_eq!(range(i64::MAX, 1, 1), None);
        assert_eq!(range(0, i64::MAX, 1), Some((Range::TO_END, Range::TO_END)));
        assert_eq!(range(0, 2, i64::MAX), None);
        assert_eq!(range(0, 2, i64::MIN), None);
    }

    const SIZE: u64 = 24;

    /// The obvious model: for each byte, what each of three owners holds.
    #[derive(Default, Clone, Copy)]
    struct Model([[Option<bool>; 3]; SIZE as usize]);

    proptest! {
        #[test]
        fn it_behaves_like_one_lock_for_each_byte(
            steps in prop::collection::vec((0..3_usize, 0..SIZE, 0..SIZE, 0..3_u8), 1..60)
        ) {
            let mut locks = RecordLocks::new();
            let mut model = Model::default();
            for (owner, one, other, action) in steps {
                let range = Range { start: one.min(other), end: one.max(other) };
                let bytes = range.start as usize..=range.end as usize;
                if action == 2 {
                    locks.clear(owner, range);
                    for byte in bytes {
                        model.0[byte][owner] = None;
                    }
                } else {
                    let is_exclusive = action == 1;
                    let granted = locks.set(Lock { owner, range, is_exclusive }).is_ok();
                    let free = bytes.clone().all(|byte| (0..3).all(|other| {
                        other == owner || match model.0[byte][other] {
                            None => true,
                            Some(held_exclusive) => !held_exclusive && !is_exclusive,
                        }
                    }));
                    prop_assert_eq!(granted, free);
                    if granted {
                        for byte in bytes {
                            model.0[byte][owner] = Some(is_exclusive);
                        }
                    }
                }
                for byte in 0..SIZE {
                    for owner in 0..3 {
                        let held: Vec<_> = locks.locks.iter().filter(|lock| {
                            lock.owner == owner && lock.range.start <= byte && byte <= lock.range.end
                        }).map(|lock| lock.is_exclusive).collect();
                        prop_assert!(held.len() <= 1);
                        prop_assert_eq!(held.first().copied(), model.0[byte as usize][owner]);
                    }
                }
            }
        }
    }
}
