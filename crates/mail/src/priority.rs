//! What goes before what where not everything can go at once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How urgent the messages of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Somebody waits for it now: a code, a password reset, an answer.
    Transactional = 0,
    /// The daily work: letters, results, reminders.
    Operational = 1,
    /// Many get the same, and an hour makes no difference.
    Marketing = 2,
}

impl Priority {
    /// All of them, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Transactional, Self::Operational, Self::Marketing];

    /// Its number: 0 is the most urgent.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Of so many connections or places, how many it may have together with all
    /// that is less urgent. There is always one, and of two or more what is
    /// urgent always finds one that nothing else has.
    pub fn share(self, all: usize) -> usize {
        let (percent, kept) = match self {
            Self::Transactional => (100, 0),
            Self::Operational => (85, 1),
            Self::Marketing => (60, if all < 3 { 1 } else { 2 }),
        };
        all.saturating_mul(percent).div_ceil(100).min(all.saturating_sub(kept)).max(1)
    }

    /// The priority with this number.
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Transactional),
            1 => Some(Self::Operational),
            2 => Some(Self::Marketing),
            _ => None,
        }
    }

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Operational => "operational",
            Self::Marketing => "marketing",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
