//! The provider's own operations: what nothing can be faster than.

use std::error::Error;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Figure, Run};

/// Each operation by itself.
pub fn figures(run: &Run) -> Result<Vec<Figure>, Box<dyn Error>> {
    let mut figures = vec![
        agree("raw p256 ephemeral and agree", &agreement::ECDH_P256, run)?,
        agree("raw x25519 ephemeral and agree", &agreement::X25519, run)?,
        agree_again("raw p256 agree", &agreement::ECDH_P256, run)?,
        agree_again("raw x25519 agree", &agreement::X25519, run)?,
    ];
    figures.extend(rsa(run)?);
    figures.extend(signatures(run)?);
    for bytes in [4 << 10, 1 << 20, 16 << 20] {
        figures.push(gcm(bytes, run)?);
        let input = vec![7; bytes];
        figures.push(run.rate("raw sha-256", bytes, || digest::digest(&digest::SHA256, &input).as_ref().len()));
        figures.push(run.rate("base64", bytes, || STANDARD.encode(&input).len()));
    }
    Ok(figures)
}

fn agree(name: &str, curve: &'static agreement::Algorithm, run: &Run) -> Result<Figure, Box<dyn Error>> {
    let peer = PrivateKey::generate(curve)?.compute_public_key()?;
    let work = || {
        let own = PrivateKey::generate(curve).expect("a key");
        let public = own.compute_public_key().expect("its public half");
        let peer = agreement::UnparsedPublicKey::new(curve, peer.as_ref());
        let secret = agreement::agree(&own, peer, (), |secret| Ok(secret.len())).expect("a secret");
        secret + public.as_ref().len()
    };
    Ok(run.rate(name, 0, work))
}

fn agree_again(name: &str, curve: &'static agreement::Algorithm, run: &Run) -> Result<Figure, Box<dyn Error>> {
    let peer = PrivateKey::generate(curve)?.compute_public_key()?;
    let own = PrivateKey::generate(curve)?;
    let work = || {
        let peer = agreement::UnparsedPublicKey::new(curve, peer.as_ref());
        agreement::agree(&own, peer, (), |secret| Ok(secret.len())).expect("a secret")
    };
    Ok(run.rate(name, 0, work))
}

fn rsa(run: &Run) -> Result<[Figure; 2], Box<dyn Error>> {
    let private = PrivateDecryptingKey::generate(KeySize::Rsa2048)?;
    let public = Pkcs1PublicEncryptingKey::new(private.public_key())?;
    let private = Pkcs1PrivateDecryptingKey::new(private)?;
    let mut sealed = vec![0; public.ciphertext_size()];
    let encrypt =
        run.rate("raw rsa-2048 encrypt", 0, || public.encrypt(&[7; 32], &mut sealed).expect("a ciphertext").len());
    let mut opened = vec![0; private.min_output_size()];
    let decrypt =
        run.rate("raw rsa-2048 decrypt", 0, || private.decrypt(&sealed, &mut opened).expect("a plaintext").len());
    Ok([encrypt, decrypt])
}

fn signatures(run: &Run) -> Result<[Figure; 6], Box<dyn Error>> {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    let ecdsa = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?;
    let ed25519 = Ed25519KeyPair::generate()?;
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, b"digest", &mut signature)?;
    let by_rsa = signature.clone();
    let (by_ecdsa, by_ed25519) = (ecdsa.sign(&random, b"digest")?, ed25519.sign(b"digest"));
    let verify = |name, algorithm: &'static dyn VerificationAlgorithm, key: &[u8], signature: &[u8]| {
        let key = UnparsedPublicKey::new(algorithm, key);
        run.rate(name, 0, || key.verify(b"digest", signature).map_or(0, |()| 1))
    };
    Ok([
        verify("raw rsa-2048 verify", &RSA_PKCS1_2048_8192_SHA256, rsa.public_key().as_ref(), &by_rsa),
        verify("raw p256 verify", &ECDSA_P256_SHA256_ASN1, ecdsa.public_key().as_ref(), by_ecdsa.as_ref()),
        verify("raw ed25519 verify", &ED25519, ed25519.public_key().as_ref(), by_ed25519.as_ref()),
        run.rate("raw rsa-2048 sign", 0, || {
            rsa.sign(&RSA_PKCS1_SHA256, &random, b"digest", &mut signature).expect("a signature");
            signature.len()
        }),
        run.rate("raw p256 sign", 0, || ecdsa.sign(&random, b"digest").expect("a signature").as_ref().len()),
        run.rate("raw ed25519 sign", 0, || {
            ed25519.sign(b"digest").as_ref().len() + ed25519.public_key().as_ref().len()
        }),
    ])
}

fn gcm(bytes: usize, run: &Run) -> Result<Figure, Box<dyn Error>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32])?);
    let mut content = vec![7; bytes];
    let mut counter = 0_u64;
    let work = || {
        counter += 1;
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&counter.to_le_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut content).expect("a tag").as_ref().len()
    };
    Ok(run.rate("raw aes-256-gcm", bytes, work))
}
