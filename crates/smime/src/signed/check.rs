//! Whether one signature was made over the content by its certificate's key.

use crate::algorithm::{BadSignature, DigestName, Identifier, SignatureAlgorithm};
use crate::asn1::{Element, Malformed, Oid, Reader, Rules, tag, write};
use crate::certificate::{Certificate, Name};
use crate::content_info::DATA;

use super::attributes::Attributes;

/// Why a signature counts for nothing, whoever made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The signer's certificate is neither in the message nor known.
    #[error("the signer's certificate is not in the message")]
    NoCertificate,
    /// The content is not what was signed.
    #[error("the content was changed after it was signed")]
    Changed,
    /// The signature does not fit attributes and key.
    #[error("the signature does not match")]
    Mismatch,
    /// The signature or a digest is made with what can be forged: SHA-1, a short RSA key.
    #[error("the signature is made with what can be forged today")]
    Weak,
    /// The algorithm is not known here, or does not fit the key.
    #[error("the signature's algorithm is not supported")]
    Unsupported,
    /// The signed attributes contradict the rules of RFC 5652 §11, or speak of another kind of content.
    #[error("the signed attributes are malformed")]
    Attributes,
    /// The signature was made for another certificate.
    #[error("the signature was made for another certificate")]
    OtherCertificate,
}

impl From<BadSignature> for Flaw {
    fn from(bad: BadSignature) -> Self {
        match bad {
            BadSignature::Mismatch => Self::Mismatch,
            BadSignature::Weak => Self::Weak,
            BadSignature::Unsupported => Self::Unsupported,
        }
    }
}

/// A SignerInfo (RFC 5652 §5.3) as it was read.
pub(super) struct SignerInfo<'a> {
    name: SignerName<'a>,
    digest: Option<DigestName>,
    attributes: Option<Element<'a>>,
    algorithm: SignatureAlgorithm,
    signature: std::borrow::Cow<'a, [u8]>,
}

enum SignerName<'a> {
    IssuerAndSerial(Name, &'a [u8]),
    KeyIdentifier(std::borrow::Cow<'a, [u8]>),
}

impl<'a> SignerInfo<'a> {
    pub(super) fn read(mut inside: Reader<'a>) -> Result<Self, Malformed> {
        inside.small()?;
        let name = inside.any()?;
        let name = match name.tag {
            tag::SEQUENCE => {
                let mut pair = name.inside();
                SignerName::IssuerAndSerial(Name::read(&mut pair)?, pair.take(tag::INTEGER)?.value)
            }
            0x80 | 0xa0 => SignerName::KeyIdentifier(name.octets()?),
            _ => return Err(Malformed),
        };
        let digest = DigestName::from_identifier(&Identifier::read(&mut inside)?);
        let attributes = inside.optional(tag::context(0))?;
        let algorithm = Identifier::read(&mut inside)?;
        // Without a digest that is known, nothing can be verified, whatever the signature is.
        let algorithm = match digest {
            Some(digest) => SignatureAlgorithm::of_signer(&algorithm, digest),
            None => SignatureAlgorithm::Unknown,
        };
        Ok(Self { name, digest, attributes, algorithm, signature: inside.octets()? })
    }

    /// How it was signed.
    pub(super) fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }

    /// Whether this is the signer's certificate.
    pub(super) fn is(&self, certificate: &Certificate) -> bool {
        match &self.name {
            SignerName::IssuerAndSerial(issuer, serial) => {
                certificate.serial() == *serial && certificate.issuer().matches(issuer)
            }
            SignerName::KeyIdentifier(identifier) => certificate.subject_key_identifier() == Some(identifier.as_ref()),
        }
    }

    /// What was signed besides the content.
    pub(super) fn attributes(&self) -> Result<Option<Attributes<'a>>, Flaw> {
        self.attributes.map(Attributes::read).transpose().map_err(|_| Flaw::Attributes)
    }

    /// Whether content and attributes are what `certificate`'s key signed.
    pub(super) fn check(&self, content_type: &Oid, content: &[u8], certificate: &Certificate) -> Result<(), Flaw> {
        let digest = self.digest.ok_or(Flaw::Unsupported)?;
        if digest == DigestName::Sha1 {
            return Err(Flaw::Weak);
        }
        let Some(attributes) = self.attributes()? else {
            return self.check_bare(content_type, content, certificate);
        };
        if attributes.content_type != Some(*content_type) {
            return Err(Flaw::Attributes);
        }
        let expected = attributes.message_digest.ok_or(Flaw::Attributes)?;
        if digest.of(content).as_ref() != expected {
            return Err(Flaw::Changed);
        }
        if !attributes.are_for(certificate) {
            return Err(Flaw::OtherCertificate);
        }
        // RFC 5652 §5.4: signed with the tag of a SET, stored with another.
        let signed = self.attributes.map(|set| write::element(tag::SET, &[set.value])).unwrap_or_default();
        Ok(self.algorithm.verify(certificate.public_key(), &signed, &self.signature)?)
    }

    /// Without attributes the signature is over the content alone, which RFC 5652 §5.3 allows for plain data. Content
    /// that is itself a set of signed attributes was signed as such, for other content: it proves nothing.
    fn check_bare(&self, content_type: &Oid, content: &[u8], certificate: &Certificate) -> Result<(), Flaw> {
        let mut reader = Reader::new(content, Rules::Ber);
        let set = reader.take(tag::SET).ok();
        let is_attributes = set
            .and_then(|set| Attributes::read(set).ok())
            .is_some_and(|attributes| attributes.message_digest.is_some() || attributes.content_type.is_some());
        if *content_type != DATA || is_attributes {
            return Err(Flaw::Attributes);
        }
        Ok(self.algorithm.verify(certificate.public_key(), content, &self.signature)?)
    }
}
