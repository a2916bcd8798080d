//! What the kernel gives a channel: its lock, its wait queues, and the calls above it.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::sync::{Condvar, Mutex};
use streams::channel::{Channel, End, Found, Lock, Rights, State, Unsent, Waiters};

pub const SENDS: Rights = Rights {
    sends: true,
    receives: false,
};
pub const RECEIVES: Rights = Rights {
    sends: false,
    receives: true,
};
pub const BOTH: Rights = Rights {
    sends: true,
    receives: true,
};

/// Every order of steps.
pub fn model(test: impl Fn() + Sync + Send + 'static) {
    loom::model(test);
}

/// The kernel's spin lock.
struct Guarded(Mutex<State<u32>>);

impl Lock for Guarded {
    type Value = State<u32>;

    fn with<R>(&self, body: impl FnOnce(&mut State<u32>) -> R) -> R {
        body(&mut self.0.lock().unwrap())
    }
}

/// Its patience was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaveUp;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Endless,
    /// A signal is pending, or the deadline has passed.
    None,
}

/// A thread that waits: a wake-up that comes before it parks keeps it from parking. (Not
/// loom's own `unpark`, which also wakes a thread that waits for a mutex.)
struct Parker {
    is_woken: Mutex<bool>,
    changed: Condvar,
}

impl Parker {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            is_woken: Mutex::new(false),
            changed: Condvar::new(),
        })
    }

    fn park(&self) {
        let mut is_woken = self.is_woken.lock().unwrap();
        while !*is_woken {
            is_woken = self.changed.wait(is_woken).unwrap();
        }
        *is_woken = false;
    }

    fn wake(&self) {
        *self.is_woken.lock().unwrap() = true;
        self.changed.notify_one();
    }
}

/// `kernel/src/sync/wait_queue.rs`.
struct WaitQueue {
    entries: Mutex<(u64, VecDeque<(u64, Arc<Parker>)>)>,
    length: AtomicUsize,
}

impl WaitQueue {
    fn new() -> Self {
        Self {
            entries: Mutex::new((0, VecDeque::new())),
            length: AtomicUsize::new(0),
        }
    }

    fn add(&self, parker: Arc<Parker>) -> u64 {
        let (next, list) = &mut *self.entries.lock().unwrap();
        *next += 1;
        list.push_back((*next, parker));
        self.length.fetch_add(1, Ordering::SeqCst);
        *next
    }

    fn remove(&self, id: u64) {
        let (_, list) = &mut *self.entries.lock().unwrap();
        list.retain(|(other, _)| *other != id);
        self.length.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_empty(&self) -> bool {
        fence(Ordering::SeqCst);
        self.length.load(Ordering::SeqCst) == 0
    }
}

impl Waiters for WaitQueue {
    type Patience = Patience;
    type GaveUp = GaveUp;

    fn wait<R>(
        &self,
        patience: Patience,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, GaveUp> {
        if let Some(value) = ready() {
            return Ok(value);
        }
        let parker = Parker::new();
        let id = self.add(parker.clone());
        let answer = loop {
            if let Some(value) = ready() {
                break Ok(value);
            }
            if patience == Patience::None {
                break Err(GaveUp);
            }
            parker.park();
        };
        self.remove(id);
        answer
    }

    fn wake_one(&self) {
        if self.is_empty() {
            return;
        }
        let (_, list) = &mut *self.entries.lock().unwrap();
        if let Some(entry) = list.pop_front() {
            entry.1.wake();
            list.push_back(entry);
        }
    }

    fn wake_all(&self) {
        if self.is_empty() {
            return;
        }
        let (_, list) = &*self.entries.lock().unwrap();
        for (_, parker) in list {
            parker.wake();
        }
    }
}

/// A channel and the calls that the kernel makes of it (`kernel/src/fs/channel`).
pub struct Bench(Channel<Guarded, WaitQueue>);

impl Bench {
    pub fn new(capacity: usize, ends: &[Rights]) -> Arc<Self> {
        let channel = Channel::new(
            Guarded(Mutex::new(State::new(capacity))),
            WaitQueue::new(),
            WaitQueue::new(),
            WaitQueue::new(),
        );
        for rights in ends {
            channel.join(*rights);
        }
        Arc::new(Self(channel))
    }

    fn send_for(
        &self,
        by: Rights,
        message: u32,
        patience: Patience,
    ) -> Result<Result<(), End>, GaveUp> {
        self.0
            .send(patience, || match self.0.try_send(by, message, |_| true) {
                Ok(()) => Some(Ok(())),
                Err((_, Unsent::Never(end))) => Some(Err(end)),
                Err((_, Unsent::Full)) => None,
                Err((_, Unsent::NoMemory)) => unreachable!("there is memory"),
            })
    }

    pub fn send(&self, by: Rights, message: u32) -> Result<(), End> {
        self.send_for(by, message, Patience::Endless).unwrap()
    }

    pub fn send_or_give_up(&self, by: Rights, message: u32) -> Result<Result<(), End>, GaveUp> {
        self.send_for(by, message, Patience::None)
    }

    /// Takes a message out; its delivery is still to come.
    fn claim(&self, by: Rights, patience: Patience) -> Result<Result<u32, End>, GaveUp> {
        self.0.receive(patience, || {
            match self.0.try_receive(by, |_| Ok::<(), ()>(())) {
                Found::Message(message) => Some(Ok(message)),
                Found::Never(end) => Some(Err(end)),
                Found::Nothing | Found::Unfit(()) => None,
            }
        })
    }

    fn receive_for(&self, by: Rights, patience: Patience) -> Result<Result<u32, End>, GaveUp> {
        let answer = self.claim(by, patience);
        if let Ok(Ok(_)) = answer {
            self.0.finish();
        }
        answer
    }

    pub fn receive(&self, by: Rights) -> Result<u32, End> {
        self.receive_for(by, Patience::Endless).unwrap()
    }

    pub fn receive_or_give_up(&self, by: Rights) -> Result<Result<u32, End>, GaveUp> {
        self.receive_for(by, Patience::None)
    }

    /// Receives until the end, and says which.
    pub fn receive_all(&self, by: Rights) -> (Vec<u32>, End) {
        let mut got = Vec::new();
        loop {
            match self.receive(by) {
                Ok(message) => got.push(message),
                Err(end) => return (got, end),
            }
        }
    }

    /// A delivery that fails; whether there was anything to deliver.
    pub fn receive_and_put_back(&self, by: Rights) -> bool {
        let claimed = self.claim(by, Patience::Endless).unwrap();
        if let Ok(message) = claimed {
            self.0.put_back(message);
        }
        claimed.is_ok()
    }

    /// A receiver with no room for anything: it leaves what it finds where it is.
    pub fn receive_nothing(&self, by: Rights) {
        let answer = self.0.receive(Patience::Endless, || {
            match self.0.try_receive(by, |_| Err(())) {
                Found::Nothing => None,
                Found::Message(_) => unreachable!("it does not fit"),
                Found::Never(_) | Found::Unfit(()) => Some(()),
            }
        });
        assert_eq!(answer, Ok(()));
    }

    /// How many messages nobody can receive any more.
    pub fn leave(&self, rights: Rights) -> u32 {
        self.0.leave(rights).len() as u32
    }

    pub fn close(&self) {
        self.0.close();
    }

    pub fn is_empty(&self) -> bool {
        self.0.inspect(|state| state.messages().is_empty())
    }
}
