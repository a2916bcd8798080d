//! Ends of channels inside of channels: no circles, which nobody could receive from any
//! more and whose messages would stay for ever.

use std::collections::BTreeSet;
use std::sync::Arc;

use roentgen_abi::message::MOST_DESCRIPTORS;

use super::{Channel, end_of};
use crate::errno::{Errno, Result};
use crate::fs::file::OpenFile;
use crate::message::Message;
use crate::sync::{SleepMutex, SleepMutexGuard};

/// The right to move messages with ends in them into channels and out of them: two at once
/// could close a circle that neither sees, or one be looked for that is in delivery and
/// comes back. Before every channel's lock in the lock order, and before address spaces and
/// descriptors.
static NESTING: SleepMutex<()> = SleepMutex::new(());

/// See [`NESTING`].
pub type Nesting = SleepMutexGuard<'static, ()>;

/// Takes the right.
pub fn lock() -> Nesting {
    NESTING.lock()
}

/// Checks that a message that holds ends may be sent to `target`; to be kept until it is
/// inside.
///
/// # Errors
/// `ELOOP` where a file is an end of `target`, or keeps one open, however far down.
pub fn check(target: &Arc<Channel>, message: &Message) -> Result<Nesting> {
    let guard = lock();
    let holders = message
        .files()
        .iter()
        .filter(|file| file.object.holds_files());
    let mut open: Vec<Arc<OpenFile>> = holders.cloned().collect();
    let mut seen = BTreeSet::new();
    while let Some(file) = open.pop() {
        if let Some(end) = end_of(&file)
            && Arc::ptr_eq(&end.channel, target)
        {
            return Err(Errno::ELOOP);
        }
        file.object.visit_holders(&mut |holder| {
            if seen.insert(identity(&holder)) {
                open.push(holder);
            }
        });
    }
    Ok(guard)
}

/// All ends of a channel keep open the same.
fn identity(file: &OpenFile) -> usize {
    match end_of(file) {
        Some(end) => Arc::as_ptr(&end.channel).addr(),
        None => Arc::as_ptr(&file.object).addr(),
    }
}

/// Messages whose files are looked at under the channel's lock at once.
const AT_ONCE: usize = 64;

/// Gives `visit` the files inside of the channel that hold files themselves.
pub fn visit_holders(channel: &Channel, visit: &mut dyn FnMut(Arc<OpenFile>)) {
    // What one message holds has a place always.
    let mut found: Vec<Arc<OpenFile>> = Vec::with_capacity(2 * MOST_DESCRIPTORS);
    let mut next = 0;
    loop {
        // Nothing is allocated or dropped under the lock.
        let is_done = channel.inspect(|state| {
            for (number, message) in state.messages_from(next).take(AT_ONCE) {
                if found.capacity() - found.len() < message.files().len() {
                    return false;
                }
                let holders = message.files().iter();
                let holders = holders.filter(|file| file.object.holds_files());
                found.extend(holders.cloned());
                next = number + 1;
            }
            state.messages_from(next).next().is_none()
        });
        for holder in found.drain(..) {
            visit(holder);
        }
        if is_done {
            return;
        }
    }
}
