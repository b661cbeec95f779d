//! Why the store could not do what it was asked.

use std::path::PathBuf;
use std::sync::Arc;

/// A cause from below, shared by every caller of one group commit.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Why the store could not do what it was asked.
///
/// An fsync error is not among them: it ends the process, because after one
/// nobody can say what is on the disk.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    // The caller's.
    /// The row is no longer what the caller took it to be: another caller was
    /// first, the lease is lost, the row is not there, or its key is taken.
    /// Nothing of the transition was written.
    #[error("the row has changed since it was read, or is not there")]
    Conflict,

    // The operator's.
    /// There is no room on the disk. Nothing was written; it works again by
    /// itself once there is room.
    #[error("the disk is full")]
    DiskFull,
    /// Another process has this data directory open.
    #[error("another process has {} open; stop it, or choose another data directory", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The database was written by a newer release.
    #[error("the database has schema {found} and this release knows up to {known}: use the newer release")]
    NewerSchema {
        /// The schema version found.
        found: u32,
        /// The newest one that this release knows.
        known: u32,
    },
    /// The address of the database can't be used.
    #[error("the address of the database can't be used: {why}")]
    Address {
        /// Why not.
        why: &'static str,
    },
    /// A file is damaged or missing: restore it from the backup.
    #[error("damaged data: {what}")]
    Corrupt {
        /// What is damaged, without any of its content.
        what: String,
    },
    /// The database or a file could not be reached.
    #[error("the store can't be reached: {during}")]
    Unavailable {
        /// What was being done.
        during: &'static str,
        /// Why it failed.
        #[source]
        source: Cause,
    },

    // Ours.
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A statement failed in a way that only a defect explains.
    #[error("a statement of the store failed")]
    Statement {
        /// Why it failed.
        #[source]
        source: Cause,
    },
}

impl StoreError {
    /// Whether the same call may succeed later, without anybody changing it.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::DiskFull | Self::Locked { .. } | Self::Unavailable { .. } => true,
            Self::Conflict
            | Self::NewerSchema { .. }
            | Self::Address { .. }
            | Self::Corrupt { .. }
            | Self::Closed
            | Self::Statement { .. } => false,
        }
    }

    /// What an outsider may read of it: nothing about this machine.
    pub fn outside(&self) -> &'static str {
        match self {
            Self::Conflict => "changed in the meantime",
            Self::DiskFull => "insufficient system storage",
            Self::Locked { .. }
            | Self::NewerSchema { .. }
            | Self::Address { .. }
            | Self::Corrupt { .. }
            | Self::Unavailable { .. }
            | Self::Closed
            | Self::Statement { .. } => "temporarily unavailable",
        }
    }

    pub(crate) fn unavailable(during: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable { during, source: Arc::new(source) }
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_may_be_retried_and_a_conflict_may_not() {
        assert!(StoreError::DiskFull.may_retry());
        assert!(!StoreError::Conflict.may_retry());
    }

    #[test]
    fn an_outsider_reads_nothing_of_this_machine() {
        let locked = StoreError::Locked { dir: "/var/lib/clinic".into() };
        assert!(locked.to_string().contains("/var/lib/clinic"));
        assert!(!locked.outside().contains("clinic"));
    }
}
