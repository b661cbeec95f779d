//! DKIM signatures and the ARC chain of a message that is arriving: their keys
//! are asked for when its header block is there, and its body is hashed as it
//! comes by, so that a message of any size costs the same memory.
//!
//! What is verified, and how, is [`trace::evidence::dkim`]; here it is fed from
//! the DNS and told in the words of RFC 8601.

use std::collections::BTreeSet;

use futures::future::join_all;
use jiff::Timestamp;
use mail::Domain;
use serde::{Deserialize, Serialize};
use trace::evidence::dkim::{ArcState, Checked, Checks, Key, Outcome, Signer, arc_state, key_names, signers};
use trace::{Block, Limits};
use transport::{DnsName, Record, RecordKind, SecureDns};

/// What came of a signature or a chain (RFC 8601 §2.7.1, §2.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// There is none.
    None,
    /// It verifies.
    Pass,
    /// It does not.
    Fail,
    /// It verifies, and proves less than this system asks for.
    Policy,
    /// It can't be read.
    Neutral,
    /// The DNS gave no answer.
    Temperror,
    /// Its key is not there, or no good.
    Permerror,
}

impl CheckResult {
    /// The word for it in Authentication-Results.
    pub const fn word(self) -> &'static str {
        match self {
            CheckResult::None => "none",
            CheckResult::Pass => "pass",
            CheckResult::Fail => "fail",
            CheckResult::Policy => "policy",
            CheckResult::Neutral => "neutral",
            CheckResult::Temperror => "temperror",
            CheckResult::Permerror => "permerror",
        }
    }
}

/// One DKIM signature, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dkim {
    /// The result.
    pub result: CheckResult,
    /// `d=`; empty where the field can't be read.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// Why it is no pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The names of the signed fields, in lower case.
    #[serde(skip)]
    pub signed: Vec<String>,
    /// When it was made, in seconds since 1970.
    #[serde(skip)]
    pub signed_at: Option<u64>,
}

/// The ARC chain, judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arc {
    /// `none`, `pass`, `fail`, or `temperror` where the DNS gave no answer.
    pub result: CheckResult,
    /// How many sets the chain has; none where it is no chain.
    pub sets: usize,
    /// Who sealed it last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sealer: String,
    /// Whether the last sealer says that DMARC passed there.
    #[serde(default)]
    pub says_dmarc_passed: bool,
    /// Whether a seal before says that the chain is broken: nobody seals it again.
    #[serde(default)]
    pub is_given_up: bool,
}

/// What the signatures of one message came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// One for each DKIM-Signature, from the top.
    pub dkim: Vec<Dkim>,
    /// The chain.
    pub arc: Arc,
}

/// Signatures whose body is still coming.
pub struct Verifier {
    checks: Checks,
    signers: Vec<Result<Signer, &'static str>>,
    arc: ArcState,
    /// The records that could not be asked for.
    unanswered: BTreeSet<String>,
    now: Timestamp,
}

/// Keys that are asked for in one message: each signature has one, and there
/// are at most twenty that are looked at and fifty sets of ARC.
const KEYS_MAX: usize = 80;

impl Verifier {
    /// Reads a header block, without its empty line, and asks for the keys.
    /// None where the block is beyond all bounds. Takes as long as the DNS
    /// does; the caller bounds the time.
    pub async fn begin(dns: &dyn SecureDns, header: &[u8], now: Timestamp) -> Option<Self> {
        let block = Block::read(header, &Limits::default()).ok()?;
        let names: Vec<String> = key_names(&block).into_iter().take(KEYS_MAX).collect();
        let answers = join_all(names.iter().map(|name| published(dns, name))).await;
        let mut keys = Vec::new();
        let mut unanswered = BTreeSet::new();
        for (name, found) in names.into_iter().zip(answers) {
            match found {
                Some(found) => keys.extend(found),
                None => drop(unanswered.insert(name)),
            }
        }
        Some(Self {
            checks: Checks::begin(&block, &keys),
            signers: signers(&block),
            arc: arc_state(&block),
            unanswered,
            now,
        })
    }

    /// The next bytes of the body.
    pub fn body(&mut self, bytes: &[u8]) {
        self.checks.body(bytes);
    }

    /// The body is whole.
    pub fn finish(self) -> Signatures {
        let Checked { dkim: outcomes, arc } = self.checks.finish(true);
        let dkim =
            self.signers.iter().zip(&outcomes).map(|(signer, outcome)| {
                dkim(signer.as_ref().map_err(|tag| *tag), outcome, &self.unanswered, self.now)
            });
        Signatures { dkim: dkim.collect(), arc: arc_verdict(&self.arc, arc.as_ref(), !self.unanswered.is_empty()) }
    }
}

/// The keys under a name; none where the DNS gave no answer.
async fn published(dns: &dyn SecureDns, name: &str) -> Option<Vec<Key>> {
    let Some(wire) = DnsName::parse_any(name) else { return Some(Vec::new()) };
    let answer = dns.lookup(&wire, RecordKind::Txt).await.ok()?;
    let key = |record: &Record| match record {
        Record::Text(text) => Key::read(&String::from_utf8_lossy(text), Some(name)).ok(),
        _ => None,
    };
    Some(answer.records.iter().filter_map(key).collect())
}

fn dkim(
    signer: Result<&Signer, &'static str>,
    outcome: &Outcome,
    unanswered: &BTreeSet<String>,
    now: Timestamp,
) -> Dkim {
    let Ok(signer) = signer else {
        let because = Some(outcome.to_string());
        let (domain, selector) = (String::new(), String::new());
        return Dkim { result: CheckResult::Neutral, domain, selector, because, signed: Vec::new(), signed_at: None };
    };
    let is_over = signer.expires_at.is_some_and(|end| end < u64::try_from(now.as_second()).unwrap_or(0));
    let result = match outcome {
        Outcome::Valid { .. } if is_over => CheckResult::Fail,
        Outcome::Valid { body_bytes: None } => CheckResult::Pass,
        // Anybody may have added to the body (RFC 6376 §8.2).
        Outcome::Valid { body_bytes: Some(_) } => CheckResult::Policy,
        Outcome::NoKey if unanswered.contains(&signer.key_name) => CheckResult::Temperror,
        Outcome::NoKey | Outcome::Revoked => CheckResult::Permerror,
        Outcome::SmallKey | Outcome::Algorithm => CheckResult::Policy,
        Outcome::BodyChanged | Outcome::Mismatch | Outcome::NoBody | Outcome::Expired => CheckResult::Fail,
        Outcome::Malformed(_) => CheckResult::Neutral,
    };
    let because = match (result, is_over) {
        (CheckResult::Pass, _) => None,
        (_, true) => Some("it is over".to_owned()),
        (CheckResult::Temperror, _) => Some("its key could not be asked for".to_owned()),
        (CheckResult::Permerror, _) if *outcome == Outcome::NoKey => Some("its key is not published".to_owned()),
        _ => Some(outcome.to_string()),
    };
    Dkim {
        result,
        domain: signer.domain.clone(),
        selector: signer.selector.clone(),
        because,
        signed: signer.signed.clone(),
        signed_at: signer.signed_at,
    }
}

fn arc_verdict(state: &ArcState, outcome: Option<&Outcome>, is_unanswered: bool) -> Arc {
    match state {
        ArcState::None => Arc::of(CheckResult::None),
        ArcState::Broken(_) => Arc { is_given_up: true, ..Arc::of(CheckResult::Fail) },
        ArcState::Chain { sets, sealer, results, is_given_up } => {
            let result = match outcome {
                Some(Outcome::Valid { body_bytes: None }) if !is_given_up => CheckResult::Pass,
                Some(Outcome::NoKey) if is_unanswered => CheckResult::Temperror,
                _ => CheckResult::Fail,
            };
            let says_dmarc_passed = result == CheckResult::Pass && says_passed(results, "dmarc");
            Arc { result, sets: *sets, sealer: sealer.clone(), says_dmarc_passed, is_given_up: *is_given_up }
        }
    }
}

/// Whether results (RFC 8601 §2.2) hold `method=pass`.
fn says_passed(results: &str, method: &str) -> bool {
    results.split(';').skip(1).any(|result| {
        let word = result.trim_start().split([' ', '\t', '(']).next().unwrap_or_default();
        word.split_once('=')
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case(method) && value.eq_ignore_ascii_case("pass"))
    })
}

impl Arc {
    pub(crate) fn of(result: CheckResult) -> Self {
        Self { result, sets: 0, sealer: String::new(), says_dmarc_passed: false, is_given_up: false }
    }
}

impl Default for Signatures {
    /// Of a message that could not be looked at.
    fn default() -> Self {
        Self { dkim: Vec::new(), arc: Arc::of(CheckResult::None) }
    }
}

impl Dkim {
    /// The domain that the signature proves, where it proves one.
    pub fn proven_domain(&self) -> Option<Domain> {
        Domain::parse(&self.domain).ok().filter(|_| self.result == CheckResult::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sealer_says_is_read() {
        let says = |text| says_passed(text, "dmarc");
        assert!(says("i=1; f.example; spf=fail; dmarc=pass (p=reject) header.from=a.example"));
        assert!(says("i=1; f.example;dmarc=pass"));
        for no in
            ["i=1; f.example; dmarc=fail", "i=1; dmarc.example", "i=1; f.example; spf=pass (dmarc=pass)", "dmarc=pass"]
        {
            assert!(!says(no), "{no}");
        }
    }
}
