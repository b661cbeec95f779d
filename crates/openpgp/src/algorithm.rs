//! Which algorithms are relied on, and until when (RFC 9580 §9, §13; NIST SP 800-131A).

use jiff::Timestamp;
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::ser::Serialize;
use pgp::types::{EcdhPublicParams, KeyDetails, PublicParams};

use crate::Unusable;

/// RSA below this can be forged and read.
const RSA_BITS_MIN: usize = 2048;

/// 2013-02-01: collisions of SHA-1 are in reach, so that a signature over
/// somebody else's bytes proves nothing.
const SHA1_DATA_END_S: i64 = 1_359_676_800;

/// 2023-02-01: where the owner alone chose the bytes, only a second preimage
/// helps a forger; still nobody has a reason to use SHA-1 after this.
const SHA1_BINDING_END_S: i64 = 1_675_209_600;

/// What a signature is made over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Bytes that somebody else may have chosen.
    Data,
    /// The owner's own keys and user ids.
    Binding,
}

/// Whether a signature made at `at` with this hash can be relied on.
pub fn is_sound(hash: HashAlgorithm, over: Over, at: Timestamp) -> bool {
    match hash {
        HashAlgorithm::Sha224
        | HashAlgorithm::Sha256
        | HashAlgorithm::Sha384
        | HashAlgorithm::Sha512
        | HashAlgorithm::Sha3_256
        | HashAlgorithm::Sha3_512 => true,
        HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160 => {
            let end = match over {
                Over::Data => SHA1_DATA_END_S,
                Over::Binding => SHA1_BINDING_END_S,
            };
            at.as_second() < end
        }
        _ => false,
    }
}

/// Whether the key is strong enough, and of a kind that is known here.
pub fn check(key: &impl KeyDetails) -> Result<(), Unusable> {
    let params = key.public_params();
    match params {
        PublicParams::RSA(_) if is_strong_rsa(params) => Ok(()),
        PublicParams::RSA(_) | PublicParams::DSA(_) | PublicParams::Elgamal(_) => Err(Unusable::Weak(name(key))),
        PublicParams::ECDSA(ecdsa) => known_curve(&ecdsa.curve(), key),
        PublicParams::ECDH(ecdh) => {
            known_curve(&ecdh.curve(), key)?;
            if is_sound_kdf(ecdh) { Ok(()) } else { Err(Unusable::Weak(name(key))) }
        }
        PublicParams::EdDSALegacy(eddsa) => known_curve(&eddsa.curve(), key),
        PublicParams::Ed25519(_) | PublicParams::X25519(_) | PublicParams::Ed448(_) | PublicParams::X448(_) => Ok(()),
        _ => Err(Unusable::Unsupported(name(key))),
    }
}

fn known_curve(curve: &ECCCurve, key: &impl KeyDetails) -> Result<(), Unusable> {
    match curve {
        ECCCurve::Curve25519Legacy | ECCCurve::Ed25519Legacy | ECCCurve::P256 | ECCCurve::P384 | ECCCurve::P521 => {
            Ok(())
        }
        _ => Err(Unusable::Unsupported(name(key))),
    }
}

/// A key may name any hash and cipher for its key wrapping (RFC 9580 §11.5);
/// only those that the RFC allows are used.
fn is_sound_kdf(params: &EcdhPublicParams) -> bool {
    let (EcdhPublicParams::Curve25519Legacy { hash, alg_sym, .. }
    | EcdhPublicParams::P256 { hash, alg_sym, .. }
    | EcdhPublicParams::P384 { hash, alg_sym, .. }
    | EcdhPublicParams::P521 { hash, alg_sym, .. }) = params
    else {
        return false;
    };
    matches!(hash, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
        && matches!(
            alg_sym,
            SymmetricKeyAlgorithm::AES128 | SymmetricKeyAlgorithm::AES192 | SymmetricKeyAlgorithm::AES256
        )
}

/// Whether an algorithm makes signatures at all; one that is not known may.
pub const fn signs(algorithm: PublicKeyAlgorithm) -> bool {
    matches!(
        algorithm,
        PublicKeyAlgorithm::RSA
            | PublicKeyAlgorithm::RSASign
            | PublicKeyAlgorithm::DSA
            | PublicKeyAlgorithm::ECDSA
            | PublicKeyAlgorithm::EdDSALegacy
            | PublicKeyAlgorithm::Ed25519
            | PublicKeyAlgorithm::Ed448
            | PublicKeyAlgorithm::Unknown(_)
    )
}

/// Whether an algorithm encrypts at all; one that is not known may.
pub const fn encrypts(algorithm: PublicKeyAlgorithm) -> bool {
    matches!(
        algorithm,
        PublicKeyAlgorithm::RSA
            | PublicKeyAlgorithm::RSAEncrypt
            | PublicKeyAlgorithm::ElgamalEncrypt
            | PublicKeyAlgorithm::ECDH
            | PublicKeyAlgorithm::X25519
            | PublicKeyAlgorithm::X448
            | PublicKeyAlgorithm::Unknown(_)
    )
}

/// The name for people: `RSA-3072`, `ECDH P-256`, `Ed25519`.
pub fn name(key: &impl KeyDetails) -> String {
    let params = key.public_params();
    match params {
        PublicParams::RSA(_) => format!("RSA-{}", rsa_bits(params)),
        PublicParams::DSA(_) => "DSA".to_owned(),
        PublicParams::Elgamal(_) => "ElGamal".to_owned(),
        PublicParams::ECDSA(ecdsa) => format!("ECDSA {}", curve_name(&ecdsa.curve())),
        PublicParams::ECDH(EcdhPublicParams::Curve25519Legacy { .. }) | PublicParams::X25519(_) => "X25519".to_owned(),
        PublicParams::ECDH(ecdh) => format!("ECDH {}", curve_name(&ecdh.curve())),
        PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) => "Ed25519".to_owned(),
        PublicParams::X448(_) => "X448".to_owned(),
        PublicParams::Ed448(_) => "Ed448".to_owned(),
        _ => format!("algorithm {}", u8::from(key.algorithm())),
    }
}

fn curve_name(curve: &ECCCurve) -> &str {
    curve.name().strip_prefix("NIST ").unwrap_or_else(|| curve.name())
}

/// The length of the modulus: the first number of the public values, which
/// begins with its length in bits (RFC 9580 §3.2).
fn rsa_bits(params: &PublicParams) -> usize {
    let mut bytes = Vec::new();
    match params.to_writer(&mut bytes) {
        Ok(()) => bytes.first_chunk::<2>().map_or(0, |bits| usize::from(u16::from_be_bytes(*bits))),
        Err(_) => 0,
    }
}

/// Whether a private key of this size is used.
pub fn is_strong_rsa(params: &PublicParams) -> bool {
    rsa_bits(params) >= RSA_BITS_MIN
}

/// The length of an RSA ciphertext or signature.
pub fn rsa_bytes(params: &PublicParams) -> usize {
    rsa_bits(params).div_ceil(8)
}

/// The name of a cipher that protects a content.
pub const fn cipher_name(cipher: SymmetricKeyAlgorithm) -> &'static str {
    match cipher {
        SymmetricKeyAlgorithm::AES128 => "AES-128",
        SymmetricKeyAlgorithm::AES192 => "AES-192",
        SymmetricKeyAlgorithm::AES256 => "AES-256",
        SymmetricKeyAlgorithm::Twofish => "Twofish",
        SymmetricKeyAlgorithm::Camellia128 => "Camellia-128",
        SymmetricKeyAlgorithm::Camellia192 => "Camellia-192",
        SymmetricKeyAlgorithm::Camellia256 => "Camellia-256",
        _ => "unknown",
    }
}

/// Whether a content in this cipher is read. Those with blocks of 64 bits are
/// not: what one key may protect ends within reach of an attachment.
pub const fn is_read(cipher: SymmetricKeyAlgorithm) -> bool {
    matches!(
        cipher,
        SymmetricKeyAlgorithm::AES128
            | SymmetricKeyAlgorithm::AES192
            | SymmetricKeyAlgorithm::AES256
            | SymmetricKeyAlgorithm::Twofish
            | SymmetricKeyAlgorithm::Camellia128
            | SymmetricKeyAlgorithm::Camellia192
            | SymmetricKeyAlgorithm::Camellia256
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_hash(hash: HashAlgorithm, over: Over, at: &str, expect: bool) {
        assert_eq!(is_sound(hash, over, at.parse().unwrap()), expect, "{hash:?} {over:?} {at}");
    }

    #[test]
    fn old_hashes_end() {
        check_hash(HashAlgorithm::Sha256, Over::Data, "2026-01-01T00:00:00Z", true);
        check_hash(HashAlgorithm::Sha1, Over::Data, "2013-01-31T23:59:59Z", true);
        check_hash(HashAlgorithm::Sha1, Over::Data, "2013-02-01T00:00:00Z", false);
        check_hash(HashAlgorithm::Sha1, Over::Binding, "2023-01-31T23:59:59Z", true);
        check_hash(HashAlgorithm::Sha1, Over::Binding, "2023-02-01T00:00:00Z", false);
        check_hash(HashAlgorithm::Md5, Over::Binding, "1999-01-01T00:00:00Z", false);
        check_hash(HashAlgorithm::Other(77), Over::Data, "2026-01-01T00:00:00Z", false);
    }
}
