//! Suppression: an address that gets nothing more, why, and what that stops.
//!
//! | reason | of which streams | stops |
//! | --- | --- | --- |
//! | `hard_bounce` | every one, or the one it names | everything |
//! | `manual` | every one, or the one it names | everything |
//! | `unsubscribe` | the one it names | all but transactional mail |
//! | `unsubscribe` | every one | marketing |
//! | `complaint` | every one, or the one it names | marketing |
//!
//! So nobody who is tired of a newsletter, and nobody who complains in a
//! patient's name, ends a password reset, a result or an answer: only that the
//! mailbox is not there does, or a person of the organisation's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::priority::Priority;

/// Why an address gets nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its own mail server says that there is no such mailbox.
    HardBounce = 1,
    /// Its holder told a provider that a message was unwanted.
    Complaint = 2,
    /// Its holder wants no more of it.
    Unsubscribe = 3,
    /// A person of the organisation's, or an application, said so.
    Manual = 4,
}

/// What is stopped of the streams that a suppression is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stops {
    /// All of it.
    Everything,
    /// All that nobody waits for.
    AllButTransactional,
    /// What is sent to many.
    Marketing,
}

/// A text is no reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reason is one of hard_bounce, complaint, unsubscribe, manual")]
pub struct NoReason;

impl Reason {
    /// Every reason, the weightiest first.
    pub const ALL: [Self; 4] = [Self::HardBounce, Self::Manual, Self::Unsubscribe, Self::Complaint];

    /// Its number in the database.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The reason with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::HardBounce => "hard_bounce",
            Self::Complaint => "complaint",
            Self::Unsubscribe => "unsubscribe",
            Self::Manual => "manual",
        }
    }

    /// What it stops, where it names a stream and where it is for every one.
    pub const fn stops(self, names_a_stream: bool) -> Stops {
        match (self, names_a_stream) {
            (Self::HardBounce | Self::Manual, _) => Stops::Everything,
            (Self::Unsubscribe, true) => Stops::AllButTransactional,
            (Self::Unsubscribe, false) | (Self::Complaint, _) => Stops::Marketing,
        }
    }
}

impl Stops {
    /// Whether that is mail of this priority.
    pub const fn includes(self, priority: Priority) -> bool {
        match (self, priority) {
            (Self::Everything, _) | (_, Priority::Marketing) => true,
            (Self::AllButTransactional, Priority::Operational) => true,
            (Self::AllButTransactional, Priority::Transactional) => false,
            (Self::Marketing, Priority::Operational | Priority::Transactional) => false,
        }
    }
}

/// Whether a suppression of `named`, or of every stream, stops a message of a
/// stream with this priority.
pub fn stops(reason: Reason, named: Option<&str>, stream: &str, priority: Priority) -> bool {
    named.is_none_or(|named| named == stream) && reason.stops(named.is_some()).includes(priority)
}

/// The mailbox that an address is of, as far as anybody can tell from outside:
/// local parts that differ in case or in needless quotes are taken for one. To
/// stop too much for two mailboxes that a server tells apart by case is what a
/// suppression means; never to be sent to.
pub fn mailbox_of(address: &Address) -> String {
    let local = address.local();
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let plain = quoted.map(unescaped).filter(|text| is_dot_atom(text)).unwrap_or_else(|| local.to_owned());
    format!("{}@{}", plain.to_lowercase(), address.domain())
}

/// RFC 5321 §4.1.2: a quoted pair stands for its second character.
fn unescaped(text: &str) -> String {
    let mut characters = text.chars();
    std::iter::from_fn(|| match characters.next()? {
        '\\' => characters.next(),
        other => Some(other),
    })
    .collect()
}

fn is_dot_atom(text: &str) -> bool {
    let is_atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Reason {
    type Err = NoReason;

    fn from_str(text: &str) -> Result<Self, NoReason> {
        Self::ALL.into_iter().find(|reason| reason.word() == text).ok_or(NoReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Priority::{Marketing, Operational, Transactional};

    fn check(reason: Reason, named: Option<&str>, expect: &[Priority]) {
        let stopped: Vec<Priority> =
            Priority::ALL.into_iter().filter(|priority| stops(reason, named, "news", *priority)).collect();
        assert_eq!(stopped, expect, "{reason} of {named:?}");
    }

    #[test]
    fn what_a_reason_stops_is_one_table() {
        let all = [Transactional, Operational, Marketing];
        for reason in [Reason::HardBounce, Reason::Manual] {
            check(reason, None, &all);
            check(reason, Some("news"), &all);
        }
        check(Reason::Unsubscribe, Some("news"), &[Operational, Marketing]);
        check(Reason::Unsubscribe, None, &[Marketing]);
        check(Reason::Complaint, Some("news"), &[Marketing]);
        check(Reason::Complaint, None, &[Marketing]);
        for reason in Reason::ALL {
            check(reason, Some("other"), &[]);
        }
    }

    #[test]
    fn reasons_have_their_words_and_numbers() {
        for reason in Reason::ALL {
            assert_eq!(reason.word().parse(), Ok(reason));
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
        }
        assert_eq!(Reason::from_number(0), None);
        assert_eq!("bounce".parse::<Reason>(), Err(NoReason));
    }

    #[test]
    fn a_mailbox_is_known_in_any_case_and_quotes() {
        let of = |text: &str| mailbox_of(&Address::parse(text).unwrap());
        assert_eq!(of("Ann.Lee@Clinic.EXAMPLE"), "ann.lee@clinic.example");
        assert_eq!(of("\"Ann.Lee\"@clinic.example"), "ann.lee@clinic.example");
        assert_eq!(of("\"A\\nn.Lee\"@clinic.example"), "ann.lee@clinic.example");
        assert_eq!(of("ÄNN@bücher.example"), of("änn@xn--bcher-kva.example"));
        assert_ne!(of("ann+news@clinic.example"), of("ann@clinic.example"));
        assert_ne!(of("\"ann lee\"@clinic.example"), of("annlee@clinic.example"));
    }
}
