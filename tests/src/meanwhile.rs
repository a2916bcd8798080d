//! Something again and again while something else is done.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Does the work, and on another thread a tick after each pause until the work is done.
pub fn meanwhile<T>(pause: Duration, mut tick: impl FnMut() + Send, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        scope.spawn(move || {
            while is_done.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                tick();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::meanwhile;

    #[test]
    fn ticks_come_after_each_pause_and_end_with_the_work() {
        let ticks_in = |milliseconds| {
            let mut ticks = 0;
            let work = || sleep(Duration::from_millis(milliseconds));
            meanwhile(Duration::from_millis(200), || ticks += 1, work);
            ticks
        };
        assert_eq!(ticks_in(0), 0);
        assert!((2..=5).contains(&ticks_in(1000)));
    }
}
