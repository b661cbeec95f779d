//! What binds an MX host to a domain, and what a handshake with it is then
//! worth: one table for delivery and for probes.
//!
//! | bound by | the least that mail may cross | the level that is reached |
//! | --- | --- | --- |
//! | nothing but a DNS lookup | what the parcel needs | `encrypted`, or `verified` by chain and name |
//! | a route of the configuration | what the parcel needs | `encrypted`, or `anchored` by chain and name |
//! | TLSA records, usable (RFC 7672) | a certificate that matches | `anchored` |
//! | TLSA records, none usable | TLS | `encrypted`, or `verified` by chain and name |
//! | a policy in mode `enforce` that names it (RFC 8461) | chain and name | `anchored` |
//!
//! DANE overrides MTA-STS (RFC 8461 §2): where TLSA records are found, the
//! policy is not asked. Whatever binds a host holds for every parcel: one that
//! needs nothing does not cross with less either.

use mail::{Domain, Level, MxLookup};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::delivery::PolicyFound;
use crate::proof::{Judgement, TlsProof};
use crate::resolver::{Answer, DnsName, DnsProof, LookupError, Presence, RecordKind, SecureDns, Tlsa};
use crate::tls::{DaneNeed, dane_need, judge_dane};

/// What binds an MX host to a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Binding {
    /// Nothing but how it was found: a DNS lookup, or the configuration.
    Found(MxLookup),
    /// TLSA records that DNSSEC proves.
    Dane(Dane),
    /// An MTA-STS policy in mode `enforce` that names it.
    Sts,
}

/// The TLSA records of an MX host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dane {
    /// What they ask.
    pub need: DaneNeed,
    /// The reference names for usage 2 (RFC 7672 §3.2.2); the base name of the
    /// records is the first, and the one that is said in the handshake.
    pub names: Vec<ServerName<'static>>,
    /// All of them, those that don't count too.
    pub records: Vec<Tlsa>,
}

impl Binding {
    /// The least that mail may cross with, whatever a parcel needs.
    pub const fn floor(&self) -> Level {
        match self {
            Binding::Found(_) => Level::None,
            Binding::Dane(dane) => match dane.need {
                DaneNeed::Nothing => Level::None,
                DaneNeed::Encryption => Level::Encrypted,
                DaneNeed::Match(_) => Level::Anchored,
            },
            Binding::Sts => Level::Anchored,
        }
    }

    /// How the host is known to be the domain's.
    pub const fn lookup(&self) -> MxLookup {
        match self {
            Binding::Found(lookup) => *lookup,
            Binding::Dane(_) => MxLookup::Dnssec,
            Binding::Sts => MxLookup::MtaSts,
        }
    }

    /// What the domain demands, for reports; none of a host that the
    /// configuration names.
    pub(crate) fn policy_found(&self) -> Option<PolicyFound> {
        match self {
            Binding::Found(MxLookup::Pinned) => None,
            Binding::Found(_) => Some(PolicyFound::Neither),
            Binding::Dane(dane) => Some(PolicyFound::Tlsa(dane.records.iter().map(Tlsa::to_string).collect())),
            Binding::Sts => Some(PolicyFound::Sts),
        }
    }

    /// The name that is said in the handshake.
    pub fn tls_name<'a>(&'a self, host: &'a ServerName<'static>) -> &'a ServerName<'static> {
        match self {
            Binding::Dane(Dane { need: DaneNeed::Match(_), names, .. }) => names.first().unwrap_or(host),
            Binding::Dane(_) | Binding::Found(_) | Binding::Sts => host,
        }
    }

    /// The judgement of the chain that a peer showed: by TLSA records where
    /// they must match, else by anchors and name, as it was judged already.
    pub fn judge(&self, by_anchors: Judgement, chain: &[CertificateDer<'_>], now: UnixTime) -> Judgement {
        match self {
            Binding::Dane(Dane { need: DaneNeed::Match(records), names, .. }) => judge_dane(records, chain, names, now),
            Binding::Dane(_) | Binding::Found(_) | Binding::Sts => by_anchors,
        }
    }

    /// The level that a connection reached.
    pub fn level(&self, tls: Option<&TlsProof>) -> Level {
        match (tls.map(|tls| &tls.judgement), self) {
            (None, _) => Level::None,
            (Some(Judgement::NotVerified { .. }), _) => Level::Encrypted,
            (Some(Judgement::Dane { .. }), _) => Level::Anchored,
            (Some(Judgement::Verified { .. }), Binding::Sts | Binding::Found(MxLookup::Pinned)) => Level::Anchored,
            (Some(Judgement::Verified { .. }), Binding::Found(_) | Binding::Dane(_)) => Level::Verified,
        }
    }
}

/// The TLSA records of an MX host (RFC 7672 §2.2), for a domain whose MX lookup
/// DNSSEC proved. None where DANE does not apply. Whatever is bogus or fails is
/// an error, and the host must not be used until it passes.
pub async fn find_dane(
    dns: &dyn SecureDns,
    domain: &Domain,
    host: &Domain,
    port: u16,
) -> Result<Option<Dane>, LookupError> {
    for base in bases(dns, host).await? {
        let Some(owner) = base.under(&format!("_{port}._tcp")) else { continue };
        let answer = dns.lookup(&owner, RecordKind::Tlsa).await?;
        if answer.presence == Presence::Present && answer.proof == DnsProof::Secure {
            let records: Vec<Tlsa> = answer.associations().cloned().collect();
            let names = reference_names(&base, host, domain);
            return Ok(Some(Dane { need: dane_need(&records), names, records }));
        }
    }
    Ok(None)
}

/// The names below which TLSA records are looked for: where the host is an
/// alias, its end first, and then the host; none where its addresses are not
/// proven, for whoever can change those can change the alias.
async fn bases(dns: &dyn SecureDns, host: &Domain) -> Result<Vec<DnsName>, LookupError> {
    let name = DnsName::from(host);
    let (four, six) = futures::join!(dns.lookup(&name, RecordKind::A), dns.lookup(&name, RecordKind::Aaaa));
    let answers = match (four, six) {
        (Err(LookupError::Bogus), _) | (_, Err(LookupError::Bogus)) => return Err(LookupError::Bogus),
        (Err(error), Err(_)) => return Err(error),
        (four, six) => [four.ok(), six.ok()],
    };
    let found: Vec<Answer> =
        answers.into_iter().flatten().filter(|answer| answer.presence == Presence::Present).collect();
    let Some(first) = found.first() else { return Ok(Vec::new()) };
    let mut bases = Vec::new();
    if found.iter().all(|answer| answer.proof == DnsProof::Secure) {
        bases.push(first.name.clone());
    } else if first.alias != Some(DnsProof::Secure) {
        return Ok(Vec::new());
    }
    if !bases.contains(&name) {
        bases.push(name);
    }
    Ok(bases)
}

fn reference_names(base: &DnsName, host: &Domain, domain: &Domain) -> Vec<ServerName<'static>> {
    let mut names: Vec<ServerName<'static>> = Vec::new();
    for text in [base.as_str(), host.as_str(), domain.as_str()] {
        match ServerName::try_from(text.to_owned()) {
            Ok(name) if !names.contains(&name) => names.push(name),
            Ok(_) | Err(_) => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Fault;

    fn proof(judgement: Judgement) -> TlsProof {
        TlsProof {
            version: "TLSv1.3".to_owned(),
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            certificate_sha256: [0; 32],
            judgement,
            resumed: false,
        }
    }

    fn dane(need: DaneNeed) -> Binding {
        Binding::Dane(Dane { need, names: Vec::new(), records: Vec::new() })
    }

    fn some_record() -> DaneNeed {
        DaneNeed::Match(vec![Tlsa { usage: 3, selector: 1, matching: 1, data: vec![0; 32] }])
    }

    fn name() -> String {
        "mx.example".to_owned()
    }

    fn check(binding: &Binding, floor: Level, clear: Level, unverified: Level, verified: Level, lookup: MxLookup) {
        let level = |judgement| binding.level(Some(&proof(judgement)));
        let fault = Judgement::NotVerified { name: name(), fault: Fault::Expired };
        let good = Judgement::Verified { name: name() };
        let levels = (binding.floor(), binding.level(None), level(fault), level(good));
        assert_eq!(levels, (floor, clear, unverified, verified), "{binding:?}");
        assert_eq!(binding.lookup(), lookup);
    }

    #[test]
    fn each_binding_has_its_floor_and_its_levels() {
        use Level::{Anchored, Encrypted, None, Verified};
        let found = Binding::Found;
        check(&found(MxLookup::Insecure), None, None, Encrypted, Verified, MxLookup::Insecure);
        check(&found(MxLookup::Dnssec), None, None, Encrypted, Verified, MxLookup::Dnssec);
        check(&found(MxLookup::Pinned), None, None, Encrypted, Anchored, MxLookup::Pinned);
        check(&Binding::Sts, Anchored, None, Encrypted, Anchored, MxLookup::MtaSts);
        check(&dane(DaneNeed::Encryption), Encrypted, None, Encrypted, Verified, MxLookup::Dnssec);
        check(&dane(some_record()), Anchored, None, Encrypted, Verified, MxLookup::Dnssec);
        let matched = Judgement::Dane { name: name(), record: "3 1 1".to_owned() };
        assert_eq!(dane(some_record()).level(Some(&proof(matched))), Anchored);
    }

    #[test]
    fn records_that_must_match_judge_in_place_of_anchors() {
        let by_anchors = Judgement::Verified { name: name() };
        let now = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
        let judged = dane(some_record()).judge(by_anchors.clone(), &[], now);
        assert!(matches!(judged, Judgement::NotVerified { fault: Fault::NotInTlsa, .. }));
        assert_eq!(dane(DaneNeed::Encryption).judge(by_anchors.clone(), &[], now), by_anchors);
        assert_eq!(Binding::Sts.judge(by_anchors.clone(), &[], now), by_anchors);
    }
}
