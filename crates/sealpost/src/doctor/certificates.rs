//! The certificates that clients and patients see: whether chain and key fit,
//! whether the name is right, and how long they hold.

use std::path::Path;

use flow::listener::tls::{CertificateFiles, server_config};
use jiff::SignedDuration;
use mail::Domain;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use transport::{Anchors, Fault, Judgement};

use super::{Findings, acme};
use crate::config::Config;
use crate::installation::{Installation, Seams};
use crate::reach;

/// Certificates that are renewed by themselves are renewed earlier than this.
const EXPIRY_WARNING: SignedDuration = SignedDuration::from_hours(21 * 24);

/// The certificate of each listener.
pub(super) async fn check(
    config: &Config,
    installation: Option<&Installation>,
    seams: &Seams,
    findings: &mut Findings,
) {
    let anchors = match reach::anchors(&config.delivery) {
        Ok(own) => Anchors::public().and(&own),
        Err(error) => return findings.fail(format!("{error:#}"), "correct delivery.anchors"),
    };
    let had = acme::check(config, installation, seams, findings).await;
    let hostname = config.server.hostname.as_str();
    let portal_host = config.portal_host().map_or_else(|| hostname.to_owned(), |host| host.to_string());
    let serves_pages = !config.portal.listen.is_empty() && config.portal_url().starts_with("https://");
    let listeners = [
        ("submission", true, config.submission_tls(), hostname),
        ("portal", serves_pages, config.portal_tls(), portal_host.as_str()),
        ("gateway", !config.gateway.listen.is_empty(), config.gateway_tls(), hostname),
    ];
    let judge = Judge { anchors, seams };
    for (listener, listens, files, name) in listeners.into_iter().filter(|(_, listens, ..)| *listens) {
        match (&had, files) {
            (Some(had), files) if config.acme_covers(name) && (!had.has_ended || files.is_none()) => {
                let fix = "see acme above; to order one now: sealpost acme renew";
                judge.chain(listener, &had.chain, name, fix, findings);
            }
            (_, Some((chain, key))) => judge.files(listener, chain, key, name, findings),
            (_, None) if config.acme_covers(name) => findings.warn(
                format!("{listener}: a self-signed certificate stands in until one is had by ACME"),
                "sealpost acme renew, beside the server that runs",
            ),
            (_, None) if listens && listener == "submission" => findings.warn(
                "submission has no certificate: its listeners stay closed",
                "set submission.certificate and submission.key, or [acme]",
            ),
            (_, None) => {}
        }
    }
}

/// What certificates are held against.
struct Judge<'s> {
    anchors: Anchors,
    seams: &'s Seams,
}

impl Judge<'_> {
    fn files(&self, listener: &str, chain: &Path, key: &Path, name: &str, findings: &mut Findings) {
        let at = chain.display();
        let files = CertificateFiles { chain: chain.to_owned(), key: key.to_owned() };
        if let Err(error) = server_config(files, &[]) {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return findings.fail(
                format!("{listener}: {error}{cause}"),
                format!("put certificate chain and key, in PEM and of one pair, at {at} and {}", key.display()),
            );
        }
        let certificates = std::fs::read(chain).map(|pem| certificates_in(&pem)).unwrap_or_default();
        self.chain(listener, &certificates, name, &format!("replace {at}; it is read again by itself"), findings);
    }

    fn chain(
        &self,
        listener: &str,
        certificates: &[CertificateDer<'static>],
        name: &str,
        replace: &str,
        findings: &mut Findings,
    ) {
        let (anchors, seams) = (&self.anchors, self.seams);
        let now = seams.clock.now();
        let unix = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_second().unsigned_abs()));
        let Ok(server) = ServerName::try_from(name) else {
            return findings.fail(format!("{listener}: {name} can't be in a certificate"), "set server.hostname");
        };
        let expiry = certificates.first().and_then(|leaf| discovery::probe::read_certificate(leaf).not_after);
        let left = expiry.map(|expiry| expiry.duration_since(now));
        match transport::judge(certificates, &server, anchors, unix) {
            Judgement::NotVerified { fault: Fault::Expired, .. } => {
                let since = expiry.map(|expiry| format!(" since {expiry:.0}")).unwrap_or_default();
                findings.fail(format!("{listener}: the certificate is expired{since}"), replace);
            }
            Judgement::NotVerified { fault: Fault::WrongName, .. } => {
                findings.fail(format!("{listener}: the certificate is not for {name}"), replace);
            }
            Judgement::NotVerified { fault: Fault::UnknownIssuer, .. } => findings.warn(
                format!("{listener}: the certificate is self-signed, or its chain is not whole: clients warn of it"),
                format!(
                    "{replace}, or set [acme] to have one. A file needs the intermediate certificates too, and no root"
                ),
            ),
            Judgement::NotVerified { fault, .. } => {
                findings.fail(format!("{listener}: the certificate does not verify: {fault}"), replace);
            }
            Judgement::Verified { .. } | Judgement::Dane { .. } => match left {
                Some(left) if left < EXPIRY_WARNING => {
                    findings
                        .warn(format!("{listener}: the certificate ends in {} days", left.as_hours() / 24), replace);
                }
                _ => {
                    let until = expiry.map(|expiry| format!(" until {expiry:.0}")).unwrap_or_default();
                    findings.ok(format!("{listener}: verified for {name}{until}"));
                }
            },
        }
    }
}

fn certificates_in(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).map(CertificateDer::into_owned).collect()
}

/// The host of a URL, if it is a name.
pub fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let host = rest.split(['/', ':']).next()?;
    Domain::parse(host).ok().map(|domain| domain.to_string())
}
