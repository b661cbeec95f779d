//! The judgement of a peer's certificate: chain and name, apart from the
//! handshake, so that a certificate that does not verify is still evidence.

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};

use super::anchors::Anchors;
use crate::proof::{Fault, Judgement};

/// Judges the chain that a peer showed for the name of the MX host.
///
/// Where TLSA records are usable, [`super::dane`] judges in its place.
pub fn judge(chain: &[CertificateDer<'_>], name: &ServerName<'_>, anchors: &Anchors, now: UnixTime) -> Judgement {
    let asked = name.to_str().into_owned();
    match verify(chain, name, anchors, now) {
        Ok(()) => Judgement::Verified { name: asked },
        Err(error) => Judgement::NotVerified { name: asked, fault: fault(&error) },
    }
}

fn verify(chain: &[CertificateDer<'_>], name: &ServerName<'_>, anchors: &Anchors, now: UnixTime) -> Result<(), Error> {
    let (leaf, intermediates) = chain.split_first().ok_or(Error::BadDer)?;
    let leaf = EndEntityCert::try_from(leaf)?;
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    leaf.verify_for_usage(algorithms, anchors.all(), intermediates, now, KeyUsage::server_auth(), None, None)?;
    leaf.verify_is_valid_for_subject_name(name)
}

pub(super) fn fault(error: &Error) -> Fault {
    match error {
        // A certificate of an authority that is shown as a server's own is
        // what self-signed certificates mostly are.
        Error::UnknownIssuer | Error::CaUsedAsEndEntity => Fault::UnknownIssuer,
        Error::CertNotValidForName(_) => Fault::WrongName,
        Error::CertExpired { .. } => Fault::Expired,
        Error::CertNotValidYet { .. } => Fault::NotYetValid,
        Error::RequiredEkuNotFoundContext(_) => Fault::WrongPurpose,
        _ => Fault::Unusable,
    }
}
