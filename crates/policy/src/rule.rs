//! The rules of a policy: what each matches and what it does.
//!
//! A rule matches when all conditions that it states hold; a condition with a
//! list holds when one of the list does. A rule that states no condition
//! matches every message.

use mail::{Address, Domain, Need};

use crate::facts::Direction;
use crate::finding::{Detector, Finding};
use crate::glob::Glob;

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique in the policy.
    pub name: String,
    /// Why it is there, for people.
    pub reason: Option<String>,
    /// What it matches.
    pub when: When,
    /// What it does.
    pub act: Act,
}

/// What a matching rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Requires at least this protection.
    Require(Need),
    /// Holds the copy until a person decides.
    Hold(Judge),
    /// Refuses the copy.
    Refuse,
    /// Cancels the rules of these names.
    Exempt(Vec<String>),
    /// Shows this text above what came from outside.
    Banner(String),
}

/// Who may let a held copy go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Staff who judge held messages.
    Staff,
    /// Its sender too, by a signed link and a code.
    Sender,
}

/// The conditions of a rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// The envelope's sender.
    pub sender: Vec<Glob>,
    /// The domain of the envelope's sender.
    pub sender_domain: Vec<DomainPattern>,
    /// The recipient.
    pub recipient: Vec<Glob>,
    /// The domain of the recipient.
    pub recipient_domain: Vec<DomainPattern>,
    /// A tag in the subject, anywhere; case does not count.
    pub subject_tag: Vec<String>,
    /// Header fields by name, with the pattern of their decoded value.
    pub header: Vec<(String, Glob)>,
    /// Which way the message goes.
    pub direction: Option<Direction>,
    /// The message has at least this many bytes.
    pub size_min: Option<u64>,
    /// The name of an attachment.
    pub attachment_name: Vec<Glob>,
    /// The type of an attachment.
    pub attachment_type: Vec<Glob>,
    /// What detectors found.
    pub detector: Vec<DetectorCondition>,
}

/// A domain exactly, or with `*.` all that lie below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainPattern {
    /// That domain and no other.
    Exact(Domain),
    /// What lies below that domain, itself not.
    Below(Domain),
}

impl DomainPattern {
    /// Whether a domain matches.
    pub fn matches(&self, domain: &Domain) -> bool {
        match self {
            DomainPattern::Exact(own) => own == domain,
            DomainPattern::Below(parent) => domain != parent && domain.is_within(parent),
        }
    }
}

impl std::fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DomainPattern::Exact(domain) => write!(f, "{domain}"),
            DomainPattern::Below(domain) => write!(f, "*.{domain}"),
        }
    }
}

/// At least so many different findings of a detector, each at least so sure.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectorCondition {
    /// Whose findings; nobody's in particular means any detector's.
    pub detector: Option<Detector>,
    /// The least confidence that counts.
    pub confidence: f64,
    /// How many different findings there must be.
    pub count: u64,
}

/// What the conditions look at, read once for a message.
pub(crate) struct Seen<'a> {
    pub sender: Option<&'a Address>,
    pub subject: String,
    /// Field names in lower case with their decoded values.
    pub header: Vec<(String, String)>,
    pub direction: Direction,
    pub body_bytes: u64,
    /// Name and type of each attachment.
    pub attachments: Vec<(&'a str, &'a str)>,
    pub findings: &'a [Finding],
}

impl When {
    /// Whether the conditions that do not look at the recipient hold.
    pub(crate) fn matches_message(&self, seen: &Seen<'_>) -> bool {
        any(&self.sender, |glob| seen.sender.is_some_and(|sender| address_matches(glob, sender)))
            && any(&self.sender_domain, |domain| seen.sender.is_some_and(|sender| domain.matches(sender.domain())))
            && any(&self.subject_tag, |tag| seen.subject.to_lowercase().contains(&tag.to_lowercase()))
            && any(&self.header, |(name, glob)| {
                seen.header.iter().any(|(found, value)| found == name && glob.matches(value))
            })
            && self.direction.is_none_or(|direction| direction == seen.direction)
            && self.size_min.is_none_or(|size| seen.body_bytes >= size)
            && any(&self.attachment_name, |glob| seen.attachments.iter().any(|(name, _)| glob.matches(name)))
            && any(&self.attachment_type, |glob| seen.attachments.iter().any(|(_, kind)| glob.matches(kind)))
            && any(&self.detector, |condition| condition.holds(seen.findings))
    }

    /// Whether the conditions on the recipient hold.
    pub(crate) fn matches_recipient(&self, recipient: &Address) -> bool {
        any(&self.recipient, |glob| address_matches(glob, recipient))
            && any(&self.recipient_domain, |domain| domain.matches(recipient.domain()))
    }
}

impl DetectorCondition {
    fn holds(&self, findings: &[Finding]) -> bool {
        let mut values: Vec<(Detector, &str)> = findings
            .iter()
            .filter(|finding| self.detector.is_none_or(|detector| detector == finding.detector))
            .filter(|finding| finding.confidence >= self.confidence)
            .map(|finding| (finding.detector, finding.value.as_str()))
            .collect();
        values.sort_unstable();
        values.dedup();
        u64::try_from(values.len()).unwrap_or(u64::MAX) >= self.count
    }
}

/// A condition that is not stated holds.
fn any<T>(stated: &[T], holds: impl Fn(&T) -> bool) -> bool {
    stated.is_empty() || stated.iter().any(holds)
}

/// Case never counts in a rule: hosts may fold the local part, and a rule that
/// can be slipped by `P@` for `p@` protects nobody.
fn address_matches(glob: &Glob, address: &Address) -> bool {
    glob.matches(&address.to_string())
}
