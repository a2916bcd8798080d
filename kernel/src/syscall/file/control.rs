//! `ioctl(2)`: what every descriptor has, and the rest for the object behind it.

use linux_raw_sys::general as linux;
use linux_raw_sys::ioctl;

use super::{file, files};
use crate::errno::Result;
use crate::memory::user;

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_ioctl => control(args),
        _ => return None,
    })
}

fn control([descriptor, request, argument, ..]: [usize; 6]) -> Result<usize> {
    let file = file(descriptor)?;
    let number = descriptor as i32;
    match request as u32 {
        ioctl::FIOCLEX => files().set_closes_on_exec(number, true)?,
        ioctl::FIONCLEX => files().set_closes_on_exec(number, false)?,
        ioctl::FIONBIO => {
            let on: i32 = user::read(argument)?;
            let flags = file.flags() & !linux::O_NONBLOCK;
            file.set_flags(flags | if on != 0 { linux::O_NONBLOCK } else { 0 });
        }
        request => return file.object.ioctl(&file, request, argument),
    }
    Ok(0)
}
