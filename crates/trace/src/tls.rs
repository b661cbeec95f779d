//! What a hop says of TLS: as written, and normalised.

use std::fmt;

/// What is written of TLS in one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls<'a> {
    /// The version as written: `TLSv1.2`, `TLS1_3`, `TLSv1/SSLv3`.
    pub version: Option<&'a str>,
    /// The cipher as written, the name alone.
    pub cipher: Option<&'a str>,
    /// The strength of the cipher in bits.
    pub bits: Option<u32>,
    /// The key exchange as written: `X25519`, `secp256r1`.
    pub key_exchange: Option<&'a str>,
    /// What is said of a client certificate, as written.
    pub client_certificate: Option<&'a str>,
}

impl Tls<'_> {
    /// The version's usual name, `TLS 1.2`. None where the words don't tell.
    pub fn version_name(&self) -> Option<&'static str> {
        None
    }

    /// The cipher suite's name in IANA's registry.
    pub fn cipher_name(&self) -> Option<String> {
        None
    }

    /// How good what was written is.
    pub fn strength(&self) -> Strength {
        Strength::Unjudged
    }
}

/// How good an encrypted hop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Nothing bad is known of what is written.
    Good,
    /// Something bad is.
    Weak(Weakness),
    /// Too little is written to judge.
    Unjudged,
}

/// What is weak about a hop. More than one may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weakness(u16);

impl Weakness {
    /// The reasons, in words.
    pub fn reasons(self) -> impl Iterator<Item = &'static str> {
        std::iter::empty()
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.reasons().enumerate() {
            write!(f, "{}{reason}", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}
