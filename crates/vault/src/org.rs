//! An organisation's keys: generations that wrap message keys, a secret for
//! indexes and one for the journal, which rotation keeps.
//!
//! The plain form that the root key wraps:
//!
//! ```text
//! version 1 | index secret 32 | record secret 32 | count 1 | generation 32 …
//! ```
//!
//! The first generation is the current one; the others open what has not been
//! rewrapped yet.

use std::fmt;

use mail::{Address, Domain, Entropy, MessageId, OrgId};
use zeroize::Zeroizing;

use crate::envelope::{Algorithm, Holder, Label, split};
use crate::error::VaultError;
use crate::index::{Indexes, TagFor};
use crate::message::{MessageKey, scope};
use crate::secret::{KeyId, Secret};
use crate::wrap::{Place, unwrap, wrap, wrapped_by};

const PLAIN_VERSION: u8 = 1;
const SECRET_BYTES: usize = 32;
/// The count is one byte.
const GENERATIONS_MAX: usize = 255;

/// The keys of one organisation, open in memory. Share it behind an `Arc`.
pub struct OrgVault {
    org: OrgId,
    index: Secret,
    indexes: Indexes,
    record: Generation,
    current: Generation,
    earlier: Vec<Generation>,
}

struct Generation {
    key: Secret,
    id: KeyId,
}

impl Generation {
    fn new(key: Secret) -> Self {
        let id = key.id();
        Self { key, id }
    }
}

impl OrgVault {
    pub(crate) fn fresh(org: OrgId, entropy: &dyn Entropy) -> Self {
        let [index, record, current] = std::array::from_fn(|_| Secret::fresh(entropy));
        Self::assemble(org, index, record, Generation::new(current), Vec::new())
    }

    fn assemble(org: OrgId, index: Secret, record: Secret, current: Generation, earlier: Vec<Generation>) -> Self {
        let indexes = Indexes::new(&index, &org.0.to_be_bytes());
        Self { org, index, indexes, record: Generation::new(record), current, earlier }
    }

    /// The organisation.
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// The generation that wraps and seals what is new.
    pub fn key_id(&self) -> KeyId {
        self.current.id
    }

    /// How many earlier generations are still kept.
    pub fn earlier_keys(&self) -> usize {
        self.earlier.len()
    }

    /// A new key for `message`, and the same wrapped, for the table of keys.
    pub fn new_message_key(&self, message: MessageId, entropy: &dyn Entropy) -> (MessageKey, Vec<u8>) {
        let key = MessageKey::new(self.org, message, Secret::fresh(entropy));
        let wrapped = self.wrap_message_key(&key);
        (key, wrapped)
    }

    /// Unwraps the key of `message`.
    pub fn open_message_key(&self, message: MessageId, wrapped: &[u8]) -> Result<MessageKey, VaultError> {
        let generation = self.generation(wrapped_by(wrapped)?)?;
        let plain = unwrap(&generation.key, Place::Message(&scope(self.org, message)), wrapped)?;
        let key = Secret::from_slice(&plain).ok_or(VaultError::Forged)?;
        Ok(MessageKey::new(self.org, message, key))
    }

    /// The key of `message` wrapped by the current generation; none if it is
    /// that already. Rotation calls this for every key, in any order and as
    /// often as it likes.
    pub fn rewrap_message_key(&self, message: MessageId, wrapped: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        if wrapped_by(wrapped)? == self.current.id {
            return Ok(None);
        }
        let key = self.open_message_key(message, wrapped)?;
        Ok(Some(self.wrap_message_key(&key)))
    }

    fn wrap_message_key(&self, key: &MessageKey) -> Vec<u8> {
        let place = scope(self.org, key.message());
        wrap(&self.current.key, self.current.id, Place::Message(&place), key.secret().bytes())
    }

    /// Seals a small value of the organisation. `aad` is authenticated and not
    /// stored: the caller's own binding, such as the secret's name.
    pub fn seal(&self, label: Label, aad: &[u8], plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.holder(self.sealing(label)).seal(label, aad, plain, entropy)
    }

    /// Opens what [`OrgVault::seal`] made with the same label and `aad`.
    pub fn open(&self, label: Label, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        let (id, _) = split(sealed, Algorithm::Seal)?;
        let generation = if id == self.record.id { &self.record } else { self.generation(id)? };
        self.holder(generation).open(label, aad, sealed)
    }

    /// The same value sealed by the current generation; none if it is that
    /// already, or is a journal entry, which never changes.
    pub fn reseal(
        &self,
        label: Label,
        aad: &[u8],
        sealed: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let (id, _) = split(sealed, Algorithm::Seal)?;
        if id == self.sealing(label).id {
            return Ok(None);
        }
        let plain = Zeroizing::new(self.open(label, aad, sealed)?);
        Ok(Some(self.seal(label, aad, &plain, entropy)))
    }

    /// Finds an address: its exact local part at its A-label domain.
    pub fn address_index(&self, address: &Address) -> [u8; 16] {
        self.indexes.address(address)
    }

    /// Finds a domain.
    pub fn domain_index(&self, domain: &Domain) -> [u8; 16] {
        self.indexes.domain(domain)
    }

    /// Finds a recipient's key by its fingerprint, whose first byte tells the format.
    pub fn fingerprint_index(&self, fingerprint: &[u8]) -> [u8; 16] {
        self.indexes.fingerprint(fingerprint)
    }

    /// Finds a subject, exactly as written.
    pub fn subject_index(&self, subject: &str) -> [u8; 16] {
        self.indexes.subject(subject)
    }

    /// Finds what is suppressed for a mailbox, by
    /// [`mailbox_of`](mail::suppression::mailbox_of) of an address.
    pub fn suppression_index(&self, mailbox: &str) -> [u8; 16] {
        self.indexes.suppression(mailbox)
    }

    /// Finds a login name, exactly as written.
    pub fn login_index(&self, login: &str) -> [u8; 32] {
        self.indexes.login(login)
    }

    /// Finds a portal link by its 128 random bits.
    pub fn link_hash(&self, link: &[u8; 16]) -> [u8; 32] {
        self.indexes.link(link)
    }

    /// Marks what may happen once, and what came with it.
    pub fn once_hash(&self, what: &[u8]) -> [u8; 32] {
        self.indexes.once(what)
    }

    /// What only this organisation can write, to be known again when it comes
    /// back from outside. Rotation keeps its key.
    pub fn tag(&self, purpose: TagFor, what: &[u8]) -> [u8; 32] {
        self.indexes.tag(purpose, what)
    }

    /// What stands for an address in logs: 16 hexadecimal digits, the same for
    /// the same address, of no use without the key.
    pub fn log_hash(&self, address: &Address) -> String {
        self.indexes.log(address)
    }

    /// The key of the tags on parcels. Rotation keeps it: parcels wait in the
    /// queue across one.
    pub fn tag_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(*self.index.derive("parcel tag", &self.org.0.to_be_bytes()).bytes())
    }

    fn sealing(&self, label: Label) -> &Generation {
        match label {
            Label::Journal => &self.record,
            Label::Envelope | Label::Parcel | Label::Link | Label::Secret | Label::Credential => &self.current,
            Label::RecipientKey
            | Label::OrgKey
            | Label::WatchRound
            | Label::StsPolicy
            | Label::TlsSession
            | Label::Report
            | Label::Acme
            | Label::Suppression => &self.current,
        }
    }

    fn holder<'a>(&self, generation: &'a Generation) -> Holder<'a> {
        let nobody = MessageId::from_bytes([0; 16]);
        Holder { key: &generation.key, id: generation.id, scope: scope(self.org, nobody) }
    }

    fn generation(&self, id: KeyId) -> Result<&Generation, VaultError> {
        std::iter::once(&self.current)
            .chain(&self.earlier)
            .find(|generation| generation.id == id)
            .ok_or(VaultError::UnknownKey { id })
    }

    /// The same organisation with a new current generation.
    pub(crate) fn rotated(mut self, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        if self.earlier.len() + 1 >= GENERATIONS_MAX {
            return Err(VaultError::TooManyKeys { org: self.org });
        }
        self.earlier.insert(0, self.current);
        // Ids are short; two generations of one organisation must not share one.
        let known = |id| self.earlier.iter().any(|generation| generation.id == id) || id == self.record.id;
        self.current = (0..8)
            .map(|_| Generation::new(Secret::fresh(entropy)))
            .find(|candidate| !known(candidate.id))
            .expect("entropy does not repeat itself");
        Ok(self)
    }

    /// The same organisation without its earlier generations.
    pub(crate) fn retired(mut self) -> Self {
        self.earlier.clear();
        self
    }

    /// Wraps all of it with the root key.
    pub(crate) fn wrap(&self, root: &Secret, root_id: KeyId) -> Vec<u8> {
        let generations = std::iter::once(&self.current).chain(&self.earlier);
        let count = u8::try_from(1 + self.earlier.len()).expect("generations are bounded when they are made");
        let mut plain = Zeroizing::new(Vec::with_capacity(2 + (2 + usize::from(count)) * SECRET_BYTES));
        plain.push(PLAIN_VERSION);
        plain.extend_from_slice(self.index.bytes());
        plain.extend_from_slice(self.record.key.bytes());
        plain.push(count);
        generations.for_each(|generation| plain.extend_from_slice(generation.key.bytes()));
        wrap(root, root_id, Place::Organisation(&self.org.0.to_be_bytes()), &plain)
    }

    /// Opens what [`OrgVault::wrap`] made.
    pub(crate) fn unwrap(root: &Secret, org: OrgId, wrapped: &[u8]) -> Result<Self, VaultError> {
        let plain = unwrap(root, Place::Organisation(&org.0.to_be_bytes()), wrapped)?;
        let (version, rest) = plain.split_first().ok_or(VaultError::Forged)?;
        if *version != PLAIN_VERSION {
            return Err(VaultError::Version { found: *version });
        }
        Self::from_plain(org, rest).ok_or(VaultError::Forged)
    }

    fn from_plain(org: OrgId, plain: &[u8]) -> Option<Self> {
        let (index, rest) = plain.split_first_chunk::<SECRET_BYTES>()?;
        let (record, rest) = rest.split_first_chunk::<SECRET_BYTES>()?;
        let (count, rest) = rest.split_first()?;
        if rest.len() != usize::from(*count) * SECRET_BYTES {
            return None;
        }
        let mut generations = rest.chunks_exact(SECRET_BYTES).filter_map(Secret::from_slice).map(Generation::new);
        let current = generations.next()?;
        let earlier = generations.collect();
        Some(Self::assemble(org, Secret::from_slice(index)?, Secret::from_slice(record)?, current, earlier))
    }
}

impl fmt::Debug for OrgVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrgVault({}, {} and {} earlier)", self.org, self.current.id, self.earlier.len())
    }
}
