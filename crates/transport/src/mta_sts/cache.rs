//! The policies that are known, for as long as each holds (RFC 8461 §3.3, §5.1).
//!
//! A policy that was had once is held to until its time is over, even where
//! its record vanishes or its host falls silent: whoever can suppress a lookup
//! can't suppress the policy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mail::{Clock, Domain};

use super::{PolicySource, StsMode, StsPolicy, StsRecord};
use crate::resolver::{DnsName, RecordKind, SecureDns};

/// Domains that are remembered.
const ENTRIES_MAX: usize = 50_000;
/// After a fetch that failed the next one waits.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// The policies that are known.
pub struct StsCache {
    dns: Arc<dyn SecureDns>,
    source: Arc<dyn PolicySource>,
    clock: Arc<dyn Clock>,
    entries: Mutex<HashMap<Domain, Entry>>,
}

#[derive(Clone, Default)]
struct Entry {
    /// The policy, the id of its record, and until when it holds.
    known: Option<(String, StsPolicy, Timestamp)>,
    /// No fetch before this.
    pause: Option<Timestamp>,
}

impl StsCache {
    /// Nothing is known yet.
    pub fn new(dns: Arc<dyn SecureDns>, source: Arc<dyn PolicySource>, clock: Arc<dyn Clock>) -> Self {
        Self { dns, source, clock, entries: Mutex::default() }
    }

    /// The policy that holds for a domain now; fetched where its record says
    /// that it is new or has changed.
    pub async fn policy(&self, domain: &Domain) -> Option<StsPolicy> {
        let entry = self.recall(domain);
        let now = self.clock.now();
        let known = entry.known.filter(|(_, _, until)| *until > now);
        let id = match self.record(domain).await {
            StsRecord::Present { id } => id,
            StsRecord::Absent | StsRecord::Broken(_) => return known.map(|(_, policy, _)| policy),
        };
        let is_current = known.as_ref().is_some_and(|(known, _, _)| *known == id);
        if is_current || entry.pause.is_some_and(|pause| pause > now) {
            return known.map(|(_, policy, _)| policy);
        }
        match self.source.policy(domain).await {
            Ok(policy) => {
                let until = now.saturating_add(SignedDuration::from_secs(policy.max_age_s.into())).unwrap_or(now);
                self.keep(domain, Entry { known: Some((id, policy.clone(), until)), pause: None });
                Some(policy)
            }
            Err(error) => {
                // The domain says who writes to whom: it is not logged.
                tracing::info!(%error, "an MTA-STS policy could not be had");
                let pause = now.saturating_add(PAUSE).ok();
                self.keep(domain, Entry { known: known.clone(), pause });
                known.map(|(_, policy, _)| policy)
            }
        }
    }

    /// The policy, where it is to be enforced.
    pub async fn enforced(&self, domain: &Domain) -> Option<StsPolicy> {
        self.policy(domain).await.filter(|policy| policy.mode == StsMode::Enforce)
    }

    async fn record(&self, domain: &Domain) -> StsRecord {
        let Some(name) = DnsName::from(domain).under("_mta-sts") else { return StsRecord::Absent };
        match self.dns.lookup(&name, RecordKind::Txt).await {
            Ok(answer) => StsRecord::of(answer.texts()),
            Err(_) => StsRecord::Absent,
        }
    }

    fn recall(&self, domain: &Domain) -> Entry {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(domain).cloned().unwrap_or_default()
    }

    fn keep(&self, domain: &Domain, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            let now = self.clock.now();
            entries.retain(|_, entry| entry.known.as_ref().is_some_and(|(_, _, until)| *until > now));
        }
        // Full of policies that hold: those stay, and this one is asked for again next time.
        if entries.len() < ENTRIES_MAX || entries.contains_key(domain) {
            entries.insert(domain.clone(), entry);
        }
    }
}
