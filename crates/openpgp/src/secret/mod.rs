//! Own keys: read, made, extended, revoked; what signs and what decrypts.

mod amend;
mod generate;
mod modulo;
mod software;

use std::sync::Arc;

use jiff::Timestamp;
use mail::Entropy;
use mail::private_key::{Decrypter, Signer};
use pgp::packet::{PacketTrait as _, SecretKey, SecretSubkey};
use pgp::ser::Serialize as _;
use pgp::types::{Password, S2kParams, SecretParams, StringToKey};
use zeroize::Zeroizing;

use crate::component::Component;
use crate::judge::{Purpose, View};
use crate::keyring::{self, Group, Secrets};
use crate::session::Holder;
use crate::{Certificate, Fingerprint, KeyError, Unusable};
pub use amend::said_by;
use software::Uses;

/// The most memory that unlocking a key may take: 2 GiB, as RFC 9106 §4 advises.
const ARGON2_EXPONENT_MAX: u8 = 21;

/// What kind of key to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Version 4, Ed25519 and Curve25519 as GnuPG 2.1 and later read them.
    V4,
    /// Version 6 of RFC 9580, Ed25519 and X25519. GnuPG can't read it.
    V6,
}

/// Why a key is revoked (RFC 9580 §5.2.3.31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// Nothing that it ever signed counts any more.
    Compromised,
    /// Another key takes its place.
    Superseded,
    /// It is no longer used.
    Retired,
}

/// What signs, by the fingerprint of its component.
pub type Signers = Vec<(Fingerprint, Arc<dyn Signer>)>;
/// What decrypts, by the fingerprint of its component.
pub type Decrypters = Vec<(Fingerprint, Arc<dyn Decrypter>)>;

/// A certificate with what uses its private keys. Cheap to clone.
#[derive(Clone)]
pub struct SecretIdentity {
    certificate: Certificate,
    parts: Arc<Vec<(Fingerprint, Uses)>>,
    /// The packets in clear; none where the keys are kept elsewhere.
    packets: Option<Arc<Secrets>>,
}

impl SecretIdentity {
    /// Every private key in `bytes`, armored or binary, unlocked by `passphrase`.
    pub fn parse(bytes: &[u8], passphrase: Option<&str>) -> Result<Vec<Self>, KeyError> {
        let groups = keyring::groups(bytes)?;
        let with_secrets = groups.into_iter().filter(|group| !group.secrets.is_empty());
        let identities: Vec<Self> =
            with_secrets.map(|group| Self::from_group(group, passphrase)).collect::<Result<_, _>>()?;
        if identities.is_empty() { Err(KeyError::None) } else { Ok(identities) }
    }

    fn from_group(group: Group, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let password = Password::from(passphrase.unwrap_or_default());
        let mut secrets = group.secrets;
        if let Some(mut key) = secrets.primary.take().filter(|key| is_present(key.secret_params())) {
            check_lock(key.secret_params())?;
            key.remove_password(&password).map_err(|_| KeyError::Locked)?;
            secrets.primary = Some(key);
        }
        secrets.subkeys.retain(|key| is_present(key.secret_params()));
        for key in &mut secrets.subkeys {
            check_lock(key.secret_params())?;
            key.remove_password(&password).map_err(|_| KeyError::Locked)?;
        }
        let certificate = Certificate::from_key(group.key).ok_or(KeyError::Malformed)?;
        Self::from_secrets(certificate, secrets)
    }

    fn from_secrets(certificate: Certificate, secrets: Secrets) -> Result<Self, KeyError> {
        let mut parts = Vec::new();
        for (component, params) in secrets.iter() {
            let SecretParams::Plain(plain) = params else {
                return Err(KeyError::Locked);
            };
            let name = component.name().ok_or(KeyError::Malformed)?;
            parts.push((name, software::uses(pgp::types::KeyDetails::public_params(&component), plain)?));
        }
        Ok(Self { certificate, parts: Arc::new(parts), packets: Some(Arc::new(secrets)) })
    }

    /// A new key for `user_id` (`Clinic <mail@clinic.example>`), valid until `expires_at`.
    pub fn generate(
        user_id: &str,
        kind: KeyKind,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        generate::generate(user_id, kind, expires_at, now, entropy)
    }

    /// A certificate whose private keys are kept elsewhere, each by the
    /// fingerprint of its component.
    pub fn kept_elsewhere(certificate: Certificate, signers: Signers, decrypters: Decrypters) -> Self {
        let signers = signers.into_iter().map(|(name, signer)| (name, Uses { signer: Some(signer), holder: None }));
        let decrypters = decrypters
            .into_iter()
            .map(|(name, decrypter)| (name, Uses { signer: None, holder: Some(Holder::Seam(decrypter)) }));
        Self { certificate, parts: Arc::new(signers.chain(decrypters).collect()), packets: None }
    }

    /// What uses the private keys, each by the fingerprint of its component, to
    /// be put behind something else; X448 is not among them.
    pub fn uses(&self) -> (Signers, Decrypters) {
        let signers = self.parts.iter().filter_map(|(name, uses)| Some((*name, uses.signer.clone()?)));
        let decrypters = self.parts.iter().filter_map(|(name, uses)| match uses.holder.as_ref()? {
            Holder::Seam(holder) => Some((*name, holder.clone())),
            Holder::Packet(_) => None,
        });
        (signers.collect(), decrypters.collect())
    }

    /// Whether its private keys are not in this process.
    pub const fn is_elsewhere(&self) -> bool {
        self.packets.is_none()
    }

    /// The public half.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The same keys with another certificate of them, such as one that was
    /// extended elsewhere.
    pub fn with_certificate(&self, certificate: &Certificate) -> Result<Self, KeyError> {
        let certificate = self.certificate.merge(certificate)?;
        Ok(Self { certificate, ..self.clone() })
    }

    /// The private key in binary and in clear, for the vault; none for one that is kept elsewhere.
    pub fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let secrets = self.packets.as_ref()?;
        let mut bytes = Zeroizing::new(Vec::new());
        self.write(secrets, &mut bytes).ok()?;
        Some(bytes)
    }

    fn write(&self, secrets: &Secrets, out: &mut Vec<u8>) -> pgp::errors::Result<()> {
        let key = self.certificate.key();
        match &secrets.primary {
            Some(secret) => secret.to_writer_with_header(out)?,
            None => key.primary_key.to_writer_with_header(out)?,
        }
        key.details.to_writer(out)?;
        for subkey in &key.public_subkeys {
            let secret = secrets.subkeys.iter().find(|secret| *secret.public_key() == subkey.key);
            match secret {
                Some(secret) => secret.to_writer_with_header(out)?,
                None => subkey.key.to_writer_with_header(out)?,
            }
            for signature in &subkey.signatures {
                signature.to_writer_with_header(out)?;
            }
        }
        Ok(())
    }

    /// What signs now, or why nothing does.
    pub fn signing(&self, now: Timestamp) -> Result<SigningIdentity, Unusable> {
        let key = self.certificate.usable_for_signing(now)?.key;
        let signer = self.signer(&key).ok_or(Unusable::NoPart)?;
        Ok(SigningIdentity { certificate: self.certificate.clone(), key, signer })
    }

    fn signer(&self, key: &Fingerprint) -> Option<Arc<dyn Signer>> {
        let mut own = self.parts.iter().filter(|(name, _)| name == key);
        own.find_map(|(_, uses)| uses.signer.clone())
    }

    /// What decrypts for a component; expired and revoked ones still do.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (Component<'_>, &Holder)> {
        self.certificate.components().filter_map(|(component, _)| {
            let name = component.name()?;
            let mut own = self.parts.iter().filter(|(part, _)| *part == name);
            Some((component, own.find_map(|(_, uses)| uses.holder.as_ref())?))
        })
    }

    /// Whether something here decrypts what is encrypted to the certificate now.
    pub fn can_decrypt(&self, now: Timestamp) -> bool {
        let usable = View::now(&self.certificate, now).component(Purpose::Encryption);
        let wanted = usable.ok().and_then(|usable| usable.component.name());
        wanted.is_some() && self.holders().any(|(component, _)| component.name() == wanted)
    }

    /// The same key, valid until `expires_at`, or for ever.
    pub fn extend(
        &self,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        amend::extend(self, expires_at, now, entropy)
    }

    /// The same key with a new part that decrypts, to which everybody seals
    /// from now on: the newest one counts. The others still open.
    pub fn with_new_subkey(
        &self,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        generate::with_new_subkey(self, expires_at, now, entropy)
    }

    /// The certificate with its revocation, to be published.
    pub fn revoke(
        &self,
        reason: RevocationReason,
        words: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Certificate, KeyError> {
        amend::revoke(self, reason, words, now, entropy)
    }
}

impl std::fmt::Debug for SecretIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SecretIdentity").field(&self.certificate.fingerprint()).finish()
    }
}

impl Secrets {
    fn iter(&self) -> impl Iterator<Item = (Component<'_>, &SecretParams)> {
        let primary =
            self.primary.iter().map(|key: &SecretKey| (Component::primary(key.public_key()), key.secret_params()));
        let subkeys =
            self.subkeys.iter().map(|key: &SecretSubkey| (Component::subkey(key.public_key()), key.secret_params()));
        primary.chain(subkeys)
    }

    fn is_empty(&self) -> bool {
        self.primary.is_none() && self.subkeys.is_empty()
    }
}

/// GnuPG writes a stub where the key itself is offline or on a card.
fn is_present(params: &SecretParams) -> bool {
    !matches!(string_to_key(params), Some(StringToKey::Private { .. } | StringToKey::Other { .. }))
}

/// Whether unlocking costs what a key may cost.
fn check_lock(params: &SecretParams) -> Result<(), KeyError> {
    match string_to_key(params) {
        Some(StringToKey::Argon2 { m_enc, .. }) if *m_enc > ARGON2_EXPONENT_MAX => Err(KeyError::TooLarge),
        _ => Ok(()),
    }
}

fn string_to_key(params: &SecretParams) -> Option<&StringToKey> {
    let SecretParams::Encrypted(locked) = params else {
        return None;
    };
    match locked.string_to_key_params() {
        S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } => Some(s2k),
        S2kParams::Unprotected | S2kParams::LegacyCfb { .. } => None,
    }
}

/// The component of an own key that signs. Cheap to clone.
#[derive(Clone)]
pub struct SigningIdentity {
    certificate: Certificate,
    key: Fingerprint,
    signer: Arc<dyn Signer>,
}

impl SigningIdentity {
    /// The certificate for which it signs.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The component that signs.
    pub const fn key(&self) -> Fingerprint {
        self.key
    }

    pub(crate) fn component(&self) -> Option<Component<'_>> {
        let mut components = self.certificate.components();
        components.find_map(|(component, _)| (component.name() == Some(self.key)).then_some(component))
    }

    pub(crate) fn signer(&self) -> &dyn Signer {
        &*self.signer
    }
}

impl std::fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningIdentity").field(&self.key).finish()
    }
}
