//! What domains say about their MX hosts, as a test wants it said: TLSA records,
//! MTA-STS records and policies, and a memory of policies.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use mail::{Clock, Domain, OrgId};
use transport::mta_sts::{KnownPolicy, PoliciesUnknown, PolicyError, PolicyMemory, PolicySource, StsCache, StsPolicy};
use transport::{
    Answer, Bindings, DnsName, DnsProof, LookupError, Pending, Presence, Record, RecordKind, SecureDns, Tlsa,
};

/// `3 1 1 0123…`, as `testkit` writes it.
pub fn tlsa(text: &str) -> Tlsa {
    let fields: Vec<&str> = text.split(' ').collect();
    let number = |at: usize| fields[at].parse().unwrap();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let data = fields[3].as_bytes().chunks(2).map(byte).collect();
    Tlsa { usage: number(0), selector: number(1), matching: number(2), data }
}

/// A clock that passes when it is told.
pub struct HandClock(Mutex<Timestamp>);

impl HandClock {
    pub fn now() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::now())))
    }

    pub fn pass(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A DNS of fixed proven answers; every host has an address.
#[derive(Default)]
pub struct Bonds {
    /// By the name of the host.
    pub tlsa: Mutex<HashMap<String, Result<Vec<Tlsa>, LookupError>>>,
    /// The id in the record of `r.example`.
    pub id: Mutex<Option<String>>,
    /// The policy of `r.example`; none where its host is silent.
    pub policy: Mutex<Option<String>>,
    pub fetches: AtomicUsize,
    pub questions: AtomicUsize,
}

impl Bonds {
    fn find(&self, name: &DnsName, kind: RecordKind) -> Result<Answer, LookupError> {
        self.questions.fetch_add(1, Ordering::SeqCst);
        let present = |records| Answer {
            presence: Presence::Present,
            records,
            proof: DnsProof::Secure,
            name: name.clone(),
            alias: None,
        };
        let nothing = Answer::none(name.clone(), Presence::NoData, DnsProof::Secure);
        Ok(match kind {
            RecordKind::A => present(vec![Record::Address([8, 0, 0, 1].into())]),
            RecordKind::Tlsa => {
                let host = name.as_str().split_once("._tcp.").unwrap().1;
                match self.tlsa.lock().unwrap().get(host).cloned() {
                    Some(records) => present(records?.into_iter().map(Record::Association).collect()),
                    None => nothing,
                }
            }
            RecordKind::Txt => match &*self.id.lock().unwrap() {
                Some(id) => present(vec![Record::Text(format!("v=STSv1; id={id};").into_bytes())]),
                None => nothing,
            },
            _ => nothing,
        })
    }
}

impl SecureDns for Bonds {
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        Box::pin(async move { self.find(name, kind) })
    }
}

impl PolicySource for Bonds {
    fn policy<'a>(&'a self, _domain: &'a Domain) -> Pending<'a, Result<StsPolicy, PolicyError>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let text = self.policy.lock().unwrap().clone();
        Box::pin(async move {
            let text = text.ok_or_else(|| PolicyError::Fetch("silent".to_owned()))?;
            StsPolicy::parse(text.as_bytes()).map_err(PolicyError::Policy)
        })
    }
}

/// What outlives a cache.
#[derive(Default)]
pub struct Shelf {
    pub kept: Mutex<HashMap<(OrgId, String), KnownPolicy>>,
    pub is_broken: Mutex<bool>,
}

impl PolicyMemory for Shelf {
    fn recall<'a>(
        &'a self,
        org: OrgId,
        domain: &'a Domain,
    ) -> Pending<'a, Result<Option<KnownPolicy>, PoliciesUnknown>> {
        Box::pin(async move {
            match *self.is_broken.lock().unwrap() {
                true => Err(PoliciesUnknown),
                false => Ok(self.kept.lock().unwrap().get(&(org, domain.to_string())).cloned()),
            }
        })
    }

    fn keep<'a>(
        &'a self,
        org: OrgId,
        domain: &'a Domain,
        known: &'a KnownPolicy,
    ) -> Pending<'a, Result<(), PoliciesUnknown>> {
        self.kept.lock().unwrap().insert((org, domain.to_string()), known.clone());
        Box::pin(async { Ok(()) })
    }
}

/// A policy's text.
pub fn policy(mode: &str, mx: &str, max_age_s: u32) -> String {
    format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: {max_age_s}\n")
}

pub fn cache(bonds: &Arc<Bonds>, shelf: &Arc<Shelf>, clock: &Arc<dyn Clock>) -> StsCache {
    StsCache::new(bonds.clone(), bonds.clone(), shelf.clone(), clock.clone())
}

pub fn bindings(bonds: &Arc<Bonds>, shelf: &Arc<Shelf>, clock: &Arc<dyn Clock>) -> Bindings {
    Bindings::new(bonds.clone(), cache(bonds, shelf, clock), clock.clone())
}
