//! What binds the MX hosts of domains, as deliveries ask for it: DANE where
//! DNSSEC proves the MX lookup (RFC 7672), else the domain's MTA-STS policy
//! (RFC 8461). An answer of the DNS is held for some seconds, so that a queue
//! full of mail for one host costs no proof a message.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use mail::{Clock, Domain, MxLookup, OrgId};

use crate::binding::{Binding, Dane, find_dane};
use crate::cause::Cause;
use crate::mta_sts::{StsCache, StsTrouble};
use crate::resolver::SecureDns;

/// How long what the DNS said of a host is taken for true without asking its
/// cache again: less than any TTL that a zone with DANE should have.
const HOLD: SignedDuration = SignedDuration::from_secs(10);
const ENTRIES_MAX: usize = 10_000;

/// What binds MX hosts to domains.
pub struct Bindings {
    dns: Arc<dyn SecureDns>,
    policies: StsCache,
    clock: Arc<dyn Clock>,
    /// What TLSA records there are, by domain, host and port.
    held: Mutex<HashMap<(Domain, Domain, u16), Held>>,
}

#[derive(Clone)]
struct Held {
    dane: Option<Dane>,
    until: Timestamp,
}

/// An MX host of a domain, and how it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mx<'a> {
    pub(crate) domain: &'a Domain,
    pub(crate) host: &'a Domain,
    pub(crate) port: u16,
    pub(crate) lookup: MxLookup,
}

impl Bindings {
    /// Bindings by this DNS and these policies.
    pub fn new(dns: Arc<dyn SecureDns>, policies: StsCache, clock: Arc<dyn Clock>) -> Self {
        Self { dns, policies, clock, held: Mutex::default() }
    }

    /// What binds a host, or why no mail may go there now.
    pub(crate) async fn of(&self, org: OrgId, mx: Mx<'_>) -> Result<Binding, Cause> {
        // DANE overrides MTA-STS (RFC 8461 §2).
        if mx.lookup == MxLookup::Dnssec
            && let Some(dane) = self.dane(mx).await?
        {
            return Ok(Binding::Dane(dane));
        }
        // Whoever can't tell whether a policy holds must not act as if none did.
        let policy = self.policies.enforced(org, mx.domain).await.map_err(|_| Cause::Unavailable)?;
        match policy {
            Some(policy) if policy.names(mx.host) => Ok(Binding::Sts),
            Some(_) => Err(Cause::NotNamed),
            None => Ok(Binding::Found(mx.lookup)),
        }
    }

    /// Why no MTA-STS policy binds the hosts of a domain that announces one.
    pub(crate) fn trouble(&self, org: OrgId, domain: &Domain) -> Option<StsTrouble> {
        self.policies.trouble(org, domain)
    }

    async fn dane(&self, mx: Mx<'_>) -> Result<Option<Dane>, Cause> {
        let (key, now) = ((mx.domain.clone(), mx.host.clone(), mx.port), self.clock.now());
        if let Some(held) = self.held(&key, now) {
            return Ok(held);
        }
        let dane = find_dane(&*self.dns, mx.domain, mx.host, mx.port).await.map_err(|_| Cause::DaneFailed)?;
        let until = now.saturating_add(HOLD).unwrap_or(now);
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ENTRIES_MAX {
            all.retain(|_, held| held.until > now);
        }
        if all.len() < ENTRIES_MAX {
            all.insert(key, Held { dane: dane.clone(), until });
        }
        Ok(dane)
    }

    fn held(&self, key: &(Domain, Domain, u16), now: Timestamp) -> Option<Option<Dane>> {
        let all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not hold an answer for long.
        let is_held = |held: &&Held| held.until > now && held.until.duration_since(now) <= HOLD;
        all.get(key).filter(is_held).map(|held| held.dane.clone())
    }
}
