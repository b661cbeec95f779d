//! What one signature of RSA-2048 takes of the provider of cryptography that
//! the product has, here and now: no signed message can cost less.

use std::time::Instant;

use anyhow::{Context, Result};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::crypto::aws_lc_rs::sign::any_supported_type;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// How many are made.
const COUNT: usize = 1_000;

/// The median of many, in milliseconds.
pub fn rsa_2048_ms() -> Result<f64> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let key = any_supported_type(&PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))?;
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).context("no RSA with SHA-256")?;
    // As long as the fields that DKIM signs (RFC 6376 §3.7).
    let fields = [0x61; 512];
    let mut times = Vec::with_capacity(COUNT);
    for _ in 0..COUNT {
        let began = Instant::now();
        signer.sign(&fields)?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(COUNT / 2).copied().unwrap_or_default())
}
