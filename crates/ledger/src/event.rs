//! What can happen to a message: a closed list, the words of the timeline.
//!
//! Events are sealed with the message's key, so they may name addresses and
//! hold what a peer said. Only their kinds stand open in the ledger.
//!
//! Each file below this one lists a family. One enum is made of them all, so
//! that whoever matches it is told of each: a family hands its list on to the
//! next, and the last to `events`. The types that they name are imported here.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use mail::suppression::Reason;
use mail::{
    Address, ApiKeyId, Domain, EnhancedCode, Level, MessageId, Method, MxLookup, Need, OrgKeyId, ParcelId,
    RecipientKeyId, Reply, ReversePath, SuppressionId,
};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fact::{Door, Tls, Verdict};
use crate::sealing::{KeyNamed, Sealing, Signing};
use crate::transit::{TracedHop, Transit};

mod arrival;
mod delivery;
mod keys;
mod operation;
mod portal;
mod words;

/// Calls the next family with the events of those before it, and `events` with all of them.
macro_rules! gather {
    ([$next:ident $($rest:ident)*] $($events:tt)*) => { $next::$next! { [$($rest)*] $($events)* } };
    ([] $($events:tt)*) => { events! { $($events)* } };
}

macro_rules! events {
    ($($(#[$doc:meta])* $kind:ident = $word:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        /// Something that happened, with what is known of it. Closed: match it
        /// without a wildcard.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
        pub enum Event {
            $($(#[$doc])* $kind { $($(#[$field_doc])* $field: $type,)* },)*
        }

        /// The kind of an event: its word, without what is known of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)*
        }

        impl Event {
            /// Its kind.
            pub const fn kind(&self) -> EventKind {
                match self {
                    $(Event::$kind { .. } => EventKind::$kind,)*
                }
            }
        }

        impl EventKind {
            /// Every kind, in the order of a message's life.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$kind,)*];

            /// The word for it in timelines, in JSON and in the ledger.
            pub const fn word(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $word,)*
                }
            }
        }
    };
}

gather! { [arrival delivery portal words keys operation] }

impl EventKind {
    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
