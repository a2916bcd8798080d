//! Roentgen's calls for templates and spawned processes (`roentgen_abi::spawn`).

use core::fmt::Write;
use core::time::Duration;
use std::sync::Arc;

use roentgen_abi::spawn::{Ending, Placed, SELF, Spawn};
use roentgen_abi::syscall::FOREVER;

use super::roentgen::write_text;
use super::schedule;
use crate::cpu::entry::TrapFrame;
use crate::errno::{Errno, Result};
use crate::fs::table::MOST_DESCRIPTORS;
use crate::fs::{OpenFile, pidfd, template};
use crate::memory::{PAGE_SIZE, user};
use crate::message::{Message, Room, Size};
use crate::sync::WaitError;
use crate::task::account::Limits;
use crate::task::spawn::{self, Origin, Request};
use crate::task::template::Template;
use crate::task::{self, Process, saved};
use crate::time::Instant;

#[inline(never)]
pub(super) fn freeze(
    [kept, count, to, id_address, ..]: [usize; 6],
    frame: &TrapFrame,
) -> Result<usize> {
    if count > MOST_DESCRIPTORS {
        return Err(Errno::EINVAL);
    }
    let kept: Vec<i32> = user::read_many(kept, count)?;
    let template = Template::of_current(frame, &kept, id_address)?;
    let files = task::current_process().files();
    let descriptor = files.install(template::create(template), true)? as i32;
    user::write(to, &descriptor).inspect_err(|_| {
        // Where it is closed already there is nothing to do.
        let _ = files.close(descriptor);
    })?;
    Ok(1)
}

#[inline(never)]
pub(super) fn trace_writes([descriptor, to, count, ..]: [usize; 6]) -> Result<usize> {
    let file = task::current_process().file(descriptor as i32)?;
    let addresses = template::template_of(&file)?.traced_writes();
    let fitting = &addresses[..addresses.len().min(count)];
    let bytes: Vec<u8> = fitting
        .iter()
        .flat_map(|address| address.to_ne_bytes())
        .collect();
    user::copy_out(to, &bytes)?;
    Ok(addresses.len())
}

#[inline(never)]
pub(super) fn system_template() -> Result<usize> {
    let system = saved::system().ok_or(Errno::ENOENT)?;
    let files = task::current_process().files();
    files.install(template::create(system), true)
}

#[inline(never)]
pub(super) fn spawn([arguments, size, to, ..]: [usize; 6], frame: &TrapFrame) -> Result<usize> {
    if size != size_of::<Spawn>() {
        return Err(Errno::EINVAL);
    }
    let arguments: Spawn = user::read(arguments)?;
    let files = task::current_process().files();
    let origin = match arguments.template {
        SELF => Origin::Maker(frame),
        descriptor => Origin::Template(template::template_of(&*files.get(descriptor)?)?),
    };
    if !(-39..=39).contains(&arguments.nice) {
        return Err(Errno::EINVAL);
    }
    if arguments.nice < 0 && task::current_credentials().euid != 0 {
        return Err(Errno::EPERM);
    }
    let affinity = match arguments.affinity as usize {
        0 => None,
        address => {
            let mask = schedule::read_mask(address, arguments.affinity_size as usize)?;
            schedule::check_mask(&mask)?;
            Some(mask)
        }
    };
    let name = match arguments.name as usize {
        0 => None,
        address => {
            let mut name = vec![0; (arguments.name_length as usize).min(15)];
            user::copy_in(address, &mut name)?;
            Some(name)
        }
    };
    let mut request = Request {
        origin,
        nice: arguments.nice,
        limits: Limits {
            memory: arguments.memory,
            cpu_time: arguments.cpu_time,
            deadline: arguments.deadline,
        },
        affinity,
        name,
        files: passed_files(&arguments)?,
        id_address: arguments.id_address as usize,
        payload: Message::take(&arguments.payload)?,
    };
    let ready = match spawn::spawn(&mut request) {
        Ok(ready) => ready,
        Err(error) => {
            request.payload.take_back();
            return Err(error);
        }
    };
    let descriptor = match files.install(ready.file(), true) {
        Ok(descriptor) => descriptor as i32,
        Err(error) => {
            ready.cancel();
            return Err(error);
        }
    };
    if let Err(error) = user::write(to, &descriptor) {
        ready.cancel();
        let _ = files.close(descriptor);
        return Err(error);
    }
    let id = ready.id();
    ready.start();
    Ok(id as usize)
}

user::plain!(Spawn, Placed, Ending);

/// The files that go along, as what they are in the new process.
fn passed_files(arguments: &Spawn) -> Result<Vec<(Arc<OpenFile>, i32)>> {
    let count = arguments.descriptor_count as usize;
    if count > MOST_DESCRIPTORS {
        return Err(Errno::EINVAL);
    }
    let placed: Vec<Placed> = user::read_many(arguments.descriptors as usize, count)?;
    let files = task::current_process().files();
    placed
        .iter()
        .map(|Placed { from, to }| Ok((files.get_any(*from)?, *to)))
        .collect()
}

/// Gives a message to the current process, or back to where it was.
fn deliver(message: Message, room: &Room, put_back: impl FnOnce(Message)) -> Result<()> {
    message.deliver(room).map_err(|undelivered| {
        put_back(undelivered.message);
        undelivered.error
    })
}

#[inline(never)]
pub(super) fn payload([to, ..]: [usize; 6]) -> Result<usize> {
    let process = task::current_process();
    let spawned = process.spawned().ok_or(Errno::ENODATA)?;
    let room = Room::read(to)?;
    let message = spawned.take_payload().ok_or(Errno::ENODATA)?;
    deliver(message, &room, |message| spawned.return_payload(message))?;
    Ok(0)
}

#[inline(never)]
pub(super) fn finish([status, answer, ..]: [usize; 6]) -> Result<usize> {
    let status = u8::try_from(status).map_err(|_| Errno::EINVAL)?;
    spawn::finish(status.into(), Message::read(answer)?)
}

fn process_of(descriptor: usize) -> Result<Arc<Process>> {
    let file = task::current_process().file(descriptor as i32)?;
    pidfd::process_of(&file)
}

#[inline(never)]
pub(super) fn join([descriptor, answer, ending, timeout, ..]: [usize; 6]) -> Result<usize> {
    let process = process_of(descriptor)?;
    let room = Room::read(answer)?;
    let deadline = deadline(timeout as u64);
    process
        .end()
        .wait_until(deadline, || process.is_zombie().then_some(()))
        .map_err(|error| match error {
            WaitError::TimedOut => Errno::ETIMEDOUT,
            WaitError::Interrupted => Errno::EINTR,
        })?;
    let spawned = process.spawned();
    let told = Ending {
        status: process.wait_status(),
        limit: spawned.map_or(0, |spawned| spawned.limit()),
        has_answer: spawned.is_some_and(|spawned| spawned.has_answer()).into(),
        reserved: 0,
    };
    user::write(ending, &told)?;
    let message = spawned.and_then(|spawned| Some((spawned, spawned.take_answer()?)));
    match message {
        Some((spawned, message)) => {
            deliver(message, &room, |message| spawned.return_answer(message))?
        }
        None => room.write_size(Size::default())?,
    }
    Ok(0)
}

/// When a wait of so many nanoseconds from now is over; None: never.
fn deadline(timeout: u64) -> Option<Instant> {
    (timeout != FOREVER).then(|| Instant::now() + Duration::from_nanos(timeout))
}

#[inline(never)]
pub(super) fn process([descriptor, buffer, size, ..]: [usize; 6]) -> Result<usize> {
    let process = process_of(descriptor)?;
    let usage = process.usage();
    let resident = process
        .try_space()
        .map_or(0, |space| space.statm().resident);
    let mut text = String::new();
    let _ = writeln!(text, "user_time {}", usage.user);
    let _ = writeln!(text, "system_time {}", usage.system);
    let _ = writeln!(text, "page_faults {}", usage.page_faults);
    let _ = writeln!(text, "voluntary_switches {}", usage.voluntary_switches);
    let _ = writeln!(text, "involuntary_switches {}", usage.involuntary_switches);
    let _ = writeln!(text, "threads {}", process.thread_count());
    let _ = writeln!(text, "resident {}", resident * PAGE_SIZE as u64);
    write_text(&text, buffer, size)
}
