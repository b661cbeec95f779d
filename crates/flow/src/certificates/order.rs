//! One order: the claim is taken, the authority is talked to, and what came of
//! it is kept with the claim given back, in one transaction.

use std::time::Duration;

use acme::{AcmeError, Answer, Desk, DeskTrouble, KeptAccount, Pending};
use jiff::Timestamp;
use ledger::Event;
use metrics::counter;
use store::{StoreError, Transition, Write};

use super::kept::{self, Failure, Kept, kept as kept_now, standing};
use super::{CertificateTrouble, Certificates, answers, due};
use crate::case::later;
use crate::meters::CERTIFICATE_ORDERS;
use crate::organisation::Organisation;

/// An order that takes longer is given up.
const ORDER_MAX: Duration = Duration::from_secs(8 * 60);
/// How long a node that died keeps others from ordering; one that lives renews its claim meanwhile.
const CLAIM: Duration = Duration::from_secs(60);
const CLAIM_RENEWAL: Duration = Duration::from_secs(20);
const CLAIM_NAME: &str = "acme";

/// What came of looking whether to order.
#[derive(Debug)]
pub enum Ordered {
    /// A certificate was issued, and is kept.
    Issued(Box<Kept>),
    /// None is due.
    NotDue,
    /// Another node orders right now, or had one while this one did.
    Elsewhere,
}

impl Certificates {
    /// Orders if one is due.
    ///
    /// # Errors
    /// [`CertificateTrouble`] as it says; what was kept stays.
    pub async fn order_if_due(&self) -> Result<Ordered, CertificateTrouble> {
        if self.due().await? > self.journey.clock.now() {
            return Ok(Ordered::NotDue);
        }
        if !self.claim().await? {
            return Ok(Ordered::Elsewhere);
        }
        // Another node may have had one before this one had the claim.
        if self.due().await? > self.journey.clock.now() {
            self.release().await?;
            return Ok(Ordered::Elsewhere);
        }
        self.order().await
    }

    /// Orders now, whether one is due or not.
    ///
    /// # Errors
    /// [`CertificateTrouble`] as it says; what was kept stays.
    pub async fn order_now(&self) -> Result<Ordered, CertificateTrouble> {
        match self.claim().await? {
            true => self.order().await,
            false => Ok(Ordered::Elsewhere),
        }
    }

    async fn order(&self) -> Result<Ordered, CertificateTrouble> {
        let organisation = self.organisation()?;
        tracing::info!(directory = self.authority.directory(), "a certificate is ordered");
        let desk = StoreDesk { certificates: self, organisation };
        let conversation = tokio::time::timeout(ORDER_MAX, self.authority.order(&self.wanted, &desk));
        let ended = tokio::select! {
            ended = conversation => ended.unwrap_or(Err(AcmeError::TimedOut)),
            () = self.until_the_claim_is_lost() => return Ok(Ordered::Elsewhere),
        };
        match ended {
            Ok(issued) => self.issued(organisation, issued).await,
            Err(error) => self.failed(organisation, error).await,
        }
    }

    async fn issued(&self, organisation: &Organisation, issued: acme::Issued) -> Result<Ordered, CertificateTrouble> {
        let kept = Kept::of(issued, self.authority.directory(), self.wanted.names.clone());
        let now = self.journey.clock.now();
        let event = Event::CertificateIssued {
            names: kept.names.clone(),
            issuer: kept.issuer.clone(),
            sha256: kept.sha256.clone(),
            ends_at: kept.ends,
        };
        let failure = self.due_at_birth(organisation, &kept, now).await?;
        let writes = vec![
            self.claim_until(now, now),
            kept::keep(&self.journey, organisation, &kept)?,
            kept::keep_standing(&self.journey, organisation, failure.as_ref())?,
            Write::ForgetAcme { before: now },
        ];
        if !self.record(organisation, writes, event, now).await? {
            return Ok(Ordered::Elsewhere);
        }
        counter!(CERTIFICATE_ORDERS, "result" => "issued").increment(1);
        tracing::info!(ends = %kept.ends, issuer = kept.issuer, "a certificate was issued");
        if let Some(failure) = failure {
            tracing::error!(because = failure.because, fix = failure.fix, again = %failure.again, "it is kept all the same");
        }
        Ok(Ordered::Issued(Box::new(kept)))
    }

    /// That a certificate is due as soon as it is there: by a clock that is far ahead the next
    /// one would be ordered at once, and so on until the authority bears no more.
    async fn due_at_birth(
        &self,
        organisation: &Organisation,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Option<Failure>, CertificateTrouble> {
        if kept.renewal() > now {
            return Ok(None);
        }
        let error = AcmeError::DueAtBirth { begins: kept.begins, ends: kept.ends };
        self.failure(organisation, &error, now).await.map(Some)
    }

    /// One more failure of this plan.
    async fn failure(
        &self,
        organisation: &Organisation,
        error: &AcmeError,
        now: Timestamp,
    ) -> Result<Failure, CertificateTrouble> {
        let plan = due::plan(&self.wanted, &self.authority.directory());
        let before = standing(&self.journey, organisation).await?.filter(|failure| failure.plan == plan);
        let failures = before.map_or(0, |failure| failure.failures).saturating_add(1);
        Ok(Failure::new(plan, failures, now, error))
    }

    async fn failed(&self, organisation: &Organisation, error: AcmeError) -> Result<Ordered, CertificateTrouble> {
        let now = self.journey.clock.now();
        let failure = self.failure(organisation, &error, now).await?;
        let event = Event::CertificateFailed { names: self.wanted.names.clone(), because: failure.because.clone() };
        let writes =
            vec![self.claim_until(now, now), kept::keep_standing(&self.journey, organisation, Some(&failure))?];
        if !self.record(organisation, writes, event, now).await? {
            return Ok(Ordered::Elsewhere);
        }
        counter!(CERTIFICATE_ORDERS, "result" => "failed").increment(1);
        let ends = kept_now(&self.journey, organisation).await?.map(|kept| kept.ends.to_string());
        tracing::error!(
            because = failure.because,
            fix = failure.fix,
            again = %failure.again,
            shown_until = ends,
            "no certificate was had; the one before stays"
        );
        Err(error.into())
    }

    /// Keeps it all with a word in the ledger; false: the claim was lost, and nothing is kept.
    async fn record(
        &self,
        organisation: &Organisation,
        writes: Vec<Write>,
        event: Event,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let journal = organisation.journal(None, vec![event], now, self.journey.entropy.as_ref());
        let transition = Transition { org: self.org, writes, journal: Some(journal) };
        match self.journey.commit(transition).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => {
                tracing::warn!("an order took so long that another node took it over");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Renews the claim for as long as it is this node's.
    async fn until_the_claim_is_lost(&self) {
        loop {
            tokio::time::sleep(CLAIM_RENEWAL).await;
            match self.claim().await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::warn!("the claim on an order was lost: another node orders");
                    return;
                }
                // What comes of the order is kept under the claim: if it is lost by then, nothing is.
                Err(error) => tracing::warn!(%error, "the claim on an order was not renewed"),
            }
        }
    }

    async fn claim(&self) -> Result<bool, StoreError> {
        let now = self.journey.clock.now();
        self.commit(vec![self.claim_until(later(now, CLAIM), now)]).await
    }

    /// Gives the claim back, if it is this node's.
    pub(super) async fn release(&self) -> Result<(), StoreError> {
        let now = self.journey.clock.now();
        self.commit(vec![self.claim_until(now, now)]).await.map(drop)
    }

    /// Whether the claim was had, and so these were written.
    async fn commit(&self, writes: Vec<Write>) -> Result<bool, StoreError> {
        match self.journey.commit(Transition { org: self.org, writes, journal: None }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn claim_until(&self, until: Timestamp, now: Timestamp) -> Write {
        Write::Claim { name: CLAIM_NAME, holder: self.holder, now, until }
    }
}

/// The desk of an order: what it needs goes into the store, under its claim.
struct StoreDesk<'a> {
    certificates: &'a Certificates,
    organisation: &'a Organisation,
}

impl StoreDesk<'_> {
    async fn keep(&self, write: Result<Write, CertificateTrouble>) -> Result<(), DeskTrouble> {
        let now = self.certificates.journey.clock.now();
        let claim = self.certificates.claim_until(later(now, CLAIM), now);
        let write = write.map_err(|error| DeskTrouble(Box::new(error)))?;
        match self.certificates.commit(vec![claim, write]).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(DeskTrouble(Box::new(StoreError::Conflict))),
            Err(error) => Err(DeskTrouble(Box::new(error))),
        }
    }
}

impl Desk for StoreDesk<'_> {
    fn account(&self) -> Pending<'_, Result<Option<KeptAccount>, DeskTrouble>> {
        Box::pin(async move {
            let kept = kept::account(&self.certificates.journey, self.organisation).await;
            kept.map_err(|error| DeskTrouble(Box::new(error)))
        })
    }

    fn keep_account(&self, account: KeptAccount) -> Pending<'_, Result<(), DeskTrouble>> {
        Box::pin(
            async move { self.keep(kept::keep_account(&self.certificates.journey, self.organisation, &account)).await },
        )
    }

    fn show(&self, answer: Answer) -> Pending<'_, Result<(), DeskTrouble>> {
        Box::pin(async move {
            let (name, answer) = answers::row(answer);
            let until = later(self.certificates.journey.clock.now(), ORDER_MAX);
            self.keep(kept::keep_answer(&self.certificates.journey, self.organisation, &name, until, &answer)).await
        })
    }
}
