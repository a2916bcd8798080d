//! The console: frames on the serial line on one side, standard streams on the other.
//!
//! [`driver`] is the loop; [`guest`] makes messages of the guest's bytes and frames of
//! ours; [`terminal`] is raw mode and the window's size; [`signals`] what reaches us
//! while we wait; [`log`] keeps the kernel's log.

pub mod driver;
pub mod guest;
pub mod log;
pub mod signals;
pub mod sinks;
pub mod terminal;
