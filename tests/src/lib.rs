//! The host side of Roentgen: builds it, boots it in emulators, drives its console.
//!
//! | module | what it answers |
//! |---|---|
//! | [`project`], [`toolchain`], [`packages`] | where things are, and how missing ones get here |
//! | [`files`] | files that are there whole or not at all |
//! | [`build`] | the kernel and the `python` ELF, rebuilt only when their sources changed |
//! | [`cpio`], [`share`], [`initramfs`], [`iso`] | what the machine finds at boot |
//! | [`machine`] | one boot: QEMU or Bochs, started, watched, ended |
//! | [`console`] | the frames on COM1, between the guest and our own streams |
//! | [`cli`] | the command line of `run.sh` |
//! | [`suite`] | tests in tiers, each with a time budget |
//! | [`models`] | protocols under the model checkers |
//! | [`oracle`] | the same programs on Linux and here, compared |
//! | [`programs`] | static C programs, on Linux and here |
//! | [`seeded`] | kernels with a bug put in, and the tests that find it |
//! | [`numbers`] | what a program in a machine has counted |
//! | [`bench`] | this kernel measured, beside the control |
//! | [`stress`] | this kernel under loads that are to break it |
//! | [`host`] | what a host is, for results |
//! | [`meanwhile`] | ticks beside work |
//! | [`random`] | numbers from a seed |
//! | [`linux`] | the control: Debian's kernel in the same emulator |
//!
//! Tests start at [`machine::Machine`]. Not here: anything that runs in the guest.

pub mod bench;
pub mod build;
pub mod cli;
pub mod console;
pub mod cpio;
pub mod cpython;
pub mod debian;
pub mod error;
pub mod files;
pub mod fingerprint;
pub mod host;
pub mod initramfs;
pub mod iso;
pub mod linux;
pub mod machine;
pub mod meanwhile;
pub mod models;
pub mod numbers;
pub mod oracle;
pub mod packages;
pub mod programs;
pub mod project;
pub mod quality;
pub mod random;
pub mod requirements;
pub mod seeded;
pub mod share;
pub mod size;
pub mod stress;
pub mod suite;
pub mod symbols;
pub mod toolchain;

pub use error::{Error, Result};
