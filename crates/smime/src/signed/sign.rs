//! Signs content.

use jiff::Timestamp;
use mail::private_key::{SignatureScheme, Signer};

use super::attributes;
use crate::algorithm::signature::{fitting_scheme, identifier, make, scheme_digest};
use crate::algorithm::{DigestName, bare, with_null};
use crate::asn1::{tag, write};
use crate::certificate::Certificate;
use crate::content_info::{DATA, SIGNED_DATA};
use crate::envelope::{SealError, issuer_and_serial};

/// Who signs.
#[derive(Clone, Copy)]
pub struct SigningIdentity<'a> {
    /// The signer's certificate.
    pub certificate: &'a Certificate,
    /// Those between it and an anchor, which go along so that the reader needs nothing else.
    pub chain: &'a [Certificate],
    /// The private key.
    pub signer: &'a dyn Signer,
    /// The certificate that replies are to be sealed to; the signer's own where that can be sealed to.
    pub encryption: Option<&'a Certificate>,
}

/// Where the content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Apart from the signature: multipart/signed, which every program shows.
    Detached,
    /// Inside, as for what is sealed afterwards.
    Opaque,
}

/// A signed message.
pub struct Signed {
    /// A ContentInfo in DER.
    pub der: Vec<u8>,
    /// The digest of the content, for the parameter `micalg`.
    pub digest: DigestName,
    /// How it was signed.
    pub scheme: SignatureScheme,
}

/// Signs `content`, a MIME entity in canonical form.
pub fn sign(content: &[u8], by: &SigningIdentity<'_>, form: Form, now: Timestamp) -> Result<Signed, SealError> {
    let scheme = fitting_scheme(by.signer, by.certificate.public_key()).ok_or(SealError::Signer)?;
    let digest = scheme_digest(scheme);
    let encryption =
        by.encryption.or_else(|| by.certificate.usable_for_encryption(now).is_ok().then_some(by.certificate));
    let attributes = attributes::write(&DATA, digest.of(content).as_ref(), now, by.certificate, encryption);
    let signature = make(by.signer, scheme, &attributes).map_err(SealError::SignerFailed)?;

    // RFC 5754 §2: absent parameters; RSA of old programs wants NULL.
    let digest_algorithm = match scheme {
        SignatureScheme::RsaPkcs1(_) | SignatureScheme::RsaPss(_) => with_null(&digest.oid()),
        _ => bare(&digest.oid()),
    };
    // In the message the attributes have an implicit tag, in the signature that of a SET (RFC 5652 §5.4).
    let mut attributes = attributes;
    attributes.splice(..1, [tag::context(0)]);
    let signer_info = write::sequence(&[
        &write::small(1),
        &issuer_and_serial(by.certificate),
        &digest_algorithm,
        &attributes,
        &identifier(scheme),
        &write::octets(&signature),
    ]);
    let inner = match form {
        Form::Detached => Vec::new(),
        Form::Opaque => write::context(0, &[&write::octets(content)]),
    };
    let der = write::sequence(&[
        &write::oid(&SIGNED_DATA),
        &write::context(
            0,
            &[&write::sequence(&[
                &write::small(1),
                &write::element(tag::SET, &[&digest_algorithm]),
                &write::sequence(&[&write::oid(&DATA), &inner]),
                &certificates(by, encryption),
                &write::element(tag::SET, &[&signer_info]),
            ])],
        ),
    ]);
    Ok(Signed { der, digest, scheme })
}

/// CertificateSet (RFC 5652 §10.2.3), each certificate once.
fn certificates(by: &SigningIdentity<'_>, encryption: Option<&Certificate>) -> Vec<u8> {
    let mut all: Vec<Vec<u8>> = [by.certificate]
        .into_iter()
        .chain(by.chain)
        .chain(encryption)
        .map(|certificate| certificate.to_der().to_vec())
        .collect();
    all.sort_unstable();
    all.dedup();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    write::context(0, &all)
}
