//! The watch list: domains that are probed on a schedule, so that one that
//! loses TLS is noticed before mail is. What a round shows is judged by
//! [`discovery::watch`]; here rounds are made, kept and told.
//!
//! Of several nodes one probes at a time, one domain after the other: it has
//! the claim in the store, and records nothing if it lost it meanwhile. A round
//! is kept sealed, under a keyed index of its domain.
//!
//! A log line names the domain: an operator wrote it into the configuration,
//! and it says nothing of who writes to whom. Meters name none.

use std::sync::Arc;
use std::time::Duration;

use discovery::probe::Prober;
use discovery::watch::{Change, NotARound, Round, due};
use identity::{Action, Forbidden, Principal, Resource, authorize};
use jiff::{SignedDuration, Timestamp};
use ledger::Event;
use mail::seam::random;
use mail::{Domain, OrgId};
use metrics::{counter, gauge};
use store::{StoreError, Transition, WatchRoundRow, Write};
use tokio::sync::watch;
use vault::{Label, VaultError};

use crate::case::later;
use crate::journey::Journey;
use crate::meters::{WATCH_FALLEN, WATCH_ROUNDS};
use crate::organisation::Organisation;

/// How often it is looked whether a domain is due.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// A round that takes longer is given up.
const ROUND_MAX: Duration = Duration::from_secs(20 * 60);
/// How long a node that died keeps others from probing.
const CLAIM: Duration = Duration::from_secs(25 * 60);
const CLAIM_NAME: &str = "watch";
const NOTICED_BY: &str = "watch";

/// What is watched, and how.
#[derive(Clone, Debug)]
pub struct WatchList {
    /// Whose it is.
    pub org: OrgId,
    /// The domains.
    pub domains: Vec<Domain>,
    /// The time between two rounds of a domain.
    pub interval: Duration,
    /// How long rounds are kept.
    pub keep: Duration,
}

/// How a domain of the list stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The domain.
    pub domain: Domain,
    /// Its last round; none before the first.
    pub last: Option<Round>,
}

/// Why the watch list can't be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum WatchTrouble {
    /// The principal may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is stored is no round.
    #[error(transparent)]
    Round(#[from] NotARound),
}

/// Keeps the watch list of one organisation.
pub struct Watch {
    journey: Arc<Journey>,
    list: WatchList,
    prober: Prober,
    /// Tells this node from others.
    holder: [u8; 16],
}

impl Watch {
    /// Watches with this prober.
    pub fn new(journey: Arc<Journey>, list: WatchList, prober: Prober) -> Self {
        let holder = random(journey.entropy.as_ref());
        Self { journey, list, prober, holder }
    }

    /// Probes what is due, until `stop` holds true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                looked = self.look() => match looked {
                    Ok(_) => {}
                    Err(error) => tracing::error!(%error, "the watch list can't be kept"),
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stopped| *stopped) => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        // A round may have been cut: whoever comes next need not wait for the claim to end.
        if let Err(error) = self.release().await {
            tracing::debug!(%error, "the claim on the watch list was not given back");
        }
    }

    /// Probes what is due now, one domain after the other; gives how many
    /// rounds it made. While another node probes, that is none.
    ///
    /// # Errors
    /// [`WatchTrouble`] as it says; the rounds before it are kept.
    pub async fn look(&self) -> Result<usize, WatchTrouble> {
        let organisation = self.organisation()?;
        let mut rounds = 0;
        loop {
            let standings = standings(&self.journey, organisation, &self.list.domains).await?;
            let fallen = standings.iter().filter(|standing| standing.is_fallen()).count();
            // Far below 2^52.
            gauge!(WATCH_FALLEN).set(fallen as f64);
            if self.next(organisation, standings).is_none() || !self.claim().await? {
                return Ok(rounds);
            }
            // Another node may have probed it before this one had the claim.
            let standings = self::standings(&self.journey, organisation, &self.list.domains).await?;
            let Some(standing) = self.next(organisation, standings) else {
                self.release().await?;
                return Ok(rounds);
            };
            self.round(organisation, standing).await?;
            rounds += 1;
        }
    }

    fn organisation(&self) -> Result<&Arc<Organisation>, WatchTrouble> {
        let org = self.list.org;
        authorize(&Principal::System { org }, Action::KeepWatch, &Resource::Organisation(org))?;
        Ok(self.journey.organisations.find(org).ok_or(Forbidden)?)
    }

    /// The domain that has been due longest.
    fn next(&self, organisation: &Organisation, standings: Vec<Standing>) -> Option<Standing> {
        let now = self.journey.clock.now();
        let due_at = |standing: &Standing| {
            let index = organisation.vault.domain_index(&standing.domain);
            let slot = index.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
            due(standing.last.as_ref().map(|round| round.at), slot, self.list.interval, now)
        };
        let all = standings.into_iter().map(|standing| (due_at(&standing), standing));
        all.filter(|(at, _)| *at <= now).min_by_key(|(at, _)| *at).map(|(_, standing)| standing)
    }

    async fn claim(&self) -> Result<bool, WatchTrouble> {
        let now = self.journey.clock.now();
        let claim = self.claim_until(later(now, CLAIM), now);
        let transition = Transition { org: self.list.org, writes: vec![claim], journal: None };
        match self.journey.commit(transition).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn release(&self) -> Result<(), StoreError> {
        let now = self.journey.clock.now();
        let transition = Transition { org: self.list.org, writes: vec![self.claim_until(now, now)], journal: None };
        match self.journey.commit(transition).await {
            // Another node has it.
            Err(StoreError::Conflict) => Ok(()),
            released => released,
        }
    }

    fn claim_until(&self, until: Timestamp, now: Timestamp) -> Write {
        Write::Claim { name: CLAIM_NAME, holder: self.holder, now, until }
    }

    /// Probes one domain, keeps the round and gives the claim back.
    async fn round(&self, organisation: &Organisation, standing: Standing) -> Result<(), WatchTrouble> {
        let Standing { domain, last } = standing;
        let round = match tokio::time::timeout(ROUND_MAX, self.prober.probe(&domain, &[])).await {
            Ok(report) => Round::judge(&report, last.as_ref()),
            Err(_) => Round::unfinished(self.journey.clock.now(), last.as_ref()),
        };
        let (org, now) = (self.list.org, self.journey.clock.now());
        let kept = row(organisation, &domain, &round, &self.journey);
        let writes = vec![
            self.claim_until(now, now),
            Write::WatchRound(kept),
            Write::ForgetWatchRounds { before: earlier(now, self.list.keep) },
        ];
        let event = event(&domain, &round);
        let journal = event.map(|event| organisation.journal(None, vec![event], now, self.journey.entropy.as_ref()));
        match self.journey.commit(Transition { org, writes, journal }).await {
            Ok(()) => tell(&domain, &round),
            // It took so long that another node made the round.
            Err(StoreError::Conflict) => tracing::warn!("a round of the watch list came too late"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Standing {
    /// Whether it protects mail less than it did.
    pub fn is_fallen(&self) -> bool {
        self.last.as_ref().is_some_and(|round| round.fall.is_some())
    }
}

/// How these domains stand.
///
/// # Errors
/// [`WatchTrouble`] as it says.
pub async fn standings(
    journey: &Journey,
    organisation: &Organisation,
    domains: &[Domain],
) -> Result<Vec<Standing>, WatchTrouble> {
    let mut standings = Vec::new();
    for domain in domains {
        let last = history(journey, organisation, domain, 1).await?.pop();
        standings.push(Standing { domain: domain.clone(), last });
    }
    Ok(standings)
}

/// The rounds of a domain, newest first.
///
/// # Errors
/// [`WatchTrouble`] as it says.
pub async fn history(
    journey: &Journey,
    organisation: &Organisation,
    domain: &Domain,
    limit: usize,
) -> Result<Vec<Round>, WatchTrouble> {
    let index = organisation.vault.domain_index(domain);
    let rows = journey.store.watch_rounds(organisation.org, index, limit).await?;
    let open = |row: &WatchRoundRow| {
        let bytes = organisation.vault.open(Label::WatchRound, &bound(&row.domain, row.at), &row.sealed)?;
        Ok(Round::from_bytes(&bytes)?)
    };
    rows.iter().map(open).collect()
}

fn row(organisation: &Organisation, domain: &Domain, round: &Round, journey: &Journey) -> WatchRoundRow {
    let index = organisation.vault.domain_index(domain);
    let aad = bound(&index, round.at);
    let sealed = organisation.vault.seal(Label::WatchRound, &aad, &round.to_bytes(), journey.entropy.as_ref());
    WatchRoundRow { domain: index, at: round.at, sealed }
}

/// What binds a row's sealed part to its place; times are kept in microseconds.
fn bound(domain: &[u8; 16], at: Timestamp) -> Vec<u8> {
    [domain.as_slice(), &at.as_microsecond().to_be_bytes()].concat()
}

/// What the ledger tells of a round.
fn event(domain: &Domain, round: &Round) -> Option<Event> {
    let (domain, noticed_by, because) = (domain.clone(), NOTICED_BY.to_owned(), round.because.clone());
    match round.change? {
        Change::Fell => Some(Event::PostureFell { domain, noticed_by, because }),
        Change::Recovered => Some(Event::PostureRecovered { domain, noticed_by, because }),
        Change::First => None,
    }
}

/// Counts a round that is kept, and says what it changed.
fn tell(domain: &Domain, round: &Round) {
    let result = match (round.change, round.seen) {
        (Some(change), _) => change.word(),
        (None, Some(_)) => "same",
        (None, None) => "untold",
    };
    counter!(WATCH_ROUNDS, "result" => result).increment(1);
    let because = round.because.join("; ");
    match round.change {
        Some(Change::Fell) => tracing::warn!(%domain, because, "a watched domain fell"),
        Some(Change::Recovered) => tracing::info!(%domain, because, "a watched domain recovered"),
        Some(Change::First) | None => {}
    }
}

fn earlier(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| now.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}
