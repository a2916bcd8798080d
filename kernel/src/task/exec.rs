//! `execve`: a new program in an old process. System V ABI, AMD64 supplement, 3.4.1.

use core::arch::x86_64::__cpuid;
use core::sync::atomic::Ordering;
use std::sync::Arc;

use formats::elf::{self, Header, Program as Elf, Segment};
use linux_raw_sys::{auxvec, general as linux};

use super::process::{self, Process, Program};
use super::template::{Registers, Template};
use super::thread::Thread;
use super::{clone, saved, scheduler, signal};
use crate::cpu::descriptors::{USER_CODE, USER_DATA};
use crate::cpu::entry::TrapFrame;
use crate::cpu::fpu::FpuState;
use crate::cpu::{control, this};
use crate::entropy;
use crate::errno::{Errno, Result};
use crate::fs::{self, OpenFile};
use crate::memory::area::{AreaName, Backing, Protection};
use crate::memory::space::{AddressSpace, LOWEST, Placement, Request, STACK_TOP};
use crate::memory::user::{Destination, USER_END};
use crate::memory::{PAGE_SIZE, loaded};
use crate::sync::InterruptsOff;

/// What is used where nothing is drawn at random: the break is not right behind the program
/// then, either.
const FIXED_LAYOUT: [u64; 4] = [0, 0, 0x1000, 0];

/// Where position-independent programs are put, less what is drawn at random.
const RELOCATABLE_BASE: u64 = 0x5555_5555_4000;
/// Where their interpreters are put.
const INTERPRETER_BASE: u64 = 0x7000_0000_0000;
/// First size of the stack area; it grows on demand.
const STACK_START_SIZE: usize = 128 * 1024;
/// Bytes of arguments and environment together (Linux: a quarter of the stack limit).
pub const ARGUMENT_LIMIT: usize = 2 << 20;
/// Bytes of one of them, with its NUL (Linux: 32 pages).
pub const STRING_LIMIT: usize = 32 * PAGE_SIZE;
/// Scripts may name scripts as interpreters so deep.
const SCRIPT_DEPTH: usize = 4;
/// Bytes at a file's start that a `#!` line must fit in, as on Linux.
const SCRIPT_LINE: usize = 256;

/// RFLAGS in user mode: interrupts on, and the bit that is always one.
const USER_RFLAGS: u64 = 0x202;

/// What to run.
pub struct Call {
    /// Path of the file.
    pub path: Vec<u8>,
    /// Arguments, the program's name among them.
    pub arguments: Vec<Vec<u8>>,
    /// `NAME=value` each.
    pub environment: Vec<Vec<u8>>,
}

/// A program that is ready to run.
struct Image {
    space: Arc<AddressSpace>,
    entry: u64,
    stack_pointer: u64,
    program: Program,
}

/// The bytes at `offset`, up to `limit` of them.
fn read_up_to(file: &OpenFile, offset: u64, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; limit];
    let mut to = Destination::kernel(&mut bytes);
    let length = file.object.read_at(file, offset, &mut to)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// The `length` bytes at `offset`, as Linux reads headers: `EIO` where they are not all
/// there, `EINVAL` where they could not be.
fn read_all(file: &OpenFile, offset: u64, length: usize) -> Result<Vec<u8>> {
    offset
        .checked_add(length as u64)
        .filter(|end| *end <= i64::MAX as u64)
        .ok_or(Errno::EINVAL)?;
    let bytes = read_up_to(file, offset, length)?;
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(Errno::EIO)
    }
}

/// An open ELF file.
struct ElfFile {
    file: Arc<OpenFile>,
    elf: Elf,
}

impl ElfFile {
    /// Reads the headers of a file that begins with `start`.
    fn read(file: Arc<OpenFile>, start: &[u8]) -> core::result::Result<Self, elf::Error> {
        let header = Header::parse(start)?;
        let table = read_all(&file, header.table_offset, header.table_length())
            .map_err(|_| elf::Error::Malformed)?;
        let elf = Elf::parse(&header, &table)?;
        Ok(Self { file, elf })
    }

    /// What its interpreter is, if it names one.
    fn interpreter(&self, open: &dyn Fn(&[u8]) -> Result<Arc<OpenFile>>) -> Result<Option<Self>> {
        let Some((offset, length)) = self.elf.interpreter else {
            return Ok(None);
        };
        if !(2..=u64::from(linux::PATH_MAX)).contains(&length) {
            return Err(Errno::ENOEXEC);
        }
        let mut path = read_all(&self.file, offset, length as usize)?;
        if path.pop() != Some(0) {
            return Err(Errno::ENOEXEC);
        }
        path.truncate(
            path.iter()
                .position(|byte| *byte == 0)
                .unwrap_or(path.len()),
        );
        if path.is_empty() {
            // For Linux that is the working directory, which is no program.
            return Err(Errno::EACCES);
        }
        let file = open(&path)?;
        let start = read_all(&file, 0, elf::HEADER_SIZE)?;
        Self::read(file, &start)
            .map(Some)
            .map_err(|_| Errno::ELIBBAD)
    }

    /// Maps all segments; the page-aligned end of the last.
    fn map(&self, space: &Arc<AddressSpace>, base: u64) -> Result<usize> {
        let length = self.file.object.memory()?.length();
        let user = LOWEST as u64..USER_END as u64;
        let segments = self.elf.segments(length, user);
        let segments = segments.map_err(|_| Errno::ENOEXEC)?;
        let name: Arc<[u8]> = Arc::from(self.file.name());
        let mut end = 0;
        for segment in &segments {
            end = map_segment(space, segment, &self.file, &name, base)?;
        }
        Ok(end)
    }
}

/// Follows `#!` lines until an ELF file is found.
fn open_program(
    call: &mut Call,
    open: &dyn Fn(&[u8]) -> Result<Arc<OpenFile>>,
) -> Result<(Arc<OpenFile>, Vec<u8>)> {
    for _ in 0..=SCRIPT_DEPTH {
        let file = open(&call.path)?;
        let start = read_up_to(&file, 0, SCRIPT_LINE)?;
        let Some(line) = start.strip_prefix(b"#!") else {
            return Ok((file, start));
        };
        let end = line
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(line.len());
        let line = line[..end].trim_ascii();
        if line.is_empty() {
            return Err(Errno::ENOEXEC);
        }
        let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
        let split = line.iter().position(is_blank).unwrap_or(line.len());
        let interpreter = line[..split].to_vec();
        let argument = line[split..].trim_ascii().to_vec();
        let mut arguments = vec![interpreter.clone()];
        if !argument.is_empty() {
            arguments.push(argument);
        }
        arguments.push(core::mem::replace(&mut call.path, interpreter));
        arguments.extend(call.arguments.drain(..).skip(1));
        call.arguments = arguments;
    }
    Err(Errno::ELOOP)
}

fn load(
    call: &mut Call,
    has_fixed_layout: bool,
    open: &dyn Fn(&[u8]) -> Result<Arc<OpenFile>>,
) -> Result<Image> {
    let size: usize = call
        .arguments
        .iter()
        .chain(&call.environment)
        .map(|text| text.len() + 9)
        .sum();
    if size > ARGUMENT_LIMIT {
        return Err(Errno::E2BIG);
    }
    let script = call.path.clone();
    let (file, start) = open_program(call, open)?;
    let program_file = ElfFile::read(file, &start).map_err(|_| Errno::ENOEXEC)?;
    let interpreter = program_file.interpreter(open)?;
    let elf = &program_file.elf;
    let random = if has_fixed_layout {
        FIXED_LAYOUT
    } else {
        [(); 4].map(|()| entropy::word())
    };
    let space = AddressSpace::new(random[0] as usize)?;
    let base = if elf.is_relocatable {
        RELOCATABLE_BASE + (random[1] & 0xfff_ffff) * PAGE_SIZE as u64
    } else {
        0
    };
    let end = program_file.map(&space, base)?;
    let mut entry = elf.entry.wrapping_add(base);
    let mut interpreter_base = 0;
    if let Some(interpreter) = &interpreter {
        interpreter_base = INTERPRETER_BASE + (random[1] >> 32 & 0xffff) * PAGE_SIZE as u64;
        let offset = if interpreter.elf.is_relocatable {
            interpreter_base
        } else {
            0
        };
        interpreter.map(&space, offset)?;
        entry = interpreter.elf.entry.wrapping_add(offset);
    }
    space.set_break_start(end.max(LOWEST) + (random[2] as usize % 0x2000) * PAGE_SIZE);
    let addresses = Addresses {
        base,
        interpreter_base,
        entry,
        stack_top: STACK_TOP - (random[3] as usize % 0x800) * PAGE_SIZE,
    };
    let (stack_pointer, mut program) = build_stack(&space, call, elf, &addresses, &script)?;
    if entry as usize >= USER_END {
        return Err(Errno::ENOEXEC);
    }
    program.executable = Some(program_file.file);
    Ok(Image {
        space,
        entry,
        stack_pointer,
        program,
    })
}

fn map_segment(
    space: &Arc<AddressSpace>,
    segment: &Segment,
    file: &OpenFile,
    name: &Arc<[u8]>,
    base: u64,
) -> Result<usize> {
    let mut protection = Protection::empty();
    // x86 has no pages that can be written or executed but not read.
    let is_readable = segment.is_readable || segment.is_writable || segment.is_executable;
    protection.set(Protection::READ, is_readable);
    protection.set(Protection::WRITE, segment.is_writable);
    protection.set(Protection::EXECUTE, segment.is_executable);
    let address = segment.address.wrapping_add(base) as usize;
    let start = address / PAGE_SIZE * PAGE_SIZE;
    let lead = address - start;
    let file_end = address + segment.file_size as usize;
    let end = (address + segment.memory_size as usize).next_multiple_of(PAGE_SIZE);
    let file_pages_end = file_end.next_multiple_of(PAGE_SIZE);
    let request = |at: usize, length: usize, backing: Backing, name: AreaName| Request {
        at: Some(at),
        length,
        protection,
        allowed: Protection::all(),
        is_shared: false,
        backing,
        name,
        placement: Placement::Exact,
        reserve: true,
    };
    if segment.file_size > 0 {
        let backing = Backing::Object(file.object.memory()?, segment.file_offset - lead as u64);
        space.map(request(
            start,
            file_pages_end - start,
            backing,
            AreaName::File(name.clone()),
        ))?;
        if segment.is_writable && file_pages_end > file_end {
            // What the last file page holds behind the segment is not the program's.
            write_zeros(space, file_end, file_pages_end - file_end)?;
        }
    }
    let zeros_start = if segment.file_size > 0 {
        file_pages_end
    } else {
        start
    };
    if end > zeros_start {
        space.map(request(
            zeros_start,
            end - zeros_start,
            Backing::Anonymous,
            AreaName::None,
        ))?;
    }
    Ok(end)
}

/// Zeroes `length` bytes within one page of a space that is not loaded.
fn write_zeros(space: &AddressSpace, address: usize, length: usize) -> Result<()> {
    space
        .with_frame(address, Protection::WRITE, |place| {
            // SAFETY: the range ends with its page.
            unsafe { core::ptr::write_bytes(place, 0, length) };
        })
        .map_err(|_| Errno::ENOMEM)
}

/// Writes into a space that is not loaded.
fn write_remote(space: &AddressSpace, address: usize, bytes: &[u8]) -> Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let at = address + done;
        let length = (PAGE_SIZE - at % PAGE_SIZE).min(bytes.len() - done);
        let piece = &bytes[done..done + length];
        space
            .with_frame(at, Protection::WRITE, |place| {
                // SAFETY: `length` bytes from here lie within the frame.
                unsafe { core::ptr::copy_nonoverlapping(piece.as_ptr(), place, length) };
            })
            .map_err(|_| Errno::ENOMEM)?;
        done += length;
    }
    Ok(())
}

/// Where a program was put.
struct Addresses {
    /// What is added to its own addresses.
    base: u64,
    /// The same for its interpreter; 0: it has none.
    interpreter_base: u64,
    /// Where it begins.
    entry: u64,
    /// Where its stack ends.
    stack_top: usize,
}

/// The initial stack: strings at the top, below them the auxiliary vector, the
/// environment's and the arguments' pointers, and the count of arguments. With it, what
/// `/proc` tells of them.
fn build_stack(
    space: &AddressSpace,
    call: &Call,
    elf: &Elf,
    addresses: &Addresses,
    script: &[u8],
) -> Result<(u64, Program)> {
    let &Addresses {
        base,
        interpreter_base,
        entry,
        stack_top: top,
    } = addresses;
    let size: usize = call
        .arguments
        .iter()
        .chain(&call.environment)
        .map(|text| text.len() + 9)
        .sum();
    let area = (STACK_START_SIZE + size).next_multiple_of(PAGE_SIZE);
    let mut protection = Protection::READ | Protection::WRITE;
    protection.set(Protection::EXECUTE, elf.wants_executable_stack);
    space.map(Request {
        at: Some(top - area),
        length: area,
        protection,
        allowed: Protection::all(),
        is_shared: false,
        backing: Backing::Anonymous,
        name: AreaName::Stack,
        placement: Placement::Exact,
        reserve: true,
    })?;

    // Strings, from the lowest address up: arguments, environment, then ours.
    let mut strings = Vec::new();
    let place = |strings: &mut Vec<u8>, text: &[u8]| {
        let at = strings.len();
        strings.extend_from_slice(text);
        strings.push(0);
        at
    };
    let arguments: Vec<usize> = call
        .arguments
        .iter()
        .map(|text| place(&mut strings, text))
        .collect();
    let arguments_end = strings.len();
    let environment: Vec<usize> = call
        .environment
        .iter()
        .map(|text| place(&mut strings, text))
        .collect();
    let environment_end = strings.len();
    let platform = place(&mut strings, b"x86_64");
    let name = place(&mut strings, script);
    while strings.len() % 16 != 0 {
        strings.push(0);
    }
    let random_bytes = strings.len();
    let mut seed = [0; 16];
    entropy::fill(&mut seed);
    strings.extend_from_slice(&seed);
    let strings_at = (top - strings.len()) & !15;

    let auxiliary: [(u32, u64); 18] = [
        (auxvec::AT_PHDR, elf.headers_address.wrapping_add(base)),
        (auxvec::AT_PHENT, u64::from(elf.header_size)),
        (auxvec::AT_PHNUM, u64::from(elf.header_count)),
        (auxvec::AT_PAGESZ, PAGE_SIZE as u64),
        (auxvec::AT_BASE, interpreter_base),
        (auxvec::AT_FLAGS, 0),
        (
            auxvec::AT_ENTRY,
            if interpreter_base == 0 {
                entry
            } else {
                elf.entry.wrapping_add(base)
            },
        ),
        (auxvec::AT_UID, u64::from(super::current_credentials().uid)),
        (
            auxvec::AT_EUID,
            u64::from(super::current_credentials().euid),
        ),
        (auxvec::AT_GID, u64::from(super::current_credentials().gid)),
        (
            auxvec::AT_EGID,
            u64::from(super::current_credentials().egid),
        ),
        (auxvec::AT_SECURE, 0),
        (auxvec::AT_CLKTCK, 100),
        (auxvec::AT_PLATFORM, (strings_at + platform) as u64),
        (auxvec::AT_EXECFN, (strings_at + name) as u64),
        (auxvec::AT_RANDOM, (strings_at + random_bytes) as u64),
        // The features of CPUID's first leaf, in EDX.
        (auxvec::AT_HWCAP, u64::from(__cpuid(1).edx)),
        // FSGSBASE may be used by user code (HWCAP2_FSGSBASE) only where it is on.
        (auxvec::AT_HWCAP2, u64::from(has_fsgsbase()) << 1),
    ];
    let mut words = vec![call.arguments.len() as u64];
    words.extend(arguments.iter().map(|at| (strings_at + at) as u64));
    words.push(0);
    words.extend(environment.iter().map(|at| (strings_at + at) as u64));
    words.push(0);
    let vector_at = words.len();
    for (kind, value) in auxiliary {
        words.extend([u64::from(kind), value]);
    }
    words.extend([u64::from(auxvec::AT_NULL), 0]);
    let stack_pointer = (strings_at - words.len() * 8) & !15;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    write_remote(space, strings_at, &strings)?;
    write_remote(space, stack_pointer, &bytes)?;
    let program = Program {
        executable: None,
        arguments: (strings_at, strings_at + arguments_end),
        environment: (strings_at + arguments_end, strings_at + environment_end),
        auxiliary: words[vector_at..].into(),
    };
    Ok((stack_pointer as u64, program))
}

fn has_fsgsbase() -> bool {
    this(&InterruptsOff::new()).has_fsgsbase()
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn user_frame(image: &Image) -> TrapFrame {
    TrapFrame {
        rip: image.entry,
        cs: u64::from(USER_CODE),
        rflags: USER_RFLAGS,
        rsp: image.stack_pointer,
        ss: u64::from(USER_DATA),
        ..TrapFrame::default()
    }
}

crate::counters! {
    /// Programs that began: by `execve(2)`, or as the first process.
    static EXECUTED = "execve";
}

/// `execve`: on success the current thread is the new program's only one, and `frame`
/// enters it.
///
/// # Errors
/// Those of execve(2); the old program then goes on.
pub fn execve(mut call: Call, frame: &mut TrapFrame) -> Result<()> {
    let script_name = base_name(&call.path).to_vec();
    let thread = super::current();
    let process = thread.process();
    let open = |path: &[u8]| fs::open_for_exec(path);
    let image = load(&mut call, process.has_fixed_layout(), &open)?;
    // What other processes share stays theirs: closing below must not reach it.
    let old_files = process.files();
    let own_files = old_files
        .is_shared()
        .then(|| old_files.fork())
        .transpose()?;
    drop(old_files);
    become_alone(process, &thread)?;
    if thread.id() != process.id() {
        // The others are gone, the old leader among them.
        process::forget_thread(thread.id());
        thread.set_id(process.id());
        process::register_thread(&thread.to_arc());
    }

    if let Some(files) = own_files {
        process.replace_files(files);
    }
    process.has_executed.store(true, Ordering::Relaxed);
    super::futex::leave_robust_list(&thread);
    thread.set_robust_list(Default::default());
    thread.set_clear_on_exit(0);
    process.files().close_on_exec();
    process.signals().reset_handlers();
    thread
        .signals()
        .set_alternate_stack(signal::AlternateStack {
            flags: linux_raw_sys::general::SS_DISABLE,
            ..Default::default()
        });
    process.set_program(image.program.clone());
    // A program's parent waits for it as for any other child, however that was made.
    process
        .exit_signal
        .store(linux_raw_sys::general::SIGCHLD, Ordering::Relaxed);
    thread.set_name(&script_name);
    let old = process.replace_space(Some(image.space.clone()));
    process.tell_space_its_limits();
    loaded::load(&image.space, &InterruptsOff::new());
    // Also with a vfork parent the old space lives on only where someone else uses it.
    drop(old);
    clone::vfork_is_over(process);
    *frame = user_frame(&image);
    EXECUTED.add(1);
    let off = InterruptsOff::new();
    // SAFETY: the current thread's own context, interrupts off.
    let context = unsafe { thread.context() };
    let fpu = FpuState::new();
    fpu.load();
    context.fpu = Some(fpu);
    this(&off).set_user_fs(0, &off);
    control::set_kernel_gs_base(0);
    Ok(())
}

/// Ends all other threads of the process, and waits until they have left.
fn become_alone(process: &Process, thread: &Thread) -> Result<()> {
    let others = process.threads().len() > 1;
    if !others {
        return Ok(());
    }
    if process
        .exec_owner
        .compare_exchange(0, thread.id(), Ordering::AcqRel, Ordering::Acquire)
        .is_err()
    {
        // Another thread of the process is faster; this one is about to end.
        return Err(Errno::EAGAIN);
    }
    for other in process.threads() {
        if other.id() != thread.id() {
            signal::interrupt(&other);
        }
    }
    process.self_events.wait_uninterruptibly(|| {
        (process.threads.lock().len() == 1 || process.is_ending()).then_some(())
    });
    process.exec_owner.store(0, Ordering::Release);
    if process.is_ending() {
        Err(Errno::EINTR)
    } else {
        Ok(())
    }
}

/// What the first process of a machine has beside its program.
pub struct Surroundings<A> {
    /// Its descriptors.
    pub files: Arc<fs::FdTable>,
    /// Its directories.
    pub context: Arc<fs::FsContext>,
    /// Is told its id, before it runs.
    pub announce: A,
}

/// Makes the first process of the machine, and queues it.
///
/// # Errors
/// Those of execve(2) for its program.
#[inline(never)]
pub fn start_first(mut call: Call, around: Surroundings<impl FnOnce(u32)>) -> Result<()> {
    let base = fs::kernel_base()?;
    let open = |path: &[u8]| fs::open_for_exec_from(&base, path);
    let image = load(&mut call, false, &open)?;
    let registers = Registers {
        frame: user_frame(&image),
        fpu: FpuState::new(),
        bases: (0, 0),
    };
    let thread = first_thread(&call, image.space, image.program, registers, &around)?;
    EXECUTED.add(1);
    queue_first(&thread, around);
    Ok(())
}

/// As [`start_first`], from a template of the program: no program begins. It becomes the
/// [system's](saved::system).
///
/// # Errors
/// `E2BIG`, `EAGAIN`, `ENOMEM`.
#[inline(never)]
pub fn start_first_from(
    template: &Arc<Template>,
    call: &Call,
    around: Surroundings<impl FnOnce(u32)>,
) -> Result<()> {
    let space = template.space.space()?;
    let (block, program) = place_call(&space, call, &template.program)?;
    let mut registers = Registers {
        frame: template.registers.frame,
        fpu: template.registers.fpu.duplicate(),
        bases: template.registers.bases,
    };
    registers.frame.rax = block as u64;
    let thread = first_thread(call, space, program, registers, &around)?;
    let process = thread.process();
    process.signals().copy_actions(&template.signals);
    thread.signals().start_with_blocked(template.blocked);
    thread
        .signals()
        .set_alternate_stack(template.alternate_stack);
    if template.id_address != 0 {
        thread.set_clear_on_exit(template.id_address);
        clone::store_in_child(process, template.id_address, process.id());
    }
    saved::set_system(template.clone());
    queue_first(&thread, around);
    Ok(())
}

fn first_thread(
    call: &Call,
    space: Arc<AddressSpace>,
    program: Program,
    registers: Registers,
    around: &Surroundings<impl FnOnce(u32)>,
) -> Result<Arc<Thread>> {
    let id = process::new_id()?;
    let (files, context) = (around.files.clone(), around.context.clone());
    let process = Process::new(id, Some(space), files, context, std::sync::Weak::new());
    process.tell_space_its_limits();
    process.set_program(program);
    let Registers { frame, fpu, bases } = registers;
    let thread = Thread::new_user(id, process, frame, fpu, bases, Vec::new())?;
    thread.set_name(base_name(&call.path));
    Ok(thread)
}

fn queue_first(thread: &Arc<Thread>, around: Surroundings<impl FnOnce(u32)>) {
    let process = thread.process();
    process::register(process);
    process::register_thread(thread);
    process.add_thread(thread.clone());
    (around.announce)(process.id());
    scheduler::start_new(thread);
}

/// Puts arguments and environment into a space where it has room, as on an initial stack but
/// without an auxiliary vector: where they are, and what `/proc` tells of the program then.
fn place_call(space: &AddressSpace, call: &Call, before: &Program) -> Result<(usize, Program)> {
    let texts = || call.arguments.iter().chain(&call.environment);
    let count = texts().count();
    let strings_at = (count + 3) * size_of::<u64>();
    let length = strings_at + texts().map(|text| text.len() + 1).sum::<usize>();
    if length > ARGUMENT_LIMIT {
        return Err(Errno::E2BIG);
    }
    let block = space.map(Request {
        at: None,
        length,
        protection: Protection::READ | Protection::WRITE,
        allowed: Protection::all(),
        is_shared: false,
        backing: Backing::Anonymous,
        name: AreaName::None,
        placement: Placement::Hint,
        reserve: true,
    })?;
    let mut words = vec![call.arguments.len() as u64];
    let mut strings = Vec::new();
    let mut borders = vec![block + strings_at];
    for texts in [&call.arguments, &call.environment] {
        for text in texts {
            words.push((block + strings_at + strings.len()) as u64);
            strings.extend_from_slice(text);
            strings.push(0);
        }
        words.push(0);
        borders.push(block + strings_at + strings.len());
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.append(&mut strings);
    write_remote(space, block, &bytes)?;
    let program = Program {
        arguments: (borders[0], borders[1]),
        environment: (borders[1], borders[2]),
        ..before.clone()
    };
    Ok((block, program))
}
