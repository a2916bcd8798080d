//! Templates: a process as it was at one moment, for others to begin from.
//!
//! What is kept is what a process has at the end of a system call: memory
//! ([`FrozenSpace`]), registers, what its signals do, and the descriptors that its maker
//! listed. A template belongs to nobody: it lives while a descriptor refers to it, or a
//! process that began from it lives. Not here: making such processes ([`super::spawn`]).

use std::sync::Arc;

use super::clone;
use super::process::Program;
use super::signal::{AlternateStack, ProcessSignals};
use crate::cpu::entry::TrapFrame;
use crate::cpu::fpu::FpuState;
use crate::errno::{Errno, Result};
use crate::fs::FdTable;
use crate::memory::frozen::FrozenSpace;

crate::counters! {
    /// Templates made.
    static TEMPLATES = "templates";
}

/// The registers of a thread at the end of a system call.
pub(super) struct Registers {
    /// As it entered the kernel.
    pub(super) frame: TrapFrame,
    /// FPU, SSE, AVX.
    pub(super) fpu: FpuState,
    /// FS and GS bases.
    pub(super) bases: (u64, u64),
}

/// A frozen process.
pub struct Template {
    pub(super) space: Arc<FrozenSpace>,
    pub(super) registers: Registers,
    pub(super) program: Program,
    pub(super) signals: ProcessSignals,
    pub(super) blocked: u64,
    pub(super) alternate_stack: AlternateStack,
    /// Where a thread's id is stored in its memory; 0: nowhere.
    pub(super) id_address: usize,
    pub(super) files: Arc<FdTable>,
}

impl Template {
    /// Freezes the current process, whose call `frame` is; what begins from it returns 0
    /// from that call. `kept` are its descriptors, all of them; `id_address` is
    /// where such a process finds its id, or 0.
    ///
    /// # Errors
    /// `EBUSY`: it has other threads. `EBADF`, `EEXIST`: `kept` names one that is not open,
    /// or leaves one out. `ENOMEM`.
    pub fn of_current(frame: &TrapFrame, kept: &[i32], id_address: usize) -> Result<Arc<Self>> {
        let thread = super::current();
        let process = thread.process();
        if process.thread_count() != 1 || process.files().is_shared() {
            return Err(Errno::EBUSY);
        }
        let files = process.files();
        check_kept(&files, kept)?;
        let template = Self {
            registers: clone::registers(&thread, frame)?,
            space: process.space().freeze()?,
            program: process.program(),
            signals: {
                let signals = ProcessSignals::new();
                signals.copy_actions(process.signals());
                signals
            },
            blocked: thread.signals().blocked(),
            alternate_stack: thread.signals().alternate_stack(),
            id_address,
            files: files.fork()?,
        };
        TEMPLATES.add(1);
        Ok(Arc::new(template))
    }

    /// Traces what processes write that begin from now on; what was traced so far, in order.
    #[must_use]
    pub fn traced_writes(&self) -> Vec<usize> {
        self.space.traced_writes()
    }

    /// Bytes of memory that are its own: tables and pages, some of which others may have
    /// as well.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.space.table_bytes() + self.space.page_bytes()
    }
}

fn check_kept(files: &FdTable, kept: &[i32]) -> Result<()> {
    for descriptor in kept {
        files.get_any(*descriptor)?;
    }
    let mut descriptor = 0;
    while let Some(found) = files.next(descriptor) {
        if !kept.iter().any(|kept| usize::try_from(*kept) == Ok(found)) {
            return Err(Errno::EEXIST);
        }
        descriptor = found + 1;
    }
    Ok(())
}
