//! What can go wrong with keys and what they seal, grouped by who has to act.

use std::io;
use std::path::PathBuf;

use mail::OrgId;

use crate::secret::KeyId;

/// Why a key could not be had, or why something did not open.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    // The operator: where the root key is and what state it is in.
    /// The file of the root key can't be read or written.
    #[error("the root key's file {path} can't be used")]
    RootKeyFile {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file stands where a new root key was to be written; it is never replaced.
    #[error("there is a file at {path} already; a root key is never overwritten")]
    RootKeyExists {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or change the root key.
    #[error("the root key's file {path} has mode {mode:04o}; others may read it: chmod 0600 {path}")]
    RootKeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The root key lies in the data directory, so a copy of the data would hold its key.
    #[error("the root key's file {path} lies in the data directory {data_dir}; keep the key apart from what it opens")]
    RootKeyInData {
        /// The file.
        path: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The text is no root key.
    #[error("{place} holds no root key: expected one line, `sealpost-root-key-v1 ` and 43 characters of base64url")]
    RootKeyForm {
        /// The file or the environment variable.
        place: String,
    },
    /// The environment variable that was named is not set.
    #[error("the environment variable {name} is not set")]
    EnvironmentMissing {
        /// The variable.
        name: String,
    },
    /// The organisation keeps as many earlier keys as an envelope can hold.
    #[error("{org} keeps too many earlier keys: finish the rotation and retire them first")]
    TooManyKeys {
        /// The organisation.
        org: OrgId,
    },

    // Another version or another key than this process has.
    /// Sealed by a newer version of this software, or not sealed at all.
    #[error("format version {found} of a sealed value is not known here")]
    Version {
        /// The version byte.
        found: u8,
    },
    /// Another algorithm than this place uses.
    #[error("algorithm {found} of a sealed value is not the one expected here")]
    Algorithm {
        /// The algorithm byte.
        found: u8,
    },
    /// The key that would open it is not at hand. After a rotation by another
    /// process: read the organisation's keys again.
    #[error("the key {id} is not at hand")]
    UnknownKey {
        /// The key that the envelope names.
        id: KeyId,
    },

    // Whoever can write to the database or the disk.
    /// Shorter than the smallest sealed value.
    #[error("a sealed value was cut short")]
    Truncated,
    /// It does not authenticate: changed, cut, reordered, extended, or put in
    /// another's place.
    #[error("a sealed value was changed or is not in its own place")]
    Forged,
}

impl VaultError {
    /// Whether the same call may succeed later without an operator's hand.
    pub fn may_retry(&self) -> bool {
        match self {
            VaultError::UnknownKey { .. } => true,
            VaultError::RootKeyFile { .. }
            | VaultError::RootKeyExists { .. }
            | VaultError::RootKeyExposed { .. }
            | VaultError::RootKeyInData { .. }
            | VaultError::RootKeyForm { .. }
            | VaultError::EnvironmentMissing { .. }
            | VaultError::TooManyKeys { .. }
            | VaultError::Version { .. }
            | VaultError::Algorithm { .. }
            | VaultError::Truncated
            | VaultError::Forged => false,
        }
    }

    /// What somebody outside may read of it: never a path, a key or a cause.
    pub fn outside(&self) -> &'static str {
        match self {
            VaultError::RootKeyFile { .. }
            | VaultError::RootKeyExists { .. }
            | VaultError::RootKeyExposed { .. }
            | VaultError::RootKeyInData { .. }
            | VaultError::RootKeyForm { .. }
            | VaultError::EnvironmentMissing { .. }
            | VaultError::TooManyKeys { .. } => "the server's keys are not available",
            VaultError::Version { .. }
            | VaultError::Algorithm { .. }
            | VaultError::UnknownKey { .. }
            | VaultError::Truncated
            | VaultError::Forged => "stored data could not be opened",
        }
    }
}
