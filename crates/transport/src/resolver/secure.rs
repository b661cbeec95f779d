//! The seam to the DNS with proofs: what a name holds, or that it holds
//! nothing, and whether DNSSEC (RFC 4035) proves it.
//!
//! An answer is [`DnsProof::Secure`] or [`DnsProof::Insecure`]. What is bogus,
//! or can't be told, is no answer but a failure: nobody who asks may take it
//! for "there is nothing" (RFC 7672 §2.1).

use std::fmt;
use std::net::IpAddr;

use hickory_proto::rr::Name;
use mail::Domain;

use crate::network::Pending;

/// A name in the DNS: lower case, ASCII, without the last dot. Unlike a
/// [`Domain`] it may have labels such as `_25._tcp`, and the root is one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(String);

impl DnsName {
    /// Reads a name; none where it can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        Some(Self::from_wire(&Name::from_ascii(text).ok()?))
    }

    /// Reads a name whose labels may be of any printable characters: the macros
    /// of SPF make such names, and somebody may have put one into a zone.
    pub fn parse_any(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| any_labels(text).map(|_| Self(text.trim_end_matches('.').to_ascii_lowercase())))
    }

    /// A name below another: `_25._tcp` of `mx.example`.
    pub fn under(&self, labels: &str) -> Option<Self> {
        if self.is_root() { Self::parse(labels) } else { Self::parse(&format!("{labels}.{self}")) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root, which stands for "nowhere" in an MX (RFC 7505).
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The name as that of a host; none where no host can be called so.
    pub fn domain(&self) -> Option<Domain> {
        Domain::parse(&self.0).ok()
    }

    pub(super) fn from_wire(name: &Name) -> Self {
        let text = name.to_lowercase().to_ascii();
        Self(text.strip_suffix('.').unwrap_or(&text).to_owned())
    }

    /// Whole: no search list of the machine is ever applied.
    pub(super) fn to_wire(&self) -> Option<Name> {
        let mut name = Name::from_ascii(&self.0).ok().or_else(|| any_labels(&self.0))?;
        name.set_fqdn(true);
        Some(name)
    }
}

/// A name of labels as they stand there; none where one is empty or too long,
/// or could be read as an escape.
fn any_labels(text: &str) -> Option<Name> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\');
    let labels = text.split('.').map(|label| label.as_bytes().to_ascii_lowercase());
    Name::from_labels(labels).ok().filter(|_| is_plain && text.split('.').all(|label| !label.is_empty()))
}

impl From<&Domain> for DnsName {
    fn from(domain: &Domain) -> Self {
        Self(domain.as_str().to_owned())
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

/// What may be asked of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// The hosts that take its mail.
    Mx,
    /// Texts.
    Txt,
    /// Who may issue certificates (RFC 8659).
    Caa,
    /// Certificates or keys of a service (RFC 6698).
    Tlsa,
    /// What it is an alias of.
    Cname,
    /// Which name an address claims (RFC 1035 §3.5).
    Ptr,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An address, of either family.
    Address(IpAddr),
    /// A host that takes mail.
    Exchange {
        /// Lower is tried first.
        preference: u16,
        /// Its name.
        host: DnsName,
    },
    /// A text: its strings joined, as SPF, DKIM and MTA-STS read them.
    Text(Vec<u8>),
    /// Who may issue certificates.
    Authority(Caa),
    /// A certificate or key of a service.
    Association(Tlsa),
    /// The name that this one is an alias of.
    Alias(DnsName),
    /// The name that an address claims.
    Pointer(DnsName),
}

/// A CAA record (RFC 8659 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caa {
    /// Whether an authority that does not know the tag must not issue.
    pub is_critical: bool,
    /// `issue`, `issuewild`, `iodef`, …
    pub tag: String,
    /// The value, as it stands there.
    pub value: Vec<u8>,
}

/// A TLSA record (RFC 6698 §2), as it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// 0 to 3; others are unassigned.
    pub usage: u8,
    /// 0: the certificate, 1: its public key.
    pub selector: u8,
    /// 0: whole, 1: SHA-256, 2: SHA-512.
    pub matching: u8,
    /// What is compared.
    pub data: Vec<u8>,
}

impl fmt::Display for Tlsa {
    /// As a zone file has it (RFC 6698 §2.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.usage, self.selector, self.matching)?;
        self.data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How an answer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsProof {
    /// It is in no signed zone, or nobody asked for proof.
    Insecure,
    /// A chain of signatures leads to it.
    Secure,
}

/// Whether there are records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There are.
    Present,
    /// The name exists and has none of this kind.
    NoData,
    /// The name does not exist.
    NoSuchName,
}

/// What a name holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether there are records.
    pub presence: Presence,
    /// The records of the kind that was asked for.
    pub records: Vec<Record>,
    /// How all of it is known: every alias on the way, and the records or that
    /// there are none.
    pub proof: DnsProof,
    /// Where the records stand: the end of the aliases.
    pub name: DnsName,
    /// How it is known that the asked name is an alias; none where it is none.
    pub alias: Option<DnsProof>,
}

impl Answer {
    /// That there is nothing.
    pub fn none(name: DnsName, presence: Presence, proof: DnsProof) -> Self {
        Self { presence, records: Vec::new(), proof, name, alias: None }
    }

    /// The addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.records.iter().filter_map(|record| match record {
            Record::Address(address) => Some(*address),
            _ => None,
        })
    }

    /// The texts that are UTF-8; others are none of those that are read here.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.records.iter().filter_map(|record| match record {
            Record::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        })
    }

    /// The certificates and keys of a service.
    pub fn associations(&self) -> impl Iterator<Item = &Tlsa> {
        self.records.iter().filter_map(|record| match record {
            Record::Association(tlsa) => Some(tlsa),
            _ => None,
        })
    }

    /// Who may issue certificates.
    pub fn authorities(&self) -> impl Iterator<Item = &Caa> {
        self.records.iter().filter_map(|record| match record {
            Record::Authority(caa) => Some(caa),
            _ => None,
        })
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// What came is not what the zone's owner signed.
    #[error("the answer is not what the zone's owner signed")]
    Bogus,
    /// Nothing came, or nothing that could be used.
    #[error("the lookup failed")]
    Failed,
}

/// What knows the DNS, with proofs.
pub trait SecureDns: Send + Sync {
    /// What a name holds of a kind. Aliases are followed.
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        for (text, expect) in [("MX.Example.", "mx.example"), ("_25._TCP.mx.example", "_25._tcp.mx.example")] {
            assert_eq!(DnsName::parse(text).unwrap().as_str(), expect);
        }
        assert!(DnsName::parse(".").unwrap().is_root());
        assert!(DnsName::parse("a..b").is_none());
        assert!(DnsName::parse(&"a".repeat(64)).is_none());
        let host = DnsName::parse("mx.example").unwrap();
        assert_eq!(host.under("_25._tcp").unwrap().as_str(), "_25._tcp.mx.example");
        assert_eq!(host.domain().unwrap().as_str(), "mx.example");
        assert!(host.under("_25._tcp").unwrap().domain().is_none());
    }

    #[test]
    fn labels_of_any_characters_reach_the_wire_as_they_are() {
        let odd = DnsName::parse_any("Foo:bar/b az.%x.example").unwrap();
        assert_eq!(odd.as_str(), "foo:bar/b az.%x.example");
        let labels: Vec<Vec<u8>> = odd.to_wire().unwrap().iter().map(<[u8]>::to_vec).collect();
        assert_eq!(labels, [&b"foo:bar/b az"[..], b"%x", b"example"]);
        for none in ["a..b", &"a".repeat(64), &"a.".repeat(200)] {
            assert!(DnsName::parse_any(none).is_none(), "{none}");
        }
    }
}
