//! Device interrupts: I/O APICs and ISA's way to them (Intel 82093AA data sheet; ACPI
//! 5.2.12.5). The legacy PICs, silenced, are in [`legacy_pic`].
//!
//! [`IoApics`] is shared by all cores behind the kernel's lock; routing is rare.
//! Crate `x2apic` drives the registers. Its `init` is not used: it ORs vectors into
//! whatever the firmware left, and does not mask.

pub mod legacy_pic;
mod table;

pub use table::RedirectionTable;

use crate::madt::{Override, Polarity, Topology, Trigger};
use alloc::vec::Vec;
use core::fmt;
use x2apic::ioapic::IoApic;

/// Where an interrupt goes and how its line speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Raised on the core.
    pub vector: u8,
    /// The core.
    pub apic_id: u32,
    /// When the line is active.
    pub polarity: Polarity,
    /// What raises it.
    pub trigger: Trigger,
}

/// Why an interrupt cannot be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// No I/O APIC has that pin.
    NoSuchGsi(u32),
    /// There are 16 ISA interrupts.
    NoSuchIsaInterrupt(u8),
    /// I/O APICs name cores with 8 bits.
    CoreOutOfReach(u32),
    /// Vectors below 32 belong to the processor's exceptions.
    VectorReserved(u8),
}

impl fmt::Display for RouteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchGsi(gsi) => write!(formatter, "no I/O APIC has gsi {gsi}"),
            Self::NoSuchIsaInterrupt(irq) => write!(formatter, "no ISA interrupt {irq}"),
            Self::CoreOutOfReach(apic_id) => {
                write!(formatter, "I/O APICs cannot reach APIC id {apic_id}")
            }
            Self::VectorReserved(vector) => write!(formatter, "vector {vector} is reserved"),
        }
    }
}

impl core::error::Error for RouteError {}

/// An I/O APIC that the tables list and that could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeFailure {
    /// Its registers could not be mapped.
    NotMapped { address: u64 },
    /// What is there does not answer as an I/O APIC does.
    NotAnIoApic { address: u64, version: u32 },
    /// Some of its pins belong to another.
    OverlappingGsis { address: u64, gsi_base: u32 },
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotMapped { address } => {
                write!(formatter, "I/O APIC at {address:#x}: cannot be mapped")
            }
            Self::NotAnIoApic { address, version } => write!(
                formatter,
                "nothing like an I/O APIC at {address:#x} (version {version:#x})"
            ),
            Self::OverlappingGsis { address, gsi_base } => write!(
                formatter,
                "I/O APIC at {address:#x}: pins from gsi {gsi_base} on belong to another"
            ),
        }
    }
}

struct Unit<T> {
    table: T,
    gsi_base: u32,
    pins: u32,
}

/// All I/O APICs of the machine.
pub struct IoApics<T = IoApic> {
    units: Vec<Unit<T>>,
    overrides: Vec<Override>,
}

impl IoApics<IoApic> {
    /// Takes over the I/O APICs of `topology`, all pins masked. `map` gives the virtual
    /// address of a physical register page.
    ///
    /// # Safety
    /// `map` returns uncacheable mappings that last; nobody else drives I/O APICs.
    pub unsafe fn take_over(
        topology: &Topology,
        mut map: impl FnMut(u64) -> Option<u64>,
    ) -> (Self, Vec<ProbeFailure>) {
        Self::probe(topology, |address| {
            // SAFETY: caller's promise about `map`; `probe` asks for each address once.
            map(address).map(|base| unsafe { IoApic::new(base) })
        })
    }
}

impl<T: RedirectionTable> IoApics<T> {
    /// Looks at each I/O APIC that the tables list and masks those that are there.
    fn probe(
        topology: &Topology,
        mut open: impl FnMut(u64) -> Option<T>,
    ) -> (Self, Vec<ProbeFailure>) {
        let mut units: Vec<Unit<T>> = Vec::new();
        let mut failures = Vec::new();
        for entry in &topology.io_apics {
            let address = entry.address;
            let Some(mut table) = open(address) else {
                failures.push(ProbeFailure::NotMapped { address });
                continue;
            };
            let Some(pins) = table.pins() else {
                let version = table.version();
                failures.push(ProbeFailure::NotAnIoApic { address, version });
                continue;
            };
            let gsi_base = entry.gsi_base;
            let is_free = units.iter().all(|unit| {
                u64::from(unit.gsi_base) + u64::from(unit.pins) <= u64::from(gsi_base)
                    || u64::from(gsi_base) + u64::from(pins) <= u64::from(unit.gsi_base)
            });
            for pin in 0..pins {
                table.mask(pin as u8);
            }
            if is_free {
                units.push(Unit {
                    table,
                    gsi_base,
                    pins,
                });
            } else {
                failures.push(ProbeFailure::OverlappingGsis { address, gsi_base });
            }
        }
        let overrides = topology.overrides.clone();
        (Self { units, overrides }, failures)
    }

    /// How many I/O APICs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// The global system interrupts that can be routed, as ranges.
    pub fn gsis(&self) -> impl Iterator<Item = core::ops::Range<u64>> {
        self.units.iter().map(|unit| {
            let base = u64::from(unit.gsi_base);
            base..base + u64::from(unit.pins)
        })
    }

    /// The global system interrupt of an ISA interrupt, and how its line speaks.
    ///
    /// # Errors
    /// [`RouteError::NoSuchIsaInterrupt`].
    pub fn isa(&self, irq: u8) -> Result<(u32, Polarity, Trigger), RouteError> {
        if irq >= 16 {
            return Err(RouteError::NoSuchIsaInterrupt(irq));
        }
        let other = self.overrides.iter().find(|other| other.irq == irq);
        Ok(other.map_or(
            (u32::from(irq), Polarity::ActiveHigh, Trigger::Edge),
            |other| (other.gsi, other.polarity, other.trigger),
        ))
    }

    /// How the line of a global system interrupt speaks: as its override says, else as ISA's
    /// lines do below 16 and as PCI's do above (ACPI 5.2.12.5; PCI 3.0, 2.2.6).
    #[must_use]
    pub fn speech(&self, gsi: u32) -> (Polarity, Trigger) {
        let other = self.overrides.iter().find(|other| other.gsi == gsi);
        match other {
            Some(other) => (other.polarity, other.trigger),
            None if gsi < 16 => (Polarity::ActiveHigh, Trigger::Edge),
            None => (Polarity::ActiveLow, Trigger::Level),
        }
    }

    /// Whether some I/O APIC has that pin.
    #[must_use]
    pub fn reaches(&self, gsi: u32) -> bool {
        self.gsis().any(|gsis| gsis.contains(&u64::from(gsi)))
    }

    /// Routes an ISA interrupt, unmasked, and says which global system interrupt it is.
    ///
    /// # Errors
    /// [`RouteError`]; nothing has changed then.
    pub fn route_isa(&mut self, irq: u8, vector: u8, apic_id: u32) -> Result<u32, RouteError> {
        let (gsi, polarity, trigger) = self.isa(irq)?;
        self.route(
            gsi,
            Route {
                vector,
                apic_id,
                polarity,
                trigger,
            },
        )?;
        Ok(gsi)
    }

    /// Routes a global system interrupt and unmasks it. It is masked while its entry
    /// changes, so that it never goes to half an address; an edge that comes in that
    /// instant is lost (the device's handler should look once after routing).
    ///
    /// # Errors
    /// [`RouteError`]; nothing has changed then.
    pub fn route(&mut self, gsi: u32, route: Route) -> Result<(), RouteError> {
        if route.vector < 32 {
            return Err(RouteError::VectorReserved(route.vector));
        }
        // 255 is everyone.
        let apic_id = u8::try_from(route.apic_id)
            .ok()
            .filter(|apic_id| *apic_id != 0xFF)
            .ok_or(RouteError::CoreOutOfReach(route.apic_id))?;
        let (table, pin) = self.pin(gsi)?;
        table.mask(pin);
        table.set_masked(pin, route.vector, apic_id, route.polarity, route.trigger);
        table.unmask(pin);
        Ok(())
    }

    /// Stops an interrupt. One that is under way still arrives.
    ///
    /// # Errors
    /// [`RouteError::NoSuchGsi`].
    pub fn mask(&mut self, gsi: u32) -> Result<(), RouteError> {
        let (table, pin) = self.pin(gsi)?;
        table.mask(pin);
        Ok(())
    }

    /// Lets an interrupt through again.
    ///
    /// # Errors
    /// [`RouteError::NoSuchGsi`].
    pub fn unmask(&mut self, gsi: u32) -> Result<(), RouteError> {
        let (table, pin) = self.pin(gsi)?;
        table.unmask(pin);
        Ok(())
    }

    fn pin(&mut self, gsi: u32) -> Result<(&mut T, u8), RouteError> {
        self.units
            .iter_mut()
            .find_map(|unit| {
                let pin = gsi.checked_sub(unit.gsi_base)?;
                (pin < unit.pins).then_some((&mut unit.table, pin as u8))
            })
            .ok_or(RouteError::NoSuchGsi(gsi))
    }
}

#[cfg(test)]
mod tests;
