//! `siginfo_t`: what is told about a signal (`asm-generic/siginfo.h`).

/// `SI_USER`: by `kill`.
pub const SI_USER: i32 = 0;
/// `SI_KERNEL`.
pub const SI_KERNEL: i32 = 0x80;
/// `SI_TIMER`: by a POSIX timer.
pub const SI_TIMER: i32 = -2;
/// `SI_TKILL`: by `tgkill`.
pub const SI_TKILL: i32 = -6;
/// `SEGV_MAPERR`: nothing is mapped there.
pub const SEGV_MAPERR: i32 = 1;
/// `SEGV_ACCERR`: mapped, but not for that.
pub const SEGV_ACCERR: i32 = 2;
/// `BUS_ADRERR`: beyond the end of the object.
pub const BUS_ADRERR: i32 = 2;

/// The part behind signal, errno and code; which one it is follows from those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    None,
    /// Who sent it: process id, user id, and the value of `sigqueue`.
    Sender(u32, u32, u64),
    /// A child: process id, user id, status, CPU time in clock ticks (user, system).
    Child(u32, u32, i32, u64, u64),
    /// Where it faulted.
    Address(usize),
    /// A POSIX timer: its id, overruns, value.
    Timer(i32, i32, u64),
}

/// A signal with what is told about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// Its number.
    pub signal: u32,
    /// `si_code`.
    pub code: i32,
    /// The rest.
    pub detail: Detail,
}

/// Bytes of `siginfo_t`.
pub const SIZE: usize = 128;

impl SigInfo {
    /// By the kernel, without further detail.
    #[must_use]
    pub const fn from_kernel(signal: u32) -> Self {
        Self {
            signal,
            code: SI_KERNEL,
            detail: Detail::None,
        }
    }

    /// A fault at an address.
    #[must_use]
    pub const fn fault(signal: u32, code: i32, address: usize) -> Self {
        Self {
            signal,
            code,
            detail: Detail::Address(address),
        }
    }

    /// The C structure.
    #[must_use]
    pub fn to_bytes(self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &self.signal.to_le_bytes());
        put(8, &self.code.to_le_bytes());
        match self.detail {
            Detail::None => {}
            Detail::Sender(pid, uid, value) => {
                put(16, &pid.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
            Detail::Child(pid, uid, status, user, system) => {
                put(16, &pid.to_le_bytes());
                put(20, &uid.to_le_bytes());
                put(24, &status.to_le_bytes());
                put(32, &user.to_le_bytes());
                put(40, &system.to_le_bytes());
            }
            Detail::Address(address) => put(16, &address.to_le_bytes()),
            Detail::Timer(id, overrun, value) => {
                put(16, &id.to_le_bytes());
                put(20, &overrun.to_le_bytes());
                put(24, &value.to_le_bytes());
            }
        }
        bytes
    }

    /// From a C structure that `rt_sigqueueinfo` was given.
    #[must_use]
    pub fn from_bytes(signal: u32, bytes: &[u8; SIZE]) -> Self {
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&bytes[at..at + 4]);
            u32::from_le_bytes(word)
        };
        let value = u64::from(word(24)) | u64::from(word(28)) << 32;
        Self {
            signal,
            code: word(8).cast_signed(),
            detail: Detail::Sender(word(16), word(20), value),
        }
    }
}
