//! Who a process acts for: users, groups, supplementary groups (`credentials(7)`). One set
//! per process, as POSIX has it; Linux keeps one per thread, and its C libraries hide that.

use std::sync::Arc;

/// Supplementary groups that a process may have (`NGROUPS_MAX`).
pub const GROUPS_MAX: usize = 65_536;

/// All capabilities of Linux 6.1, `CAP_CHOWN` to `CAP_CHECKPOINT_RESTORE`. The superuser
/// has them all, others none (`capabilities(7)`).
pub const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

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

impl Credentials {
    /// The capabilities that it may use.
    #[must_use]
    pub fn effective_capabilities(&self) -> u64 {
        capabilities_of(&[self.euid])
    }

    /// Those that it could take back by becoming one of its users.
    #[must_use]
    pub fn permitted_capabilities(&self) -> u64 {
        capabilities_of(&[self.uid, self.euid, self.suid])
    }
}

fn capabilities_of(users: &[u32]) -> u64 {
    if users.contains(&0) {
        ALL_CAPABILITIES
    } else {
        0
    }
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
