//! Sealing: sign, then encrypt, one message for several recipients.

use jiff::Timestamp;
use mail::Entropy;
use mail::seam::random;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use zeroize::Zeroizing;

use crate::armor::{self, Reader};
use crate::component::Component;
use crate::container::{self, Format};
use crate::framing::{tag, write_head};
use crate::judge::{Abilities, Purpose, View};
use crate::sign::{Around, sign_around};
use crate::{
    ArmorKind, Certificate, Fingerprint, Integrity, Protection, SealError, SigningIdentity, Unusable, algorithm,
    session,
};

/// How a sealed message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Armored, as PGP/MIME wants it, or binary.
    pub is_armored: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { is_armored: true }
    }
}

/// An encrypted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Armored or binary.
    pub bytes: Vec<u8>,
    /// `AES-256`.
    pub cipher: &'static str,
    /// How the content is protected, for all recipients alike: the strongest
    /// that every one of them reads.
    pub integrity: Integrity,
    /// To whom, in the order in which they were given.
    pub to: Vec<SealedTo>,
    /// Which key signed.
    pub signed_by: Option<Fingerprint>,
}

/// One recipient of a sealed message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedTo {
    /// The recipient's certificate.
    pub certificate: Fingerprint,
    /// The component that the session key is encrypted to.
    pub key: Fingerprint,
    /// Its algorithm: `X25519`, `RSA-3072`.
    pub algorithm: String,
}

/// Encrypts `plain` to every certificate in `to`, signed by `sign` if given.
///
/// Nothing is compressed. Version 2 with authenticated encryption is used if
/// every recipient's key announces it, else version 1 with its modification
/// detection code. One unusable key fails the whole: the caller groups.
pub fn encrypt(
    plain: &[u8],
    to: &[Certificate],
    sign: Option<&SigningIdentity>,
    options: &Options,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Sealed, SealError> {
    let recipients: Vec<Recipient<'_>> =
        to.iter().map(|certificate| Recipient::new(certificate, now)).collect::<Result<_, _>>()?;
    let format = common(&recipients).ok_or(SealError::NoRecipient)?;
    let around = sign.map(|identity| sign_around(plain, identity, to, now, entropy)).transpose()?;
    let literal = literal_head(plain.len())?;
    let nothing = Around { before: Vec::new(), after: Vec::new() };
    let Around { before, after } = around.as_ref().unwrap_or(&nothing);
    let content = [before.as_slice(), &literal, plain, after];
    let bytes = sealed(&recipients, format, &content, entropy)?;
    Ok(Sealed {
        bytes: if options.is_armored { armored(format, &bytes) } else { bytes },
        cipher: algorithm::cipher_name(format.cipher()),
        integrity: format.integrity(),
        to: recipients.iter().map(Recipient::told).collect(),
        signed_by: sign.map(SigningIdentity::key),
    })
}

fn armored(format: Format, bytes: &[u8]) -> Vec<u8> {
    let reader = match format {
        Format::V1 { .. } => Reader::Any,
        Format::V2 { .. } => Reader::Modern,
    };
    armor::armored(ArmorKind::Message, bytes, reader).into_bytes()
}

struct Recipient<'a> {
    certificate: &'a Certificate,
    component: Component<'a>,
    key: Fingerprint,
    abilities: Abilities,
}

impl<'a> Recipient<'a> {
    fn new(certificate: &'a Certificate, now: Timestamp) -> Result<Self, SealError> {
        let fingerprint = certificate.fingerprint();
        let refused = |reason| SealError::Recipient { fingerprint, reason };
        let view = View::now(certificate, now);
        let component = view.component(Purpose::Encryption).map_err(refused)?.component;
        let key = component.name().ok_or(refused(Unusable::NoPart))?;
        Ok(Self { certificate, component, key, abilities: view.abilities() })
    }

    fn told(&self) -> SealedTo {
        SealedTo {
            certificate: self.certificate.fingerprint(),
            key: self.key,
            algorithm: self.component.algorithm_name(),
        }
    }
}

/// The strongest format that all of them read; none if there is nobody.
fn common(recipients: &[Recipient<'_>]) -> Option<Format> {
    let all: Vec<&Abilities> = recipients.iter().map(|recipient| &recipient.abilities).collect();
    let weakest = all.iter().map(|abilities| abilities.protection).min()?;
    let cipher = cipher(&all);
    Some(match weakest {
        Protection::Mdc => Format::V1 { cipher },
        Protection::Aead => aead(&all),
    })
}

/// The best AES that nobody leaves out; who names no cipher reads the best, who
/// names no AES still has to read AES-128 (RFC 9580 §9.3).
fn cipher(all: &[&Abilities]) -> SymmetricKeyAlgorithm {
    let is_read = |cipher: &SymmetricKeyAlgorithm| {
        all.iter().all(|abilities| abilities.ciphers.as_ref().is_none_or(|list| list.contains(cipher)))
    };
    let best_first = [SymmetricKeyAlgorithm::AES256, SymmetricKeyAlgorithm::AES192];
    best_first.into_iter().find(is_read).unwrap_or(SymmetricKeyAlgorithm::AES128)
}

/// GCM where all name it, because a validated provider has it; else OCB, which
/// all have to read, with AES-128 where nothing else is named (RFC 9580 §9.6).
fn aead(all: &[&Abilities]) -> Format {
    let best_first = [
        (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm),
        (SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Ocb),
        (SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Gcm),
    ];
    let is_read = |pair: &(_, _)| all.iter().all(|abilities| abilities.aeads.contains(pair));
    let (cipher, aead) =
        best_first.into_iter().find(is_read).unwrap_or((SymmetricKeyAlgorithm::AES128, AeadAlgorithm::Ocb));
    Format::V2 { cipher, aead }
}

/// The head of a literal packet: binary, without a name, without a date
/// (RFC 9580 §5.9); neither would be signed.
fn literal_head(content: usize) -> Result<Vec<u8>, SealError> {
    let fields = [b'b', 0, 0, 0, 0, 0];
    let length = content.checked_add(fields.len()).and_then(|length| u32::try_from(length).ok());
    let mut head = Vec::new();
    write_head(tag::LITERAL, length.ok_or(SealError::TooLarge)?, &mut head);
    head.extend(fields);
    Ok(head)
}

/// The longest session key, and what a format draws beside it.
const KEY_MAX: usize = 32;
const SALT: usize = 32;

fn sealed(
    recipients: &[Recipient<'_>],
    format: Format,
    content: &[&[u8]],
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SealError> {
    let cipher = format.cipher();
    let protection = if matches!(format, Format::V1 { .. }) { Protection::Mdc } else { Protection::Aead };
    // Drawn at once, since each draw costs as much as both.
    let drawn = Zeroizing::new(random::<{ KEY_MAX + SALT }>(entropy));
    let (salt, key) = drawn.split_first_chunk::<SALT>().ok_or(SealError::TooLarge)?;
    let key = key.get(..cipher.key_size()).ok_or(SealError::TooLarge)?;
    let mut bytes = Vec::new();
    for recipient in recipients {
        let packet = session::seal(recipient.component, protection, cipher, key, entropy);
        bytes.extend(packet.map_err(|_| SealError::Encrypt(recipient.certificate.fingerprint()))?);
    }
    let length = format.sealed_length(content.iter().map(|part| part.len()).sum());
    bytes.reserve_exact(length.saturating_add(8));
    write_head(tag::SEIPD, u32::try_from(length).map_err(|_| SealError::TooLarge)?, &mut bytes);
    let start = bytes.len();
    container::seal(format, key, salt, content, &mut bytes).map_err(|_| SealError::TooLarge)?;
    debug_assert_eq!(bytes.len().saturating_sub(start), length, "the length was written before the content");
    Ok(bytes)
}
