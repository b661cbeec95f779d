//! PGP/MIME (RFC 3156).

use jiff::Timestamp;
use mail::{Entropy, Method};

use super::unchanging;
use crate::protect::frame::{Boundary, OPENPGP_SIGNATURE, Signed, encrypted_openpgp, signed};
use crate::protect::{Facts, Integrity, KeyReason, ProtectError, Protected, SealedTo, SignError, UnusableKey};

/// Encrypts to `to`, or only signs where that is nobody.
pub(in crate::protect) fn openpgp(
    outer: Vec<u8>,
    payload: Vec<u8>,
    to: &[openpgp::Certificate],
    sign: Option<&openpgp::SigningIdentity>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Protected, ProtectError> {
    match (to, sign) {
        ([], None) => Err(ProtectError::Nobody),
        ([], Some(sign)) => openpgp_signed(outer, payload, sign, now, entropy),
        (to, sign) => openpgp_encrypted(outer, payload, to, sign, now, entropy),
    }
}

fn openpgp_encrypted(
    outer: Vec<u8>,
    payload: Vec<u8>,
    to: &[openpgp::Certificate],
    sign: Option<&openpgp::SigningIdentity>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Protected, ProtectError> {
    let options = openpgp::Options { is_armored: true };
    let sealed = openpgp::encrypt(&payload, to, sign, &options, now, entropy).map_err(|error| blame(error, to, now))?;
    // Freed before the outer message is written: large messages are many.
    drop(payload);
    let bytes = encrypted_openpgp(outer, &sealed.bytes, &Boundary::new(entropy));
    let (integrity, mode) = match sealed.integrity {
        openpgp::Integrity::Aead(mode) => (Integrity::Aead, mode),
        openpgp::Integrity::Mdc => (Integrity::Mdc, "CFB"),
    };
    let facts = Facts {
        method: Method::OpenPgp,
        cipher: Some(format!("{}-{mode}", sealed.cipher)),
        integrity,
        to: sealed
            .to
            .into_iter()
            .map(|to| SealedTo { fingerprint: to.certificate.to_string(), algorithm: to.algorithm })
            .collect(),
        signed_by: sealed.signed_by.map(|fingerprint| fingerprint.to_string()),
    };
    Ok(Protected { bytes, facts })
}

/// Whose fault it was that sealing failed: of the recipients, everybody's whose
/// key can't be used. Looked for only then, since judging a key costs as much as
/// sealing to it.
fn blame(error: openpgp::SealError, to: &[openpgp::Certificate], now: Timestamp) -> ProtectError {
    let reason_of = |certificate: &openpgp::Certificate| match &error {
        openpgp::SealError::Encrypt(failed) if *failed == certificate.fingerprint() => Some(KeyReason::Encrypt),
        _ => certificate.usable_for_encryption(now).err().map(KeyReason::OpenPgp),
    };
    let unusable = |(index, certificate): (usize, &openpgp::Certificate)| {
        let reason = reason_of(certificate)?;
        Some(UnusableKey { index, fingerprint: certificate.fingerprint().to_string(), reason })
    };
    match error {
        openpgp::SealError::Recipient { .. } | openpgp::SealError::Encrypt(_) => {
            ProtectError::Recipients(to.iter().enumerate().filter_map(unusable).collect())
        }
        openpgp::SealError::NoRecipient => ProtectError::Nobody,
        openpgp::SealError::TooLarge => ProtectError::TooLarge,
        error @ openpgp::SealError::Sign(_) => ProtectError::Sign(SignError::OpenPgp(error)),
    }
}

fn openpgp_signed(
    outer: Vec<u8>,
    payload: Vec<u8>,
    sign: &openpgp::SigningIdentity,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Protected, ProtectError> {
    let payload = unchanging(payload);
    let made = openpgp::sign_detached(&payload, sign, now, entropy)
        .map_err(|error| ProtectError::Sign(SignError::OpenPgp(error)))?;
    let frame = Signed { protocol: OPENPGP_SIGNATURE, micalg: made.micalg };
    let bytes = signed(outer, &payload, made.armored.as_bytes(), &frame, &Boundary::new(entropy));
    let signed_by = Some(sign.certificate().fingerprint().to_string());
    Ok(Protected { bytes, facts: Facts::signed(Method::OpenPgp, signed_by) })
}
