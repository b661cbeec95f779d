//! Private keys and files locked with a passphrase: PBES2 (RFC 8018 §6.2), and,
//! to read only, the schemes of PKCS#12 (RFC 7292 §C).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use mail::Entropy;
use mail::seam::random;
use zeroize::Zeroizing;

use crate::algorithm::{ContentCipher, Identifier, legacy, with_null};
use crate::asn1::{Element, Malformed, Oid, Reader, write};
use crate::pkcs12::derivation::{Secret, Use, derive};

const PKCS5: Oid = Oid::new(&[1, 2, 840, 113549, 1, 5]);
const PBKDF2: Oid = PKCS5.arc(12);
const PBES2: Oid = PKCS5.arc(13);
const HMAC: Oid = Oid::new(&[1, 2, 840, 113549, 2]);
const PKCS12_PBE: Oid = Oid::new(&[1, 2, 840, 113549, 1, 12, 1]);
const TRIPLE_DES: Oid = PKCS12_PBE.arc(3);
const TWO_KEY_TRIPLE_DES: Oid = PKCS12_PBE.arc(4);
const RC2_128: Oid = PKCS12_PBE.arc(5);
const RC2_40: Oid = PKCS12_PBE.arc(6);

/// What is written: OWASP's advice for PBKDF2 with HMAC-SHA-256.
pub(crate) const ITERATIONS: u32 = 600_000;
/// What is read: a file must not cost minutes.
const ITERATIONS_MAX: u64 = 5_000_000;

/// A locked key or file could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// It is not what it should be.
    #[error("the file is malformed")]
    Malformed,
    /// It is locked, and no passphrase was given.
    #[error("the file is locked with a passphrase")]
    PassphraseNeeded,
    /// The passphrase is another, or the file was changed.
    #[error("the passphrase does not open the file")]
    Passphrase,
    /// It is locked in a way that is not supported: RC4, DES, scrypt, OpenSSL's old form.
    #[error("the file is locked in a way that is not supported")]
    Unsupported,
    /// Opening it would take too long.
    #[error("opening the file would take too long")]
    Costly,
    /// There is no private key and no certificate in it.
    #[error("there is no private key and no certificate in the file")]
    Empty,
    /// The private key in it is of a kind or length that is not supported, or broken.
    #[error("the private key is of a kind that is not supported")]
    Key,
    /// The certificate in it is malformed.
    #[error("the certificate in the file is malformed")]
    Certificate(#[source] crate::BadCertificate),
}

impl From<Malformed> for LockError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Checks a count of iterations.
pub(crate) fn iterations(count: u64) -> Result<NonZeroU32, LockError> {
    let count = u32::try_from(count.min(ITERATIONS_MAX + 1)).map_err(|_| LockError::Costly)?;
    match NonZeroU32::new(count) {
        Some(count) if u64::from(count.get()) <= ITERATIONS_MAX => Ok(count),
        Some(_) => Err(LockError::Costly),
        None => Err(LockError::Malformed),
    }
}

/// Opens what is locked by a scheme with parameters.
pub(crate) fn unlock(
    scheme: &Identifier<'_>,
    secret: Secret<'_>,
    locked: &[u8],
) -> Result<Zeroizing<Vec<u8>>, LockError> {
    let parameters = scheme.parameters.ok_or(LockError::Malformed)?;
    if scheme.oid == PBES2 {
        return pbes2(parameters, secret, locked);
    }
    let (key_bytes, is_rc2) = match scheme.oid {
        TRIPLE_DES => (24, false),
        TWO_KEY_TRIPLE_DES => (16, false),
        RC2_128 => (16, true),
        RC2_40 => (5, true),
        _ => return Err(LockError::Unsupported),
    };
    let mut inside = parameters.sequence()?;
    let salt = inside.octets()?;
    let count = iterations(inside.small()?)?;
    let digest = crate::algorithm::DigestName::Sha1;
    let mut key = derive(digest, secret, &salt, count, Use::Key, key_bytes);
    let vector = derive(digest, secret, &salt, count, Use::Vector, 8);
    let mut content = Zeroizing::new(locked.to_vec());
    let opened = if is_rc2 {
        legacy::open_rc2(&key, &vector, &mut content)
    } else {
        // With two keys the first is the third too.
        let first: Vec<u8> = key.iter().take(24 - key_bytes).copied().collect();
        key.extend_from_slice(&first);
        legacy::open_triple_des(&key, &vector, &mut content)
    };
    content.truncate(opened.ok_or(LockError::Passphrase)?);
    Ok(content)
}

fn pbes2(parameters: Element<'_>, secret: Secret<'_>, locked: &[u8]) -> Result<Zeroizing<Vec<u8>>, LockError> {
    let mut inside = parameters.sequence()?;
    let function = Identifier::read(&mut inside)?;
    let cipher = Identifier::read(&mut inside)?;
    let vector = cipher.parameters.ok_or(LockError::Malformed)?.octets()?;
    let cipher =
        ContentCipher::from_oid(&cipher.oid).filter(|cipher| !cipher.is_aead()).ok_or(LockError::Unsupported)?;
    let key = pbkdf2(&function, secret, Some(cipher.key_bytes()))?;
    let mut content = Zeroizing::new(locked.to_vec());
    let len = cipher.open_cbc(&key, &vector, &mut content).map_err(|_| LockError::Passphrase)?;
    content.truncate(len);
    Ok(content)
}

/// PBKDF2 (RFC 8018 §5.2) as its parameters say; `key_bytes` None takes the length from them.
pub(crate) fn pbkdf2(
    function: &Identifier<'_>,
    secret: Secret<'_>,
    key_bytes: Option<usize>,
) -> Result<Zeroizing<Vec<u8>>, LockError> {
    if function.oid != PBKDF2 {
        return Err(LockError::Unsupported);
    }
    let mut inside = function.parameters.ok_or(LockError::Malformed)?.sequence()?;
    let salt = inside.octets()?;
    let count = iterations(inside.small()?)?;
    let stated = if inside.next_is(crate::asn1::tag::INTEGER) { Some(inside.small()?) } else { None };
    let algorithm = if inside.is_empty() { pbkdf2::PBKDF2_HMAC_SHA1 } else { prf(&Identifier::read(&mut inside)?)? };
    let len = match (key_bytes, stated) {
        (Some(expected), Some(stated)) if stated != expected as u64 => return Err(LockError::Malformed),
        (Some(len), _) => len,
        (None, Some(stated @ 1..=64)) => stated as usize,
        (None, _) => return Err(LockError::Malformed),
    };
    let mut key = Zeroizing::new(vec![0; len]);
    pbkdf2::derive(algorithm, count, &salt, secret.utf8(), &mut key);
    Ok(key)
}

fn prf(identifier: &Identifier<'_>) -> Result<pbkdf2::Algorithm, LockError> {
    let known = [
        (HMAC.arc(7), pbkdf2::PBKDF2_HMAC_SHA1),
        (HMAC.arc(9), pbkdf2::PBKDF2_HMAC_SHA256),
        (HMAC.arc(10), pbkdf2::PBKDF2_HMAC_SHA384),
        (HMAC.arc(11), pbkdf2::PBKDF2_HMAC_SHA512),
    ];
    let found = known.into_iter().find(|(oid, _)| *oid == identifier.oid);
    found.map(|(_, algorithm)| algorithm).ok_or(LockError::Unsupported)
}

/// What locks with a passphrase: PBES2 with PBKDF2, HMAC-SHA-256 and AES-256-CBC.
pub(crate) struct Lock {
    /// Its AlgorithmIdentifier.
    pub(crate) identifier: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    vector: [u8; 16],
}

impl Lock {
    pub(crate) fn new(passphrase: &str, entropy: &dyn Entropy) -> Self {
        let (salt, vector): ([u8; 16], [u8; 16]) = (random(entropy), random(entropy));
        let cipher = ContentCipher::Aes256Cbc;
        let mut key = Zeroizing::new(vec![0; cipher.key_bytes()]);
        let count = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, count, &salt, passphrase.as_bytes(), &mut key);
        let function = write::sequence(&[
            &write::oid(&PBKDF2),
            &write::sequence(&[&write::octets(&salt), &write::small(u64::from(ITERATIONS)), &with_null(&HMAC.arc(9))]),
        ]);
        let cipher = write::sequence(&[&write::oid(&cipher.oid()), &write::octets(&vector)]);
        let identifier = write::sequence(&[&write::oid(&PBES2), &write::sequence(&[&function, &cipher])]);
        Self { identifier, key, vector }
    }

    pub(crate) fn lock(&self, content: &[u8]) -> Option<Vec<u8>> {
        let mut locked = content.to_vec();
        ContentCipher::Aes256Cbc.seal_cbc(&self.key, self.vector, &mut locked).ok()?;
        Some(locked)
    }
}

/// Opens an EncryptedPrivateKeyInfo (RFC 5958 §3).
pub(crate) fn unlock_key(locked: &[u8], secret: Secret<'_>) -> Result<Zeroizing<Vec<u8>>, LockError> {
    let mut reader = Reader::new(locked, crate::asn1::Rules::Ber);
    let mut inside = reader.sequence()?;
    let scheme = Identifier::read(&mut inside)?;
    let content = inside.octets()?;
    unlock(&scheme, secret, &content)
}
