//! Randomness: a ChaCha20 generator (RFC 8439), seeded from RDRAND, the host's seed
//! frame, and the jitter of the time stamp counter.
//!
//! Each request takes its own stream: the key is replaced before the bytes are given
//! out, so that what was given cannot be computed back (fast key erasure).

use core::sync::atomic::{AtomicBool, Ordering};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

use crate::cpu::control::time_stamp;
use crate::sync::IrqLock;

struct Pool {
    key: [u8; 32],
}

static POOL: IrqLock<Pool> = IrqLock::new(Pool { key: [0; 32] });
/// Whether anything but jitter has come in.
static IS_SEEDED: AtomicBool = AtomicBool::new(false);

impl Pool {
    /// Mixes `bytes` into the key.
    fn absorb(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(32) {
            for (key, byte) in self.key.iter_mut().zip(chunk) {
                *key ^= byte;
            }
            self.step(&mut []);
        }
    }

    /// Fills `out` and replaces the key.
    fn step(&mut self, out: &mut [u8]) {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&time_stamp().to_le_bytes());
        let mut cipher = ChaCha20::new(&self.key.into(), &nonce.into());
        let mut key = [0; 32];
        cipher.apply_keystream(&mut key);
        self.key = key;
        out.fill(0);
        cipher.apply_keystream(out);
    }
}

fn rdrand() -> Option<u64> {
    if core::arch::x86_64::__cpuid(1).ecx & (1 << 30) == 0 {
        return None;
    }
    // Intel SDM vol. 1, 7.3.17.1: ten tries, then it is broken.
    for _ in 0..10 {
        let (value, is_good): (u64, u8);
        // SAFETY: CPUID has RDRAND.
        unsafe {
            core::arch::asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) is_good,
                options(nomem, nostack));
        }
        if is_good != 0 {
            return Some(value);
        }
    }
    None
}

/// Seeds the pool with what the machine has.
pub fn init() {
    let mut pool = POOL.lock();
    for _ in 0..64 {
        // Jitter: little, but it differs from boot to boot.
        let before = time_stamp();
        let _ = crate::time::rtc::read_nanos();
        pool.absorb(&(time_stamp() ^ before.rotate_left(32)).to_le_bytes());
    }
    for _ in 0..8 {
        if let Some(word) = rdrand() {
            pool.absorb(&word.to_le_bytes());
            IS_SEEDED.store(true, Ordering::Relaxed);
        }
    }
    drop(pool);
    if !IS_SEEDED.load(Ordering::Relaxed) {
        crate::warn!("entropy: no RDRAND; only jitter until the host sends a seed");
    }
}

/// Adds what the host sent.
pub fn add(bytes: &[u8]) {
    POOL.lock().absorb(bytes);
    if bytes.len() >= 32 {
        IS_SEEDED.store(true, Ordering::Relaxed);
    }
}

/// Fills `out` with random bytes.
pub fn fill(out: &mut [u8]) {
    for chunk in out.chunks_mut(1024) {
        POOL.lock().step(chunk);
    }
}

/// A random word.
#[must_use]
pub fn word() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
