//! The evaluation of SPF records (RFC 7208 §4 and §5), within its bounds on
//! lookups.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;

use transport::{Answer, DnsName, LookupError, Presence, Record as DnsRecord, RecordKind, SecureDns};

use super::macros::{DomainSpec, Values};
use super::record::{Directive, Malformed, Mechanism, Prefix, Record, is_record};
use super::{Client, SpfResult};
use crate::reverse::reverse_name;

/// Terms that ask the DNS, in all records together (RFC 7208 §4.6.4).
const TERMS_MAX: u32 = 10;
/// Of these, terms that may find nothing.
const VOID_MAX: u32 = 2;
/// MX hosts of one term, and names of one address.
const NAMES_MAX: usize = 10;

/// One check, with what it has used up.
pub(super) struct Check<'a> {
    dns: &'a dyn SecureDns,
    client: Client<'a>,
    local: &'a str,
    sender_domain: &'a str,
    terms: u32,
    voids: u32,
    /// The names that the address proves, once they were asked for.
    validated: Option<Vec<String>>,
}

/// Why the evaluation of a record ends without a result of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Temporary,
    Permanent,
}

impl From<LookupError> for Stop {
    fn from(_: LookupError) -> Self {
        Stop::Temporary
    }
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Stop::Permanent
    }
}

type Pending<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

impl<'a> Check<'a> {
    pub fn new(dns: &'a dyn SecureDns, client: Client<'a>, local: &'a str, sender_domain: &'a str) -> Self {
        let client = Client { address: client.address.to_canonical(), ..client };
        Self { dns, client, local, sender_domain, terms: 0, voids: 0, validated: None }
    }

    pub async fn run(mut self, domain: &str) -> SpfResult {
        match self.host(domain.to_owned()).await {
            Ok(result) => result,
            Err(Stop::Temporary) => SpfResult::Temperror,
            Err(Stop::Permanent) => SpfResult::Permerror,
        }
    }

    /// `check_host`: the result for one domain's record.
    fn host(&mut self, domain: String) -> Pending<'_, Result<SpfResult, Stop>> {
        Box::pin(async move {
            let Some(record) = self.record(&domain).await? else { return Ok(SpfResult::None) };
            for Directive { result, mechanism } in &record.directives {
                if self.matches(mechanism, &domain).await? {
                    return Ok(*result);
                }
            }
            let Some(redirect) = &record.redirect else { return Ok(SpfResult::Neutral) };
            self.count_term()?;
            let target = self.expand(redirect, &domain).await?;
            match self.host(target).await? {
                SpfResult::None => Err(Stop::Permanent),
                result => Ok(result),
            }
        })
    }

    /// The one record of a domain (RFC 7208 §4.3 to §4.5).
    async fn record(&mut self, domain: &str) -> Result<Option<Record>, Stop> {
        let Some(name) = host_name(domain) else { return Ok(None) };
        let answer = self.dns.lookup(&name, RecordKind::Txt).await?;
        let mut records = answer.records.iter().filter_map(|record| match record {
            DnsRecord::Text(text) if is_record(text) => Some(text),
            _ => None,
        });
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(text), None) => Ok(Some(Record::read(text)?)),
            (Some(_), Some(_)) => Err(Stop::Permanent),
        }
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Stop> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4(network, length) => {
                Ok(matches!(self.client.address, IpAddr::V4(four) if equal_4(four, *network, *length)))
            }
            Mechanism::Ip6(network, length) => {
                Ok(matches!(self.client.address, IpAddr::V6(six) if equal_6(six, *network, *length)))
            }
            Mechanism::Include(spec) => self.include(spec, domain).await,
            Mechanism::A(spec, prefix) => {
                self.count_term()?;
                let name = self.target(spec.as_ref(), domain).await?;
                self.has_address(&name, *prefix, true).await
            }
            Mechanism::Mx(spec, prefix) => self.mx(spec.as_ref(), *prefix, domain).await,
            Mechanism::Exists(spec) => {
                self.count_term()?;
                let name = self.target(Some(spec), domain).await?;
                // An address of IPv4, whatever the client's is (RFC 7208 §5.7).
                Ok(self.ask(&name, RecordKind::A, true).await?.is_some())
            }
            Mechanism::Ptr(spec) => self.ptr(spec.as_ref(), domain).await,
        }
    }

    /// RFC 7208 §5.2.
    async fn include(&mut self, spec: &DomainSpec, domain: &str) -> Result<bool, Stop> {
        self.count_term()?;
        let target = self.expand(spec, domain).await?;
        match self.host(target).await? {
            SpfResult::Pass => Ok(true),
            SpfResult::Fail | SpfResult::Softfail | SpfResult::Neutral => Ok(false),
            SpfResult::None | SpfResult::Permerror => Err(Stop::Permanent),
            SpfResult::Temperror => Err(Stop::Temporary),
        }
    }

    async fn mx(&mut self, spec: Option<&DomainSpec>, prefix: Prefix, domain: &str) -> Result<bool, Stop> {
        self.count_term()?;
        let name = self.target(spec, domain).await?;
        let Some(answer) = self.ask(&name, RecordKind::Mx, true).await? else { return Ok(false) };
        let hosts: Vec<String> = answer
            .records
            .iter()
            .filter_map(|record| match record {
                DnsRecord::Exchange { host, .. } => Some(host.as_str().to_owned()),
                _ => None,
            })
            .collect();
        if hosts.len() > NAMES_MAX {
            return Err(Stop::Permanent);
        }
        for host in hosts {
            if self.has_address(&host, prefix, false).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// RFC 7208 §5.5. Slow and frail, and nobody should publish it; some do.
    async fn ptr(&mut self, spec: Option<&DomainSpec>, domain: &str) -> Result<bool, Stop> {
        self.count_term()?;
        let target = self.target(spec, domain).await?.to_ascii_lowercase();
        let names = self.validated().await;
        Ok(names.iter().any(|name| is_within(name, &target)))
    }

    /// The names that lead back to the client's address. What fails is left out.
    async fn validated(&mut self) -> Vec<String> {
        if let Some(names) = &self.validated {
            return names.clone();
        }
        let mut names = Vec::new();
        for name in self.claimed().await.into_iter().take(NAMES_MAX) {
            let whole = Prefix { four: 32, six: 128 };
            if self.has_address(&name, whole, false).await == Ok(true) {
                names.push(name);
            }
        }
        self.validated.insert(names).clone()
    }

    async fn claimed(&mut self) -> Vec<String> {
        let Some(name) = reverse_name(self.client.address) else { return Vec::new() };
        let Ok(answer) = self.dns.lookup(&name, RecordKind::Ptr).await else { return Vec::new() };
        let pointer = |record: &DnsRecord| match record {
            DnsRecord::Pointer(name) => Some(name.as_str().to_owned()),
            _ => None,
        };
        answer.records.iter().filter_map(pointer).collect()
    }

    async fn has_address(&mut self, name: &str, prefix: Prefix, counts: bool) -> Result<bool, Stop> {
        let kind = if self.client.address.is_ipv4() { RecordKind::A } else { RecordKind::Aaaa };
        let Some(answer) = self.ask(name, kind, counts).await? else { return Ok(false) };
        let is_equal = |found: IpAddr| match (self.client.address, found) {
            (IpAddr::V4(own), IpAddr::V4(found)) => equal_4(own, found, prefix.four),
            (IpAddr::V6(own), IpAddr::V6(found)) => equal_6(own, found, prefix.six),
            _ => false,
        };
        Ok(answer.addresses().any(is_equal))
    }

    /// What a name holds; nothing where it holds none of that, or can be no
    /// name. A term that finds nothing counts (RFC 7208 §4.6.4).
    async fn ask(&mut self, name: &str, kind: RecordKind, counts: bool) -> Result<Option<Answer>, Stop> {
        let answer = match DnsName::parse_any(name).filter(|name| !name.is_root()) {
            Some(name) => {
                Some(self.dns.lookup(&name, kind).await?).filter(|answer| answer.presence == Presence::Present)
            }
            None => None,
        };
        if answer.is_none() && counts {
            self.voids += 1;
            if self.voids > VOID_MAX {
                return Err(Stop::Permanent);
            }
        }
        Ok(answer)
    }

    fn count_term(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > TERMS_MAX { Err(Stop::Permanent) } else { Ok(()) }
    }

    async fn target(&mut self, spec: Option<&DomainSpec>, domain: &str) -> Result<String, Stop> {
        match spec {
            Some(spec) => self.expand(spec, domain).await,
            None => Ok(domain.to_owned()),
        }
    }

    async fn expand(&mut self, spec: &DomainSpec, domain: &str) -> Result<String, Stop> {
        let validated = match spec.needs_validated() {
            true => best(&self.validated().await, domain),
            false => String::new(),
        };
        Ok(spec.expand(&Values {
            local: self.local,
            sender_domain: self.sender_domain,
            domain,
            address: self.client.address,
            helo: self.client.helo,
            validated: &validated,
        }))
    }
}

/// RFC 7208 §7.3: the domain itself, else a name below it, else any.
fn best(names: &[String], domain: &str) -> String {
    let domain = domain.to_ascii_lowercase();
    let itself = names.iter().find(|name| **name == domain);
    let below = || names.iter().find(|name| is_within(name, &domain));
    itself.or_else(below).or(names.first()).cloned().unwrap_or_else(|| "unknown".to_owned())
}

fn is_within(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent.trim_end_matches('.')).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// A domain of several labels; anything else has no record (RFC 7208 §4.3).
fn host_name(domain: &str) -> Option<DnsName> {
    let labels: Vec<&str> = domain.strip_suffix('.').unwrap_or(domain).split('.').collect();
    let is_fine = |label: &&str| !label.is_empty() && label.len() <= 63;
    if labels.len() < 2 || !labels.iter().all(is_fine) {
        return None;
    }
    DnsName::parse_any(domain)
}

fn equal_4(own: Ipv4Addr, network: Ipv4Addr, length: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
    own.to_bits() & mask == network.to_bits() & mask
}

fn equal_6(own: Ipv6Addr, network: Ipv6Addr, length: u8) -> bool {
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    own.to_bits() & mask == network.to_bits() & mask
}
