//! Segments, the task state with its stacks, and the interrupt table.
//!
//! Double fault, NMI and machine check have stacks of their own (Intel SDM vol. 3A,
//! 6.14.5), because they can come while the current stack or GS cannot be trusted. The
//! word at the top of each of these stacks is the core's storage.

use x86_64::instructions::segmentation::{CS, DS, ES, SS, Segment};
use x86_64::instructions::tables::load_tss;
use x86_64::structures::gdt::{Descriptor, GlobalDescriptorTable, SegmentSelector};
use x86_64::structures::idt::InterruptDescriptorTable;
use x86_64::structures::tss::TaskStateSegment;
use x86_64::{PrivilegeLevel, VirtAddr};

use super::{Core, entry};
use crate::memory::stacks::KernelStack;

/// The kernel's code segment.
pub const KERNEL_CODE: u16 = 0x08;
/// The user's data segment, as SYSRET wants it: behind the kernel's.
pub const USER_DATA: u16 = 0x18 | 3;
/// The user's code segment, behind that.
pub const USER_CODE: u16 = 0x20 | 3;

const DOUBLE_FAULT_STACK: usize = 0;
const NMI_STACK: usize = 1;
const MACHINE_CHECK_STACK: usize = 2;

static INTERRUPTS: spin::Once<InterruptDescriptorTable> = spin::Once::new();

/// One core's descriptor table and task state.
pub struct CoreDescriptors {
    table: GlobalDescriptorTable,
    task_state: TaskStateSegment,
}

impl CoreDescriptors {
    pub(super) const fn new() -> Self {
        Self {
            table: GlobalDescriptorTable::new(),
            task_state: TaskStateSegment::new(),
        }
    }

    /// Sets the stack for entries from user mode by interrupt or exception.
    pub(super) fn set_entry_stack(&mut self, top: u64) {
        self.task_state.privilege_stack_table[0] = VirtAddr::new(top);
    }

    /// Fills the tables and loads them on this core.
    ///
    /// # Safety
    /// `self` is the storage of the running core, at its final address, loaded once.
    pub(super) unsafe fn load(&'static mut self, core: &'static Core) {
        for stack in [DOUBLE_FAULT_STACK, NMI_STACK, MACHINE_CHECK_STACK] {
            self.task_state.interrupt_stack_table[stack] = VirtAddr::new(special_stack(core));
        }
        let Self { table, task_state } = self;
        table.append(Descriptor::kernel_code_segment());
        table.append(Descriptor::kernel_data_segment());
        table.append(Descriptor::user_data_segment());
        table.append(Descriptor::user_code_segment());
        let task = table.append(Descriptor::tss_segment(task_state));
        table.load();
        // SAFETY: the selectors name the segments just appended, in that order.
        unsafe {
            CS::set_reg(SegmentSelector(KERNEL_CODE));
            SS::set_reg(SegmentSelector::new(2, PrivilegeLevel::Ring0));
            DS::set_reg(SegmentSelector(0));
            ES::set_reg(SegmentSelector(0));
            load_tss(task);
        }
        INTERRUPTS.call_once(interrupt_table).load();
    }
}

/// A stack for one special vector of one core, its storage's address at the top.
fn special_stack(core: &'static Core) -> u64 {
    let top = KernelStack::for_ever(core.id) - 16;
    // SAFETY: the topmost words of a stack that nobody uses yet.
    unsafe { (top as *mut u64).write(core::ptr::from_ref(core) as u64) };
    top
}

fn interrupt_table() -> InterruptDescriptorTable {
    let mut table = InterruptDescriptorTable::new();
    // SAFETY: each stub saves what it must and returns by IRETQ; the stack indices were
    // set for every core before the table is loaded.
    unsafe {
        let at = |vector: u8| VirtAddr::new(entry::stub_address(vector));
        table.divide_error.set_handler_addr(at(0));
        table.debug.set_handler_addr(at(1));
        table
            .non_maskable_interrupt
            .set_handler_addr(at(2))
            .set_stack_index(NMI_STACK as u16);
        table
            .breakpoint
            .set_handler_addr(at(3))
            .set_privilege_level(PrivilegeLevel::Ring3);
        table
            .overflow
            .set_handler_addr(at(4))
            .set_privilege_level(PrivilegeLevel::Ring3);
        table.bound_range_exceeded.set_handler_addr(at(5));
        table.invalid_opcode.set_handler_addr(at(6));
        table.device_not_available.set_handler_addr(at(7));
        table
            .double_fault
            .set_handler_addr(at(8))
            .set_stack_index(DOUBLE_FAULT_STACK as u16);
        table.invalid_tss.set_handler_addr(at(10));
        table.segment_not_present.set_handler_addr(at(11));
        table.stack_segment_fault.set_handler_addr(at(12));
        table.general_protection_fault.set_handler_addr(at(13));
        table.page_fault.set_handler_addr(at(14));
        table.x87_floating_point.set_handler_addr(at(16));
        table.alignment_check.set_handler_addr(at(17));
        table
            .machine_check
            .set_handler_addr(at(18))
            .set_stack_index(MACHINE_CHECK_STACK as u16);
        table.simd_floating_point.set_handler_addr(at(19));
        table.virtualization.set_handler_addr(at(20));
        table.cp_protection_exception.set_handler_addr(at(21));
        for vector in 32..=255_u8 {
            table[vector].set_handler_addr(at(vector));
        }
    }
    table
}
