//! This core's local APIC: interrupts to other cores, their end, and the one-shot timer.
//!
//! One [`LocalApic`] lives on each core, is made there and never leaves (it is neither
//! `Send` nor `Sync`). All methods take `&self` and may be called from interrupt handlers
//! that interrupt another of them.
//!
//! Crate `x2apic` chooses the mode, enables the APIC and sends INIT and start-up
//! messages. What is done a thousand times a second (end of interrupt, IPI, timer) is
//! one register write here, because:
//! - the crate's calls take `&mut self`, which a handler cannot have while it
//!   interrupts one of them;
//! - in x2APIC mode an ICR write does not wait for earlier stores (SDM vol. 3A,
//!   12.12.3), so a core could be told to look before there is anything to see: `mfence;
//!   lfence` come first here, the crate has none;
//! - in xAPIC mode the crate puts the destination where x2APIC has it, and does not wait
//!   for the message before.
//!
//! Its `enable` is followed by a pass of our own: it leaves LINT0 and LINT1 unmasked with
//! vector 0 (an illegal vector), the error interrupt masked, and the timer unmasked.

mod command;
mod registers;
mod timer;

pub use timer::{Timer, TimerMode};

use crate::madt::{LocalNmi, Polarity, Trigger};
use command::{Destination, Message};
use core::arch::asm;
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use registers::Registers;
use x2apic::lapic::{LocalApic as Driver, LocalApicBuilder, TimerDivide};
use x86_64::instructions::interrupts;
use x86_64::registers::model_specific::Msr;

/// The vectors that the APIC itself raises on a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vectors {
    /// The timer.
    pub timer: u8,
    /// An APIC error. See [`LocalApic::take_errors`].
    pub error: u8,
    /// An interrupt that went away again. Its handler must not signal the end. Bits 0 to
    /// 3 should be ones (SDM vol. 3A, 12.9).
    pub spurious: u8,
}

/// Why there is no local APIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApicError {
    /// CPUID knows of none.
    Absent,
    /// There is no x2APIC mode and no mapping of the xAPIC's registers was given.
    NotMapped,
    /// A vector below 32 belongs to the processor's exceptions.
    VectorReserved(u8),
}

impl fmt::Display for ApicError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("no local APIC"),
            Self::NotMapped => formatter.write_str("xAPIC registers are not mapped"),
            Self::VectorReserved(vector) => write!(formatter, "vector {vector} is reserved"),
        }
    }
}

impl core::error::Error for ApicError {}

/// How long an earlier message is waited for in xAPIC mode, in register reads (each
/// some 10 to 100 ns). Past it the next one is sent regardless: a lost interrupt is
/// better than a core that hangs with interrupts off.
const DELIVERY_POLLS: u32 = 100_000;

const APIC_BASE: u32 = 0x1B;
const APIC_BASE_X2APIC: u64 = 1 << 10;
const APIC_BASE_ENABLED: u64 = 1 << 11;
const APIC_BASE_ADDRESS: u64 = 0x000F_FFFF_FFFF_F000;

const LVT_MASKED: u32 = 1 << 16;
const LVT_NON_MASKABLE: u32 = 0b100 << 8;
const LVT_ACTIVE_LOW: u32 = 1 << 13;
const LVT_LEVEL: u32 = 1 << 15;

/// This core's local APIC.
pub struct LocalApic {
    registers: Registers,
    vectors: Vectors,
    timer_mode: TimerMode,
    /// Only used through [`Self::with_driver`].
    driver: UnsafeCell<Driver>,
    _on_one_core: PhantomData<*const ()>,
}

impl LocalApic {
    /// Takes over this core's APIC and enables it: x2APIC mode where CPUID has it, else
    /// xAPIC mode through `xapic_base`, the virtual address of its register page. All
    /// priorities are let through, the timer is disarmed in the best mode there is, the
    /// error interrupt is on, LINT0 and LINT1 are masked (see [`Self::connect_nmi`]).
    ///
    /// # Errors
    /// [`ApicError`]; nothing has been touched then.
    ///
    /// # Safety
    /// Runs on the core that will use it, with interrupts off; no other `LocalApic` lives
    /// on this core. `xapic_base` maps the register page uncacheable for as long as this
    /// lives. Handlers are installed for all of `vectors`.
    pub unsafe fn enable(vectors: Vectors, xapic_base: Option<u64>) -> Result<Self, ApicError> {
        for vector in [vectors.timer, vectors.error, vectors.spurious] {
            if vector < 32 {
                return Err(ApicError::VectorReserved(vector));
            }
        }
        if !has_apic() {
            return Err(ApicError::Absent);
        }
        let mut builder = LocalApicBuilder::new();
        builder
            .timer_vector(usize::from(vectors.timer))
            .error_vector(usize::from(vectors.error))
            .spurious_vector(usize::from(vectors.spurious))
            .timer_mode(x2apic::lapic::TimerMode::OneShot)
            .timer_divide(TimerDivide::Div1)
            .timer_initial(0);
        if let Some(base) = xapic_base {
            builder.set_xapic_base(base);
        }
        let mut driver = builder.build().map_err(|_| ApicError::NotMapped)?;
        // The same question that the builder asks.
        let registers = match xapic_base {
            _ if has_x2apic() => Registers::X2apic,
            Some(base) => Registers::Xapic { base },
            None => return Err(ApicError::NotMapped),
        };
        // SAFETY: caller's promise: our core, its registers mapped, nobody else on them.
        unsafe {
            enable_globally(registers);
            // The driver is about to set vectors that are errors: see `settle`.
            registers.write(registers::LVT_ERROR, LVT_MASKED | u32::from(vectors.error));
            driver.enable();
        }
        let apic = Self {
            registers,
            vectors,
            timer_mode: if timer::has_tsc_deadline() {
                TimerMode::TscDeadline
            } else {
                TimerMode::OneShot
            },
            driver: UnsafeCell::new(driver),
            _on_one_core: PhantomData,
        };
        apic.settle();
        Ok(apic)
    }

    /// Puts right what crate `x2apic`'s `enable` leaves: see the head of this file. The
    /// APIC is enabled by software now, before which LVT entries stay masked (SDM vol.
    /// 3A, 12.4.7.2).
    fn settle(&self) {
        self.write(registers::LVT_LINT0, LVT_MASKED);
        self.write(registers::LVT_LINT1, LVT_MASKED);
        self.configure_timer();
        self.write(registers::TASK_PRIORITY, 0);
        let _ = self.take_errors();
        self.write(registers::LVT_ERROR, u32::from(self.vectors.error));
        // What firmware or an earlier kernel left in service would block all below it. At
        // most 256 vectors can be; one write ends the highest.
        for _ in 0..8 * 32 {
            if !self.is_anything_in_service() {
                break;
            }
            self.end_of_interrupt();
        }
    }

    fn is_anything_in_service(&self) -> bool {
        const IN_SERVICE: u32 = 0x100;
        (0..8).any(|index| self.read(IN_SERVICE + index * 0x10) != 0)
    }

    /// This core's APIC id.
    #[must_use]
    pub fn id(&self) -> u32 {
        let id = self.read(registers::ID);
        match self.registers {
            Registers::Xapic { .. } => id >> 24,
            Registers::X2apic => id,
        }
    }

    /// Whether the APIC is in x2APIC mode.
    #[must_use]
    pub fn is_x2apic(&self) -> bool {
        self.registers == Registers::X2apic
    }

    /// Whether a message can be sent to that core: in xAPIC mode ids have 8 bits.
    #[must_use]
    pub fn can_reach(&self, apic_id: u32) -> bool {
        match self.registers {
            Registers::Xapic { .. } => apic_id < 0xFF,
            Registers::X2apic => apic_id < 0xFFFF_FFFF,
        }
    }

    /// The interrupt in service has been dealt with. Not to be called for a spurious
    /// interrupt, an NMI, or an exception.
    #[inline]
    pub fn end_of_interrupt(&self) {
        self.write(registers::END_OF_INTERRUPT, 0);
    }

    /// Interrupts the core with that APIC id. Stores made before are visible to it when
    /// its handler runs. A core that cannot be reached is not interrupted.
    #[inline]
    pub fn send_ipi(&self, vector: u8, apic_id: u32) {
        self.send(Message::Fixed(vector), Destination::Core(apic_id));
    }

    /// Interrupts this core, as soon as its interrupts are on.
    #[inline]
    pub fn send_ipi_to_self(&self, vector: u8) {
        self.send(Message::Fixed(vector), Destination::Myself);
    }

    /// Sends a non-maskable interrupt to the core with that APIC id.
    pub fn send_nmi(&self, apic_id: u32) {
        self.send(Message::NonMaskable, Destination::Core(apic_id));
    }

    /// Sends a non-maskable interrupt to all other cores, also those never started.
    pub fn broadcast_nmi(&self) {
        self.send(Message::NonMaskable, Destination::AllOthers);
    }

    #[inline]
    fn send(&self, message: Message, destination: Destination) {
        if !self.can_reach(command::target(destination)) {
            return;
        }
        let low = command::low(message, destination);
        match self.registers {
            Registers::X2apic => {
                fence_before_msr_write();
                let value = u64::from(command::target(destination)) << 32 | u64::from(low);
                // SAFETY: the ICR in x2APIC mode; one write, so no handler comes between.
                unsafe { Msr::new(0x800 + (registers::COMMAND_LOW >> 4)).write(value) }
            }
            // A handler that sends between the two writes would redirect ours.
            Registers::Xapic { .. } => interrupts::without_interrupts(|| {
                self.wait_until_delivered();
                self.write(registers::COMMAND_HIGH, command::xapic_high(destination));
                self.write(registers::COMMAND_LOW, low);
            }),
        }
    }

    /// xAPIC mode: waits, not for ever, until the last message has left.
    fn wait_until_delivered(&self) {
        for _ in 0..DELIVERY_POLLS {
            if self.read(registers::COMMAND_LOW) & command::DELIVERY_PENDING == 0 {
                return;
            }
            core::hint::spin_loop();
        }
    }

    /// Resets the core with that APIC id: it waits for [`Self::send_startup`].
    ///
    /// # Safety
    /// That core runs nothing that is needed.
    pub unsafe fn send_init(&self, apic_id: u32) {
        // SAFETY: caller's promise.
        self.send_by_driver(apic_id, |driver, target| unsafe {
            driver.send_init_ipi(target)
        });
    }

    /// Starts the core with that APIC id, waiting after an INIT, in real mode at physical
    /// address `page * 4096`.
    ///
    /// # Safety
    /// That page holds code that a core may start at.
    pub unsafe fn send_startup(&self, apic_id: u32, page: u8) {
        // SAFETY: caller's promise.
        self.send_by_driver(apic_id, |driver, target| unsafe {
            driver.send_sipi(page, target)
        });
    }

    fn send_by_driver(&self, apic_id: u32, send: impl FnOnce(&mut Driver, u32)) {
        if !self.can_reach(apic_id) {
            return;
        }
        self.with_driver(|driver| match self.registers {
            Registers::X2apic => {
                fence_before_msr_write();
                send(driver, apic_id);
            }
            Registers::Xapic { .. } => {
                self.wait_until_delivered();
                // The crate puts the id in bits 32 to 63, where x2APIC has it.
                send(driver, apic_id << 24);
                self.wait_until_delivered();
            }
        });
    }

    /// Lets LINT0 or LINT1 raise NMIs, as the MADT says they are wired.
    pub fn connect_nmi(&self, nmi: &LocalNmi) {
        let register = match nmi.pin {
            0 => registers::LVT_LINT0,
            1 => registers::LVT_LINT1,
            _ => return,
        };
        let polarity = match nmi.polarity {
            Polarity::ActiveHigh => 0,
            Polarity::ActiveLow => LVT_ACTIVE_LOW,
        };
        // The trigger bit is ignored for NMIs, which are edges (SDM vol. 3A, 12.5.1), but
        // it is where a reader of the register would look for the wiring.
        let trigger = match nmi.trigger {
            Trigger::Edge => 0,
            Trigger::Level => LVT_LEVEL,
        };
        self.write(register, LVT_NON_MASKABLE | polarity | trigger);
    }

    /// The errors since the last call, and clears them: for the error vector's handler.
    /// Bits as in SDM vol. 3A, 12.5.3.
    pub fn take_errors(&self) -> u32 {
        // A write latches what has happened; only then is it there to be read.
        self.write(registers::ERROR_STATUS, 0);
        let errors = self.read(registers::ERROR_STATUS);
        self.write(registers::ERROR_STATUS, 0);
        errors
    }

    /// The version register: version in bits 0 to 7, highest LVT entry in 16 to 23.
    #[must_use]
    pub fn version(&self) -> u8 {
        // SAFETY: the APIC is enabled, on this core.
        self.with_driver(|driver| unsafe { driver.version() })
    }

    /// Software disable: for a core that stops for good. Fixed interrupts are no longer
    /// taken; NMI, INIT and start-up messages are.
    pub fn disable(&self) {
        const SOFTWARE_ENABLE: u32 = 1 << 8;
        let spurious = self.read(registers::SPURIOUS);
        self.write(registers::SPURIOUS, spurious & !SOFTWARE_ENABLE);
    }

    /// Lends the crate's driver.
    fn with_driver<R>(&self, use_it: impl FnOnce(&mut Driver) -> R) -> R {
        interrupts::without_interrupts(|| {
            // SAFETY: not `Sync`, so only this core is here; interrupts are off, and what
            // can come all the same (NMI, machine check) uses `send` and `write`, not the
            // driver. `use_it` is ours and does not come back here.
            use_it(unsafe { &mut *self.driver.get() })
        })
    }

    #[inline]
    fn read(&self, register: u32) -> u32 {
        // SAFETY: `enable` put the APIC of this core into this mode; `self` stays here.
        unsafe { self.registers.read(register) }
    }

    #[inline]
    fn write(&self, register: u32, value: u32) {
        // SAFETY: as for `read`; each caller says what the write means.
        unsafe { self.registers.write(register, value) }
    }
}

/// Stores before are visible before an x2APIC or deadline MSR is written (SDM vol. 3A, 12.12.3).
#[inline]
fn fence_before_msr_write() {
    // SAFETY: fences; being inline assembly that may touch memory, the compiler keeps
    // stores on their side of it too. (The intrinsics would be calls where SSE2 is off.)
    unsafe { asm!("mfence", "lfence", options(nostack, preserves_flags)) }
}

/// Turns on an APIC that the firmware left off, and its x2APIC mode if there is one. In
/// two steps: from off straight to x2APIC mode faults (SDM vol. 3A, 12.12.5).
///
/// # Safety
/// There is an APIC, and it is ours.
unsafe fn enable_globally(registers: Registers) {
    let mut base = Msr::new(APIC_BASE);
    let mode = match registers {
        Registers::X2apic => APIC_BASE_X2APIC,
        Registers::Xapic { .. } => 0,
    };
    for bit in [APIC_BASE_ENABLED, mode] {
        // SAFETY: the MSR exists with any APIC, the mode's bit where CPUID has the mode.
        unsafe {
            let value = base.read();
            if value & bit != bit {
                base.write(value | bit);
            }
        }
    }
}

/// The physical address of this core's xAPIC registers, by its own account (the MADT's is
/// second-hand).
///
/// # Safety
/// Runs in ring 0 on a core with an APIC.
#[must_use]
pub unsafe fn hardware_address() -> u64 {
    // SAFETY: caller's promise.
    unsafe { Msr::new(APIC_BASE).read() & APIC_BASE_ADDRESS }
}

/// Whether this core's APIC is in x2APIC mode already.
///
/// # Safety
/// Runs in ring 0 on a core with an APIC.
#[must_use]
pub unsafe fn is_in_x2apic_mode() -> bool {
    // SAFETY: caller's promise.
    unsafe { Msr::new(APIC_BASE).read() & APIC_BASE_X2APIC != 0 }
}

/// Whether this core has an APIC.
#[must_use]
pub fn has_apic() -> bool {
    __cpuid(1).edx & 1 << 9 != 0
}

/// Whether this core's APIC has x2APIC mode.
#[must_use]
pub fn has_x2apic() -> bool {
    __cpuid(1).ecx & 1 << 21 != 0
}

/// The running core's APIC id, from CPUID: right before the APIC is touched.
#[must_use]
pub fn current_id() -> u32 {
    const TOPOLOGY: u32 = 0xB;
    // Leaf 0xB has all 32 bits; where it is absent, or empty (SDM vol. 2A, CPUID), leaf 1
    // has 8.
    if __cpuid(0).eax >= TOPOLOGY {
        let topology = __cpuid_count(TOPOLOGY, 0);
        if topology.ebx & 0xFFFF != 0 {
            return topology.edx;
        }
    }
    __cpuid(1).ebx >> 24
}
