//! Templates as files: written by one machine, and the beginning of another one's first
//! process. The format is [`formats::saved`]'s.
//!
//! A template of program `P` is looked for at `P.template` in the boot archive. It is taken
//! only where everything fits that its process has seen and cannot see anew: the kernel's
//! own calls, the program, what CPUID tells, the extended state, the number of cores. A file
//! that is damaged or foreign is refused, with the reason, and nothing of it is used. The
//! checksums find damage, not malice: who makes the boot archive makes the kernel too.
//!
//! Registers are made loadable here; that memory is coherent is the format's promise.

use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::fmt;
use std::sync::Arc;

use formats::saved::{self, Machine, Sealer, State};
use roentgen_abi::syscall::VERSION;
use spin::Once;
use x86_64::PhysAddr;

use super::process::Program;
use super::signal::{Action, AlternateStack, COUNT, ProcessSignals, UNSTOPPABLE};
use super::template::{Registers, Template};
use crate::cpu;
use crate::cpu::descriptors::{USER_CODE, USER_DATA};
use crate::cpu::entry::TrapFrame;
use crate::cpu::fpu::{self, FpuState};
use crate::errno::{Errno, Result};
use crate::fs::{self, FdTable, OpenFile};
use crate::memory::frozen::FrozenSpace;
use crate::memory::saved::page_bytes;
use crate::memory::user::{Destination, USER_END};
use crate::memory::{PAGE_SIZE, direct};

/// What is behind a program's path in its template's.
const SUFFIX: &[u8] = b".template";

/// The template that the first process began from.
static SYSTEM: Once<Arc<Template>> = Once::new();

/// The template that the machine booted from.
#[must_use]
pub fn system() -> Option<Arc<Template>> {
    SYSTEM.get().cloned()
}

/// Makes it known.
pub(super) fn set_system(template: Arc<Template>) {
    SYSTEM.call_once(|| template);
}

/// Why a template is not taken.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// It is damaged, or none.
    File(saved::Error),
    /// It does not lie in the boot archive on page borders, or was written since.
    Place,
    /// It fits another kernel, program, CPU, …: this one.
    Foreign(&'static str),
    /// It was made with so many cores, and here are others.
    Cores(u64),
    /// It has registers that no process has.
    Registers,
    /// What the system says.
    System(Errno),
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(formatter, "{error}"),
            Self::Place => write!(formatter, "it is not in the boot archive as it should be"),
            Self::Foreign(what) => write!(formatter, "it was made for another {what}"),
            Self::Cores(count) => write!(
                formatter,
                "it was made for {count} core(s), and here are {}",
                cpu::count()
            ),
            Self::Registers => write!(formatter, "it has registers that no process has"),
            Self::System(error) => write!(formatter, "{error:?}"),
        }
    }
}

impl From<saved::Error> for Refusal {
    fn from(error: saved::Error) -> Self {
        Self::File(error)
    }
}

impl From<Errno> for Refusal {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

/// What a template of `program` fits on this machine. The program is known by its length
/// and its first page, in which the linker has put a hash of all of it.
fn machine(program: &OpenFile) -> Result<Machine> {
    let mut page = vec![0; PAGE_SIZE];
    let mut to = Destination::kernel(&mut page);
    let length = program.object.read_at(program, 0, &mut to)?;
    page.truncate(length);
    Ok(Machine {
        kernel: [
            u64::from(VERSION),
            saved::seal(env!("CARGO_PKG_VERSION").as_bytes()),
        ],
        program: [saved::seal(&page), program.object.memory()?.length()],
        cpu: cpu_identity(),
        extended: fpu::components(),
        cores: cpu::count() as u64,
    })
}

/// A hash of what CPUID tells, but for what differs from core to core: the APIC's id
/// (leaf 1, and the leaves of the topology; Intel SDM vol. 2, CPUID).
fn cpu_identity() -> u64 {
    const TOPOLOGY: [u32; 3] = [0xb, 0x1f, 0x8000_001e];
    let mut seal = Sealer::new();
    let mut add = |words: [u32; 4]| words.iter().for_each(|word| seal.add(&word.to_le_bytes()));
    for first in [0, 0x8000_0000] {
        let last = __cpuid(first).eax.clamp(first, first + 0x40);
        for leaf in (first..=last).filter(|leaf| !TOPOLOGY.contains(leaf)) {
            // Leaves without parts say the same for every one.
            for part in 0..4 {
                let found = __cpuid_count(leaf, part);
                let ebx = if leaf == 1 {
                    found.ebx & 0x00ff_ffff
                } else {
                    found.ebx
                };
                add([found.eax, ebx, found.ecx, found.edx]);
            }
        }
    }
    seal.finish()
}

/// A template's file but for its pages, and these.
pub struct Content {
    /// The head.
    pub head: Vec<u8>,
    /// The pages behind it. The template keeps them.
    pub pages: Vec<PhysAddr>,
}

impl Template {
    /// The file that it is saved as.
    ///
    /// # Errors
    /// `EINVAL`: it has descriptors, or memory that no file has. `ENOMEM`.
    pub fn content(&self) -> Result<Content> {
        let program = self.program.executable.as_ref().ok_or(Errno::EINVAL)?;
        if self.files.next(0).is_some() {
            return Err(Errno::EINVAL);
        }
        let image = self.space.image(&*program.object.memory()?)?;
        let mut seal = Sealer::new();
        for page in &image.pages {
            // SAFETY: the template keeps its space.
            seal.add(unsafe { page_bytes(*page) });
        }
        let state = State {
            areas: image.areas,
            runs: image.runs,
            layout: self.space.layout(),
            ..self.state()
        };
        let head = saved::write_head(
            &machine(program)?,
            &state,
            image.pages.len() as u64,
            seal.finish(),
        );
        Ok(Content {
            head,
            pages: image.pages,
        })
    }

    /// What a file says of it beside its memory.
    fn state(&self) -> State {
        let frame = &self.registers.frame;
        let (fs, gs) = self.registers.bases;
        let stack = self.alternate_stack;
        let action = |signal| {
            let action = self.signals.action(signal);
            [
                action.handler as u64,
                action.flags,
                action.restorer as u64,
                action.mask,
            ]
        };
        State {
            registers: [
                frame.r15,
                frame.r14,
                frame.r13,
                frame.r12,
                frame.r11,
                frame.r10,
                frame.r9,
                frame.r8,
                frame.rbp,
                frame.rdi,
                frame.rsi,
                frame.rdx,
                frame.rcx,
                frame.rbx,
                frame.rax,
                frame.rip,
                frame.rsp,
                frame.rflags,
            ],
            bases: [fs, gs],
            blocked: self.blocked,
            alternate_stack: [stack.start as u64, stack.length as u64, stack.flags.into()],
            id_address: self.id_address as u64,
            strings: [
                self.program.arguments.0 as u64,
                self.program.environment.0 as u64,
            ],
            extended: self.registers.fpu.bytes().to_vec(),
            actions: (1..=COUNT).map(action).collect(),
            auxiliary: self.program.auxiliary.to_vec(),
            ..State::default()
        }
    }
}

/// The template of the program at `path`; None where the boot archive has none.
///
/// # Errors
/// Why it is not taken.
#[inline(never)]
pub fn find(path: &[u8]) -> core::result::Result<Option<Arc<Template>>, Refusal> {
    let base = fs::kernel_base()?;
    let name = [path, SUFFIX].concat();
    let flags = linux_raw_sys::general::O_RDONLY;
    let Ok(file) = fs::open::open(&base, &name, flags, 0) else {
        return Ok(None);
    };
    let archived = file.object.memory()?.archived();
    let (start, length) = archived.ok_or(Refusal::Place)?;
    // SAFETY: these bytes of the boot archive lie in the direct map, and nobody writes them:
    // who writes to the file, or to a mapping of it, gets copies.
    let bytes = unsafe {
        let start = direct::pointer(PhysAddr::new(start));
        core::slice::from_raw_parts(start, length as usize)
    };
    let saved = saved::read(bytes)?;
    let program = fs::open_for_exec_from(&base, path)?;
    check(&saved.machine, &machine(&program)?)?;
    saved.check_pages()?;
    let stored = start + length - saved.pages.len() as u64;
    restore(&saved.state, stored, program).map(Some)
}

fn check(made_for: &Machine, here: &Machine) -> core::result::Result<(), Refusal> {
    let foreign = |what| Err(Refusal::Foreign(what));
    match () {
        () if made_for.kernel != here.kernel => foreign("kernel"),
        () if made_for.program != here.program => foreign("program"),
        // CPUID counts cores, too.
        () if made_for.cores != here.cores => Err(Refusal::Cores(made_for.cores)),
        () if made_for.cpu != here.cpu => foreign("CPU"),
        () if made_for.extended != here.extended => foreign("set of CPU states (XCR0)"),
        () => Ok(()),
    }
}

/// In a frame of its own, as a template is large.
#[inline(never)]
fn restore(
    state: &State,
    stored: u64,
    program: Arc<OpenFile>,
) -> core::result::Result<Arc<Template>, Refusal> {
    let path = Arc::from(program.name());
    let memory = program.object.memory()?;
    let signals = ProcessSignals::new();
    signals.restore_actions(state.actions.iter().map(|action| {
        let [handler, flags, restorer, mask] = *action;
        Action {
            handler: handler as usize,
            flags,
            restorer: restorer as usize,
            mask,
        }
    }));
    let [start, length, flags] = state.alternate_stack;
    Ok(Arc::new(Template {
        space: FrozenSpace::from_archive(state, stored, &memory, &path)?,
        registers: registers(state)?,
        program: Program {
            executable: Some(program),
            arguments: (state.strings[0] as usize, state.strings[1] as usize),
            environment: (state.strings[1] as usize, state.strings[1] as usize),
            auxiliary: state.auxiliary.as_slice().into(),
        },
        signals,
        blocked: state.blocked & !UNSTOPPABLE,
        alternate_stack: AlternateStack {
            start: start as usize,
            length: length as usize,
            flags: flags as u32,
        },
        id_address: state.id_address as usize,
        files: Arc::new(FdTable::default()),
    }))
}

/// Registers that can be loaded: segments and flags are ours, and addresses canonical.
fn registers(state: &State) -> core::result::Result<Registers, Refusal> {
    let [
        r15,
        r14,
        r13,
        r12,
        r11,
        r10,
        r9,
        r8,
        rbp,
        rdi,
        rsi,
        rdx,
        rcx,
        rbx,
        rax,
        rip,
        rsp,
        rflags,
    ] = state.registers;
    let [fs, gs] = state.bases;
    let is_user = |address: u64| address < USER_END as u64;
    if ![rip, rsp, fs, gs].into_iter().all(is_user) || state.extended.len() != fpu::area_size() {
        return Err(Refusal::Registers);
    }
    let mut fpu = FpuState::new();
    fpu.set_from_user(&state.extended);
    Ok(Registers {
        frame: TrapFrame {
            r15,
            r14,
            r13,
            r12,
            r11,
            r10,
            r9,
            r8,
            rbp,
            rdi,
            rsi,
            rdx,
            rcx,
            rbx,
            rax,
            vector: 0,
            error: 0,
            rip,
            cs: u64::from(USER_CODE),
            rflags: super::signal::deliver::user_flags(rflags),
            rsp,
            ss: u64::from(USER_DATA),
        },
        fpu,
        bases: (fs, gs),
    })
}
