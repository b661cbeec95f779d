//! What a hop says of TLS: as written, normalised, and how good it is.

mod suite;
mod version;

use std::fmt;

pub(crate) use suite::Suite;
pub use version::Version;

/// What is written of TLS in one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tls<'a> {
    /// The version as written: `TLSv1.2`, `TLS1_3`, `TLSv1/SSLv3`.
    pub version: Option<&'a str>,
    /// The cipher as written, the name alone.
    pub cipher: Option<&'a str>,
    /// Bits of the cipher's key. Exim with GnuTLS writes bytes, which are bits here.
    pub bits: Option<u32>,
    /// The key exchange as written: `X25519`, `ECDHE (P-256)`.
    pub key_exchange: Option<&'a str>,
    /// What signed the server's side of the handshake, as written: `RSA-PSS (2048 bits)`.
    pub server_signature: Option<&'a str>,
    /// What is said of a client certificate, as written.
    pub client_certificate: Option<&'a str>,
}

impl Tls<'_> {
    /// The version, where the words tell.
    pub fn version_number(&self) -> Option<Version> {
        self.version.and_then(Version::read)
    }

    /// The version's usual name, `TLS 1.2`. None where the words don't tell:
    /// `TLSv1/SSLv3` is what OpenSSL called its method, whatever it spoke.
    pub fn version_name(&self) -> Option<&'static str> {
        self.version_number().map(Version::name)
    }

    /// The cipher suite's name in IANA's registry.
    pub fn cipher_name(&self) -> Option<String> {
        self.suite()?.name(self.version_number())
    }

    /// Whether nobody's certificate was involved (RFC 4346 A.5): encrypted, and
    /// open to whoever sits in between.
    pub fn is_anonymous(&self) -> bool {
        self.suite().is_some_and(Suite::is_anonymous)
    }

    /// Whether the suite names no encryption at all.
    pub fn is_null(&self) -> bool {
        self.suite().is_some_and(Suite::is_null)
    }

    /// How good what was written is.
    pub fn strength(&self) -> Strength {
        let (version, suite) = (self.version_number(), self.suite());
        let weakness = weakness(version, suite);
        if weakness != Weakness::default() {
            return Strength::Weak(weakness);
        }
        let is_new = version >= Some(Version::Tls12) || suite.is_some_and(Suite::needs_tls12);
        let is_forward = suite.and_then(|suite| suite.has_forward_secrecy(version));
        let is_forward = is_forward.or((version == Some(Version::Tls13)).then_some(true));
        if is_new && is_forward == Some(true) { Strength::Good } else { Strength::Unjudged }
    }

    fn suite(&self) -> Option<Suite> {
        self.cipher.and_then(Suite::read)
    }
}

fn weakness(version: Option<Version>, suite: Option<Suite>) -> Weakness {
    let mut weakness = Weakness::default();
    match version {
        Some(Version::Ssl2 | Version::Ssl3) => weakness.add(Reason::Ssl),
        Some(Version::Tls10 | Version::Tls11) => weakness.add(Reason::OldTls),
        Some(Version::Tls12 | Version::Tls13) | None => {}
    }
    let Some(suite) = suite else { return weakness };
    if suite.has_forward_secrecy(version) == Some(false) {
        weakness.add(Reason::NoForwardSecrecy);
    }
    let flags = [
        (suite.is_rc4(), Reason::Rc4),
        (suite.is_triple_des(), Reason::TripleDes),
        (suite.is_export(), Reason::Export),
        (suite.is_broken(), Reason::Broken),
        (suite.is_null(), Reason::Null),
    ];
    flags.iter().filter(|(holds, _)| *holds).for_each(|(_, flag)| weakness.add(*flag));
    weakness
}

/// How good an encrypted hop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// TLS 1.2 or later with forward secrecy, and nothing bad known of the cipher.
    Good,
    /// Something is known to be bad.
    Weak(Weakness),
    /// Too little is written to judge.
    Unjudged,
}

/// What is weak about a hop. More than one may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weakness(u16);

/// One thing that is weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// SSL 2 or 3.
    Ssl,
    /// TLS 1.0 or 1.1.
    OldTls,
    /// Who gets the server's key later can read it.
    NoForwardSecrecy,
    /// RC4.
    Rc4,
    /// 3DES.
    TripleDes,
    /// Weakened for export.
    Export,
    /// A cipher that is broken.
    Broken,
    /// A suite that doesn't encrypt.
    Null,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::Ssl,
        Self::OldTls,
        Self::NoForwardSecrecy,
        Self::Rc4,
        Self::TripleDes,
        Self::Export,
        Self::Broken,
        Self::Null,
    ];

    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Ssl => "SSL",
            Self::OldTls => "TLS older than 1.2",
            Self::NoForwardSecrecy => "no forward secrecy",
            Self::Rc4 => "RC4",
            Self::TripleDes => "3DES",
            Self::Export => "export grade",
            Self::Broken => "a broken cipher",
            Self::Null => "no encryption",
        }
    }

    const fn flag(self) -> u16 {
        1 << self as u16
    }
}

impl Weakness {
    fn add(&mut self, reason: Reason) {
        self.0 |= reason.flag();
    }

    /// The reasons.
    pub fn reasons(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.0 & reason.flag() != 0)
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, reason) in self.reasons().enumerate() {
            write!(f, "{}{}", if index > 0 { ", " } else { "" }, reason.words())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str, cipher: &str, expect: &str) {
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        let (version, cipher) = (version.to_owned().leak(), cipher.to_owned().leak());
        let found = match (Tls { version: some(version), cipher: some(cipher), ..Tls::default() }).strength() {
            Strength::Good => "good".to_owned(),
            Strength::Weak(weakness) => weakness.to_string(),
            Strength::Unjudged => String::new(),
        };
        assert_eq!(found, expect, "{version} {cipher}");
    }

    #[test]
    fn what_is_good() {
        check("TLSv1.3", "TLS_AES_256_GCM_SHA384", "good");
        check("TLS1_3", "", "good");
        check("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", "good");
        check("", "ECDHE-RSA-AES256-GCM-SHA384", "good");
        check("TLSv1/SSLv3", "ECDHE-RSA-AES256-GCM-SHA384", "good");
    }

    #[test]
    fn what_is_weak() {
        check("SSLv3", "ECDHE-RSA-AES256-SHA", "SSL");
        check("TLSv1", "DHE-RSA-AES256-SHA", "TLS older than 1.2");
        check("TLSv1.2", "AES256-GCM-SHA384", "no forward secrecy");
        check("TLSv1/SSLv3", "RC4-MD5", "no forward secrecy, RC4");
        check("TLSv1.2", "ECDHE-RSA-DES-CBC3-SHA", "3DES");
        check("SSLv3", "EXP-RC4-MD5", "SSL, no forward secrecy, RC4, export grade");
        check("TLSv1.2", "NULL-SHA", "no forward secrecy, no encryption");
    }

    #[test]
    fn what_nobody_can_judge() {
        check("", "", "");
        check("TLSv1.2", "", "");
        check("TLSv1/SSLv3", "DHE-RSA-AES256-SHA", "");
        check("", "AES-256-GCM", "");
        check("TLS", "OTHER", "");
    }
}
