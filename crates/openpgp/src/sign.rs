//! Signatures over data: detached as PGP/MIME has them (RFC 9580 §10.4), and
//! within an encrypted message.

use jiff::Timestamp;
use mail::Entropy;
use pgp::crypto::hash::HashAlgorithm;
use pgp::errors::Result as PgpResult;
use pgp::packet::{
    OnePassSignature, PacketTrait as _, Signature, SignatureConfig, SignatureType, SignatureVersionSpecific, Subpacket,
    SubpacketData,
};
use pgp::types::{Fingerprint as PacketFingerprint, KeyDetails, Password, SigningKey};

use crate::component::Component;
use crate::rng::Rng;
use crate::seam::SeamKey;
use crate::secret::said_by;
use crate::{ArmorKind, Certificate, Fingerprint, KeyError, SealError, SigningIdentity, armor};

/// A signature apart from what it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detached {
    /// The armored signature.
    pub armored: String,
    /// The `micalg` parameter of RFC 3156: `pgp-sha256`.
    pub micalg: &'static str,
    /// The component that signed.
    pub key: Fingerprint,
}

/// Signs `data` as it is: the caller has made it canonical.
pub fn sign_detached(
    data: &[u8],
    identity: &SigningIdentity,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Detached, SealError> {
    let (signature, _) = sign(data, identity, &[], now, entropy)?;
    let micalg = match signature.hash_alg() {
        Some(HashAlgorithm::Sha384) => "pgp-sha384",
        Some(HashAlgorithm::Sha512) => "pgp-sha512",
        _ => "pgp-sha256",
    };
    let mut bytes = Vec::new();
    signature.to_writer_with_header(&mut bytes).map_err(|_| failed())?;
    let armored = armor::armored(ArmorKind::Signature, &bytes, identity.certificate().reader());
    Ok(Detached { armored, micalg, key: identity.key() })
}

/// Two packets that stand around the content of a signed message.
pub struct Around {
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

/// Signs for these recipients alone: one of them who passes the message on
/// can't make it look as if it had been written to another.
pub fn sign_around(
    data: &[u8],
    identity: &SigningIdentity,
    to: &[Certificate],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Around, SealError> {
    let (signature, component) = sign(data, identity, to, now, entropy)?;
    let written = || -> PgpResult<Option<Around>> {
        let mut around = Around { before: Vec::new(), after: Vec::new() };
        let Some(announced) = announced(&signature, component) else {
            return Ok(None);
        };
        announced.to_writer_with_header(&mut around.before)?;
        signature.to_writer_with_header(&mut around.after)?;
        Ok(Some(around))
    };
    written().ok().flatten().ok_or_else(failed)
}

fn failed() -> SealError {
    SealError::Sign(KeyError::Private(mail::private_key::KeyUse::Failed))
}

fn sign<'a>(
    data: &[u8],
    identity: &'a SigningIdentity,
    to: &[Certificate],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<(Signature, Component<'a>), SealError> {
    let component = identity.component().ok_or_else(failed)?;
    let key = SeamKey::new(component, identity.signer());
    let signature = config(&key, to, now, entropy).and_then(|config| config.sign(&key, &Password::empty(), data));
    Ok((signature.map_err(|_| failed())?, component))
}

fn config(key: &SeamKey<'_>, to: &[Certificate], now: Timestamp, entropy: &dyn Entropy) -> PgpResult<SignatureConfig> {
    let mut config = SignatureConfig::from_key(Rng(entropy), key, SignatureType::Binary)?;
    debug_assert_eq!(config.hash_alg, key.hash_alg());
    (config.hashed_subpackets, config.unhashed_subpackets) = said_by(key, now)?;
    for certificate in to {
        let name = SubpacketData::IntendedRecipientFingerprint(certificate.key().primary_key.fingerprint());
        config.hashed_subpackets.push(Subpacket::regular(name)?);
    }
    Ok(config)
}

/// The packet by which a reader knows how to hash what follows (RFC 9580 §5.4).
fn announced(signature: &Signature, component: Component<'_>) -> Option<OnePassSignature> {
    let config = signature.config()?;
    let (kind, hash, algorithm) = (config.typ(), config.hash_alg, component.algorithm());
    match &config.version_specific {
        SignatureVersionSpecific::V6 { salt } => {
            let PacketFingerprint::V6(name) = component.fingerprint() else {
                return None;
            };
            Some(OnePassSignature::v6(kind, hash, algorithm, salt.clone(), name))
        }
        _ => Some(OnePassSignature::v3(kind, hash, algorithm, component.legacy_key_id())),
    }
}
