//! Session keys, sealed to a public key and opened with a private one
//! (RFC 9580 §5.1).

use std::sync::Arc;

use aws_lc_rs::digest;
use mail::Entropy;
use mail::private_key::{Decrypter, RsaPadding};
use pgp::composed::RawSessionKey;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::crypto::{ecdh, x25519};
use pgp::errors::Result as PgpResult;
use pgp::packet::{PacketTrait, PublicKeyEncryptedSessionKey};
use pgp::types::{
    EcdhPublicParams, EncryptionKey, EskType, KeyDetails, KeyId, KeyVersion, PkeskBytes, PlainSecretParams,
    PublicParams, Timestamp,
};
use zeroize::Zeroizing;

use crate::component::{Component, Packet};
use crate::container::{Sealing, SessionKey};
use crate::public::{self, left_padded};
use crate::rng::Rng;
use crate::{Protection, algorithm};

/// What stands around the key of a version 3 packet: its cipher and a checksum.
const AROUND: usize = 3;
/// How long the plaintext of a version 3 packet may be, the usual first.
const LENGTHS: [usize; 3] = [32 + AROUND, 16 + AROUND, 24 + AROUND];

/// The packet that hands `key` to the holder of `component`.
pub fn seal(
    component: Component<'_>,
    protection: Protection,
    cipher: SymmetricKeyAlgorithm,
    key: &[u8],
    entropy: &dyn Entropy,
) -> PgpResult<Vec<u8>> {
    let key = RawSessionKey::from(key);
    let to = To { component, entropy };
    let packet = match protection {
        Protection::Mdc => PublicKeyEncryptedSessionKey::from_session_key_v3(Rng(entropy), &key, cipher, &to),
        Protection::Aead => PublicKeyEncryptedSessionKey::from_session_key_v6(Rng(entropy), &key, &to),
    };
    let mut bytes = Vec::new();
    packet?.to_writer_with_header(&mut bytes)?;
    Ok(bytes)
}

/// A component as rPGP encrypts to it.
struct To<'a> {
    component: Component<'a>,
    entropy: &'a dyn Entropy,
}

impl std::fmt::Debug for To<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("To").field(&self.component.name()).finish()
    }
}

impl EncryptionKey for To<'_> {
    fn encrypt<R>(&self, rng: R, plain: &[u8], kind: EskType) -> PgpResult<PkeskBytes>
    where
        R: rand_core::CryptoRng + rand_core::RngCore,
    {
        let fingerprint = self.fingerprint();
        let sealed = public::encrypt(self.component, fingerprint.as_bytes(), plain, kind, self.entropy);
        if let Some(values) = sealed {
            return Ok(values);
        }
        match self.component.packet() {
            Packet::Primary(key) => key.encrypt(rng, plain, kind),
            Packet::Subkey(key) => key.encrypt(rng, plain, kind),
        }
    }
}

impl KeyDetails for To<'_> {
    fn version(&self) -> KeyVersion {
        self.component.version()
    }

    fn legacy_key_id(&self) -> KeyId {
        self.component.legacy_key_id()
    }

    fn fingerprint(&self) -> pgp::types::Fingerprint {
        self.component.fingerprint()
    }

    fn algorithm(&self) -> pgp::crypto::public_key::PublicKeyAlgorithm {
        self.component.algorithm()
    }

    fn created_at(&self) -> Timestamp {
        self.component.created_at()
    }

    fn legacy_v3_expiration_days(&self) -> Option<u16> {
        None
    }

    fn public_params(&self) -> &PublicParams {
        self.component.public_params()
    }
}

/// What decrypts for one component.
#[derive(Clone)]
pub enum Holder {
    /// Behind the seam: in software, in an HSM, in a key service.
    Seam(Arc<dyn Decrypter>),
    /// X448, which the seam has no word for.
    Packet(Arc<PlainSecretParams>),
}

/// Whether the session key of a packet is encrypted as this key decrypts.
pub fn is_alike(component: &Component<'_>, packet: &PublicKeyEncryptedSessionKey) -> bool {
    matches!(
        (component.public_params(), packet.values()),
        (PublicParams::RSA(_), Ok(PkeskBytes::Rsa { .. }))
            | (PublicParams::ECDH(_), Ok(PkeskBytes::Ecdh { .. }))
            | (PublicParams::X25519(_), Ok(PkeskBytes::X25519 { .. }))
            | (PublicParams::X448(_), Ok(PkeskBytes::X448 { .. }))
    )
}

/// Opens a session key. An error tells nothing; with RSA a damaged one yields
/// another key, which opens nothing.
pub fn open(
    component: Component<'_>,
    holder: &Holder,
    packet: &PublicKeyEncryptedSessionKey,
    sealing: Sealing,
) -> Option<SessionKey> {
    let values = packet.values().ok()?;
    match (holder, values) {
        (Holder::Seam(holder), PkeskBytes::Rsa { mpi }) => open_rsa(component, &**holder, mpi.as_ref(), sealing),
        (Holder::Seam(holder), PkeskBytes::Ecdh { public_point, encrypted_session_key }) => {
            let plain = open_ecdh(component, &**holder, public_point.as_ref(), encrypted_session_key)?;
            from_checked(&plain, sealing)
        }
        (Holder::Seam(holder), PkeskBytes::X25519 { ephemeral, session_key, sym_alg }) => {
            let shared: [u8; 32] = holder.agree(ephemeral).ok()?.as_slice().try_into().ok()?;
            let PublicParams::X25519(own) = component.public_params() else {
                return None;
            };
            let key = x25519::derive_session_key(*ephemeral, own.key.to_bytes(), shared, session_key).ok()?;
            Some(SessionKey { cipher: *sym_alg, key })
        }
        (Holder::Packet(secret), PkeskBytes::X448 { .. }) => open_by_packet(component, secret, values, sealing),
        _ => None,
    }
}

/// One operation of the private key whatever the padding is, and always a key:
/// bad padding, a wrong length, a wrong checksum and a cipher that there is not
/// go on as another's key would, and fail where that fails, at the content's
/// integrity (RFC 9580 §13.5, RFC 3218 §2.3.2).
fn open_rsa(component: Component<'_>, holder: &dyn Decrypter, sealed: &[u8], sealing: Sealing) -> Option<SessionKey> {
    let sealed = left_padded(sealed, algorithm::rsa_bytes(component.public_params()))?;
    let open = |lengths: &[usize]| holder.decrypt_rsa(RsaPadding::Pkcs1, &sealed, lengths).ok();
    match sealing {
        Sealing::V1 => whole_or_other(&open(&LENGTHS)?, None),
        Sealing::Gnupg(cipher) => whole_or_other(&open(&[cipher.key_size().checked_add(AROUND)?])?, Some(cipher)),
        Sealing::V2(cipher) => {
            let plain = open(&[cipher.key_size().checked_add(2)?])?;
            let plain = [&[u8::from(cipher)][..], &plain].concat();
            whole_or_other(&Zeroizing::new(plain), Some(cipher))
        }
    }
}

/// The key of a plaintext with its cipher in front and its checksum at the end
/// (RFC 9580 §5.1.3), or, chosen without a branch, one that is derived from the
/// plaintext where that is not whole.
fn whole_or_other(plain: &[u8], wanted: Option<SymmetricKeyAlgorithm>) -> Option<SessionKey> {
    let (rest, checksum) = plain.split_last_chunk::<2>()?;
    let (first, key) = rest.split_first()?;
    let usual = match key.len() {
        16 => SymmetricKeyAlgorithm::AES128,
        24 => SymmetricKeyAlgorithm::AES192,
        _ => SymmetricKeyAlgorithm::AES256,
    };
    let found = SymmetricKeyAlgorithm::from(*first);
    let sum = key.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let is_whole = (sum ^ u16::from_be_bytes(*checksum) == 0)
        & (found.key_size() == key.len())
        & algorithm::is_read(found)
        & (wanted.unwrap_or(found) == found);
    let keep = u8::from(is_whole).wrapping_neg();
    let other = digest::digest(&digest::SHA256, plain);
    let chosen = key.iter().zip(other.as_ref()).map(|(key, other)| (key & keep) | (other & !keep)).collect();
    let cipher = (first & keep) | (u8::from(wanted.unwrap_or(usual)) & !keep);
    Some(SessionKey { cipher: Some(cipher.into()), key: Zeroizing::new(chosen) })
}

/// RFC 9580 §11.5.
fn open_ecdh(
    component: Component<'_>,
    holder: &dyn Decrypter,
    point: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let PublicParams::ECDH(params) = component.public_params() else {
        return None;
    };
    let (hash, cipher, peer) = match params {
        EcdhPublicParams::Curve25519Legacy { hash, alg_sym, .. } => (hash, alg_sym, point.strip_prefix(&[0x40])?),
        EcdhPublicParams::P256 { hash, alg_sym, .. }
        | EcdhPublicParams::P384 { hash, alg_sym, .. }
        | EcdhPublicParams::P521 { hash, alg_sym, .. } => (hash, alg_sym, point),
        _ => return None,
    };
    let shared = holder.agree(peer).ok()?;
    let fingerprint = component.fingerprint();
    let (curve, name) = (params.curve(), fingerprint.as_bytes());
    ecdh::derive_session_key(&shared, sealed, sealed.len(), curve, *hash, *cipher, name).ok()
}

/// A key with its checksum at the end and, before version 2, its cipher in
/// front (RFC 9580 §5.1.3).
fn from_checked(plain: &[u8], sealing: Sealing) -> Option<SessionKey> {
    let (key, checksum) = plain.split_last_chunk::<2>()?;
    let (cipher, key) = match sealing {
        Sealing::V2(_) => (None, key),
        Sealing::V1 | Sealing::Gnupg(_) => {
            let (cipher, key) = key.split_first()?;
            (Some(SymmetricKeyAlgorithm::from(*cipher)), key)
        }
    };
    let sum = key.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let is_whole = sum.to_be_bytes() == *checksum && cipher.is_none_or(|cipher| cipher.key_size() == key.len());
    is_whole.then(|| SessionKey { cipher, key: Zeroizing::new(key.to_vec()) })
}

fn open_by_packet(
    component: Component<'_>,
    secret: &PlainSecretParams,
    values: &PkeskBytes,
    sealing: Sealing,
) -> Option<SessionKey> {
    use pgp::composed::PlainSessionKey;
    let kind = if matches!(sealing, Sealing::V2(_)) { EskType::V6 } else { EskType::V3_4 };
    let plain = secret.decrypt(component.public_params(), values, kind, &component).ok()?;
    let (cipher, key) = match &plain {
        PlainSessionKey::V3_4 { sym_alg, key } => (Some(*sym_alg), key),
        PlainSessionKey::V5 { key } | PlainSessionKey::V6 { key } => (None, key),
    };
    Some(SessionKey { cipher, key: Zeroizing::new(key.as_ref().to_vec()) })
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
