//! What policy says about recipients' keys: which count, which is preferred,
//! and when a changed one may be used.

use std::collections::BTreeSet;
use std::time::Duration;

use mail::{Address, KeyFormat, KeySource, Level};

macro_rules! choices {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            pub(crate) const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word for it in the configuration.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use choices;

choices! {
    /// Which format wins where a recipient has a usable key of both.
    Prefer {
        /// S/MIME: more mail programs open it by themselves.
        Smime = "smime",
        /// OpenPGP.
        OpenPgp = "openpgp",
        /// The one that was seen last.
        Fresher = "fresher",
    }
}

choices! {
    /// When a recipient's key is used.
    UseWhen {
        /// Whenever there is one that counts, also where transit would do.
        Possible = "possible",
        /// Only where policy needs more than transit.
        Needed = "needed",
    }
}

choices! {
    /// What lets a changed key be used without a person.
    ChangeRule {
        /// The key that it follows has signed it.
        Signed = "signed",
        /// A certificate of the same issuer, which verifies, for the same address.
        SameIssuer = "same_issuer",
        /// The key that it follows has ended or was revoked.
        Ended = "ended",
    }
}

choices! {
    /// How local parts are compared. Domains are always compared exactly.
    LocalPart {
        /// As they are written.
        Exact = "exact",
        /// Upper and lower case of ASCII are the same.
        AnyCase = "any_case",
    }
}

choices! {
    /// What is made of a certificate whose revocation can't be learned.
    Unknown {
        /// It counts as not revoked.
        Accept = "accept",
        /// It is not used.
        Refuse = "refuse",
    }
}

/// `[policy.keys]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Sources that count where policy needs end-to-end protection.
    pub end_to_end: BTreeSet<KeySource>,
    /// Sources that count where transit would do.
    pub transit: BTreeSet<KeySource>,
    /// Which format wins.
    pub prefer: Prefer,
    /// When a key is used at all.
    pub use_when: UseWhen,
    /// What lets a changed key be used without a person; nothing: it is held.
    pub changes: BTreeSet<ChangeRule>,
    /// How long a changed key is held before it is used all the same; none: for ever.
    pub accept_after: Option<Duration>,
    /// How local parts are compared.
    pub local_part: LocalPart,
    /// What a connection must prove for a copy that is sealed end to end.
    pub crossing: Level,
    /// What is made of a certificate whose revocation can't be learned.
    pub unknown_revocation: Unknown,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        let trusted = [KeySource::Staff, KeySource::Recipient, KeySource::Wkd, KeySource::SignedMail];
        Self {
            end_to_end: trusted.into(),
            transit: trusted.into(),
            prefer: Prefer::Smime,
            use_when: UseWhen::Possible,
            changes: [ChangeRule::Signed].into(),
            accept_after: None,
            local_part: LocalPart::Exact,
            crossing: Level::None,
            unknown_revocation: Unknown::Refuse,
        }
    }
}

impl KeyPolicy {
    /// Whether a key for `named` may be used for mail to `recipient`.
    pub fn is_same_mailbox(&self, named: &Address, recipient: &Address) -> bool {
        named.domain() == recipient.domain()
            && match self.local_part {
                LocalPart::Exact => named.local() == recipient.local(),
                LocalPart::AnyCase => named.local().eq_ignore_ascii_case(recipient.local()),
            }
    }

    /// The format that wins, given which one was seen last.
    pub const fn preferred(&self, fresher: KeyFormat) -> KeyFormat {
        match self.prefer {
            Prefer::Smime => KeyFormat::Smime,
            Prefer::OpenPgp => KeyFormat::OpenPgp,
            Prefer::Fresher => fresher,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(local_part: LocalPart, named: &str, recipient: &str, expect: bool) {
        let policy = KeyPolicy { local_part, ..KeyPolicy::default() };
        let same = policy.is_same_mailbox(&named.parse().unwrap(), &recipient.parse().unwrap());
        assert_eq!(same, expect, "{named} {recipient}");
    }

    #[test]
    fn case_counts_unless_policy_says_otherwise() {
        check(LocalPart::Exact, "ann@x.example", "ann@X.Example", true);
        check(LocalPart::Exact, "Ann@x.example", "ann@x.example", false);
        check(LocalPart::AnyCase, "Ann@x.example", "aNN@x.example", true);
    }

    #[test]
    fn homographs_and_expansions_never_match() {
        for rule in [LocalPart::Exact, LocalPart::AnyCase] {
            check(rule, "ann@x.example", "ann@\u{445}.example", false);
            check(rule, "\u{430}nn@x.example", "ann@x.example", false);
            check(rule, "\u{212a}im@x.example", "kim@x.example", false);
            check(rule, "Ärzte@x.example", "ärzte@x.example", false);
            check(rule, "ann@x.example", "ann+news@x.example", false);
            check(rule, "ann@x.example", "a.nn@x.example", false);
            check(rule, "ann@x.example", "ann@mail.x.example", false);
            check(rule, "\"ann\"@x.example", "ann@x.example", false);
        }
    }
}
