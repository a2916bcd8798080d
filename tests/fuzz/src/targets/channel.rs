//! A channel's messages and ends (`streams::channel`).

use std::collections::VecDeque;

use streams::channel::{Found, Refusal, Rights, State};

/// The input is the capacity, and a list of steps: ends that come and go, messages that are
/// sent, received, delivered, or put back. Messages arrive once and in order; none is lost but
/// with the last receiver.
pub fn run(bytes: &[u8]) {
    let Some((capacity, steps)) = bytes.split_first() else {
        return;
    };
    let capacity = usize::from(capacity % 16) + 1;
    let mut state = State::new(capacity);
    let mut ends: Vec<Rights> = Vec::new();
    let mut inside = VecDeque::new();
    let mut delivered: Vec<u32> = Vec::new();
    let mut is_closed = false;
    let mut next = 0_u32;
    for step in steps {
        let rights = Rights {
            sends: step & 0x80 != 0,
            receives: step & 0x40 != 0,
        };
        let at = usize::from(step >> 3) % ends.len().max(1);
        let end = ends.get(at).copied();
        match (step & 7, end) {
            (0, _) if ends.len() < 8 && (rights.sends || rights.receives) => {
                state.join(rights);
                ends.push(rights);
            }
            (1, Some(_)) => {
                let gone = ends.swap_remove(at);
                let dropped = state.leave(gone);
                if !ends.iter().any(|end| end.receives) {
                    assert_eq!(dropped, std::mem::take(&mut inside));
                } else {
                    assert!(dropped.is_empty());
                }
            }
            (2, _) => {
                state.close();
                is_closed = true;
            }
            (3 | 4, Some(by)) if by.sends => {
                let mut result = state.push(by, next);
                if result == Err((next, Refusal::NoStorage)) {
                    let storage = VecDeque::with_capacity(state.storage());
                    assert!(state.grow(storage).is_empty());
                    result = state.push(by, next);
                }
                match result {
                    Ok(()) => {
                        assert!(!is_closed && inside.len() + delivered.len() < capacity);
                        inside.push_back(next);
                    }
                    Err((message, why)) => {
                        assert_eq!(message, next);
                        assert_ne!(why, Refusal::NoStorage);
                        if why == Refusal::Full {
                            assert_eq!(inside.len() + delivered.len(), capacity);
                        }
                    }
                }
                next += 1;
            }
            (5, Some(by)) if by.receives => match state.pull(by, |_| Ok::<(), ()>(())) {
                Found::Message(message) => {
                    assert_eq!(Some(message), inside.pop_front());
                    delivered.push(message);
                }
                Found::Unfit(()) => unreachable!("every message fits"),
                Found::Nothing => assert!(inside.is_empty()),
                Found::Never(_) => assert!(inside.is_empty() && delivered.is_empty()),
            },
            (6, _) if delivered.pop().is_some() => state.finish(),
            (7, _) => {
                if let Some(message) = delivered.pop() {
                    state.put_back(message);
                    inside.push_front(message);
                }
            }
            _ => {}
        }
        assert_eq!(state.messages(), &inside);
        assert_eq!(state.has_room(), inside.len() + delivered.len() < capacity);
        let count = |has: fn(&Rights) -> bool| ends.iter().filter(|end| has(end)).count();
        let (senders, receivers) = (count(|end| end.sends), count(|end| end.receives));
        assert_eq!(state.counts(), (capacity, senders, receivers));
    }
}

/// Two ends, some messages, one put back, and the end.
pub fn seeds() -> Vec<Vec<u8>> {
    vec![vec![
        4, 0x80, 0x40, 0xc0, 3, 3, 3, 0x0d, 7, 0x0d, 6, 0x0d, 6, 2, 0x0d, 1, 1, 1,
    ]]
}
