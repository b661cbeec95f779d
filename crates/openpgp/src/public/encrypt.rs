//! Session keys encrypted to a public key (RFC 9580 §5.1).

use aws_lc_rs::agreement::{self, Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey, X25519};
use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey, PublicKeyComponents};
use mail::Entropy;
use pgp::crypto::{aes_kw, ecdh, x25519};
use pgp::types::{EcdhPublicParams, EskType, KeyDetails as _, Mpi, PkeskBytes, PublicParams};
use zeroize::Zeroizing;

use super::rsa_numbers;
use crate::component::Component;

/// How often a private scalar is drawn until one lies on the curve; once is
/// enough but for odds beyond counting.
const DRAWS_MAX: usize = 16;

/// Encrypts a session key; none where rPGP has to do it, or where the key is on no curve.
pub fn encrypt(
    component: Component<'_>,
    fingerprint: &[u8],
    plain: &[u8],
    kind: EskType,
    entropy: &dyn Entropy,
) -> Option<PkeskBytes> {
    match component.public_params() {
        PublicParams::RSA(_) => component.with_rsa(|key| encrypt_rsa(key, plain)),
        PublicParams::ECDH(ecdh) => encrypt_ecdh(ecdh, fingerprint, plain, entropy),
        PublicParams::X25519(own) => encrypt_x25519(own.key.as_bytes(), plain, kind, entropy),
        _ => None,
    }
}

/// An RSA key ready for use; none for any other, or where the provider takes it for none.
pub fn rsa_key(params: &PublicParams) -> Option<Pkcs1PublicEncryptingKey> {
    let PublicParams::RSA(_) = params else {
        return None;
    };
    let (n, e) = rsa_numbers(params)?;
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into().ok()?;
    Pkcs1PublicEncryptingKey::new(key).ok()
}

/// The padding takes its randomness from the provider.
fn encrypt_rsa(key: &Pkcs1PublicEncryptingKey, plain: &[u8]) -> Option<PkeskBytes> {
    let mut sealed = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(plain, &mut sealed).ok()?;
    Some(PkeskBytes::Rsa { mpi: Mpi::from_slice(sealed) })
}

/// RFC 9580 §5.1.6.
fn encrypt_x25519(own: &[u8; 32], plain: &[u8], kind: EskType, entropy: &dyn Entropy) -> Option<PkeskBytes> {
    // Before version 2 the cipher stands in clear in front of the key.
    let (sym_alg, key) = match kind {
        EskType::V3_4 => plain.split_first().map(|(cipher, key)| (Some((*cipher).into()), key))?,
        EskType::V6 => (None, plain),
    };
    let (ephemeral, shared) = agreed(&X25519, own, entropy)?;
    let ephemeral: [u8; 32] = ephemeral.try_into().ok()?;
    let wrapping = x25519::hkdf(&ephemeral, own, shared.as_slice().try_into().ok()?).ok()?;
    let session_key = aes_kw::wrap(&*wrapping, key).ok()?.into();
    Some(PkeskBytes::X25519 { ephemeral, session_key, sym_alg })
}

/// RFC 9580 §11.5.
fn encrypt_ecdh(
    params: &EcdhPublicParams,
    fingerprint: &[u8],
    plain: &[u8],
    entropy: &dyn Entropy,
) -> Option<PkeskBytes> {
    let (algorithm, peer, hash, cipher) = match params {
        EcdhPublicParams::Curve25519Legacy { p, hash, alg_sym, .. } => (&X25519, p.as_bytes().to_vec(), hash, alg_sym),
        EcdhPublicParams::P256 { p, hash, alg_sym } => (&ECDH_P256, p.to_sec1_bytes().to_vec(), hash, alg_sym),
        EcdhPublicParams::P384 { p, hash, alg_sym } => (&ECDH_P384, p.to_sec1_bytes().to_vec(), hash, alg_sym),
        EcdhPublicParams::P521 { p, hash, alg_sym } => (&ECDH_P521, p.to_sec1_bytes().to_vec(), hash, alg_sym),
        _ => return None,
    };
    let (mut ephemeral, shared) = agreed(algorithm, &peer, entropy)?;
    if matches!(params, EcdhPublicParams::Curve25519Legacy { .. }) {
        ephemeral.insert(0, 0x40);
    }
    let param = ecdh::build_ecdh_param(&params.curve().oid(), *cipher, *hash, fingerprint);
    let wrapping = Zeroizing::new(ecdh::kdf(*hash, &shared, cipher.key_size(), &param).ok()?);
    let session_key = aes_kw::wrap(&wrapping, &padded(plain)?).ok()?;
    Some(PkeskBytes::Ecdh { public_point: Mpi::from_slice(&ephemeral), encrypted_session_key: session_key.into() })
}

/// To 40 bytes whatever the session key, so that its length tells no cipher.
fn padded(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    const LENGTH: usize = 40;
    let padding = LENGTH.checked_sub(plain.len()).filter(|padding| *padding > 0)?;
    let mut padded = Zeroizing::new(plain.to_vec());
    padded.resize(LENGTH, u8::try_from(padding).ok()?);
    Some(padded)
}

/// A fresh key's public half and what it shares with `peer`.
fn agreed(algorithm: &'static Algorithm, peer: &[u8], entropy: &dyn Entropy) -> Option<(Vec<u8>, Zeroizing<Vec<u8>>)> {
    let key = (0..DRAWS_MAX).find_map(|_| drawn(algorithm, entropy))?;
    let public = key.compute_public_key().ok()?.as_ref().to_vec();
    let peer = agreement::UnparsedPublicKey::new(algorithm, peer);
    let shared = agreement::agree(&key, peer, (), |shared| Ok(Zeroizing::new(shared.to_vec()))).ok()?;
    Some((public, shared))
}

fn drawn(algorithm: &'static Algorithm, entropy: &dyn Entropy) -> Option<PrivateKey> {
    let is_p521 = *algorithm == ECDH_P521;
    let length = match algorithm {
        _ if is_p521 => 66,
        _ if *algorithm == ECDH_P384 => 48,
        _ => 32,
    };
    let mut scalar = Zeroizing::new(vec![0; length]);
    entropy.fill(&mut scalar);
    if let Some(top) = scalar.first_mut().filter(|_| is_p521) {
        *top &= 1;
    }
    PrivateKey::from_private_key(algorithm, &scalar).ok()
}
