//! Identifiers: a number for an organisation, time-ordered 128-bit values for
//! what comes in numbers (UUID version 7, RFC 9562 §5.7).
//!
//! The printed form is a prefix and 26 characters of Crockford's base 32, so
//! that ids sort by time as text too: `msg_01K…`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seam::{Entropy, random};

/// An organisation. Every row and every call names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrgId(pub u32);

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "org_{}", self.0)
    }
}

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is not the one of this kind of id.
    #[error("an id of this kind begins with {0:?}")]
    Prefix(&'static str),
    /// Not 26 characters of Crockford's base 32.
    #[error("an id ends in 26 characters of Crockford's base 32")]
    Digits,
}

macro_rules! time_ordered_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What the printed form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id for the time `now`.
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, random(entropy)))
            }

            /// The id with these 16 bytes, as a database keeps it.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The 16 bytes, as a database keeps them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), base32(u128::from_be_bytes(self.0)))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let digits = text.strip_prefix($prefix).ok_or(IdError::Prefix($prefix))?;
                Ok(Self(unbase32(digits).ok_or(IdError::Digits)?.to_be_bytes()))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

time_ordered_id!(
    /// A message, from the moment the door gives it one.
    MessageId, "msg_"
);
time_ordered_id!(
    /// A parcel: what one recipient, or several treated alike, will get.
    ParcelId, "pcl_"
);
time_ordered_id!(
    /// A key or a certificate of a recipient.
    RecipientKeyId, "rky_"
);
time_ordered_id!(
    /// A key or a certificate of an organisation's own.
    OrgKeyId, "oky_"
);
time_ordered_id!(
    /// An API key: its public half, which names it.
    ApiKeyId, "key_"
);

time_ordered_id!(
    /// A suppression: an address that gets nothing more, and why.
    SuppressionId, "sup_"
);

/// 48 bits of milliseconds, then randomness, with version and variant set.
fn uuid_v7(now: Timestamp, random: [u8; 16]) -> [u8; 16] {
    let mut bytes = random;
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    bytes
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn base32(value: u128) -> String {
    (0..26).rev().map(|digit| char::from(CROCKFORD[((value >> (digit * 5)) & 31) as usize])).collect()
}

fn unbase32(text: &str) -> Option<u128> {
    if text.len() != 26 || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes().try_fold(0u128, |value, byte| {
        let digit = CROCKFORD.iter().position(|known| *known == byte.to_ascii_uppercase())?;
        Some((value << 5) | digit as u128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn an_id_prints_sorts_and_parses() {
        let early = MessageId::new(Timestamp::from_millisecond(1_700_000_000_000).unwrap(), &Fixed(0xff));
        let late = MessageId::new(Timestamp::from_millisecond(1_700_000_000_001).unwrap(), &Fixed(0));
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<MessageId>().unwrap(), early);
        assert_eq!(early.as_bytes()[6] >> 4, 7);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for bad in [
            "",
            "msg_",
            "pcl_00000000000000000000000000",
            "msg_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "msg_0000000000000000000000000U",
        ] {
            assert!(bad.parse::<MessageId>().is_err(), "{bad}");
        }
    }
}
