//! The state against a model that keeps lists where it keeps counts.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

const RIGHTS: [Rights; 3] = [
    Rights {
        sends: true,
        receives: false,
    },
    Rights {
        sends: false,
        receives: true,
    },
    Rights {
        sends: true,
        receives: true,
    },
];

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    /// The end at this place of the list, counted round.
    Leave(usize),
    /// An end that joins, and goes as if it had not.
    Retract(usize),
    Close,
    Push(usize),
    /// The end, and whether the message fits.
    Pull(usize, bool),
    /// The delivery at this place of the list ends, well or not.
    Deliver(usize, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_usize).prop_map(Step::Join),
        2 => any::<usize>().prop_map(Step::Leave),
        1 => (0..3_usize).prop_map(Step::Retract),
        1 => Just(Step::Close),
        8 => any::<usize>().prop_map(Step::Push),
        6 => (any::<usize>(), any::<bool>()).prop_map(|(end, fits)| Step::Pull(end, fits)),
        5 => (any::<usize>(), any::<bool>()).prop_map(|(which, well)| Step::Deliver(which, well)),
    ]
}

/// Every end there ever was, and every message.
#[derive(Default)]
struct Model {
    ends: Vec<(Rights, bool)>,
    messages: Vec<u32>,
    in_delivery: Vec<u32>,
    is_closed: bool,
}

impl Model {
    fn living(&self) -> Vec<usize> {
        (0..self.ends.len())
            .filter(|end| self.ends[*end].1)
            .collect()
    }

    /// Whether another end than this one ever could, and whether one can now.
    fn others(&self, than: usize, can: fn(Rights) -> bool) -> (bool, bool) {
        let others = self.ends.iter().enumerate();
        let mut others = others.filter(|(end, (rights, _))| *end != than && can(*rights));
        let any_now = others.clone().any(|(_, (_, lives))| *lives);
        (others.next().is_some(), any_now)
    }

    fn end_for(&self, end: usize, others_can: fn(Rights) -> bool) -> Option<End> {
        match self.others(end, others_can) {
            _ if self.is_closed => Some(End::Closed),
            (true, false) => Some(End::Deserted),
            _ => None,
        }
    }

    fn send_end(&self, end: usize) -> Option<End> {
        self.end_for(end, |rights| rights.receives)
    }

    fn receive_end(&self, end: usize) -> Option<End> {
        if self.messages.len() + self.in_delivery.len() > 0 {
            return None;
        }
        self.end_for(end, |rights| rights.sends)
    }
}

fn push(state: &mut State<u32>, by: Rights, message: u32) -> Result<(), Refusal> {
    loop {
        match state.push(by, message) {
            Err((_, Refusal::NoStorage)) => {
                let needed = state.storage();
                assert!(state.grow(VecDeque::with_capacity(needed)).is_empty());
            }
            Err((back, why)) => {
                assert_eq!(back, message);
                return Err(why);
            }
            Ok(()) => return Ok(()),
        }
    }
}

proptest! {
    #[test]
    fn a_channel_is_a_bounded_queue_that_knows_who_is_left(
        capacity in 1_usize..5,
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut state = State::new(capacity);
        let mut model = Model::default();
        state.join(RIGHTS[2]);
        model.ends.push((RIGHTS[2], true));
        let mut next = 0_u32;
        for step in steps {
            let living = model.living();
            let chosen = |which: usize| (!living.is_empty()).then(|| living[which % living.len()]);
            match step {
                Step::Join(rights) => {
                    state.join(RIGHTS[rights]);
                    model.ends.push((RIGHTS[rights], true));
                }
                Step::Leave(which) => {
                    // An end that delivers is in use.
                    let Some(end) = chosen(which).filter(|_| model.in_delivery.is_empty()) else {
                        continue;
                    };
                    let gone = model.ends[end].0;
                    let had_ended = |model: &Model, end: usize| {
                        (model.receive_end(end).is_some(), model.send_end(end).is_some())
                    };
                    let before: Vec<_> =
                        living.iter().map(|other| had_ended(&model, *other)).collect();
                    model.ends[end].1 = false;
                    let is_unreceivable =
                        !model.ends.iter().any(|(rights, lives)| *lives && rights.receives);
                    let orphans: Vec<u32> = state.leave(gone).into();
                    let expected = match is_unreceivable {
                        true => core::mem::take(&mut model.messages),
                        false => Vec::new(),
                    };
                    prop_assert_eq!(orphans, expected);
                    let concerned = state.concerned(gone);
                    for (other, before) in living.iter().zip(before) {
                        let (rights, lives) = model.ends[*other];
                        let after = had_ended(&model, *other);
                        // Told once too often is allowed, once too rarely is not.
                        if lives && rights.receives && after.0 && !before.0 {
                            prop_assert!(concerned.receivers);
                        }
                        if lives && rights.sends && after.1 && !before.1 {
                            prop_assert!(concerned.senders);
                        }
                    }
                    // But not where two others are left, one of which is another's.
                    let left = |can: fn(Rights) -> bool| {
                        let ends = model.ends.iter();
                        ends.filter(|(rights, lives)| *lives && can(*rights)).count()
                    };
                    prop_assert!(!concerned.receivers || left(|rights| rights.sends) < 2);
                    prop_assert!(!concerned.senders || left(|rights| rights.receives) < 2);
                }
                Step::Retract(rights) => {
                    // It would be the last receiver: then messages go, as they must.
                    if !living.iter().any(|end| model.ends[*end].0.receives) {
                        continue;
                    }
                    state.join(RIGHTS[rights]);
                    prop_assert!(state.retract(RIGHTS[rights]).is_empty());
                }
                Step::Close => {
                    state.close();
                    model.is_closed = true;
                }
                Step::Push(which) => {
                    let sends = |end: &usize| model.ends[*end].0.sends;
                    let Some(end) = chosen(which).filter(sends) else { continue };
                    let placed = model.messages.len() + model.in_delivery.len();
                    let expected = match model.send_end(end) {
                        Some(end) => Err(Refusal::Never(end)),
                        None if placed == capacity => Err(Refusal::Full),
                        None => Ok(()),
                    };
                    prop_assert_eq!(push(&mut state, model.ends[end].0, next), expected);
                    if expected.is_ok() {
                        model.messages.push(next);
                    }
                    next += 1;
                }
                Step::Pull(which, fits) => {
                    let receives = |end: &usize| model.ends[*end].0.receives;
                    let Some(end) = chosen(which).filter(receives) else { continue };
                    let examine = |message: &u32| if fits { Ok(()) } else { Err(*message) };
                    let found = state.pull(model.ends[end].0, examine);
                    let expected = match model.messages.first() {
                        Some(message) if fits => Found::Message(*message),
                        Some(message) => Found::Unfit(*message),
                        None => model.receive_end(end).map_or(Found::Nothing, Found::Never),
                    };
                    prop_assert_eq!(&found, &expected);
                    if let Found::Message(message) = found {
                        model.messages.remove(0);
                        model.in_delivery.push(message);
                    }
                }
                Step::Deliver(which, well) => {
                    if model.in_delivery.is_empty() {
                        continue;
                    }
                    let message = model.in_delivery.remove(which % model.in_delivery.len());
                    if well {
                        state.finish();
                    } else {
                        state.put_back(message);
                        model.messages.insert(0, message);
                    }
                    let is_over = living.iter().any(|end| {
                        model.ends[*end].0.receives && model.receive_end(*end).is_some()
                    });
                    prop_assert!(state.is_over_for_some() || !is_over);
                }
            }
            let placed = model.messages.len() + model.in_delivery.len();
            for end in model.living() {
                let expected = Readiness {
                    has_message: !model.messages.is_empty(),
                    is_over: model.receive_end(end).is_some(),
                    has_room: placed < capacity,
                    is_refused: model.send_end(end).is_some(),
                };
                prop_assert_eq!(state.readiness(model.ends[end].0), expected);
            }
            prop_assert!(state.messages().iter().eq(&model.messages));
            let numbered: Vec<(u64, u32)> = state.messages_from(0).map(|(n, m)| (n, *m)).collect();
            for (index, (number, _)) in numbered.iter().enumerate() {
                let rest = state.messages_from(*number).map(|(number, message)| (number, *message));
                prop_assert!(rest.eq(numbered[index..].iter().copied()));
            }
            prop_assert_eq!(numbered.len(), model.messages.len());
            prop_assert_eq!(state.messages_from(u64::MAX).count(), 0);
        }
    }
}
