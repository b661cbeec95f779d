//! The certificate that is had by ACME: whether the authority can be asked,
//! what it asks for, and how the last order went.

use acme::AcmeError;
use flow::certificates::{Kept, kept, standing};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Findings;
use crate::certificates::{authority, organisation};
use crate::config::Config;
use crate::installation::{Installation, Seams};

/// What is kept.
pub(super) struct Had {
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Then files are shown in its place, where there are any.
    pub(super) has_ended: bool,
}

/// Gives the chain that is kept and whether its time is over, where there is one.
pub(super) async fn check(
    config: &Config,
    installation: Option<&Installation>,
    seams: &Seams,
    findings: &mut Findings,
) -> Option<Had> {
    config.acme.directory.as_ref()?;
    ask(config, seams, findings).await;
    let Some(installation) = installation else {
        findings.skip("acme: the certificate needs a database that opens");
        return None;
    };
    match kept_one(config, installation, findings).await {
        Ok(kept) => {
            let kept = kept?;
            let has_ended = kept.has_ended(seams.clock.now());
            if has_ended {
                findings.fail(format!("acme: the certificate ended at {:.0}", kept.ends), "sealpost acme renew");
            }
            let chain = CertificateDer::pem_slice_iter(kept.chain.as_bytes()).filter_map(Result::ok);
            let chain = chain.map(CertificateDer::into_owned).collect();
            Some(Had { chain, has_ended })
        }
        Err(error) => {
            findings.fail(format!("acme: {error:#}"), "sealpost doctor --only store");
            None
        }
    }
}

/// Whether the authority answers, and has terms that nobody agreed to.
async fn ask(config: &Config, seams: &Seams, findings: &mut Findings) {
    let authority = match authority(config, seams) {
        Ok(Some(authority)) => authority,
        Ok(None) => return,
        Err(error) => return findings.fail(format!("acme: {error:#}"), "correct acme.directory and acme.anchors"),
    };
    let terms = match authority.terms().await {
        Ok(terms) => terms,
        Err(error) => return findings.fail(format!("acme: {error}"), error.fix()),
    };
    match terms.url {
        Some(url) if !config.acme.terms_agreed => {
            let error = AcmeError::TermsNotAgreed { url };
            findings.fail(format!("acme: {error}"), error.fix());
        }
        _ if terms.needs_external_account && config.acme.external_account.is_none() => {
            let error = AcmeError::ExternalAccountNeeded;
            findings.fail(format!("acme: {error}"), error.fix());
        }
        _ => findings.ok("acme: the authority answers"),
    }
}

async fn kept_one(
    config: &Config,
    installation: &Installation,
    findings: &mut Findings,
) -> anyhow::Result<Option<Kept>> {
    let journey = &installation.journey;
    let whose = organisation(config, journey)?;
    if let Some(failure) = standing(journey, whose).await? {
        let (failures, at, because) = (failure.failures, failure.at, failure.because);
        findings.fail(format!("acme: {failures} orders in a row failed, the last {at:.0}: {because}"), failure.fix);
    }
    Ok(kept(journey, whose).await?)
}
