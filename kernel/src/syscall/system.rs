//! The machine: its name, its load, its randomness.

use linux_raw_sys::general as linux;

use crate::entropy;
use crate::errno::{Errno, Result};
use crate::memory::frame;
use crate::memory::user;
use crate::task::{self, process};
use crate::{time, uts};

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    Some(match number {
        linux::__NR_uname => uname(args),
        linux::__NR_sysinfo => sysinfo(args),
        linux::__NR_getrandom => getrandom(args),
        linux::__NR_sethostname => set_name(&uts::HOST, args),
        linux::__NR_setdomainname => set_name(&uts::DOMAIN, args),
        linux::__NR_reboot => reboot(args),
        _ => return None,
    })
}

/// `struct utsname`: programs ask for a release that looks like Linux's; the version
/// says what this really is.
fn uname([to, ..]: [usize; 6]) -> Result<usize> {
    const FIELD: usize = uts::NAME_MAX + 1;
    let (host, domain) = (uts::HOST.get(), uts::DOMAIN.get());
    let fields: [&[u8]; 6] = [
        b"Linux",
        &host,
        b"6.1.0-roentgen",
        concat!("Roentgen ", env!("CARGO_PKG_VERSION")).as_bytes(),
        b"x86_64",
        &domain,
    ];
    let mut bytes = [0; FIELD * 6];
    for (index, field) in fields.iter().enumerate() {
        bytes[index * FIELD..][..field.len()].copy_from_slice(field);
    }
    user::copy_out(to, &bytes)?;
    Ok(0)
}

/// `sethostname(2)`, `setdomainname(2)`: the superuser's.
fn set_name(name: &uts::Name, [from, length, ..]: [usize; 6]) -> Result<usize> {
    if task::current_credentials().euid != 0 {
        return Err(Errno::EPERM);
    }
    let mut bytes = [0; uts::NAME_MAX];
    let bytes = bytes.get_mut(..length).ok_or(Errno::EINVAL)?;
    user::copy_in(from, bytes)?;
    name.set(bytes);
    Ok(0)
}

/// `reboot(2)`: the machine ends with its first process, and by nothing else.
fn reboot([first, second, ..]: [usize; 6]) -> Result<usize> {
    const SECOND: [u32; 4] = [
        linux::LINUX_REBOOT_MAGIC2,
        linux::LINUX_REBOOT_MAGIC2A,
        linux::LINUX_REBOOT_MAGIC2B,
        linux::LINUX_REBOOT_MAGIC2C,
    ];
    let is_meant = first as u32 == linux::LINUX_REBOOT_MAGIC1 && SECOND.contains(&(second as u32));
    if task::current_credentials().euid == 0 && !is_meant {
        return Err(Errno::EINVAL);
    }
    Err(Errno::EPERM)
}

fn sysinfo([to, ..]: [usize; 6]) -> Result<usize> {
    let memory = frame::memory_info();
    let mut words = [0_u64; 14];
    words[0] = time::uptime_nanos() / 1_000_000_000;
    words[4] = memory.total;
    words[5] = memory.free;
    // Number of processes: 16 bits behind eight words of memory figures.
    words[10] = process::all().len() as u64 & 0xffff;
    // Bytes in a unit of the figures above.
    words[13] = 1;
    user::write(to, &words)?;
    Ok(0)
}

fn getrandom([to, length, flags, ..]: [usize; 6]) -> Result<usize> {
    const KNOWN: u32 = linux::GRND_NONBLOCK | linux::GRND_RANDOM | linux::GRND_INSECURE;
    if flags as u32 & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let length = length.min(i32::MAX as usize);
    let mut buffer = [0; 256];
    let mut done = 0;
    while done < length {
        let piece = buffer.len().min(length - done);
        entropy::fill(&mut buffer[..piece]);
        let at = to.checked_add(done).ok_or(Errno::EFAULT)?;
        let copied = user::copy_out_some(at, &buffer[..piece]);
        done += copied;
        if copied < piece {
            break;
        }
    }
    if done == 0 && length > 0 {
        Err(Errno::EFAULT)
    } else {
        Ok(done)
    }
}
