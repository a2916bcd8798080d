//! FPU, SSE and AVX state: saved and loaded when user threads change places. The
//! kernel itself uses none of it (it is built without). Intel SDM vol. 1, chapter 13.

use core::arch::x86_64::{__cpuid_count, _fxrstor64, _fxsave64, _xgetbv, _xsetbv};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

/// State components that we let user code use: x87, SSE, AVX, AVX-512, where there.
const WANTED: u64 = 0b1110_0111;

static COMPONENTS: AtomicU64 = AtomicU64::new(0);
static AREA_SIZE: AtomicUsize = AtomicUsize::new(512);
static HAS_XSAVEOPT: AtomicBool = AtomicBool::new(false);

/// Turns the state components on, on this core.
pub(super) fn enable() {
    if !super::control::has_xsave() {
        return;
    }
    let supported = __cpuid_count(0xd, 0);
    let components = WANTED & (u64::from(supported.edx) << 32 | u64::from(supported.eax));
    // SAFETY: CR4.OSXSAVE is on, and CPUID lists these components. AVX-512's three bits
    // come together, as WANTED has them.
    unsafe { xsetbv(components) };
    COMPONENTS.store(components, Ordering::Relaxed);
    // EBX now tells the size for the components that are on.
    AREA_SIZE.store(
        __cpuid_count(0xd, 0).ebx.max(576) as usize,
        Ordering::Relaxed,
    );
    HAS_XSAVEOPT.store(__cpuid_count(0xd, 1).eax & 1 != 0, Ordering::Relaxed);
}

/// The components that are on: XCR0; 0 without XSAVE.
#[must_use]
pub fn components() -> u64 {
    COMPONENTS.load(Ordering::Relaxed)
}

/// Bytes that a thread's state takes.
#[must_use]
pub fn area_size() -> usize {
    AREA_SIZE.load(Ordering::Relaxed)
}

#[target_feature(enable = "xsave")]
unsafe fn xsetbv(value: u64) {
    // SAFETY: the caller's promise.
    unsafe { _xsetbv(0, value) };
    // SAFETY: XCR0 is there wherever CR4.OSXSAVE is on, which writing it just now needed
    // too (SDM vol. 2, XGETBV).
    let now = unsafe { _xgetbv(0) };
    debug_assert_eq!(now, value);
}

/// A thread's extended state, in XSAVE's standard format (or FXSAVE's).
pub struct FpuState {
    area: *mut u8,
}

// SAFETY: plain memory, owned.
unsafe impl Send for FpuState {}
// SAFETY: only `save`, which takes `&mut`, writes it.
unsafe impl Sync for FpuState {}

fn layout() -> Layout {
    let size = area_size();
    // 64 is XSAVE's alignment; the size came from CPUID.
    Layout::from_size_align(size, 64).unwrap_or(Layout::new::<[u8; 4096]>())
}

impl Default for FpuState {
    fn default() -> Self {
        Self::new()
    }
}

impl FpuState {
    /// The state that a program starts with: x87 and MXCSR at their ABI defaults.
    #[must_use]
    pub fn new() -> Self {
        let layout = layout();
        // SAFETY: the size is not zero.
        let area = unsafe { alloc_zeroed(layout) };
        if area.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: within the legacy area of 512 bytes: FCW at 0, MXCSR at 24.
        unsafe {
            area.cast::<u16>().write(0x37f);
            area.add(24).cast::<u32>().write(0x1f80);
            if components() != 0 {
                // XSTATE_BV: the legacy parts are as written, all else is initial.
                area.add(512).cast::<u64>().write(0b11 & components());
            }
        }
        Self { area }
    }

    /// A copy, for a child.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let copy = Self::new();
        // SAFETY: both areas have `area_size` bytes.
        unsafe { core::ptr::copy_nonoverlapping(self.area, copy.area, area_size()) };
        copy
    }

    /// The state as bytes: what a signal frame holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: owned, of this size.
        unsafe { core::slice::from_raw_parts(self.area, area_size()) }
    }

    /// Takes a state from user memory. Whatever would make XRSTOR fault is cleared.
    pub fn set_from_user(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(area_size());
        // SAFETY: owned, of `area_size` bytes.
        let area = unsafe { core::slice::from_raw_parts_mut(self.area, area_size()) };
        area[..length].copy_from_slice(&bytes[..length]);
        let mxcsr = u32::from_le_bytes([area[24], area[25], area[26], area[27]]) & 0xffff;
        area[24..28].copy_from_slice(&mxcsr.to_le_bytes());
        if components() != 0 {
            let mut present = [0; 8];
            present.copy_from_slice(&area[512..520]);
            let present = u64::from_le_bytes(present) & components();
            area[512..520].copy_from_slice(&present.to_le_bytes());
            // XCOMP_BV and the reserved bytes must be zero in the standard format.
            area[520..576].fill(0);
        }
    }

    /// Saves this core's state here.
    pub fn save(&mut self) {
        let components = components();
        let (low, high) = (components as u32, (components >> 32) as u32);
        // SAFETY: the area is large enough and aligned for the components that are on;
        // the kernel does not use the registers, so they still are the user's.
        unsafe {
            if components == 0 {
                fxsave(self.area);
            } else if HAS_XSAVEOPT.load(Ordering::Relaxed) {
                core::arch::asm!("xsaveopt64 [{}]", in(reg) self.area, in("eax") low,
                    in("edx") high, options(nostack, preserves_flags));
            } else {
                core::arch::asm!("xsave64 [{}]", in(reg) self.area, in("eax") low,
                    in("edx") high, options(nostack, preserves_flags));
            }
        }
    }

    /// Loads this state into the core's registers.
    pub fn load(&self) {
        let components = components();
        let (low, high) = (components as u32, (components >> 32) as u32);
        // SAFETY: the area holds a state that `new`, `save` or `set_from_user` made
        // loadable.
        unsafe {
            if components == 0 {
                fxrstor(self.area);
            } else {
                core::arch::asm!("xrstor64 [{}]", in(reg) self.area, in("eax") low,
                    in("edx") high, options(nostack, preserves_flags));
            }
        }
    }
}

/// The unmasked x87 exceptions that are pending on this core (Intel SDM vol. 1, 8.1.3
/// and 8.1.5).
#[must_use]
pub fn x87_exceptions() -> u32 {
    let (mut control, mut status) = (0_u16, 0_u16);
    // SAFETY: both only store a word; neither waits for exceptions.
    unsafe {
        core::arch::asm!("fnstcw [{}]", "fnstsw [{}]", in(reg) &raw mut control,
            in(reg) &raw mut status, options(nostack, preserves_flags));
    }
    u32::from(status & !control) & 0x3f
}

/// The unmasked SSE exceptions whose flags are set on this core (Intel SDM vol. 1,
/// 10.2.3).
#[must_use]
pub fn sse_exceptions() -> u32 {
    let mut register = 0_u32;
    // SAFETY: only stores a word.
    unsafe {
        core::arch::asm!("stmxcsr [{}]", in(reg) &raw mut register,
            options(nostack, preserves_flags));
    }
    register & !(register >> 7) & 0x3f
}

#[target_feature(enable = "fxsr")]
unsafe fn fxsave(area: *mut u8) {
    // SAFETY: 512 aligned bytes.
    unsafe { _fxsave64(area) }
}

#[target_feature(enable = "fxsr")]
unsafe fn fxrstor(area: *const u8) {
    // SAFETY: 512 aligned bytes that FXSAVE or `new` wrote.
    unsafe { _fxrstor64(area) }
}

impl Drop for FpuState {
    fn drop(&mut self) {
        // SAFETY: from `alloc_zeroed` with the same layout.
        unsafe { dealloc(self.area, layout()) }
    }
}
