//! Reads signed messages, and judges each signature by itself.

use std::borrow::Cow;

use jiff::Timestamp;
use mail::Address;

use super::check::{Flaw, SignerInfo};
use crate::algorithm::SignatureAlgorithm;
use crate::asn1::{Element, Oid, Reader, tag};
use crate::certificate::bundle;
use crate::certificate::{BadCertificate, Capabilities, Certificate};
use crate::content_info::{self, DATA, Kind};
use crate::limits::{Limits, OpenError};
use crate::trust::{Chain, Crl, Invalid, Purpose, Reason, Trust, validate_with};

/// A signed message.
pub struct Verified<'a> {
    /// The content that the signatures are over, where it is inside the message.
    pub content: Option<Cow<'a, [u8]>>,
    /// Whether the content is plain data, as S/MIME has it, and not another CMS structure.
    pub is_data: bool,
    /// Each signature; none in a bundle of certificates.
    pub signatures: Vec<SignatureVerdict>,
    /// Every certificate that came along, to be judged before it is used for anything.
    pub certificates: Vec<Certificate>,
}

/// What is known of one signature.
pub struct SignatureVerdict {
    /// The signer's certificate.
    pub certificate: Option<Certificate>,
    /// Whether content and signature are unchanged.
    pub intact: Result<(), Flaw>,
    /// Whether the signer's certificate is to be trusted; a signature that is not intact trusts nobody.
    pub trusted: Result<Chain, Invalid>,
    /// How it was signed.
    pub algorithm: SignatureAlgorithm,
    /// When, as the signer says.
    pub signing_time: Option<Timestamp>,
    /// What the signer's program can read; only of an intact signature.
    pub capabilities: Option<Capabilities>,
    /// The certificate for replies, where the signer names one that came along; only of an intact signature.
    pub encryption: Option<Certificate>,
}

impl SignatureVerdict {
    /// Whether the content is what this certificate's holder signed, and the certificate is to be trusted. By whom, the
    /// [addresses](Self::addresses) say.
    pub fn is_valid(&self) -> bool {
        self.intact.is_ok() && self.trusted.is_ok()
    }

    /// The addresses that a valid signature speaks for; none of one that is not valid.
    pub fn addresses(&self) -> &[Address] {
        let certificate = self.certificate.as_ref().filter(|_| self.is_valid());
        certificate.map(Certificate::addresses).unwrap_or_default()
    }
}

/// Reads a signed message and judges its signatures. `detached` is the content where it stands apart from them.
pub fn verify<'a>(
    message: &'a [u8],
    detached: Option<&[u8]>,
    trust: &Trust,
    now: Timestamp,
    limits: &Limits,
) -> Result<Verified<'a>, OpenError> {
    if message.len() > limits.bytes_max {
        return Err(OpenError::TooLarge);
    }
    let (kind, mut outer) = content_info::open(message)?;
    if kind != Kind::Signed {
        return Err(OpenError::Kind);
    }
    let signed = SignedData::read(outer.sequence()?, limits)?;
    let content = match (&signed.content, detached) {
        (Some(inside), None) => inside.as_ref(),
        (None, Some(apart)) => apart,
        // Which of the two the signature is over would be a guess.
        (Some(_), Some(_)) => return Err(OpenError::Detached),
        (None, None) if signed.signers.is_empty() => &[],
        (None, None) => return Err(OpenError::Detached),
    };
    let signatures = signed.signers.iter().map(|signer| signed.judge(signer, content, trust, now)).collect();
    Ok(Verified {
        signatures,
        is_data: signed.content_type == DATA,
        content: signed.content,
        certificates: signed.certificates,
    })
}

/// A SignedData as it was read.
struct SignedData<'a> {
    content_type: Oid,
    content: Option<Cow<'a, [u8]>>,
    certificates: Vec<Certificate>,
    crls: Vec<Crl>,
    signers: Vec<SignerInfo<'a>>,
}

impl<'a> SignedData<'a> {
    fn read(mut inside: Reader<'a>, limits: &Limits) -> Result<Self, OpenError> {
        inside.small()?;
        inside.set()?;
        let mut info = inside.sequence()?;
        let content_type = info.oid()?;
        let content = match info.explicit(0)? {
            Some(mut content) => Some(content.octets()?),
            None => None,
        };
        let certificates = match inside.explicit(0)? {
            Some(list) => bundle::of_set(list).map_err(too_large)?,
            None => Vec::new(),
        };
        if certificates.len() > limits.certificates_max {
            return Err(OpenError::TooLarge);
        }
        let crls = inside.optional(tag::context(1))?.map(|list| crls(list, limits)).unwrap_or_default();
        let mut list = inside.set()?;
        let mut signers = Vec::new();
        while !list.is_empty() {
            signers.push(SignerInfo::read(list.sequence()?)?);
            if signers.len() > limits.signatures_max {
                return Err(OpenError::TooLarge);
            }
        }
        Ok(Self { content_type, content, certificates, crls, signers })
    }

    fn judge(&self, signer: &SignerInfo<'_>, content: &[u8], trust: &Trust, now: Timestamp) -> SignatureVerdict {
        let is_signer = |certificate: &&Certificate| signer.is(certificate);
        let certificate = self.certificates.iter().chain(trust.known()).find(is_signer).cloned();
        let intact = match &certificate {
            Some(certificate) => signer.check(&self.content_type, content, certificate),
            None => Err(Flaw::NoCertificate),
        };
        let trusted = match (&certificate, intact) {
            (Some(certificate), Ok(())) => {
                validate_with(certificate, &self.certificates, &self.crls, trust, now, Purpose::Sign, None)
            }
            (certificate, _) => Err(Invalid { reason: Reason::SignatureNotIntact, certificate: certificate.clone() }),
        };
        let attributes = signer.attributes().ok().flatten().filter(|_| intact.is_ok()).unwrap_or_default();
        let is_preferred = |candidate: &&Certificate| {
            attributes
                .preference
                .as_ref()
                .is_some_and(|(issuer, serial)| candidate.serial() == *serial && candidate.issuer().matches(issuer))
        };
        SignatureVerdict {
            intact,
            trusted,
            algorithm: signer.algorithm(),
            signing_time: attributes.signing_time,
            encryption: self.certificates.iter().find(is_preferred).cloned(),
            capabilities: attributes.capabilities,
            certificate,
        }
    }
}

fn too_large(error: BadCertificate) -> OpenError {
    match error {
        BadCertificate::TooLarge => OpenError::TooLarge,
        _ => OpenError::Malformed,
    }
}

/// The revocation lists that came along, as many as can be read.
fn crls(list: Element<'_>, limits: &Limits) -> Vec<Crl> {
    let mut list = list.inside();
    let mut crls = Vec::new();
    while let Ok(element) = list.any() {
        crls.extend(Crl::from_der(element.whole).ok());
        if crls.len() >= limits.certificates_max {
            break;
        }
    }
    crls
}
