//! Signatures checked against a digest (RFC 9580 §5.2.3).

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, EcdsaVerificationAlgorithm, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, Mpi, PublicParams, SignatureBytes};

use super::{left_padded, rsa_numbers};

/// Whether a signature fits; none where rPGP has to say.
pub fn verify(params: &PublicParams, hash: HashAlgorithm, digest: &[u8], signature: &SignatureBytes) -> Option<bool> {
    match (params, signature) {
        (PublicParams::RSA(_), SignatureBytes::Mpis(numbers)) => verify_rsa(params, hash, digest, numbers),
        (PublicParams::ECDSA(ecdsa), SignatureBytes::Mpis(numbers)) => verify_ecdsa(ecdsa, hash, digest, numbers),
        (PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }), SignatureBytes::Mpis(numbers)) => {
            let halves: Option<Vec<Vec<u8>>> = numbers.iter().map(|number| left_padded(number.as_ref(), 32)).collect();
            let signature = halves.unwrap_or_default().concat();
            Some(UnparsedPublicKey::new(&ED25519, key.as_bytes()).verify(digest, &signature).is_ok())
        }
        (PublicParams::Ed25519(own), SignatureBytes::Native(signature)) => {
            Some(UnparsedPublicKey::new(&ED25519, own.key.as_bytes()).verify(digest, signature).is_ok())
        }
        _ => None,
    }
}

fn verify_rsa(params: &PublicParams, hash: HashAlgorithm, digest: &[u8], numbers: &[Mpi]) -> Option<bool> {
    let algorithm: &'static RsaParameters = match hash {
        HashAlgorithm::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        HashAlgorithm::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
        HashAlgorithm::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        _ => return None,
    };
    let (n, e) = rsa_numbers(params)?;
    let length = n.len();
    let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(algorithm).ok()?;
    let digest = imported(hash, digest)?;
    let [number] = numbers else {
        return Some(false);
    };
    let signature = left_padded(number.as_ref(), length);
    Some(signature.is_some_and(|signature| key.verify_digest_sig(&digest, &signature).is_ok()))
}

fn verify_ecdsa(params: &EcdsaPublicParams, hash: HashAlgorithm, digest: &[u8], numbers: &[Mpi]) -> Option<bool> {
    let (point, algorithms): (_, [&'static EcdsaVerificationAlgorithm; 3]) = match params {
        EcdsaPublicParams::P256 { key } => {
            (key.to_sec1_bytes(), [&ECDSA_P256_SHA256_ASN1, &ECDSA_P256_SHA384_ASN1, &ECDSA_P256_SHA512_ASN1])
        }
        EcdsaPublicParams::P384 { key } => {
            (key.to_sec1_bytes(), [&ECDSA_P384_SHA256_ASN1, &ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA512_ASN1])
        }
        EcdsaPublicParams::P521 { key } => {
            (key.to_sec1_bytes(), [&ECDSA_P521_SHA256_ASN1, &ECDSA_P521_SHA384_ASN1, &ECDSA_P521_SHA512_ASN1])
        }
        _ => return None,
    };
    let [sha256, sha384, sha512] = algorithms;
    let algorithm = match hash {
        HashAlgorithm::Sha256 => sha256,
        HashAlgorithm::Sha384 => sha384,
        HashAlgorithm::Sha512 => sha512,
        _ => return None,
    };
    let digest = imported(hash, digest)?;
    let [r, s] = numbers else {
        return Some(false);
    };
    let signature = der(r.as_ref(), s.as_ref())?;
    Some(UnparsedPublicKey::new(algorithm, &point).verify_digest(&digest, &signature).is_ok())
}

/// Two numbers as the provider reads them (RFC 3279 §2.2.3); none for numbers
/// that are too long for any curve.
fn der(r: &[u8], s: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = (der_number(r)?, der_number(s)?);
    let length = u8::try_from(r.len().checked_add(s.len())?).ok()?;
    let head: &[u8] = if length < 128 { &[0x30, length] } else { &[0x30, 0x81, length] };
    Some([head, &r, &s].concat())
}

fn der_number(number: &[u8]) -> Option<Vec<u8>> {
    let is_high = number.first().is_none_or(|first| *first >= 0x80);
    let sign: &[u8] = if is_high { &[0] } else { &[] };
    let length = u8::try_from(number.len().checked_add(sign.len())?).ok().filter(|length| *length < 128)?;
    Some([&[0x02, length], sign, number].concat())
}

fn imported(hash: HashAlgorithm, bytes: &[u8]) -> Option<Digest> {
    let algorithm = match hash {
        HashAlgorithm::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
        _ => return None,
    };
    Digest::import_less_safe(bytes, algorithm).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(r: &[u8], s: &[u8], expect: Option<&[u8]>) {
        assert_eq!(der(r, s).as_deref(), expect);
    }

    #[test]
    fn numbers_become_der() {
        check(&[1], &[2], Some(&[0x30, 6, 2, 1, 1, 2, 1, 2]));
        check(&[0x80], &[], Some(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 0]));
        let long = [0x7F; 66];
        let expect = [&[0x30, 0x81, 136, 2, 66][..], &long, &[2, 66], &long].concat();
        check(&long, &long, Some(&expect));
        check(&[1; 128], &[1], None);
        check(&[1; 4000], &[1], None);
    }
}
