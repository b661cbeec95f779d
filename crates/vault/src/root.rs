//! The root key: 32 bytes that wrap the keys of every organisation.

use std::fmt;
use std::path::Path;

use mail::{Entropy, OrgId};

use crate::error::VaultError;
use crate::org::OrgVault;
use crate::root_file;
use crate::secret::{KeyId, Secret};
use crate::wrap::wrapped_by;

/// The root key. Wiped when dropped; it has no printed form.
pub struct RootKey {
    key: Secret,
    id: KeyId,
}

impl RootKey {
    fn new(key: Secret) -> Self {
        let id = key.id();
        Self { key, id }
    }

    /// A key that is kept nowhere: for a demonstration or a simulation.
    pub fn ephemeral(entropy: &dyn Entropy) -> Self {
        Self::new(Secret::fresh(entropy))
    }

    /// Makes a root key and writes it to a new file of mode 0600, synced with
    /// its directory. Refuses a place inside `data_dir` and an existing file.
    pub fn generate_file(path: &Path, data_dir: &Path, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        let key = Secret::fresh(entropy);
        root_file::write(path, data_dir, &key)?;
        Ok(Self::new(key))
    }

    /// Reads a root key. Refuses a file that others than its owner may read or
    /// write, and one inside `data_dir`.
    pub fn read_file(path: &Path, data_dir: &Path) -> Result<Self, VaultError> {
        root_file::read(path, data_dir).map(Self::new)
    }

    /// Reads a root key from the environment variable `name`: the same line
    /// that the file holds. Only when the operator asked for it by name, since
    /// an environment is easier to read than a file.
    pub fn from_env(name: &str) -> Result<Self, VaultError> {
        root_file::from_env(name).map(Self::new)
    }

    /// The name of this key, as wrapped organisation keys hold it.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// Keys for a new organisation, and the same wrapped, for its row.
    pub fn new_org(&self, org: OrgId, entropy: &dyn Entropy) -> (OrgVault, Vec<u8>) {
        let vault = OrgVault::fresh(org, entropy);
        let wrapped = vault.wrap(&self.key, self.id);
        (vault, wrapped)
    }

    /// Opens an organisation's keys.
    pub fn open_org(&self, org: OrgId, wrapped: &[u8]) -> Result<OrgVault, VaultError> {
        let id = wrapped_by(wrapped)?;
        if id != self.id {
            return Err(VaultError::UnknownKey { id });
        }
        OrgVault::unwrap(&self.key, org, wrapped)
    }

    /// An organisation's keys, wrapped by `old`, now wrapped by this key. What
    /// this key wraps already comes back unchanged, so that a rotation can be
    /// resumed.
    pub fn rewrap_org(&self, old: &RootKey, org: OrgId, wrapped: &[u8]) -> Result<Vec<u8>, VaultError> {
        if wrapped_by(wrapped)? == self.id {
            self.open_org(org, wrapped)?;
            return Ok(wrapped.to_vec());
        }
        Ok(old.open_org(org, wrapped)?.wrap(&self.key, self.id))
    }

    /// Gives an organisation a new current key and keeps the earlier ones.
    /// Store the wrapped form before anything uses the new key; then rewrap
    /// message keys ([`OrgVault::rewrap_message_key`]) and secrets
    /// ([`OrgVault::reseal`]) in batches.
    pub fn rotate_org(
        &self,
        org: OrgId,
        wrapped: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<(OrgVault, Vec<u8>), VaultError> {
        let vault = self.open_org(org, wrapped)?.rotated(entropy)?;
        let wrapped = vault.wrap(&self.key, self.id);
        Ok((vault, wrapped))
    }

    /// Drops an organisation's earlier keys. What is still wrapped or sealed by
    /// them is lost: call it only after every message key and secret was
    /// rewrapped, and no process holds the earlier keys any more.
    pub fn retire_org(&self, org: OrgId, wrapped: &[u8]) -> Result<(OrgVault, Vec<u8>), VaultError> {
        let vault = self.open_org(org, wrapped)?.retired();
        let wrapped = vault.wrap(&self.key, self.id);
        Ok((vault, wrapped))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.id)
    }
}
