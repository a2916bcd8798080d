//! `poll(2)`, `ppoll(2)`, `select(2)` and `pselect6(2)`.
//!
//! A waiting thread subscribes to the wait queues of all its files once, then asks them
//! all after every wake-up. None of these calls is restarted after a signal.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use linux_raw_sys::general as linux;

use super::timeout::{Timeout, with_signal_mask};
use crate::errno::{Errno, Result};
use crate::fs::file::{Events, OpenFile};
use crate::memory::pressure;
use crate::memory::user::{self, plain};
use crate::sync::Wake;
use crate::task::{self, Thread};
use crate::time::Instant;

plain!(linux::pollfd);

/// Bits of a descriptor word of `select(2)`.
const WORD: usize = 64;

/// What makes a descriptor readable, writable, exceptional for `select(2)`
/// (`POLLIN_SET` and its siblings, `fs/select.c`).
const READ_SET: Events = Events::IN
    .union(Events::RDNORM)
    .union(Events::HUP)
    .union(Events::ERR);
const WRITE_SET: Events = Events::OUT.union(Events::WRNORM).union(Events::ERR);
const EXCEPT_SET: Events = Events::PRI;

/// The calls of this file; None for others.
pub fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_poll => poll(args),
        linux::__NR_ppoll => ppoll(args),
        linux::__NR_select => select(args),
        linux::__NR_pselect6 => pselect6(args),
        _ => return None,
    })
}

/// A file that is watched, and for what.
struct Watch {
    file: Option<Arc<OpenFile>>,
    interest: Events,
}

/// Remembers that a file changed while the others were asked: asking may sleep on a lock,
/// and that sleep would swallow the wake-up itself.
struct Waker {
    has_fired: AtomicBool,
    thread: Arc<Thread>,
}

impl Wake for Waker {
    fn wake(&self) {
        self.has_fired.store(true, Ordering::SeqCst);
        self.thread.wake();
    }
}

/// Waits until one of `watches` is ready. The answer has an entry for each; all are
/// empty where the deadline passed.
///
/// # Errors
/// `EINTR`.
fn wait(watches: &[Watch], deadline: Option<Instant>) -> Result<Vec<Events>> {
    let (events, is_ready) = ask(watches);
    if is_ready || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        return Ok(events);
    }
    let thread = task::current();
    let waker = Arc::new(Waker {
        has_fired: AtomicBool::new(false),
        thread: thread.to_arc(),
    });
    let _subscriptions: Vec<_> = watches
        .iter()
        .filter_map(|watch| watch.file.as_ref()?.object.wait_queue())
        .map(|queue| queue.subscribe(waker.clone()))
        .collect();
    loop {
        waker.has_fired.store(false, Ordering::SeqCst);
        let (events, is_ready) = ask(watches);
        if is_ready {
            return Ok(events);
        }
        while !waker.has_fired.load(Ordering::SeqCst) {
            if thread.has_pending_signal() {
                return Err(Errno::EINTR);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(events);
            }
            task::park(deadline);
        }
    }
}

fn ask(watches: &[Watch]) -> (Vec<Events>, bool) {
    let events: Vec<Events> = watches
        .iter()
        .map(|watch| match &watch.file {
            Some(file) => file.object.poll(file) & watch.interest,
            None => Events::empty(),
        })
        .collect();
    let is_ready = events.iter().any(|events| !events.is_empty());
    (events, is_ready)
}

fn poll([fds, count, milliseconds, ..]: [usize; 6]) -> Result<usize> {
    poll_with(
        fds,
        count,
        Timeout::from_milliseconds(milliseconds as i32).deadline(),
    )
}

fn ppoll([fds, count, timeout, mask, mask_size, _]: [usize; 6]) -> Result<usize> {
    let timeout = Timeout::from_timespec(timeout)?;
    let answer = with_signal_mask(mask, mask_size, || {
        poll_with(fds, count, timeout.deadline())
    });
    timeout.write_back();
    answer
}

/// Entries of a poll that a look at the memory costs little beside.
const MANY: usize = 64;

fn poll_with(fds: usize, count: usize, deadline: Option<Instant>) -> Result<usize> {
    let process = task::current_process();
    let count = u64::from(count as u32);
    if count > process.limit(linux::RLIMIT_NOFILE).0 {
        return Err(Errno::EINVAL);
    }
    let mut entries: Vec<linux::pollfd> = user::read_many(fds, count as usize)?;
    let files = process.files();
    if entries.len() > MANY {
        // What they answer, and the subscriptions of those that are waited for, with them.
        pressure::check_reserve_beside(4 * entries.len() * size_of::<Watch>(), Errno::ENOMEM)?;
    }
    let mut watches = Vec::with_capacity(entries.len());
    let mut has_invalid = false;
    for entry in &mut entries {
        entry.revents = 0;
        let file = match entry.fd {
            ..0 => None,
            fd => {
                let file = files.get(fd).ok();
                if file.is_none() {
                    entry.revents = Events::NVAL.bits() as i16;
                    has_invalid = true;
                }
                file
            }
        };
        let asked = Events::from_bits_truncate(u32::from(entry.events.cast_unsigned()));
        watches.push(Watch {
            file,
            interest: (asked | Events::ERR | Events::HUP) - Events::NVAL,
        });
    }
    // A descriptor that is not open is an answer at once.
    let deadline = if has_invalid {
        Some(Instant::now())
    } else {
        deadline
    };
    let events = wait(&watches, deadline)?;
    let mut ready = 0;
    for (index, (entry, events)) in entries.iter_mut().zip(events).enumerate() {
        entry.revents |= events.bits() as i16;
        if entry.revents != 0 {
            ready += 1;
        }
        let place = fds + index * size_of::<linux::pollfd>();
        user::write(
            place + core::mem::offset_of!(linux::pollfd, revents),
            &entry.revents,
        )?;
    }
    Ok(ready)
}

fn select([count, read, write, except, timeout, _]: [usize; 6]) -> Result<usize> {
    let timeout = Timeout::from_timeval(timeout)?;
    let answer = select_with(count as i32, [read, write, except], timeout.deadline());
    timeout.write_back();
    answer
}

fn pselect6([count, read, write, except, timeout, mask]: [usize; 6]) -> Result<usize> {
    let timeout = Timeout::from_timespec(timeout)?;
    let [mask, mask_size] = match mask {
        0 => [0, 0],
        pair => user::read::<[usize; 2]>(pair)?,
    };
    let answer = with_signal_mask(mask, mask_size, || {
        select_with(count as i32, [read, write, except], timeout.deadline())
    });
    timeout.write_back();
    answer
}

fn select_with(count: i32, sets: [usize; 3], deadline: Option<Instant>) -> Result<usize> {
    let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
    let process = task::current_process();
    let files = process.files();
    // Descriptors beyond the table are not looked at, as on Linux.
    let count = count.min(files.size());
    let words = count.div_ceil(WORD);
    let mut asked: [Vec<u64>; 3] = Default::default();
    for (set, address) in asked.iter_mut().zip(sets) {
        *set = match address {
            0 => vec![0; words],
            address => user::read_many(address, words)?,
        };
    }
    let mut watches = Vec::new();
    let mut descriptors = Vec::new();
    for fd in 0..count {
        let mut interest = Events::empty();
        for (set, events) in asked.iter().zip([READ_SET, WRITE_SET, EXCEPT_SET]) {
            if is_set(set, fd) {
                interest |= events;
            }
        }
        if !interest.is_empty() {
            let file = files.get(fd as i32)?;
            watches.push(Watch {
                file: Some(file),
                interest,
            });
            descriptors.push(fd);
        }
    }
    let events = wait(&watches, deadline)?;
    let mut answer: [Vec<u64>; 3] = std::array::from_fn(|_| vec![0; words]);
    let mut ready = 0;
    for (fd, events) in descriptors.into_iter().zip(events) {
        let kinds = [READ_SET, WRITE_SET, EXCEPT_SET];
        for ((set, asked), kind) in answer.iter_mut().zip(&asked).zip(kinds) {
            if is_set(asked, fd) && events.intersects(kind) {
                if let Some(word) = set.get_mut(fd / WORD) {
                    *word |= 1 << (fd % WORD);
                }
                ready += 1;
            }
        }
    }
    for (set, address) in answer.iter().zip(sets) {
        if address != 0 {
            for (index, word) in set.iter().enumerate() {
                user::write(address + index * size_of::<u64>(), word)?;
            }
        }
    }
    Ok(ready)
}

fn is_set(set: &[u64], fd: usize) -> bool {
    set.get(fd / WORD)
        .is_some_and(|word| word >> (fd % WORD) & 1 == 1)
}
