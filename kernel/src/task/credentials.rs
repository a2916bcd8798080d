//! Who a process acts for: users, groups, supplementary groups (`credentials(7)`). One set
//! per process, as POSIX has it; Linux keeps one per thread, and its C libraries hide that.

use std::sync::Arc;

/// Supplementary groups that a process may have (`NGROUPS_MAX`).
pub const GROUPS_MAX: usize = 65_536;

/// Who a process acts for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "credentials(7) names them")]
pub struct Credentials {
    pub uid: u32,
    pub euid: u32,
    pub suid: u32,
    pub gid: u32,
    pub egid: u32,
    pub sgid: u32,
    /// The supplementary groups.
    pub groups: Groups,
}

/// Supplementary groups, in ascending order. Copies share the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups(Option<Arc<[u32]>>);

impl Groups {
    /// These groups; the order of `list` does not matter.
    #[must_use]
    pub fn new(mut list: Vec<u32>) -> Self {
        list.sort_unstable();
        Self((!list.is_empty()).then(|| list.into()))
    }

    /// The groups, in ascending order.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether `group` is one of them.
    #[must_use]
    pub fn contains(&self, group: u32) -> bool {
        self.as_slice().binary_search(&group).is_ok()
    }
}
