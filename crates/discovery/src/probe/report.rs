//! What a probe found: the shape of `--json` (docs/probe.md), stable.

use std::net::IpAddr;

use jiff::Timestamp;
use mail::{Domain, Level};
use serde::{Deserialize, Serialize};

use super::certificate::CertificateReport;
use super::finding::{Finding, Grade};
use super::texts::{DkimReport, DmarcReport, SpfReport};

/// How the DNS knows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dnssec {
    /// Signed, and the signatures hold.
    Secure,
    /// Not signed.
    Insecure,
    /// The signatures do not hold.
    Bogus,
    /// There was no answer.
    Failed,
}

/// A domain as a probe found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The domain.
    pub domain: Domain,
    /// When.
    pub at: Timestamp,
    /// How well mail to it is protected on its way; none where it takes none, or nothing could be told.
    pub grade: Option<Grade>,
    /// The level that deliveries to it reach.
    pub level: Level,
    /// Its MX records.
    pub mx: MxReport,
    /// Its MX hosts, best preference first.
    pub hosts: Vec<HostReport>,
    /// What it says by MTA-STS.
    pub mta_sts: StsReport,
    /// Where it wants reports on TLS.
    pub tls_rpt: TextReport,
    /// Who may send as it.
    pub spf: SpfReport,
    /// Its DKIM keys, for the selectors that were given.
    pub dkim: Vec<DkimReport>,
    /// What it asks for mail that fails.
    pub dmarc: DmarcReport,
    /// Who may issue certificates for it, and where that is said.
    pub caa: CaaReport,
    /// What is not as it should be, worst first.
    pub findings: Vec<Finding>,
}

/// How a domain's MX hosts are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MxState {
    /// By MX records.
    Found,
    /// It has no MX record and is its own host (RFC 5321 §5.1).
    Implicit,
    /// It takes no mail (RFC 7505).
    Null,
    /// It does not exist.
    NoSuchDomain,
    /// Its MX records name no host.
    NoHost,
    /// The lookup failed, or its signatures do not hold.
    Failed,
}

/// A domain's MX records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MxReport {
    /// How its hosts are known.
    pub state: MxState,
    /// How the DNS knows that.
    pub dnssec: Dnssec,
    /// Whether there are more hosts than are probed.
    pub is_cut: bool,
}

/// An MX host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostReport {
    /// Its name.
    pub host: Domain,
    /// Lower is tried first.
    pub preference: u16,
    /// Why it has no addresses to probe, where that is so.
    pub failure: Option<String>,
    /// Its TLSA records.
    pub dane: DaneReport,
    /// Whether the MTA-STS policy names it; none without a policy.
    pub mta_sts_names: Option<bool>,
    /// Its addresses, as they were probed.
    pub addresses: Vec<AddressReport>,
}

/// What TLSA records ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DaneState {
    /// DANE does not apply: no records, or nothing is signed.
    Absent,
    /// There are records, but no signature proves them: they don't count.
    Unsigned,
    /// A lookup is bogus or fails: no mail is delivered until that passes.
    Failed,
    /// There are records and none is usable: TLS is mandatory, unverified.
    Unusable,
    /// One of them must match.
    Usable,
}

/// The TLSA records of an MX host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DaneReport {
    /// What they ask.
    pub state: DaneState,
    /// How the DNS knows that.
    pub dnssec: Dnssec,
    /// Each as `usage selector matching data`.
    pub records: Vec<String>,
}

/// Whether STARTTLS is to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StartTls {
    /// It is offered and granted.
    Offered,
    /// It is not offered.
    NotOffered,
    /// It is offered and refused.
    Refused,
}

/// One address of an MX host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressReport {
    /// The address.
    pub address: IpAddr,
    /// Why no session was had, where that is so.
    pub failure: Option<String>,
    /// What it greets with, made harmless.
    pub banner: Option<String>,
    /// What it offers of what matters here, after TLS where there is any.
    pub extensions: Vec<&'static str>,
    /// Whether STARTTLS is to be had; none without a session.
    pub starttls: Option<StartTls>,
    /// What Sealpost's own handshake showed.
    pub tls: Option<TlsReport>,
    /// Why that failed, where it did.
    pub tls_failure: Option<String>,
    /// The level that a delivery here reaches. Where DANE or an enforced
    /// MTA-STS policy forbids delivery, that is `none`.
    pub level: Level,
    /// Why a delivery is forbidden whatever a message needs.
    pub forbidden: Option<String>,
    /// What else it would take; on one address of a host.
    pub scan: Option<ScanReport>,
}

/// What a handshake showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TlsReport {
    /// `TLSv1.3`.
    pub version: String,
    /// The cipher suite by its registered name.
    pub cipher: String,
    /// The group of the key exchange.
    pub group: Option<&'static str>,
    /// Whether chain and name verify by the configured anchors.
    pub pkix: bool,
    /// What is wrong with them, in a word.
    pub pkix_fault: Option<&'static str>,
    /// The TLSA record that matches, as `3 1 1`; none where none does or DANE does not apply.
    pub dane: Option<String>,
    /// The certificates that it showed, its own first.
    pub chain: Vec<CertificateReport>,
}

/// Whether a host takes what it was offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// What was offered: a version, or a class of suites.
    pub offer: &'static str,
    /// Whether it takes it; none where that could not be told.
    pub taken: Option<bool>,
    /// The suite that it chose, by its registered name.
    pub suite: Option<String>,
}

/// What a host would take, by ClientHellos of our own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScanReport {
    /// Each version of TLS, newest first.
    pub versions: Vec<Taken>,
    /// Each class of cipher suites of TLS 1.2 and older, worst first.
    pub classes: Vec<Taken>,
    /// The suites of TLS 1.3 that it takes.
    pub tls13_suites: Vec<String>,
    /// The groups that it takes with TLS 1.3.
    pub groups: Vec<String>,
    /// Connections that this took.
    pub connections: usize,
    /// Whether all was asked; not so where the host would have no more connections.
    pub is_complete: bool,
}

/// Whether a TXT record is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextState {
    /// There is none.
    Absent,
    /// There is one, and it is well.
    Present,
    /// What there is counts as none.
    Broken,
    /// The lookup failed.
    Failed,
}

/// A TXT record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TextReport {
    /// Whether it is there.
    pub state: TextState,
    /// What it says, or what is wrong with it.
    pub text: Option<String>,
}

/// What a domain says by MTA-STS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StsReport {
    /// Its record.
    pub record: TextReport,
    /// Its policy.
    pub policy: Option<StsPolicyReport>,
    /// Why there is none, where the record promises one.
    pub failure: Option<String>,
}

/// An MTA-STS policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StsPolicyReport {
    /// `enforce`, `testing` or `none`.
    pub mode: &'static str,
    /// The hosts that it names.
    pub mx: Vec<String>,
    /// How long it holds, in seconds.
    pub max_age_s: u32,
}

/// Who may issue certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaaReport {
    /// Whether that is said.
    pub state: TextState,
    /// The name that says it: the domain or one above it (RFC 8659 §3).
    pub at: Option<String>,
    /// Each as `tag "value"`.
    pub records: Vec<String>,
}

/// Text of others, made harmless for a terminal and a log: nothing in it can
/// move the cursor, change colours or turn the direction of writing.
pub fn harmless(text: &str, chars_max: usize) -> String {
    let one = |c: char| {
        let is_hidden = matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
        match c {
            '\n' | '\t' => ' ',
            _ if c.is_control() || is_hidden => '\u{fffd}',
            _ => c,
        }
    };
    let mut plain: String = text.chars().take(chars_max).map(one).collect();
    if text.chars().nth(chars_max).is_some() {
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_can_do_nothing() {
        let check = |text: &str, expect: &str| assert_eq!(harmless(text, 12), expect, "{text:?}");
        check("mx ESMTP", "mx ESMTP");
        check("\u{1b}[2J\u{1b}]0;x\u{7}", "\u{fffd}[2J\u{fffd}]0;x\u{fffd}");
        check("a\nb\tc\rd", "a b c\u{fffd}d");
        check("\u{9b}31m", "\u{fffd}31m");
        check("a\u{202e}b\u{2066}c\u{200b}", "a\u{fffd}b\u{fffd}c\u{fffd}");
        check("größer", "größer");
        check("1234567890123", "123456789012…");
    }
}
