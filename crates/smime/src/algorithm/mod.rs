//! The algorithms of S/MIME (RFC 8551 §2): how they are named, and `aws-lc-rs`
//! doing them.

pub(crate) mod agreement;
pub(crate) mod content;
mod digest;
pub(crate) mod legacy;
pub(crate) mod public_key;
pub(crate) mod signature;
pub(crate) mod transport;
pub(crate) mod wrap;

pub use content::ContentCipher;
pub use digest::DigestName;
pub use public_key::{KeyAlgorithm, PublicKey};
pub use signature::{BadSignature, SignatureAlgorithm};
pub use transport::KeyTransport;

use crate::asn1::{Element, Malformed, Oid, Reader, tag, write};

/// An AlgorithmIdentifier (RFC 5280 §4.1.1.2) as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identifier<'a> {
    pub(crate) oid: Oid,
    pub(crate) parameters: Option<Element<'a>>,
}

impl<'a> Identifier<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Self::inside(reader.take(tag::SEQUENCE)?)
    }

    pub(crate) fn inside(element: Element<'a>) -> Result<Self, Malformed> {
        let mut reader = element.sequence()?;
        let oid = reader.oid()?;
        let parameters = if reader.is_empty() { None } else { Some(reader.any()?) };
        reader.end()?;
        Ok(Self { oid, parameters })
    }

    /// Whether the parameters are absent or NULL.
    pub(crate) fn is_bare(&self) -> bool {
        self.parameters.is_none_or(|parameters| parameters.tag == tag::NULL && parameters.value.is_empty())
    }
}

/// An AlgorithmIdentifier without parameters.
pub(crate) fn bare(oid: &Oid) -> Vec<u8> {
    write::sequence(&[&write::oid(oid)])
}

/// An AlgorithmIdentifier with NULL as its parameters, as RSA has them (RFC 4055 §1.2).
pub(crate) fn with_null(oid: &Oid) -> Vec<u8> {
    write::sequence(&[&write::oid(oid), &write::null()])
}
