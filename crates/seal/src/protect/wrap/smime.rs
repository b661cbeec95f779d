//! S/MIME (RFC 8551).

use jiff::Timestamp;
use mail::{Entropy, Method};
use smime::SealError;
use smime::algorithm::{ContentCipher, DigestName};

use super::unchanging;
use crate::opening::fingerprint;
use crate::protect::frame::{Boundary, SMIME_SIGNATURE, Signed, encrypted_smime, signed};
use crate::protect::{Facts, Integrity, KeyReason, ProtectError, Protected, SealedTo, SignError, UnusableKey};

/// With what S/MIME protects.
pub(in crate::protect) struct Smime<'a> {
    pub to: &'a [smime::Recipient],
    pub sign: Option<&'a smime::SigningIdentity<'a>>,
    pub cipher: Option<ContentCipher>,
}

/// Signs, then encrypts to somebody, or only signs.
pub(in crate::protect) fn smime(
    outer: Vec<u8>,
    payload: Vec<u8>,
    with: &Smime<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Protected, ProtectError> {
    let signed_by = with.sign.map(|sign| fingerprint(sign.certificate));
    match (with.to, with.sign) {
        ([], None) => Err(ProtectError::Nobody),
        ([], Some(sign)) => {
            let bytes = detached(outer, &unchanging(payload), sign, now, entropy)?;
            Ok(Protected { bytes, facts: Facts::signed(Method::Smime, signed_by) })
        }
        (_, None) => encrypted(outer, payload, with, signed_by, entropy),
        (_, Some(sign)) => {
            // Apart, since the content is then not put into base64 twice.
            let inside = detached(Vec::new(), &payload, sign, now, entropy)?;
            drop(payload);
            encrypted(outer, inside, with, signed_by, entropy)
        }
    }
}

fn detached(
    outer: Vec<u8>,
    payload: &[u8],
    sign: &smime::SigningIdentity<'_>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, ProtectError> {
    let made = smime::sign(payload, sign, smime::Form::Detached, now)
        .map_err(|error| ProtectError::Sign(SignError::Smime(error)))?;
    let frame = Signed { protocol: SMIME_SIGNATURE, micalg: micalg(made.digest) };
    Ok(signed(outer, payload, &made.der, &frame, &Boundary::new(entropy)))
}

/// RFC 8551 §3.5.3.2.
const fn micalg(digest: DigestName) -> &'static str {
    match digest {
        DigestName::Sha1 => "sha-1",
        DigestName::Sha256 => "sha-256",
        DigestName::Sha384 => "sha-384",
        DigestName::Sha512 => "sha-512",
    }
}

fn encrypted(
    outer: Vec<u8>,
    content: Vec<u8>,
    with: &Smime<'_>,
    signed_by: Option<String>,
    entropy: &dyn Entropy,
) -> Result<Protected, ProtectError> {
    let sealed = smime::encrypt(content, with.to, with.cipher, entropy).map_err(|error| blame(error, with, entropy))?;
    let cipher = sealed.cipher();
    let facts = Facts {
        method: Method::Smime,
        cipher: Some(cipher.to_string()),
        integrity: if cipher.is_aead() { Integrity::Aead } else { Integrity::None },
        to: with.to.iter().map(sealed_to).collect(),
        signed_by,
    };
    Ok(Protected { bytes: encrypted_smime(outer, &sealed.pieces(), cipher.is_aead()), facts })
}

fn sealed_to(recipient: &smime::Recipient) -> SealedTo {
    let fingerprint = fingerprint(recipient.certificate());
    SealedTo { fingerprint, algorithm: recipient.transport().to_string() }
}

/// Whose fault it was: each recipient that can't be sealed to by itself, such
/// as one whose key is no point of its curve.
fn blame(error: SealError, with: &Smime<'_>, entropy: &dyn Entropy) -> ProtectError {
    let fails = |recipient: &smime::Recipient| {
        smime::encrypt(Vec::new(), std::slice::from_ref(recipient), with.cipher, entropy).is_err()
    };
    let culprits = with.to.iter().enumerate().filter(|(_, recipient)| fails(recipient));
    let unusable: Vec<UnusableKey> = culprits
        .map(|(index, recipient)| {
            let fingerprint = fingerprint(recipient.certificate());
            UnusableKey { index, fingerprint, reason: KeyReason::Encrypt }
        })
        .collect();
    match error {
        SealError::NoRecipient => ProtectError::Nobody,
        error @ (SealError::Signer | SealError::SignerFailed(_)) => ProtectError::Sign(SignError::Smime(error)),
        SealError::Crypto if !unusable.is_empty() => ProtectError::Recipients(unusable),
        SealError::Cipher(_) | SealError::Crypto => ProtectError::Crypto,
    }
}
