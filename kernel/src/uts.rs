//! The machine's names that can be set: `nodename` and `domainname` of `uname(2)`. Not
//! here: who may set them ([`crate::syscall::system`]).

use crate::sync::IrqLock;

/// Longest name in bytes (`__NEW_UTS_LEN`): a field of `struct utsname` less its NUL.
pub const NAME_MAX: usize = 64;

/// A name; a leaf lock.
pub struct Name(IrqLock<([u8; NAME_MAX], usize)>);

/// The machine's name in the network.
pub static HOST: Name = Name::new(b"roentgen");
/// Its NIS domain.
pub static DOMAIN: Name = Name::new(b"(none)");

impl Name {
    const fn new(text: &[u8]) -> Self {
        let mut bytes = [0; NAME_MAX];
        let (start, _) = bytes.split_at_mut(text.len());
        start.copy_from_slice(text);
        Self(IrqLock::new((bytes, text.len())))
    }

    /// The name, up to its first NUL where it has one.
    #[must_use]
    pub fn get(&self) -> Vec<u8> {
        let (bytes, length) = *self.0.lock();
        let text = &bytes[..length];
        text.split(|byte| *byte == 0)
            .next()
            .unwrap_or_default()
            .to_vec()
    }

    /// Sets it; what is beyond [`NAME_MAX`] is cut off.
    pub fn set(&self, name: &[u8]) {
        let length = name.len().min(NAME_MAX);
        let mut bytes = [0; NAME_MAX];
        bytes[..length].copy_from_slice(&name[..length]);
        *self.0.lock() = (bytes, length);
    }
}
