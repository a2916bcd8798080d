//! Users, groups and capabilities, and resource limits.

use std::sync::Arc;

use linux_raw_sys::general as linux;

use crate::errno::{Errno, Result};
use crate::memory::user;
use crate::task::credentials::GROUPS_MAX;
use crate::task::{self, Credentials, Groups, Process, process};

pub(super) fn dispatch(number: u32, args: [usize; 6]) -> Option<Result<usize>> {
    let me = || task::current_process().credentials();
    Some(match number {
        linux::__NR_getuid => Ok(me().uid as usize),
        linux::__NR_geteuid => Ok(me().euid as usize),
        linux::__NR_getgid => Ok(me().gid as usize),
        linux::__NR_getegid => Ok(me().egid as usize),
        linux::__NR_getresuid => {
            let own = me();
            write_three(args, [own.uid, own.euid, own.suid])
        }
        linux::__NR_getresgid => {
            let own = me();
            write_three(args, [own.gid, own.egid, own.sgid])
        }
        linux::__NR_setuid => set_user([args[0], NONE, NONE], true),
        linux::__NR_setgid => set_group([args[0], NONE, NONE], true),
        linux::__NR_setreuid => set_user([args[0], args[1], NONE], false),
        linux::__NR_setregid => set_group([args[0], args[1], NONE], false),
        linux::__NR_setresuid => set_user([args[0], args[1], args[2]], false),
        linux::__NR_setresgid => set_group([args[0], args[1], args[2]], false),
        linux::__NR_setfsuid => Ok(me().euid as usize),
        linux::__NR_setfsgid => Ok(me().egid as usize),
        linux::__NR_getgroups => getgroups(args),
        linux::__NR_setgroups => setgroups(args),
        linux::__NR_capget => capget(args),
        linux::__NR_capset => capset(args),
        linux::__NR_getrlimit => getrlimit(args),
        linux::__NR_setrlimit => setrlimit(args),
        linux::__NR_prlimit64 => prlimit(args),
        _ => return None,
    })
}

/// Where a capability header says whose capabilities are meant.
const CAPABILITY_PID: usize = size_of::<u32>();

/// How many words each set has in the version that a capability header asks for; in an unknown one
/// the header is told the newest, which is how programs ask for it (capget(2)).
fn capability_words(header: usize) -> Result<usize> {
    match user::read::<u32>(header)? {
        linux::_LINUX_CAPABILITY_VERSION_1 => Ok(1),
        linux::_LINUX_CAPABILITY_VERSION_2 | linux::_LINUX_CAPABILITY_VERSION_3 => Ok(2),
        _ => {
            user::write(header, &linux::_LINUX_CAPABILITY_VERSION_3)?;
            Err(Errno::EINVAL)
        }
    }
}

/// Bytes of one word of each of the three sets (`struct __user_cap_data_struct`).
const CAPABILITY_WORD: usize = 12;

/// The effective, permitted and inheritable sets, word by word.
fn capability_bytes(of: &Credentials) -> [u8; 2 * CAPABILITY_WORD] {
    let sets = [of.effective_capabilities(), of.permitted_capabilities(), 0];
    let mut bytes = [0; 2 * CAPABILITY_WORD];
    for (index, place) in bytes.chunks_exact_mut(size_of::<u32>()).enumerate() {
        let word = (sets[index % sets.len()] >> (32 * (index / sets.len()))) as u32;
        place.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

fn capget([header, data, ..]: [usize; 6]) -> Result<usize> {
    let words = match capability_words(header) {
        Err(Errno::EINVAL) if data == 0 => return Ok(0),
        words => words?,
    };
    if data == 0 {
        return Ok(0);
    }
    let of = match user::read::<i32>(header.wrapping_add(CAPABILITY_PID))? {
        ..0 => return Err(Errno::EINVAL),
        0 => task::current_process().credentials(),
        id => {
            let thread = process::find_thread(id as u32).ok_or(Errno::ESRCH)?;
            thread.process().credentials()
        }
    };
    user::copy_out(data, &capability_bytes(&of)[..words * CAPABILITY_WORD])?;
    Ok(0)
}

/// Capabilities follow from the user here: asked for the ones that are there it succeeds, and for
/// others, fewer included, it does not.
fn capset([header, data, ..]: [usize; 6]) -> Result<usize> {
    let words = capability_words(header)?;
    let id = user::read::<i32>(header.wrapping_add(CAPABILITY_PID))?;
    if id != 0 && id as u32 != task::current().id() {
        return Err(Errno::EPERM);
    }
    let own = capability_bytes(&task::current_process().credentials());
    let mut asked = own;
    user::copy_in(data, &mut asked[..words * CAPABILITY_WORD])?;
    if asked != own {
        return Err(Errno::EPERM);
    }
    Ok(0)
}

/// "Leave it" in `setreuid` and its kin.
const NONE: usize = usize::MAX;

fn write_three([first, second, third, ..]: [usize; 6], values: [u32; 3]) -> Result<usize> {
    user::write(first, &values[0])?;
    user::write(second, &values[1])?;
    user::write(third, &values[2])?;
    Ok(0)
}

/// New real, effective and saved id by the rules of setresuid(2). `all`: `setuid`, which
/// for the superuser sets all three, for others the effective one.
fn change(old: [u32; 3], wanted: [usize; 3], all: bool, is_superuser: bool) -> Result<[u32; 3]> {
    let wanted = wanted.map(|id| id as u32);
    let none = NONE as u32;
    let is_allowed = |id: u32| id == none || is_superuser || old.contains(&id);
    if !wanted.into_iter().all(is_allowed) {
        return Err(Errno::EPERM);
    }
    if all {
        if wanted[0] == none {
            return Err(Errno::EINVAL);
        }
        return Ok(if is_superuser {
            [wanted[0]; 3]
        } else {
            [old[0], wanted[0], old[2]]
        });
    }
    let pick = |index: usize| {
        if wanted[index] == none {
            old[index]
        } else {
            wanted[index]
        }
    };
    let mut new = [pick(0), pick(1), pick(2)];
    if wanted[2] == none && (wanted[0] != none || (wanted[1] != none && wanted[1] != old[0])) {
        // setreuid: the saved id follows the effective one.
        new[2] = new[1];
    }
    Ok(new)
}

fn set_user(wanted: [usize; 3], all: bool) -> Result<usize> {
    let process = task::current_process();
    let own = process.credentials();
    let [uid, euid, suid] = change([own.uid, own.euid, own.suid], wanted, all, own.euid == 0)?;
    process.set_credentials(Credentials {
        uid,
        euid,
        suid,
        ..own
    });
    Ok(0)
}

fn set_group(wanted: [usize; 3], all: bool) -> Result<usize> {
    let process = task::current_process();
    let own = process.credentials();
    let [gid, egid, sgid] = change([own.gid, own.egid, own.sgid], wanted, all, own.euid == 0)?;
    process.set_credentials(Credentials {
        gid,
        egid,
        sgid,
        ..own
    });
    Ok(0)
}

fn setgroups([count, from, ..]: [usize; 6]) -> Result<usize> {
    let process = task::current_process();
    let own = process.credentials();
    if own.euid != 0 {
        return Err(Errno::EPERM);
    }
    // An int in the call's signature; the upper half is nobody's.
    let count = count as u32 as usize;
    if count > GROUPS_MAX {
        return Err(Errno::EINVAL);
    }
    let list: Vec<u32> = user::read_many(from, count)?;
    if list.contains(&(NONE as u32)) {
        return Err(Errno::EINVAL);
    }
    process.set_credentials(Credentials {
        groups: Groups::new(list),
        ..own
    });
    Ok(0)
}

fn getgroups([room, to, ..]: [usize; 6]) -> Result<usize> {
    let room = usize::try_from(room as i32).map_err(|_| Errno::EINVAL)?;
    let credentials = task::current_credentials();
    let groups = credentials.groups.as_slice();
    if room == 0 {
        return Ok(groups.len());
    }
    if groups.len() > room {
        return Err(Errno::EINVAL);
    }
    let bytes: Vec<u8> = groups.iter().flat_map(|id| id.to_ne_bytes()).collect();
    user::copy_out(to, &bytes)?;
    Ok(groups.len())
}

fn write_limit(to: usize, (soft, hard): (u64, u64)) -> Result<()> {
    user::write(to, &[soft, hard])
}

fn getrlimit([resource, to, ..]: [usize; 6]) -> Result<usize> {
    if resource as u32 >= linux::RLIM_NLIMITS {
        return Err(Errno::EINVAL);
    }
    write_limit(to, task::current_process().limit(resource as u32))?;
    Ok(0)
}

fn setrlimit([resource, from, ..]: [usize; 6]) -> Result<usize> {
    prlimit([0, resource, from, 0, 0, 0])
}

/// Whether the caller may see and change `target`'s limits (`prlimit(2)`: the same user
/// and group, or the superuser).
fn may_limit(target: &Arc<Process>) -> bool {
    if Arc::ptr_eq(target, &task::current_process()) {
        return true;
    }
    let (caller, target) = (task::current_credentials(), target.credentials());
    let is_user = [target.uid, target.euid, target.suid] == [caller.uid; 3];
    let is_group = [target.gid, target.egid, target.sgid] == [caller.gid; 3];
    caller.euid == 0 || is_user && is_group
}

fn prlimit([pid, resource, new, old, ..]: [usize; 6]) -> Result<usize> {
    let resource = resource as u32;
    if resource >= linux::RLIM_NLIMITS {
        return Err(Errno::EINVAL);
    }
    let process = match pid as u32 {
        0 => task::current_process(),
        pid => process::find(pid).ok_or(Errno::ESRCH)?,
    };
    if !may_limit(&process) {
        return Err(Errno::EPERM);
    }
    let before = process.limit(resource);
    if new != 0 {
        let [soft, hard]: [u64; 2] = user::read(new)?;
        if soft > hard {
            return Err(Errno::EINVAL);
        }
        let is_superuser = task::current_credentials().euid == 0;
        if hard > before.1 && !is_superuser {
            return Err(Errno::EPERM);
        }
        if resource == linux::RLIMIT_NOFILE && hard > 1_048_576 {
            return Err(Errno::EPERM);
        }
        process.set_limit(resource, (soft, hard));
    }
    if old != 0 {
        write_limit(old, before)?;
    }
    Ok(0)
}
