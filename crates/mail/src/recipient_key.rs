//! The vocabulary of recipients' keys: what format a key has, where it came
//! from, and whether it may be used.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protection::Method;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $word:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant = $number,)* }

        impl $name {
            /// Every one, in the order of the numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The number that the database keeps.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The one with that number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some($name::$variant),)*
                    _ => None,
                }
            }

            /// The word for it in configuration, events, receipts and JSON.
            pub const fn word(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)*
                }
            }

            /// The one that `word` names, if any.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

words! {
    /// The format that a key seals in.
    KeyFormat {
        /// An OpenPGP certificate (RFC 9580 §10.1).
        OpenPgp = 0, "openpgp";
        /// An X.509 certificate for S/MIME (RFC 8550).
        Smime = 1, "smime";
    }
}

impl KeyFormat {
    /// The method that seals with such a key.
    pub const fn method(self) -> Method {
        match self {
            KeyFormat::OpenPgp => Method::OpenPgp,
            KeyFormat::Smime => Method::Smime,
        }
    }
}

words! {
    /// Where a recipient's key came from, the most trusted first.
    KeySource {
        /// Someone of the organisation gave it.
        Staff = 0, "staff";
        /// The recipient gave it at the portal, and opened a challenge that was
        /// sealed to it.
        Recipient = 1, "recipient";
        /// The recipient's domain publishes it in its Web Key Directory.
        Wkd = 2, "wkd";
        /// It signed a mail that verified and passed DMARC.
        SignedMail = 3, "signed_mail";
        /// An Autocrypt header of a mail that passed DMARC told it.
        Autocrypt = 4, "autocrypt";
    }
}

words! {
    /// Whether a recipient's key may be used. That it is expired or revoked is
    /// not a state: the key itself tells.
    KeyState {
        /// It may.
        Active = 0, "active";
        /// It came after another one, or asks for a look, and waits.
        HeldBack = 1, "held_back";
        /// A person said no; it is kept so that it does not come back.
        Rejected = 2, "rejected";
        /// A newer one took its place.
        Replaced = 3, "replaced";
        /// The recipient, who gave it, wants it used no more; it is kept so that
        /// it does not come back by itself.
        Withdrawn = 4, "withdrawn";
    }
}

/// A fingerprint, or another row of digits, in groups of four that people can
/// compare and read to each other.
pub fn in_groups(digits: &str, between: &str) -> String {
    let digits: Vec<char> = digits.chars().collect();
    let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        assert_eq!(in_groups("0123456789AB", " "), "0123 4567 89AB");
        assert_eq!((in_groups("12345", "-"), in_groups("", "-")), ("1234-5".to_owned(), String::new()));
    }

    #[test]
    fn words_and_numbers_lead_back() {
        for source in KeySource::ALL {
            assert_eq!(KeySource::from_number(source.number()), Some(*source));
            assert_eq!(KeySource::from_word(source.word()), Some(*source));
        }
        assert_eq!((KeyState::from_number(9), KeyFormat::from_word("pgp")), (None, None));
        assert!(KeySource::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
