//! ContentInfo (RFC 5652 §3): what kind of message it is.

use crate::asn1::{Malformed, Oid, Reader, Rules};

const PKCS7: Oid = Oid::new(&[1, 2, 840, 113549, 1, 7]);
const SMIME_CONTENT: Oid = Oid::new(&[1, 2, 840, 113549, 1, 9, 16, 1]);
pub(crate) const DATA: Oid = PKCS7.arc(1);
pub(crate) const SIGNED_DATA: Oid = PKCS7.arc(2);
pub(crate) const ENVELOPED_DATA: Oid = PKCS7.arc(3);
const DIGESTED_DATA: Oid = PKCS7.arc(5);
pub(crate) const ENCRYPTED_DATA: Oid = PKCS7.arc(6);
pub(crate) const AUTH_ENVELOPED_DATA: Oid = SMIME_CONTENT.arc(23);
const COMPRESSED_DATA: Oid = SMIME_CONTENT.arc(9);

/// What a CMS message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Signed content, or a bundle of certificates: [`crate::verify`] reads it.
    Signed,
    /// Content sealed without proof that it is unchanged: [`crate::decrypt`] reads it.
    Enveloped,
    /// Content sealed with an AEAD: [`crate::decrypt`] reads it.
    AuthEnveloped,
    /// Content sealed with a key agreed beforehand; not read.
    Encrypted,
    /// A digest; not read.
    Digested,
    /// Compressed content; not read, since a few bytes can become gigabytes.
    Compressed,
    /// Plain data; not read.
    Data,
    /// Something else.
    Unknown,
}

impl Kind {
    /// Looks at the first bytes of a message.
    pub fn of(message: &[u8]) -> Result<Self, Malformed> {
        open(message).map(|(kind, _)| kind)
    }

    fn from_oid(oid: &Oid) -> Self {
        match *oid {
            SIGNED_DATA => Self::Signed,
            ENVELOPED_DATA => Self::Enveloped,
            AUTH_ENVELOPED_DATA => Self::AuthEnveloped,
            ENCRYPTED_DATA => Self::Encrypted,
            DIGESTED_DATA => Self::Digested,
            COMPRESSED_DATA => Self::Compressed,
            DATA => Self::Data,
            _ => Self::Unknown,
        }
    }
}

/// The kind of a message, and what it is around.
pub(crate) fn open(message: &[u8]) -> Result<(Kind, Reader<'_>), Malformed> {
    let mut reader = Reader::new(message, Rules::Ber);
    let mut info = reader.sequence()?;
    // Bytes after a message are nobody's: mail programs leave line ends there.
    let kind = Kind::from_oid(&info.oid()?);
    let content = info.explicit(0)?.ok_or(Malformed)?;
    Ok((kind, content))
}
