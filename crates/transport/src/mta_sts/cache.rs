//! The policies that are known, for as long as each holds (RFC 8461 §3.3, §5.1).
//!
//! A policy that was had once is held to until its time is over, even where
//! its record vanishes, its host falls silent or this process is started again:
//! whoever can suppress a lookup can't suppress the policy. What is known lies
//! in a [`PolicyMemory`] too. Each organisation has its own: what one learned by
//! writing to a domain is none of another's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::{SignedDuration, Timestamp};
use mail::{Clock, Domain, OrgId};
use tokio::sync::Mutex as Turn;

use super::{PolicySource, StsMode, StsPolicy, StsRecord, StsTrouble};
use crate::network::Pending;
use crate::resolver::{DnsName, RecordKind, SecureDns};

/// Domains that are remembered here.
const ENTRIES_MAX: usize = 50_000;
/// How long what a domain's record said is taken for true.
const RECORD_HOLDS: SignedDuration = SignedDuration::from_mins(5);
/// After a lookup of a record that failed, the next one waits.
const LOOKUP_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// A policy is fetched again after this although its record has not changed,
/// so that its time begins anew (RFC 8461 §3.3, §10.2); sooner where it holds
/// for less than twice as long.
const REFRESH: SignedDuration = SignedDuration::from_hours(24);

/// A policy that was had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPolicy {
    /// The id of its record.
    pub id: String,
    /// The policy.
    pub policy: StsPolicy,
    /// When it was had.
    pub fetched_at: Timestamp,
}

impl KnownPolicy {
    /// Until when it holds.
    pub fn until(&self) -> Timestamp {
        self.after(self.max_age())
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.until() > now
    }

    fn refresh_at(&self) -> Timestamp {
        let half = SignedDuration::from_secs(i64::from(self.policy.max_age_s / 2));
        self.after(half.min(REFRESH))
    }

    fn max_age(&self) -> SignedDuration {
        SignedDuration::from_secs(self.policy.max_age_s.into())
    }

    fn after(&self, time: SignedDuration) -> Timestamp {
        self.fetched_at.saturating_add(time).unwrap_or(self.fetched_at)
    }
}

/// What is known of policies can't be told just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is known of MTA-STS policies can't be read")]
pub struct PoliciesUnknown;

/// What keeps policies for longer than a process lives.
pub trait PolicyMemory: Send + Sync {
    /// The policy that was kept last, whether it holds or not.
    fn recall<'a>(
        &'a self,
        org: OrgId,
        domain: &'a Domain,
    ) -> Pending<'a, Result<Option<KnownPolicy>, PoliciesUnknown>>;

    /// Keeps a policy in place of an earlier one.
    fn keep<'a>(
        &'a self,
        org: OrgId,
        domain: &'a Domain,
        known: &'a KnownPolicy,
    ) -> Pending<'a, Result<(), PoliciesUnknown>>;
}

type Key = (OrgId, Domain);

/// The policies that are known.
pub struct StsCache {
    dns: Arc<dyn SecureDns>,
    source: Arc<dyn PolicySource>,
    memory: Arc<dyn PolicyMemory>,
    clock: Arc<dyn Clock>,
    entries: Mutex<HashMap<Key, Entry>>,
    turns: Mutex<HashMap<Key, Weak<Turn<()>>>>,
}

#[derive(Clone)]
struct Entry {
    known: Option<KnownPolicy>,
    /// Nobody is asked before this, as long as what is known holds.
    next: Timestamp,
    /// Why the policy that is announced was not had.
    trouble: Option<StsTrouble>,
}

impl StsCache {
    /// What `memory` kept, and what is learned from now on.
    pub fn new(
        dns: Arc<dyn SecureDns>,
        source: Arc<dyn PolicySource>,
        memory: Arc<dyn PolicyMemory>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { dns, source, memory, clock, entries: Mutex::default(), turns: Mutex::default() }
    }

    /// The policy that holds for a domain now; fetched where its record says
    /// that it is new or has changed.
    ///
    /// # Errors
    /// [`PoliciesUnknown`] where the memory can't be asked: nobody may take that
    /// for "there is none".
    pub async fn policy(&self, org: OrgId, domain: &Domain) -> Result<Option<StsPolicy>, PoliciesUnknown> {
        let key = (org, domain.clone());
        let turn = match self.settled(&key) {
            Some(entry) => return Ok(entry.known.map(|known| known.policy)),
            None => self.turn(&key),
        };
        // One asks, and the others wait for the answer.
        let _mine = turn.lock().await;
        let entry = match self.settled(&key) {
            Some(entry) => entry,
            None => self.ask(&key).await?,
        };
        Ok(entry.known.map(|known| known.policy))
    }

    /// The policy, where it is to be enforced.
    ///
    /// # Errors
    /// As [`policy`](Self::policy).
    pub async fn enforced(&self, org: OrgId, domain: &Domain) -> Result<Option<StsPolicy>, PoliciesUnknown> {
        Ok(self.policy(org, domain).await?.filter(|policy| policy.mode == StsMode::Enforce))
    }

    async fn ask(&self, key: &Key) -> Result<Entry, PoliciesUnknown> {
        let (org, domain) = key;
        let now = self.clock.now();
        let known = match self.recall(key) {
            Some(entry) => entry.known,
            None => self.memory.recall(*org, domain).await?,
        };
        let known = known.filter(|known| known.holds(now));
        let later = |pause: SignedDuration| now.saturating_add(pause).unwrap_or(now);
        let (id, next) = match self.record(domain).await {
            Some(StsRecord::Present { id }) => (id, later(RECORD_HOLDS)),
            Some(StsRecord::Absent | StsRecord::Broken(_)) => {
                return Ok(self.remember(key, Entry { known, next: later(RECORD_HOLDS), trouble: None }));
            }
            None => return Ok(self.remember(key, Entry { known, next: later(LOOKUP_PAUSE), trouble: None })),
        };
        let is_current = known.as_ref().is_some_and(|known| known.id == id && known.refresh_at() > now);
        if is_current {
            return Ok(self.remember(key, Entry { known, next, trouble: None }));
        }
        let mut trouble = None;
        let known = match self.source.policy(domain).await {
            Ok(policy) => Some(self.learn(key, KnownPolicy { id, policy, fetched_at: now }).await),
            Err(error) => {
                // The domain says who writes to whom: it is not logged.
                tracing::info!(%error, "an MTA-STS policy could not be had");
                trouble = Some(StsTrouble::from(&error));
                known
            }
        };
        Ok(self.remember(key, Entry { known, next, trouble }))
    }

    /// Why no policy holds although the domain announces one, as far as that is
    /// known since it was asked for last.
    pub fn trouble(&self, org: OrgId, domain: &Domain) -> Option<StsTrouble> {
        self.recall(&(org, domain.clone())).filter(|entry| entry.known.is_none())?.trouble
    }

    async fn learn(&self, (org, domain): &Key, known: KnownPolicy) -> KnownPolicy {
        if let Err(error) = self.memory.keep(*org, domain, &known).await {
            tracing::warn!(%error, "an MTA-STS policy is known until this process ends");
        }
        known
    }

    /// The record; none where the lookup failed.
    async fn record(&self, domain: &Domain) -> Option<StsRecord> {
        let Some(name) = DnsName::from(domain).under("_mta-sts") else { return Some(StsRecord::Absent) };
        let answer = self.dns.lookup(&name, RecordKind::Txt).await.ok()?;
        Some(StsRecord::of(answer.texts()))
    }

    /// What need not be asked again.
    fn settled(&self, key: &Key) -> Option<Entry> {
        let now = self.clock.now();
        let is_fresh = |entry: &Entry| entry.next > now && entry.next.duration_since(now) <= RECORD_HOLDS;
        self.recall(key).filter(|entry| is_fresh(entry) && entry.known.as_ref().is_none_or(|known| known.holds(now)))
    }

    fn recall(&self, key: &Key) -> Option<Entry> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).cloned()
    }

    fn remember(&self, key: &Key, entry: Entry) -> Entry {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(key) {
            // The memory has what holds; the rest is asked for again.
            entries.clear();
        }
        entries.insert(key.clone(), entry.clone());
        entry
    }

    fn turn(&self, key: &Key) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }
}
