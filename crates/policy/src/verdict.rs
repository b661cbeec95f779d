//! What a policy decided, and why.

use std::fmt;

use mail::{Address, Need};

use crate::finding::Finding;

/// What was decided about a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// One decision for each recipient, in the order they were given.
    pub recipients: Vec<(Address, Decision)>,
    /// What the detectors found, in the order of the message.
    pub findings: Vec<Finding>,
    /// What becomes of the subject.
    pub subject: SubjectAction,
}

/// What was decided about one recipient's copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// How a person may let it go; only where it is held.
    pub released: Option<Released>,
    /// The rules that count, in the order of the policy; never empty.
    pub because: Vec<Because>,
    /// What is shown above the text of mail from outside.
    pub banners: Vec<String>,
}

/// How a copy that is held may be let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// The least protection that will do then.
    pub needs: Need,
    /// Whether its sender may let it go, and not only staff.
    pub by_sender: bool,
}

/// What to do with one recipient's copy. Closed: match it without a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Deliver it, protected as needed.
    Deliver {
        /// The least protection that will do.
        needs: Need,
    },
    /// Keep it until a person decides.
    Hold,
    /// Never deliver it.
    Refuse,
}

impl Action {
    /// How strict this is: needs first, then hold, then refuse.
    pub const fn strictness(self) -> u8 {
        match self {
            Action::Deliver { needs } => needs.strictness(),
            Action::Hold => 100,
            Action::Refuse => 101,
        }
    }

    /// The word for it in JSON: `deliver`, `hold`, `refuse`.
    pub const fn word(self) -> &'static str {
        match self {
            Action::Deliver { .. } => "deliver",
            Action::Hold => "hold",
            Action::Refuse => "refuse",
        }
    }
}

/// One rule that counts for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The rule's name; `default` and the other built-in names are in `docs/policy.md`.
    pub rule: String,
    /// The reason that the policy gives for the rule.
    pub reason: Option<String>,
    /// The rules that this one, an exemption, cancelled.
    pub exempts: Vec<String>,
}

impl Because {
    pub(crate) fn built_in(rule: &str, reason: Option<&str>) -> Self {
        Self { rule: rule.to_owned(), reason: reason.map(str::to_owned), exempts: Vec::new() }
    }
}

impl fmt::Display for Because {
    /// `rule`, or `exemption (cancels rule, rule: reason)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule)?;
        match (self.exempts.is_empty(), &self.reason) {
            (true, _) => Ok(()),
            (false, None) => write!(f, " (cancels {})", self.exempts.join(", ")),
            (false, Some(reason)) => write!(f, " (cancels {}: {reason})", self.exempts.join(", ")),
        }
    }
}

/// What becomes of the subject of what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectAction {
    /// It stays as it is.
    Keep,
    /// A switch is taken out; this, decoded, is what is left.
    Clean(String),
    /// It holds health information; this is sent in its place.
    Replace(String),
}
