//! `futex`, and robust lists.

use core::time::Duration;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::memory::user;
use crate::syscall::time::{Clock, read_timespec};
use crate::task::thread::RobustList;
use crate::task::{self, futex, process};
use crate::time::Instant;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_futex => futex_call(args),
        linux::__NR_set_robust_list => set_robust_list(args),
        linux::__NR_get_robust_list => get_robust_list(args),
        _ => return None,
    })
}

/// `futex(address, operation, value, timeout or value2, address2, value3)`.
fn futex_call([address, operation, value, timeout, second, third]: [usize; 6]) -> Result<usize> {
    let operation = operation as u32;
    let is_private = operation & linux::FUTEX_PRIVATE_FLAG != 0;
    let is_realtime = operation & linux::FUTEX_CLOCK_REALTIME != 0;
    let process = task::current_process();
    let (value, bits) = (value as u32, third as u32);
    match operation & linux::FUTEX_CMD_MASK as u32 {
        linux::FUTEX_WAIT => {
            let deadline = deadline(timeout, false, false)?;
            futex::wait(&process, address, is_private, value, deadline, u32::MAX)?;
            Ok(0)
        }
        linux::FUTEX_WAIT_BITSET => {
            let deadline = deadline(timeout, true, is_realtime)?;
            futex::wait(&process, address, is_private, value, deadline, bits)?;
            Ok(0)
        }
        linux::FUTEX_WAKE => {
            Ok(futex::wake(&process, address, is_private, value, u32::MAX)? as usize)
        }
        linux::FUTEX_WAKE_BITSET => {
            Ok(futex::wake(&process, address, is_private, value, bits)? as usize)
        }
        linux::FUTEX_REQUEUE | linux::FUTEX_CMP_REQUEUE => {
            let counts = futex::Counts {
                woken: value,
                moved: timeout as u32,
            };
            let is_compared = operation & linux::FUTEX_CMD_MASK as u32 == linux::FUTEX_CMP_REQUEUE;
            let expected = is_compared.then_some(bits);
            let count = futex::requeue(&process, address, second, is_private, counts, expected)?;
            Ok(count as usize)
        }
        linux::FUTEX_WAKE_OP => {
            let counts = (value, timeout as u32);
            Ok(futex::wake_op(&process, address, second, is_private, counts, bits)? as usize)
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn deadline(timeout: usize, is_absolute: bool, is_realtime: bool) -> Result<Option<Instant>> {
    if timeout == 0 {
        return Ok(None);
    }
    let nanos = read_timespec(timeout)?;
    if !is_absolute {
        return Ok(Some(Instant::now() + Duration::from_nanos(nanos)));
    }
    let clock = if is_realtime {
        Clock::Realtime
    } else {
        Clock::Monotonic
    };
    Ok(Some(clock.instant(nanos)))
}

fn set_robust_list([head, length, ..]: [usize; 6]) -> Result<usize> {
    const HEAD_SIZE: usize = 24;
    if length != HEAD_SIZE {
        return Err(Errno::EINVAL);
    }
    task::current().set_robust_list(RobustList { head, length });
    Ok(0)
}

fn get_robust_list([id, head, length, ..]: [usize; 6]) -> Result<usize> {
    let thread = match id as u32 {
        0 => task::current().to_arc(),
        id => process::find_thread(id).ok_or(Errno::ESRCH)?,
    };
    let list = thread.robust_list();
    user::write(head, &list.head)?;
    user::write(length, &list.length)?;
    Ok(0)
}
