//! The certificate of the listeners, had from an authority by ACME
//! ([`acme`]): ordered ahead of its end, kept sealed in the store, and shown
//! by every listener of every node without a restart.
//!
//! | file | what |
//! | --- | --- |
//! | `kept` | account, certificate, standing and answers, as rows of the store |
//! | `due` | when the next order is due, and how long a failed one waits |
//! | `order` | one order: the claim, the conversation, what came of it |
//! | `answers` | what the authority looks at, on whichever node it arrives |
//!
//! Of several nodes one orders at a time: it has the claim in the store, and
//! keeps nothing if it lost it meanwhile. An order that fails changes nothing
//! that is shown.

mod answers;
mod due;
mod kept;
mod order;

use std::sync::Arc;
use std::time::Duration;

use acme::{AcmeError, Authority, Wanted};
use identity::{Action, Forbidden, Principal, Resource, authorize};
use jiff::Timestamp;
use mail::OrgId;
use mail::seam::random;
use metrics::gauge;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use store::StoreError;
use tokio::sync::watch;
use vault::VaultError;

pub use answers::{ACME_TLS, Answers};
pub use kept::{Failure, Kept, kept, standing};
pub use order::Ordered;

use crate::journey::Journey;
use crate::listener::tls::Held;
use crate::meters::CERTIFICATE_ENDS;
use crate::organisation::Organisation;

/// How often it is looked whether another node has a newer certificate, or one is due.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// The same while there is none, or while another node orders.
const LOOK_SOON: Duration = Duration::from_secs(5);

/// Why the certificate can't be kept, read or had.
#[derive(Debug, thiserror::Error)]
pub enum CertificateTrouble {
    /// The principal may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The conversation with the authority failed.
    #[error(transparent)]
    Acme(#[from] AcmeError),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored is not what it should be.
    #[error("what is kept of ACME can't be read")]
    NotKept,
    /// Chain and key can't be shown.
    #[error("the certificate in the store can't be shown")]
    NotShown(#[source] rustls::Error),
}

/// Keeps the certificate of a deployment.
pub struct Certificates {
    journey: Arc<Journey>,
    /// Whose vault keeps it, and whose ledger tells of it.
    org: OrgId,
    wanted: Wanted,
    authority: Authority,
    held: Arc<Held>,
    /// Tells this node from others.
    holder: [u8; 16],
}

impl Certificates {
    /// Keeps what is `wanted` of this authority in `held`, for the listeners.
    pub fn new(journey: Arc<Journey>, org: OrgId, wanted: Wanted, authority: Authority, held: Arc<Held>) -> Self {
        let holder = random(journey.entropy.as_ref());
        Self { journey, org, wanted, authority, held, holder }
    }

    /// Shows what is kept, orders what is due, until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            let again = tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                again = self.look() => again,
            };
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                () = self.journey.certificate_changed.notified() => {}
                () = tokio::time::sleep(again) => {}
            }
        }
        // An order may have been cut: whoever comes next need not wait for the claim to end.
        if let Err(error) = self.release().await {
            tracing::debug!(%error, "the claim on certificates was not given back");
        }
    }

    /// Shows what is kept and orders what is due now; says when to look again.
    async fn look(&self) -> Duration {
        let looked = async {
            self.show().await?;
            match self.order_if_due().await? {
                Ordered::Issued(_) => self.show().await.map(|_| Ordered::NotDue),
                other => Ok(other),
            }
        };
        let (ordered, due) = (looked.await, self.due().await);
        if let Err(error) = &ordered {
            told_once_more(error);
        }
        match (ordered, due) {
            (Ok(Ordered::Elsewhere), _) => LOOK_SOON,
            (_, Ok(due)) => {
                let left = due.duration_since(self.journey.clock.now());
                let left = Duration::try_from(left).unwrap_or(LOOK_SOON);
                left.clamp(Duration::from_secs(1), if self.held.is_held() { LOOK_EVERY } else { LOOK_SOON })
            }
            (_, Err(_)) => LOOK_SOON,
        }
    }

    /// Shows the certificate that is kept, if it is another than is shown; whether there is one.
    ///
    /// # Errors
    /// [`CertificateTrouble`] as it says; what was shown stays.
    pub async fn show(&self) -> Result<bool, CertificateTrouble> {
        let Some(kept) = kept(&self.journey, self.organisation()?).await? else { return Ok(false) };
        // Seconds since 1970, far below 2^52.
        gauge!(CERTIFICATE_ENDS).set(kept.ends.as_second() as f64);
        self.held.tell_ended(kept.has_ended(self.journey.clock.now()));
        if self.held.bears(&kept.sha256) {
            return Ok(true);
        }
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(kept.chain.as_bytes()).collect();
        let key = PrivateKeyDer::from_pem_slice(kept.key.as_bytes());
        let (Ok(chain), Ok(key)) = (chain, key) else { return Err(CertificateTrouble::NotKept) };
        self.held.hold(&kept.sha256, chain, key).map_err(CertificateTrouble::NotShown)?;
        tracing::info!(ends = %kept.ends, issuer = kept.issuer, "a certificate that was had by ACME is shown");
        Ok(true)
    }

    fn organisation(&self) -> Result<&Arc<Organisation>, CertificateTrouble> {
        let org = self.org;
        authorize(&Principal::System { org }, Action::OrderCertificates, &Resource::Organisation(org))?;
        Ok(self.journey.organisations.find(org).ok_or(Forbidden)?)
    }

    async fn due(&self) -> Result<Timestamp, CertificateTrouble> {
        let organisation = self.organisation()?;
        let kept = kept(&self.journey, organisation).await?;
        let failure = standing(&self.journey, organisation).await?;
        Ok(due::due(kept.as_ref(), failure.as_ref(), &self.wanted, &self.authority.directory()))
    }
}

fn told_once_more(error: &CertificateTrouble) {
    match error {
        // It is told where it is recorded.
        CertificateTrouble::Acme(_) => {}
        error => tracing::error!(%error, "the listeners' certificate can't be kept"),
    }
}
