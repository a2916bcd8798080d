//! Interrupts: vectors, the local APIC's timer, interrupts between cores, device lines.

use core::sync::atomic::{AtomicU64, Ordering};

use bugs::Bug;
use sched::counts::OwnCount;
use smp::apic::{LocalApic, Timer, Vectors};

use super::{Core, own_stack, this};
use crate::devices::lines;
use crate::memory::{heap, tlb};
use crate::sync::{InterruptsOff, IrqLock};
use crate::task::{check, outside};
use crate::time::{self, Instant};

/// First vector of device lines: ISA line n has vector `DEVICES + n`.
pub const DEVICES: u8 = 0x30;
/// Number of ISA lines.
pub const DEVICE_LINES: u8 = 16;
/// First vector of the lines that processes serve: global system interrupt n has vector
/// `LINES + n`.
pub const LINES: u8 = 0x40;
/// Wakes a core: something is in its inbox, or a thread has to look at its signals.
pub const WAKE: u8 = 0xf0;
/// Asks a core to flush its TLB, or to give up its heap blocks.
pub const SHOOTDOWN: u8 = 0xf1;
const TIMER: u8 = 0xf2;
const ERROR: u8 = 0xfe;
const SPURIOUS: u8 = 0xff;
const SERVED_LINES: core::ops::Range<u8> = LINES..LINES + lines::COUNT as u8;
const _: () = assert!(DEVICES + DEVICE_LINES <= LINES && SERVED_LINES.end <= WAKE);

crate::counters! {
    /// Interrupts from devices.
    static DEVICE_INTERRUPTS = "device_interrupts";
    /// Interrupts that no handler knows, and errors of the APIC.
    static STRAY_INTERRUPTS = "stray_interrupts";
}

/// Interrupts of one core.
#[derive(Default)]
pub struct Counts {
    /// Taken, whatever they were.
    pub all: OwnCount,
    /// Its timer's.
    pub timer: OwnCount,
    /// From other cores.
    pub from_cores: OwnCount,
    /// Sent to other cores.
    pub sent: OwnCount,
}

/// This core's APIC.
pub struct CoreApic {
    apic: LocalApic,
    /// How deadlines are told to its timer; None before the clock is calibrated.
    timer: Option<Timer>,
    /// The deadline that the timer is armed for, until it has fired.
    armed: Option<Instant>,
}

/// Where the xAPIC's registers are mapped; 0: not mapped.
static XAPIC: AtomicU64 = AtomicU64::new(0);
/// What handles a device line.
type Handler = fn();
static HANDLERS: IrqLock<[Option<Handler>; DEVICE_LINES as usize]> =
    IrqLock::new([None; DEVICE_LINES as usize]);

/// Says where the xAPIC's registers are mapped, for cores without x2APIC.
pub fn set_xapic_base(address: u64) {
    XAPIC.store(address, Ordering::Relaxed);
}

/// Enables the running core's APIC, without its timer.
///
/// # Errors
/// There is none, or it cannot be reached.
pub fn enable_apic() -> Result<(), smp::apic::ApicError> {
    let off = InterruptsOff::new();
    let base = XAPIC.load(Ordering::Relaxed);
    let vectors = Vectors {
        timer: TIMER,
        error: ERROR,
        spurious: SPURIOUS,
    };
    // SAFETY: this core, interrupts off, once; the handlers stand; the mapping stays.
    let apic = unsafe { LocalApic::enable(vectors, (base != 0).then_some(base)) }?;
    // SAFETY: this core's own field, interrupts off.
    unsafe {
        *this(&off).apic.get() = Some(CoreApic {
            apic,
            timer: None,
            armed: None,
        })
    };
    Ok(())
}

/// Lets this core's timer be armed: the frequencies of the time stamp counter and of
/// the APIC's own clock.
pub fn enable_timer(tsc_hz: u64, count_hz: u64) {
    let off = InterruptsOff::new();
    // SAFETY: this core's own field, interrupts off.
    if let Some(core) = unsafe { &mut *this(&off).apic.get() } {
        core.timer = Some(Timer::new(core.apic.timer_mode(), tsc_hz, count_hz));
    }
}

/// This core's APIC; None so early that there is none.
pub fn with_apic<T>(off: &InterruptsOff, use_it: impl FnOnce(&LocalApic) -> T) -> Option<T> {
    // SAFETY: this core's own field, interrupts off; `LocalApic`'s calls take `&self`.
    unsafe { &*this(off).apic.get() }
        .as_ref()
        .map(|core| use_it(&core.apic))
}

/// Interrupts another core.
pub fn send(core: &Core, vector: u8) {
    let off = InterruptsOff::new();
    this(&off).interrupts.sent.add(1);
    with_apic(&off, |apic| apic.send_ipi(vector, core.apic_id));
}

/// Makes a core leave user mode for a moment, so that it sees signals. Nothing for the
/// running core, which is in the kernel already.
pub fn nudge(core: usize) {
    let off = InterruptsOff::new();
    if core != this(&off).id
        && let Some(core) = super::by_id(core)
    {
        send(core, WAKE);
    }
}

/// Arms this core's timer for the next of its deadlines.
pub fn arm_timer(off: &InterruptsOff) {
    let core = this(off);
    let next = [
        time::next_deadline(off),
        core.scheduler.quantum_end(off),
        core.scheduler.cpu_timer_look(off),
        lines::next_look(core.id),
        outside::next_look(core.id),
    ];
    if let Some(deadline) = next.into_iter().flatten().min() {
        arm_timer_for(deadline, off);
    }
}

/// Arms this core's timer for a deadline that was just added. One that is armed for an
/// earlier moment is left alone: when it fires, [`arm_timer`] is called. So a switch, which
/// moves the quantum's end further away, rarely writes to the APIC.
pub fn arm_timer_for(deadline: Instant, off: &InterruptsOff) {
    let core = this(off);
    // SAFETY: this core's own field, interrupts off; nothing below comes back here.
    let local = unsafe { &mut *core.apic.get() };
    if let Some(CoreApic {
        apic,
        timer: Some(timer),
        armed,
    }) = local
        && armed.is_none_or(|armed| deadline < armed && !bugs::has(Bug::LateTimer))
    {
        *armed = Some(deadline);
        apic.arm_deadline(timer, deadline.to_ticks().max(1));
    }
}

/// The timer has fired.
fn note_fired(off: &InterruptsOff) {
    // SAFETY: as in `arm_timer`.
    if let Some(local) = unsafe { &mut *this(off).apic.get() } {
        local.armed = None;
    }
}

/// Lets `handler` serve an ISA line.
pub fn set_handler(line: u8, handler: Handler) {
    if let Some(slot) = HANDLERS.lock().get_mut(usize::from(line)) {
        *slot = Some(handler);
    }
}

/// An interrupt of this core; interrupts are off.
pub(super) fn handle(vector: u8) {
    let off = InterruptsOff::new();
    own_stack::run(&off, || serve(vector, &off));
}

fn serve(vector: u8, off: &InterruptsOff) {
    let core = this(off);
    core.interrupts.all.add(1);
    if vector == SPURIOUS {
        STRAY_INTERRUPTS.add(1);
        return;
    }
    if SERVED_LINES.contains(&vector) {
        // Before the end is told: what is level-triggered would fire again at once.
        DEVICE_INTERRUPTS.add(1);
        check::interrupted(core, off);
        lines::interrupt(vector);
        with_apic(off, LocalApic::end_of_interrupt);
        return;
    }
    with_apic(off, LocalApic::end_of_interrupt);
    check::interrupted(core, off);
    match vector {
        TIMER => {
            core.interrupts.timer.add(1);
            check::look(core);
            note_fired(off);
            time::run_expired(off);
            lines::look(core.id);
            outside::look(core.id);
            core.scheduler.tick(off);
            arm_timer(off);
        }
        WAKE => {
            core.interrupts.from_cores.add(1);
            // Another core may have asked.
            outside::look(core.id);
            core.scheduler.tick(off);
        }
        SHOOTDOWN => {
            core.interrupts.from_cores.add(1);
            tlb::serve();
            heap::answer(off);
        }
        _ if (DEVICES..DEVICES + DEVICE_LINES).contains(&vector) => {
            DEVICE_INTERRUPTS.add(1);
            let handler = HANDLERS.lock()[usize::from(vector - DEVICES)];
            if let Some(handler) = handler {
                handler();
            }
        }
        _ => STRAY_INTERRUPTS.add(1),
    }
}
