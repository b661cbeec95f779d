//! What an owner says of his own key: bound, extended, revoked.

use jiff::Timestamp;
use mail::Entropy;
use mail::private_key::Signer;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::errors::Result as PgpResult;
use pgp::packet::{
    Features, KeyFlags, PublicSubkey, RevocationCode, Signature, SignatureConfig, SignatureType, Subpacket,
    SubpacketData, UserId,
};
use pgp::types::{CompressionAlgorithm, Duration, KeyDetails, KeyVersion, Password, Tag};

use super::{RevocationReason, SecretIdentity};
use crate::component::Component;
use crate::judge::View;
use crate::rng::Rng;
use crate::seam::SeamKey;
use crate::{Certificate, KeyError, time};

/// How long a key lives, in seconds from its making; none is for ever.
#[derive(Clone, Copy)]
pub struct Life(Option<u32>);

impl Life {
    pub fn until(expires_at: Option<Timestamp>, made_at: Timestamp) -> Self {
        Self(expires_at.map(|end| {
            let seconds = end.as_second().saturating_sub(made_at.as_second()).max(1);
            u32::try_from(seconds).unwrap_or(u32::MAX)
        }))
    }
}

/// The owner, making statements now.
pub struct Author<'a> {
    pub primary: Component<'a>,
    pub signer: &'a dyn Signer,
    pub now: Timestamp,
    pub entropy: &'a dyn Entropy,
}

impl<'a> Author<'a> {
    fn key(&self) -> SeamKey<'a> {
        SeamKey::new(self.primary, self.signer)
    }

    fn config(&self, kind: SignatureType, parts: Vec<SubpacketData>) -> PgpResult<SignatureConfig> {
        let mut config = SignatureConfig::from_key(Rng(self.entropy), &self.key(), kind)?;
        let (hashed, unhashed) = said_by(&self.primary, self.now)?;
        config.hashed_subpackets = hashed;
        config.unhashed_subpackets = unhashed;
        for part in parts {
            // What a key is for and how long must not be passed over by a reader.
            let is_critical = matches!(part, SubpacketData::KeyFlags(_) | SubpacketData::KeyExpirationTime(_));
            let made = if is_critical { Subpacket::critical(part) } else { Subpacket::regular(part) };
            config.hashed_subpackets.push(made?);
        }
        Ok(config)
    }

    /// What the key is for and what its owner's software reads.
    fn properties(life: Life) -> Vec<SubpacketData> {
        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut features = Features::default();
        features.set_seipd_v1(true);
        features.set_seipd_v2(true);
        let aeads = [AeadAlgorithm::Gcm, AeadAlgorithm::Ocb].into_iter().flat_map(|aead| {
            [SymmetricKeyAlgorithm::AES256, SymmetricKeyAlgorithm::AES128].map(|cipher| (cipher, aead))
        });
        let mut parts = vec![
            SubpacketData::KeyFlags(flags),
            SubpacketData::Features(features),
            SubpacketData::PreferredSymmetricAlgorithms(
                [SymmetricKeyAlgorithm::AES256, SymmetricKeyAlgorithm::AES128].into_iter().collect(),
            ),
            SubpacketData::PreferredAeadAlgorithms(aeads.collect()),
            SubpacketData::PreferredHashAlgorithms(
                [HashAlgorithm::Sha512, HashAlgorithm::Sha384, HashAlgorithm::Sha256].into_iter().collect(),
            ),
            SubpacketData::PreferredCompressionAlgorithms([CompressionAlgorithm::Uncompressed].into_iter().collect()),
        ];
        parts.extend(life.0.map(|seconds| SubpacketData::KeyExpirationTime(Duration::from_secs(seconds))));
        parts
    }

    pub fn user(&self, id: &UserId, is_primary: bool, life: Life) -> PgpResult<Signature> {
        let mut parts = Self::properties(life);
        if is_primary {
            parts.push(SubpacketData::IsPrimary(true));
        }
        let config = self.config(SignatureType::CertPositive, parts)?;
        config.sign_certification(&self.key(), &self.primary, &Password::empty(), Tag::UserId, id)
    }

    pub fn direct(&self, life: Life) -> PgpResult<Signature> {
        let config = self.config(SignatureType::Key, Self::properties(life))?;
        config.sign_key(&self.key(), &Password::empty(), &self.primary)
    }

    pub fn encrypting_subkey(&self, subkey: &PublicSubkey, life: Life) -> PgpResult<Signature> {
        let mut flags = KeyFlags::default();
        flags.set_encrypt_comms(true);
        flags.set_encrypt_storage(true);
        let mut parts = vec![SubpacketData::KeyFlags(flags)];
        parts.extend(life.0.map(|seconds| SubpacketData::KeyExpirationTime(Duration::from_secs(seconds))));
        let config = self.config(SignatureType::SubkeyBinding, parts)?;
        config.sign_subkey_binding(&self.key(), &self.primary, &Password::empty(), subkey)
    }

    /// An earlier statement of the owner, said again with another life.
    fn again(&self, said: &Signature, life: Life) -> PgpResult<SignatureConfig> {
        let kind = said.typ().unwrap_or(SignatureType::Key);
        let kept = said.config().into_iter().flat_map(|config| config.hashed_subpackets()).filter(|part| {
            !matches!(
                part.data,
                SubpacketData::SignatureCreationTime(_)
                    | SubpacketData::SignatureExpirationTime(_)
                    | SubpacketData::KeyExpirationTime(_)
                    | SubpacketData::IssuerFingerprint(_)
                    | SubpacketData::IssuerKeyId(_)
                    | SubpacketData::EmbeddedSignature(_)
            )
        });
        let mut parts: Vec<SubpacketData> = kept.map(|part| part.data.clone()).collect();
        parts.extend(life.0.map(|seconds| SubpacketData::KeyExpirationTime(Duration::from_secs(seconds))));
        // A subkey's own signature over the key holds on whatever is said of it.
        let returned = said.embedded_signature().cloned();
        parts.extend(returned.map(|returned| SubpacketData::EmbeddedSignature(Box::new(returned))));
        self.config(kind, parts)
    }
}

/// When, and by which key (RFC 9580 §5.2.3.12, §5.2.3.35): what stands in every
/// signature, as the hashed part and the other.
pub fn said_by(key: &impl KeyDetails, now: Timestamp) -> PgpResult<(Vec<Subpacket>, Vec<Subpacket>)> {
    let hashed = vec![
        Subpacket::critical(SubpacketData::SignatureCreationTime(time::to_packet(now)))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
    ];
    // Old software looks for the id; version 6 must not have it.
    let unhashed = match key.version() {
        KeyVersion::V6 => Vec::new(),
        _ => vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?],
    };
    Ok((hashed, unhashed))
}

/// See [`SecretIdentity::extend`]: every statement in force is said again.
pub fn extend(
    identity: &SecretIdentity,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<SecretIdentity, KeyError> {
    let certificate = identity.certificate();
    let signer = identity.signer(&certificate.fingerprint()).ok_or(KeyError::Unsupported)?;
    let author = Author { primary: certificate.primary(), signer: &*signer, now, entropy };
    let extended = extended(&author, certificate, expires_at, now).map_err(|_| KeyError::Unsupported)?;
    let certificate = extended.ok_or(KeyError::Malformed)?;
    Ok(SecretIdentity { certificate, ..identity.clone() })
}

fn extended(
    author: &Author<'_>,
    certificate: &Certificate,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> PgpResult<Option<Certificate>> {
    let view = View::now(certificate, now);
    let mut key = certificate.key().clone();
    let (owner, nobody) = (author.key(), Password::empty());
    let life = Life::until(expires_at, certificate.created_at());
    if let Some(said) = view.direct_statement() {
        let again = author.again(said, life)?;
        key.details.direct_signatures.push(again.sign_key(&owner, &nobody, &author.primary)?);
    }
    for (index, user) in key.details.users.iter_mut().enumerate() {
        if let Some(said) = view.live_user_statement(index) {
            let again = author.again(said, life)?;
            user.signatures.push(again.sign_certification(&owner, &author.primary, &nobody, Tag::UserId, &user.id)?);
        }
    }
    for (index, subkey) in key.public_subkeys.iter_mut().enumerate() {
        let component = Component::subkey(&subkey.key);
        if let Some(said) = view.live_subkey_statement(index) {
            let life = Life::until(expires_at, time::from_packet(component.created_at()));
            let again = author.again(said, life)?;
            let signature = again.sign_subkey_binding(&owner, &author.primary, &nobody, &component)?;
            subkey.signatures.push(signature);
        }
    }
    Ok(Certificate::from_key(key))
}

/// See [`SecretIdentity::revoke`].
pub fn revoke(
    identity: &SecretIdentity,
    reason: RevocationReason,
    words: &str,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Certificate, KeyError> {
    let certificate = identity.certificate();
    let signer = identity.signer(&certificate.fingerprint()).ok_or(KeyError::Unsupported)?;
    let author = Author { primary: certificate.primary(), signer: &*signer, now, entropy };
    let code = match reason {
        RevocationReason::Compromised => RevocationCode::KeyCompromised,
        RevocationReason::Superseded => RevocationCode::KeySuperseded,
        RevocationReason::Retired => RevocationCode::KeyRetired,
    };
    let said = SubpacketData::RevocationReason(code, words.as_bytes().to_vec().into());
    let signature = author
        .config(SignatureType::KeyRevocation, vec![said])
        .and_then(|config| config.sign_key(&author.key(), &Password::empty(), &author.primary))
        .map_err(|_| KeyError::Unsupported)?;
    let mut key = certificate.key().clone();
    key.details.revocation_signatures.push(signature);
    Certificate::from_key(key).ok_or(KeyError::Malformed)
}
