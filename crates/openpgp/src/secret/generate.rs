//! New keys, with the statements that others need to use them.

use jiff::Timestamp;
use mail::Entropy;
use mail::private_key::Signer;
use pgp::composed::{KeyType, SignedKeyDetails, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::errors::Result as PgpResult;
use pgp::packet::{PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, UserId};
use pgp::types::{KeyVersion, PacketHeaderVersion, SecretParams, SignedUser};

use super::amend::{Author, Life};
use super::{KeyKind, SecretIdentity, software};
use crate::component::Component;
use crate::keyring::Secrets;
use crate::rng::Rng;
use crate::{Certificate, Fingerprint, KeyError, time};

/// See [`SecretIdentity::generate`].
pub fn generate(
    user_id: &str,
    kind: KeyKind,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<SecretIdentity, KeyError> {
    let packets = packets(kind, now, entropy).map_err(|_| KeyError::Unsupported)?;
    let SecretParams::Plain(plain) = packets.primary.secret_params() else {
        return Err(KeyError::Unsupported);
    };
    let primary = packets.primary.public_key();
    let params = pgp::types::KeyDetails::public_params(primary);
    let signer = software::uses(params, plain)?.signer.ok_or(KeyError::Unsupported)?;
    let key = bound(&packets, user_id, expires_at, now, &*signer, entropy).map_err(|_| KeyError::Malformed)?;
    let certificate = Certificate::from_key(key).ok_or(KeyError::Unsupported)?;
    let secrets = Secrets { primary: Some(packets.primary), subkeys: vec![packets.subkey] };
    SecretIdentity::from_secrets(certificate, secrets)
}

/// See [`SecretIdentity::with_new_subkey`].
pub fn with_new_subkey(
    identity: &SecretIdentity,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<SecretIdentity, KeyError> {
    let certificate = identity.certificate();
    let signer = identity.signer(&certificate.fingerprint()).ok_or(KeyError::Unsupported)?;
    let packets = identity.packets.as_ref().ok_or(KeyError::Unsupported)?;
    let kind = match certificate.fingerprint() {
        Fingerprint::V4(_) => KeyKind::V4,
        Fingerprint::V6(_) => KeyKind::V6,
    };
    let (subkey, bound) =
        added(certificate, kind, &*signer, expires_at, now, entropy).map_err(|_| KeyError::Unsupported)?;
    let mut key = certificate.key().clone();
    key.public_subkeys.push(bound);
    let certificate = Certificate::from_key(key).ok_or(KeyError::Malformed)?;
    let mut secrets = Secrets { primary: packets.primary.clone(), subkeys: packets.subkeys.clone() };
    secrets.subkeys.push(subkey);
    SecretIdentity::from_secrets(certificate, secrets)
}

fn added(
    certificate: &Certificate,
    kind: KeyKind,
    signer: &dyn Signer,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> PgpResult<(SecretSubkey, SignedPublicSubKey)> {
    let subkey = encrypting(kind, now, entropy)?;
    let author = Author { primary: certificate.primary(), signer, now, entropy };
    let signatures = vec![author.encrypting_subkey(subkey.public_key(), Life::until(expires_at, now))?];
    let bound = SignedPublicSubKey { key: subkey.public_key().clone(), signatures };
    Ok((subkey, bound))
}

struct Packets {
    primary: SecretKey,
    subkey: SecretSubkey,
}

fn packets(kind: KeyKind, now: Timestamp, entropy: &dyn Entropy) -> PgpResult<Packets> {
    let signing = match kind {
        KeyKind::V4 => KeyType::Ed25519Legacy,
        KeyKind::V6 => KeyType::Ed25519,
    };
    let (public, secret) = drawn(kind, &signing, now, entropy)?;
    let primary = SecretKey::new(PublicKey::from_inner(public)?, secret)?;
    Ok(Packets { primary, subkey: encrypting(kind, now, entropy)? })
}

fn encrypting(kind: KeyKind, now: Timestamp, entropy: &dyn Entropy) -> PgpResult<SecretSubkey> {
    let encrypting = match kind {
        KeyKind::V4 => KeyType::ECDH(ECCCurve::Curve25519Legacy),
        KeyKind::V6 => KeyType::X25519,
    };
    let (public, secret) = drawn(kind, &encrypting, now, entropy)?;
    SecretSubkey::new(PublicSubkey::from_inner(public)?, secret)
}

fn drawn(
    kind: KeyKind,
    algorithm: &KeyType,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> PgpResult<(PubKeyInner, SecretParams)> {
    let version = match kind {
        KeyKind::V4 => KeyVersion::V4,
        KeyKind::V6 => KeyVersion::V6,
    };
    let (public, secret) = algorithm.generate(Rng(entropy))?;
    Ok((PubKeyInner::new(version, algorithm.to_alg(), time::to_packet(now), None, public)?, secret))
}

/// One user id, one key that certifies and signs, one subkey that encrypts:
/// what every mail program makes and reads.
fn bound(
    packets: &Packets,
    user_id: &str,
    expires_at: Option<Timestamp>,
    now: Timestamp,
    signer: &dyn Signer,
    entropy: &dyn Entropy,
) -> PgpResult<SignedPublicKey> {
    let primary = packets.primary.public_key();
    let subkey = packets.subkey.public_key();
    let author = Author { primary: Component::primary(primary), signer, now, entropy };
    let life = Life::until(expires_at, now);
    let id = UserId::from_str(PacketHeaderVersion::New, user_id)?;
    let user = SignedUser { signatures: vec![author.user(&id, true, life)?], id };
    // Version 6 wants its properties in a signature over the key alone (RFC 9580 §10.1.1).
    let direct = if pgp::types::KeyDetails::version(primary) == KeyVersion::V6 {
        vec![author.direct(life)?]
    } else {
        Vec::new()
    };
    let details = SignedKeyDetails {
        revocation_signatures: Vec::new(),
        direct_signatures: direct,
        users: vec![user],
        user_attributes: Vec::new(),
    };
    let signatures = vec![author.encrypting_subkey(subkey, life)?];
    let public_subkeys = vec![SignedPublicSubKey { key: subkey.clone(), signatures }];
    Ok(SignedPublicKey { primary_key: primary.clone(), details, public_subkeys })
}
