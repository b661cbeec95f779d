//! The vocabulary of protection: what policy can require, what a connection
//! can prove, and the methods that there are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a connection to a recipient's mail server proved, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No TLS.
    None,
    /// TLS 1.2 or 1.3; the certificate was not judged or did not verify.
    Encrypted,
    /// A valid chain to a configured anchor, for the name of the MX host.
    /// The lookup of the MX itself may be unsigned.
    Verified,
    /// As `Verified`, and the MX itself is bound by DANE, MTA-STS in enforce
    /// mode, or a pin.
    Anchored,
}

/// What policy requires for one recipient's copy, least strict first.
///
/// `OpenPgp` and `Smime` name an exact method; they are as strict as `EndToEnd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing: clear text will do. Only ever by policy's explicit choice.
    None,
    /// TLS, certificate not judged.
    Encrypted,
    /// TLS with a verified certificate. The default.
    Verified,
    /// TLS to an MX that is itself bound.
    Anchored,
    /// OpenPGP, S/MIME or the portal.
    EndToEnd,
    /// Exactly OpenPGP.
    #[serde(rename = "openpgp")]
    OpenPgp,
    /// Exactly S/MIME.
    Smime,
    /// The portal and nothing else.
    Portal,
}

impl Need {
    /// How strict this is; equal for needs that are equally strict.
    pub const fn strictness(self) -> u8 {
        match self {
            Need::None => 0,
            Need::Encrypted => 1,
            Need::Verified => 2,
            Need::Anchored => 3,
            Need::EndToEnd | Need::OpenPgp | Need::Smime => 4,
            Need::Portal => 5,
        }
    }

    /// The level that a connection must prove, if transit alone can meet this.
    pub const fn transit(self) -> Option<Level> {
        match self {
            Need::None => Some(Level::None),
            Need::Encrypted => Some(Level::Encrypted),
            Need::Verified => Some(Level::Verified),
            Need::Anchored => Some(Level::Anchored),
            Need::EndToEnd | Need::OpenPgp | Need::Smime | Need::Portal => None,
        }
    }

    /// The word for it in configuration, headers, receipts and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Need::None => "none",
            Need::Encrypted => "encrypted",
            Need::Verified => "verified",
            Need::Anchored => "anchored",
            Need::EndToEnd => "end_to_end",
            Need::OpenPgp => "openpgp",
            Need::Smime => "smime",
            Need::Portal => "portal",
        }
    }

    /// The need that `word` names, if any. Case does not count, `-` is `_`.
    pub fn from_word(word: &str) -> Option<Need> {
        let word = word.trim().to_ascii_lowercase().replace('-', "_");
        Need::ALL.into_iter().find(|need| need.word() == word)
    }

    /// Every need, least strict first.
    pub const ALL: [Need; 8] = [
        Need::None,
        Need::Encrypted,
        Need::Verified,
        Need::Anchored,
        Need::EndToEnd,
        Need::OpenPgp,
        Need::Smime,
        Need::Portal,
    ];
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Level {
    /// The word for it in receipts, events and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Level::None => "none",
            Level::Encrypted => "encrypted",
            Level::Verified => "verified",
            Level::Anchored => "anchored",
        }
    }

    /// A number for the database: 0 to 3.
    pub const fn rank(self) -> u8 {
        self as u8
    }

    /// The level with that number; the weakest for a number that is none.
    pub const fn from_rank(rank: u8) -> Level {
        match rank {
            1 => Level::Encrypted,
            2 => Level::Verified,
            3 => Level::Anchored,
            _ => Level::None,
        }
    }

    /// The need that this level meets exactly.
    pub const fn need(self) -> Need {
        match self {
            Level::None => Need::None,
            Level::Encrypted => Need::Encrypted,
            Level::Verified => Need::Verified,
            Level::Anchored => Need::Anchored,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How a recipient's copy is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// The original, over a connection that must prove a level.
    Tls,
    /// A notice; the content stays in the vault and is picked up.
    Portal,
    /// OpenPGP, end to end.
    OpenPgp,
    /// S/MIME, end to end.
    Smime,
}

impl Method {
    /// The word for it in receipts, events and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Method::Tls => "tls",
            Method::Portal => "portal",
            Method::OpenPgp => "openpgp",
            Method::Smime => "smime",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How the MX host was known to be the domain's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MxLookup {
    /// By DNS without proof.
    Insecure,
    /// By DNS with a valid DNSSEC signature.
    Dnssec,
    /// By an MTA-STS policy in enforce mode.
    MtaSts,
    /// By the configuration: a route with a fixed host.
    Pinned,
}

impl MxLookup {
    /// The word for it in receipts, events and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            MxLookup::Insecure => "insecure",
            MxLookup::Dnssec => "dnssec",
            MxLookup::MtaSts => "mta-sts",
            MxLookup::Pinned => "pinned",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_is_found_by_its_word() {
        for need in Need::ALL {
            assert_eq!(Need::from_word(need.word()), Some(need));
            assert_eq!(serde_word(need), need.word());
        }
        assert_eq!(Need::from_word(" End-To-End "), Some(Need::EndToEnd));
        assert_eq!(Need::from_word("clear"), None);
    }

    #[test]
    fn strictness_rises_along_the_list() {
        assert!(Need::ALL.windows(2).all(|pair| pair[0].strictness() <= pair[1].strictness()));
    }

    fn serde_word(need: Need) -> String {
        let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> =
            serde::de::IntoDeserializer::into_deserializer(need.word());
        Need::deserialize(word).unwrap().word().to_owned()
    }
}
