//! Seals content for recipients.

use mail::Entropy;
use mail::seam::random;
use zeroize::Zeroizing;

use super::Recipient;
use crate::algorithm::ContentCipher;
use crate::algorithm::content::{NONCE_BYTES, TAG_BYTES};
use crate::asn1::tag;
use crate::asn1::write::{self, head_len, put_head};
use crate::content_info::{AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA};

/// Content could not be sealed or signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is nobody to seal for.
    #[error("there is no recipient")]
    NoRecipient,
    /// The cipher is only read, never written.
    #[error("nothing is sealed with {0}")]
    Cipher(ContentCipher),
    /// The signer's key makes none of the signatures that its certificate's key can verify.
    #[error("the signing key does not fit its certificate")]
    Signer,
    /// The keeper of the signer's key failed or refused.
    #[error("the signing key could not be used")]
    SignerFailed(#[source] mail::private_key::KeyUse),
    /// The provider of cryptography failed.
    #[error("the cryptography failed")]
    Crypto,
}

/// A sealed message: a ContentInfo in DER, in three pieces of which the middle one is the content that was handed in,
/// sealed where it stood.
pub struct Sealed {
    head: Vec<u8>,
    content: Vec<u8>,
    tail: Vec<u8>,
    cipher: ContentCipher,
}

impl Sealed {
    /// The message, to be read one piece after the other.
    pub fn pieces(&self) -> [&[u8]; 3] {
        [&self.head, &self.content, &self.tail]
    }

    /// The message in one piece.
    pub fn to_der(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    /// The sealed content alone, in the memory that the content was in, to be used again.
    pub fn into_content(self) -> Vec<u8> {
        self.content
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }

    /// Never: a message has at least a head.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the content is sealed with. With an AEAD the message is AuthEnvelopedData, for which the media type has
    /// another `smime-type` (RFC 8551 §3.2.2).
    pub fn cipher(&self) -> ContentCipher {
        self.cipher
    }
}

/// The cipher that all of `recipients` can read.
fn shared_cipher(recipients: &[Recipient]) -> ContentCipher {
    let shared = [ContentCipher::Aes256Gcm, ContentCipher::Aes128Gcm];
    let reads_all = |cipher: &ContentCipher| recipients.iter().all(|recipient| recipient.reads(*cipher));
    shared.into_iter().find(reads_all).unwrap_or(ContentCipher::Aes256Cbc)
}

/// Seals `content`, a MIME entity, for recipients that may know of each other: each sees who else can open it.
///
/// `cipher` None takes the strongest that all announced to read, AES-256-CBC where one announced no AEAD.
pub fn encrypt(
    content: Vec<u8>,
    recipients: &[Recipient],
    cipher: Option<ContentCipher>,
    entropy: &dyn Entropy,
) -> Result<Sealed, SealError> {
    if recipients.is_empty() {
        return Err(SealError::NoRecipient);
    }
    let cipher = cipher.unwrap_or_else(|| shared_cipher(recipients));
    let mut key = Zeroizing::new(vec![0; cipher.key_bytes()]);
    entropy.fill(&mut key);
    let infos: Result<Vec<Vec<u8>>, SealError> = recipients.iter().map(|recipient| recipient.seal_key(&key)).collect();
    let infos = write::set_of(infos?);
    match cipher {
        ContentCipher::Aes256Gcm | ContentCipher::Aes128Gcm => with_gcm(content, cipher, &key, &infos, entropy),
        ContentCipher::Aes256Cbc | ContentCipher::Aes128Cbc => {
            // RFC 5652 §6.1.
            let version = if recipients.iter().all(Recipient::is_key_transport) { 0 } else { 2 };
            with_cbc(content, cipher, &key, version, &infos, entropy)
        }
        ContentCipher::Aes192Gcm | ContentCipher::Aes192Cbc | ContentCipher::TripleDesCbc => {
            Err(SealError::Cipher(cipher))
        }
    }
}

fn with_gcm(
    mut content: Vec<u8>,
    cipher: ContentCipher,
    key: &[u8],
    infos: &[u8],
    entropy: &dyn Entropy,
) -> Result<Sealed, SealError> {
    let nonce: [u8; NONCE_BYTES] = random(entropy);
    let mac = cipher.seal(key, nonce, &mut content).map_err(|_| SealError::Crypto)?;
    // GCMParameters (RFC 5084 §3.2).
    let parameters = write::sequence(&[&write::octets(&nonce), &write::small(TAG_BYTES as u64)]);
    let algorithm = write::sequence(&[&write::oid(&cipher.oid()), &parameters]);
    let before = [write::small(0), infos.to_vec()].concat();
    let tail = write::octets(&mac);
    let head = head(&AUTH_ENVELOPED_DATA, &before, &algorithm, content.len(), tail.len());
    Ok(Sealed { head, content, tail, cipher })
}

fn with_cbc(
    mut content: Vec<u8>,
    cipher: ContentCipher,
    key: &[u8],
    version: u64,
    infos: &[u8],
    entropy: &dyn Entropy,
) -> Result<Sealed, SealError> {
    let vector: [u8; 16] = random(entropy);
    content.reserve_exact(vector.len());
    cipher.seal_cbc(key, vector, &mut content).map_err(|_| SealError::Crypto)?;
    let algorithm = write::sequence(&[&write::oid(&cipher.oid()), &write::octets(&vector)]);
    let before = [write::small(version), infos.to_vec()].concat();
    let head = head(&ENVELOPED_DATA, &before, &algorithm, content.len(), 0);
    Ok(Sealed { head, content, tail: Vec::new(), cipher })
}

/// Everything before the content, which stands in an EncryptedContentInfo (RFC 5652 §6.1); the lengths of all that
/// encloses it are known beforehand, so that the content need not be moved.
fn head(kind: &crate::asn1::Oid, before: &[u8], algorithm: &[u8], content_len: usize, tail_len: usize) -> Vec<u8> {
    let kind = write::oid(kind);
    let content_type = write::oid(&DATA);
    let string = head_len(content_len) + content_len;
    let info = content_type.len() + algorithm.len() + string;
    let envelope = before.len() + head_len(info) + info + tail_len;
    let explicit = head_len(envelope) + envelope;
    let whole = kind.len() + head_len(explicit) + explicit;

    let mut head = Vec::with_capacity(before.len() + algorithm.len() + 128);
    put_head(&mut head, tag::SEQUENCE, whole);
    head.extend_from_slice(&kind);
    put_head(&mut head, tag::context(0), explicit);
    put_head(&mut head, tag::SEQUENCE, envelope);
    head.extend_from_slice(before);
    put_head(&mut head, tag::SEQUENCE, info);
    head.extend_from_slice(&content_type);
    head.extend_from_slice(algorithm);
    put_head(&mut head, tag::implicit(0), content_len);
    head
}
