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

#[cfg(test)]
mod tests {
    use mail::{Address, Domain};

    use super::*;
    use crate::envelope::Label;
    use crate::test_entropy::{Counted, ORG, OTHER_ORG, message};

    #[test]
    fn an_organisation_opens_with_its_root_and_number_only() {
        let entropy = Counted::default();
        let (root, other) = (RootKey::ephemeral(&entropy), RootKey::ephemeral(&entropy));
        let (vault, wrapped) = root.new_org(ORG, &entropy);
        assert_eq!(root.open_org(ORG, &wrapped).unwrap().key_id(), vault.key_id());
        assert!(matches!(root.open_org(OTHER_ORG, &wrapped), Err(VaultError::Forged)));
        assert!(matches!(other.open_org(ORG, &wrapped), Err(VaultError::UnknownKey { id }) if id == root.key_id()));
        for at in 0..wrapped.len() {
            let mut flipped = wrapped.clone();
            flipped[at] ^= 1;
            assert!(root.open_org(ORG, &flipped).is_err(), "byte {at}");
            assert!(root.open_org(ORG, &wrapped[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_new_root_key_takes_over() {
        let entropy = Counted::default();
        let (old, new) = (RootKey::ephemeral(&entropy), RootKey::ephemeral(&entropy));
        let (vault, wrapped) = old.new_org(ORG, &entropy);
        let rewrapped = new.rewrap_org(&old, ORG, &wrapped).unwrap();
        assert_eq!(new.open_org(ORG, &rewrapped).unwrap().key_id(), vault.key_id());
        assert!(old.open_org(ORG, &rewrapped).is_err());
        assert_eq!(new.rewrap_org(&old, ORG, &rewrapped).unwrap(), rewrapped, "a resumed rotation skips it");
        assert!(new.rewrap_org(&old, OTHER_ORG, &wrapped).is_err());
    }

    #[test]
    fn rotation_rewraps_message_keys_and_may_be_resumed() {
        let entropy = Counted::default();
        let root = RootKey::ephemeral(&entropy);
        let (before, org) = root.new_org(ORG, &entropy);
        let (key, old) = before.new_message_key(message(1), &entropy);
        let sealed = key.seal(Label::Envelope, b"", b"text", &entropy);
        let (after, org) = root.rotate_org(ORG, &org, &entropy).unwrap();
        assert_ne!(after.key_id(), before.key_id());

        // Before it is rewrapped the earlier generation opens it.
        assert!(after.open_message_key(message(1), &old).is_ok());
        let new = after.rewrap_message_key(message(1), &old).unwrap().unwrap();
        assert_eq!(after.rewrap_message_key(message(1), &new).unwrap(), None);
        let reopened = root.open_org(ORG, &org).unwrap().open_message_key(message(1), &new).unwrap();
        assert_eq!(reopened.open(Label::Envelope, b"", &sealed).unwrap(), b"text");
        // Who still has the earlier keys only must read them again.
        let stale = before.open_message_key(message(1), &new);
        assert!(matches!(stale, Err(error @ VaultError::UnknownKey { .. }) if error.may_retry()));

        let (retired, _) = root.retire_org(ORG, &org).unwrap();
        assert_eq!((after.earlier_keys(), retired.earlier_keys()), (1, 0));
        assert!(retired.open_message_key(message(1), &new).is_ok());
        assert!(matches!(retired.open_message_key(message(1), &old), Err(VaultError::UnknownKey { .. })));
    }

    #[test]
    fn secrets_are_resealed_and_journal_entries_stay() {
        let entropy = Counted::default();
        let root = RootKey::ephemeral(&entropy);
        let (before, org) = root.new_org(ORG, &entropy);
        let secret = before.seal(Label::Secret, b"dkim", b"seed", &entropy);
        let entry = before.seal(Label::Journal, b"head", b"event", &entropy);
        let (after, org) = root.rotate_org(ORG, &org, &entropy).unwrap();
        let resealed = after.reseal(Label::Secret, b"dkim", &secret, &entropy).unwrap().unwrap();
        assert_eq!(after.reseal(Label::Secret, b"dkim", &resealed, &entropy).unwrap(), None);
        assert_eq!(after.reseal(Label::Journal, b"head", &entry, &entropy).unwrap(), None);
        let (retired, _) = root.retire_org(ORG, &org).unwrap();
        assert_eq!(retired.open(Label::Secret, b"dkim", &resealed).unwrap(), b"seed");
        assert_eq!(retired.open(Label::Journal, b"head", &entry).unwrap(), b"event");
        assert!(retired.open(Label::Secret, b"dkim", &secret).is_err());
    }

    #[test]
    fn indexes_stay_over_rotations_and_differ_between_organisations() {
        let entropy = Counted::default();
        let (root, new_root) = (RootKey::ephemeral(&entropy), RootKey::ephemeral(&entropy));
        let (before, org) = root.new_org(ORG, &entropy);
        let (_, org) = root.rotate_org(ORG, &org, &entropy).unwrap();
        let (_, org) = root.retire_org(ORG, &org).unwrap();
        let after = new_root.open_org(ORG, &new_root.rewrap_org(&root, ORG, &org).unwrap()).unwrap();
        let (other, _) = root.new_org(OTHER_ORG, &entropy);
        let (address, domain) = (Address::parse("Jane@example.com").unwrap(), Domain::parse("example.com").unwrap());
        let all = |vault: &OrgVault| {
            (
                vault.address_index(&address),
                vault.domain_index(&domain),
                vault.subject_index("Results"),
                vault.login_index("app"),
                vault.link_hash(&[1; 16]),
                vault.log_hash(&address),
                vault.tag_key().to_vec(),
            )
        };
        assert_eq!(all(&before), all(&after));
        let (mine, theirs) = (all(&before), all(&other));
        assert!(mine.0 != theirs.0 && mine.1 != theirs.1 && mine.2 != theirs.2 && mine.3 != theirs.3);
        assert!(mine.4 != theirs.4 && mine.5 != theirs.5 && mine.6 != theirs.6);
    }

    #[test]
    fn an_index_tells_exact_local_parts_apart_and_spellings_of_a_domain_not() {
        let entropy = Counted::default();
        let (vault, _) = RootKey::ephemeral(&entropy).new_org(ORG, &entropy);
        let index = |text| vault.address_index(&Address::parse(text).unwrap());
        assert_eq!(index("p@bücher.example"), index("p@XN--BCHER-KVA.example"));
        assert_ne!(index("p@example.com"), index("P@example.com"));
        assert_eq!(vault.log_hash(&Address::parse("p@example.com").unwrap()).len(), 16);
    }

    #[test]
    fn the_number_of_kept_keys_is_bounded() {
        let entropy = Counted::default();
        let root = RootKey::ephemeral(&entropy);
        let (_, mut org) = root.new_org(ORG, &entropy);
        for _ in 0..254 {
            org = root.rotate_org(ORG, &org, &entropy).unwrap().1;
        }
        assert!(matches!(root.rotate_org(ORG, &org, &entropy), Err(VaultError::TooManyKeys { org: ORG })));
        assert_eq!(root.open_org(ORG, &org).unwrap().earlier_keys(), 254);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let entropy = Counted::default();
        let root = RootKey::ephemeral(&entropy);
        let (vault, _) = root.new_org(ORG, &entropy);
        let (key, _) = vault.new_message_key(message(1), &entropy);
        let printed = format!("{root:?} {vault:?} {key:?}");
        assert_eq!(
            printed,
            format!(
                "RootKey({}) OrgVault(org_1, {} and 0 earlier) MessageKey(org_1, {}, {})",
                root.key_id(),
                vault.key_id(),
                message(1),
                key.key_id()
            )
        );
    }

    #[test]
    fn the_salt_is_the_messages_own() {
        let entropy = Counted::default();
        let (vault, _) = RootKey::ephemeral(&entropy).new_org(ORG, &entropy);
        let (key, wrapped) = vault.new_message_key(message(1), &entropy);
        let (other, _) = vault.new_message_key(message(2), &entropy);
        assert_eq!(key.salt(), vault.open_message_key(message(1), &wrapped).unwrap().salt());
        assert_ne!(key.salt(), other.salt());
    }
}
