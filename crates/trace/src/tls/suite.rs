//! Cipher suites in the spellings of OpenSSL, GnuTLS, Schannel, rustls,
//! BoringSSL and IANA, taken apart and named as IANA's registry names them.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::Version;

/// A suite, as far as its name tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suite {
    exchange: Exchange,
    signature: Signature,
    bulk: Bulk,
    mode: Mode,
    hash: Hash,
    bits: u16,
    is_export: bool,
    /// Something in the name is not known.
    is_odd: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Exchange {
    /// Not written: RSA in OpenSSL's spelling, any in that of TLS 1.3.
    #[default]
    Unwritten,
    /// TLS 1.3, where it is no part of the suite.
    Tls13,
    Rsa,
    Dh,
    Dhe,
    Ecdh,
    Ecdhe,
    Psk,
    Krb5,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Signature {
    #[default]
    Unwritten,
    Rsa,
    Dss,
    Ecdsa,
    Psk,
    Anonymous,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bulk {
    #[default]
    Unwritten,
    Aes,
    Camellia,
    Aria,
    Seed,
    Idea,
    ChaCha,
    Rc2,
    Rc4,
    Des,
    TripleDes,
    Null,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Unwritten,
    Cbc,
    Gcm,
    Ccm,
    Ccm8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hash {
    #[default]
    Unwritten,
    Md5,
    Sha,
    Sha256,
    Sha384,
}

/// Names are shorter; what is longer is none.
const LENGTH_MAX: usize = 96;

impl Suite {
    /// None where no cipher is named.
    pub(crate) fn read(name: &str) -> Option<Self> {
        if name.len() > LENGTH_MAX || name.len() < 4 {
            return None;
        }
        let mut suite = Self::default();
        // GnuTLS: exchange and group, signature, cipher, hash.
        let mut sections = name.split("__");
        suite.section(sections.next()?);
        if let Some(signature) = sections.next() {
            suite.signed(signature);
        }
        sections.for_each(|section| suite.section(section));
        // IANA's spelling leaves the exchange out from TLS 1.3 on, OpenSSL's where it is RSA.
        if suite.exchange == Exchange::Unwritten && name.starts_with("TLS_") {
            suite.exchange = Exchange::Tls13;
        }
        if suite.is_export && matches!(suite.bulk, Bulk::Rc4 | Bulk::Des) {
            suite.bits = 40;
        }
        (suite.bulk != Bulk::Unwritten).then_some(suite)
    }

    fn section(&mut self, section: &str) {
        section.split(['-', '_']).filter(|token| !token.is_empty()).for_each(|token| self.token(token.as_bytes()));
    }

    /// `RSA_PSS_RSAE_SHA256`, `ECDSA_SECP256R1_SHA256`: the hash is the signature's own.
    fn signed(&mut self, section: &str) {
        match section.split(['-', '_']).next() {
            Some("RSA") => self.signature = Signature::Rsa,
            Some("ECDSA") => self.signature = Signature::Ecdsa,
            _ => self.section(section),
        }
    }

    fn token(&mut self, token: &[u8]) {
        let mut buffer = [0u8; 16];
        let Some(upper) = buffer.get_mut(..token.len()) else {
            self.is_odd = true;
            return;
        };
        upper.copy_from_slice(token);
        upper.make_ascii_uppercase();
        let upper: &[u8] = upper;
        let is_known = self.exchange_token(upper) || self.bulk_token(upper) || self.other_token(upper);
        self.is_odd |= !is_known;
    }

    fn exchange_token(&mut self, token: &[u8]) -> bool {
        let has_exchange = self.exchange != Exchange::Unwritten;
        match token {
            b"ECDHE" | b"EECDH" => self.exchange = Exchange::Ecdhe,
            b"DHE" | b"EDH" => self.exchange = Exchange::Dhe,
            b"ECDH" => self.exchange = Exchange::Ecdh,
            b"DH" => self.exchange = Exchange::Dh,
            b"KRB5" => self.exchange = Exchange::Krb5,
            b"ADH" => (self.exchange, self.signature) = (Exchange::Dh, Signature::Anonymous),
            b"AECDH" => (self.exchange, self.signature) = (Exchange::Ecdh, Signature::Anonymous),
            b"ANON" => self.signature = Signature::Anonymous,
            b"RSA" if has_exchange => self.signature = Signature::Rsa,
            b"RSA" => self.exchange = Exchange::Rsa,
            b"PSK" if has_exchange => self.signature = Signature::Psk,
            b"PSK" => self.exchange = Exchange::Psk,
            b"DSS" | b"DSA" => self.signature = Signature::Dss,
            b"ECDSA" => self.signature = Signature::Ecdsa,
            b"TLS13" | b"AEAD" => self.exchange = Exchange::Tls13,
            b"EXP" | b"EXPORT" | b"EXP1024" | b"EXPORT1024" => self.is_export = true,
            _ => return false,
        }
        true
    }

    fn bulk_token(&mut self, token: &[u8]) -> bool {
        let (bulk, bits) = match token {
            b"AES" => (Bulk::Aes, 0),
            b"AES128" => (Bulk::Aes, 128),
            b"AES256" => (Bulk::Aes, 256),
            b"CAMELLIA" => (Bulk::Camellia, 0),
            b"CAMELLIA128" => (Bulk::Camellia, 128),
            b"CAMELLIA256" => (Bulk::Camellia, 256),
            b"ARIA" => (Bulk::Aria, 0),
            b"ARIA128" => (Bulk::Aria, 128),
            b"ARIA256" => (Bulk::Aria, 256),
            b"SEED" => (Bulk::Seed, 128),
            b"IDEA" => (Bulk::Idea, 128),
            b"CHACHA20" => (Bulk::ChaCha, 256),
            b"RC2" => (Bulk::Rc2, 40),
            b"RC4" | b"ARCFOUR" => (Bulk::Rc4, 128),
            b"DES" => (Bulk::Des, 56),
            b"DES40" => (Bulk::Des, 40),
            b"3DES" | b"CBC3" => (Bulk::TripleDes, 112),
            b"NULL" => (Bulk::Null, 0),
            _ => return false,
        };
        (self.bulk, self.bits) = (bulk, bits);
        true
    }

    fn other_token(&mut self, token: &[u8]) -> bool {
        match token {
            b"128" => self.bits = 128,
            b"256" => self.bits = 256,
            b"40" => self.bits = 40,
            b"56" => self.bits = 56,
            b"GCM" => self.mode = Mode::Gcm,
            b"CCM" => self.mode = Mode::Ccm,
            b"CCM8" | b"8" => self.mode = Mode::Ccm8,
            b"CBC" => self.mode = Mode::Cbc,
            b"SHA" | b"SHA1" => self.hash = Hash::Sha,
            b"SHA256" => self.hash = Hash::Sha256,
            b"SHA384" => self.hash = Hash::Sha384,
            b"MD5" => self.hash = Hash::Md5,
            // Groups, of which Schannel and GnuTLS write the name too, and words that add nothing.
            b"TLS" | b"SSL" | b"WITH" | b"EDE" | b"POLY1305" | b"P256" | b"P384" | b"P521" | b"X25519" | b"X448"
            | b"SECP256R1" | b"SECP384R1" | b"SECP521R1" | b"X25519MLKEM768" => {}
            _ => return token.starts_with(b"FFDHE") || token.starts_with(b"CUSTOM"),
        }
        true
    }

    /// Bits of the key; 0 where not known.
    pub(crate) fn bits(self) -> u32 {
        u32::from(self.bits)
    }

    /// Whether a stolen key of the server would open what was recorded. None
    /// where the name doesn't tell.
    pub(crate) fn has_forward_secrecy(self, version: Option<Version>) -> Option<bool> {
        match self.exchange {
            _ if version == Some(Version::Tls13) => Some(true),
            Exchange::Tls13 | Exchange::Dhe | Exchange::Ecdhe => Some(true),
            Exchange::Dh | Exchange::Ecdh => Some(self.signature == Signature::Anonymous),
            Exchange::Rsa | Exchange::Psk | Exchange::Krb5 => Some(false),
            Exchange::Unwritten => (self.hash != Hash::Unwritten).then_some(false),
        }
    }

    pub(crate) fn is_anonymous(self) -> bool {
        self.signature == Signature::Anonymous
    }

    pub(crate) fn is_rc4(self) -> bool {
        self.bulk == Bulk::Rc4
    }

    pub(crate) fn is_triple_des(self) -> bool {
        self.bulk == Bulk::TripleDes
    }

    pub(crate) fn is_export(self) -> bool {
        self.is_export || self.bits == 40
    }

    /// DES and RC2, which nobody needs export rules to break.
    pub(crate) fn is_broken(self) -> bool {
        matches!(self.bulk, Bulk::Des | Bulk::Rc2)
    }

    /// A suite that doesn't encrypt at all.
    pub(crate) fn is_null(self) -> bool {
        self.bulk == Bulk::Null
    }

    /// Suites that exist only from TLS 1.2 on (RFC 5246, 5288, 7905).
    pub(crate) fn needs_tls12(self) -> bool {
        matches!(self.hash, Hash::Sha256 | Hash::Sha384)
            || !matches!(self.mode, Mode::Unwritten | Mode::Cbc)
            || self.bulk == Bulk::ChaCha
    }

    /// The name in IANA's registry; None where there is no such suite.
    pub(crate) fn name(self, version: Option<Version>) -> Option<String> {
        if self.is_odd {
            return None;
        }
        let cipher = self.cipher()?;
        let is_tls13 = version == Some(Version::Tls13) || self.exchange == Exchange::Tls13;
        let exchange = if is_tls13 { "" } else { self.exchange_name()? };
        let key = format!("{exchange}\t{cipher}");
        let is_listed = REGISTRY.contains(key.as_str());
        is_listed.then(|| if is_tls13 { format!("TLS_{cipher}") } else { format!("TLS_{exchange}_WITH_{cipher}") })
    }

    fn exchange_name(self) -> Option<&'static str> {
        Some(match (self.exchange, self.signature, self.is_export) {
            (Exchange::Rsa, Signature::Unwritten, false) => "RSA",
            // OpenSSL leaves RSA out, but never the hash.
            (Exchange::Unwritten, Signature::Unwritten, false) if self.hash != Hash::Unwritten => "RSA",
            (Exchange::Rsa | Exchange::Unwritten, Signature::Unwritten, true) => "RSA_EXPORT",
            (Exchange::Dh, Signature::Rsa, false) => "DH_RSA",
            (Exchange::Dh, Signature::Dss, false) => "DH_DSS",
            (Exchange::Dh | Exchange::Dhe, Signature::Anonymous, false) => "DH_anon",
            (Exchange::Dh | Exchange::Dhe, Signature::Anonymous, true) => "DH_anon_EXPORT",
            (Exchange::Dhe, Signature::Rsa, false) => "DHE_RSA",
            (Exchange::Dhe, Signature::Dss, false) => "DHE_DSS",
            (Exchange::Dhe, Signature::Rsa, true) => "DHE_RSA_EXPORT",
            (Exchange::Dhe, Signature::Dss, true) => "DHE_DSS_EXPORT",
            (Exchange::Ecdh, Signature::Rsa, false) => "ECDH_RSA",
            (Exchange::Ecdh, Signature::Ecdsa, false) => "ECDH_ECDSA",
            (Exchange::Ecdh | Exchange::Ecdhe, Signature::Anonymous, false) => "ECDH_anon",
            (Exchange::Ecdhe, Signature::Rsa, false) => "ECDHE_RSA",
            (Exchange::Ecdhe, Signature::Ecdsa, false) => "ECDHE_ECDSA",
            (Exchange::Psk, Signature::Unwritten, false) => "PSK",
            (Exchange::Dhe, Signature::Psk, false) => "DHE_PSK",
            (Exchange::Ecdhe, Signature::Psk, false) => "ECDHE_PSK",
            (Exchange::Rsa, Signature::Psk, false) => "RSA_PSK",
            (Exchange::Krb5, Signature::Unwritten, false) => "KRB5",
            _ => return None,
        })
    }

    fn cipher(self) -> Option<String> {
        let bits = self.bits;
        let base = match self.bulk {
            Bulk::Unwritten => return None,
            Bulk::Aes => format!("AES_{bits}"),
            Bulk::Camellia => format!("CAMELLIA_{bits}"),
            Bulk::Aria => format!("ARIA_{bits}"),
            Bulk::Seed => "SEED".to_owned(),
            Bulk::Idea => "IDEA".to_owned(),
            Bulk::ChaCha => return Some("CHACHA20_POLY1305_SHA256".to_owned()),
            Bulk::Rc2 => return Some("RC2_CBC_40_MD5".to_owned()),
            Bulk::Rc4 => format!("RC4_{bits}"),
            Bulk::Des if self.is_export() => "DES40".to_owned(),
            Bulk::Des => "DES".to_owned(),
            Bulk::TripleDes => "3DES_EDE".to_owned(),
            Bulk::Null => "NULL".to_owned(),
        };
        let mode = match self.mode {
            Mode::Gcm => "_GCM",
            Mode::Ccm => "_CCM",
            Mode::Ccm8 => "_CCM_8",
            Mode::Cbc | Mode::Unwritten if matches!(self.bulk, Bulk::Rc4 | Bulk::Null) => "",
            Mode::Cbc | Mode::Unwritten => "_CBC",
        };
        let hash = match self.hash {
            Hash::Md5 => "_MD5",
            Hash::Sha => "_SHA",
            Hash::Sha256 => "_SHA256",
            Hash::Sha384 => "_SHA384",
            // GnuTLS and TLS 1.3: the mode's usual one.
            Hash::Unwritten if self.mode == Mode::Gcm => {
                if bits == 256 {
                    "_SHA384"
                } else {
                    "_SHA256"
                }
            }
            Hash::Unwritten => "",
        };
        Some(format!("{base}{mode}{hash}"))
    }
}

/// What IANA lists: `exchange TAB cipher`.
static REGISTRY: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let lines = include_str!("../../facts/suites.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(suites_of).collect()
});

fn suites_of(line: &str) -> impl Iterator<Item = String> {
    let mut columns = line.split('\t');
    let (exchange, ciphers) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
    ciphers.split(' ').map(move |cipher| format!("{exchange}\t{cipher}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, version: Option<Version>, expect: &str) {
        let found = Suite::read(name).and_then(|suite| suite.name(version)).unwrap_or_default();
        assert_eq!(found, expect, "{name}");
    }

    #[test]
    fn spellings_of_openssl() {
        check("ECDHE-RSA-AES256-GCM-SHA384", None, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
        check("DHE-RSA-AES256-SHA", None, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA");
        check("ECDHE-RSA-AES256-SHA384", None, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384");
        check("AES128-SHA", None, "TLS_RSA_WITH_AES_128_CBC_SHA");
        check("AES256-GCM-SHA384", Some(Version::Tls12), "TLS_RSA_WITH_AES_256_GCM_SHA384");
        check("RC4-MD5", None, "TLS_RSA_WITH_RC4_128_MD5");
        check("DES-CBC3-SHA", None, "TLS_RSA_WITH_3DES_EDE_CBC_SHA");
        check("EDH-RSA-DES-CBC3-SHA", None, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA");
        check("EXP-RC4-MD5", None, "TLS_RSA_EXPORT_WITH_RC4_40_MD5");
        check("EXP-EDH-RSA-DES-CBC-SHA", None, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA");
        check("AECDH-AES256-SHA", None, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA");
        check("ADH-AES256-SHA", None, "TLS_DH_anon_WITH_AES_256_CBC_SHA");
        check("DHE-RSA-CAMELLIA256-SHA", None, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA");
        check("ECDHE-ECDSA-CHACHA20-POLY1305", None, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    }

    #[test]
    fn spellings_of_others() {
        check("TLS_AES_256_GCM_SHA384", Some(Version::Tls13), "TLS_AES_256_GCM_SHA384");
        check("TLS13_AES_256_GCM_SHA384", None, "TLS_AES_256_GCM_SHA384");
        check("AEAD-AES128-GCM-SHA256", None, "TLS_AES_128_GCM_SHA256");
        check("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384_P256", None, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384");
        check("ECDHE_RSA_AES_256_GCM_SHA384", None, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
        check("RSA_AES_128_CBC_SHA1", None, "TLS_RSA_WITH_AES_128_CBC_SHA");
        check(
            "ECDHE_SECP256R1__RSA_PSS_RSAE_SHA256__AES_256_GCM",
            Some(Version::Tls12),
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        );
        check("ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM", Some(Version::Tls13), "TLS_AES_256_GCM_SHA384");
        check(
            "ECDHE_SECP256R1__ECDSA_SECP256R1_SHA256__CHACHA20_POLY1305",
            Some(Version::Tls13),
            "TLS_CHACHA20_POLY1305_SHA256",
        );
        check(
            "ECDHE_SECP256R1__RSA_SHA256__AES_128_CBC__SHA1",
            Some(Version::Tls12),
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        );
        check("TLS_ECDH_anon_WITH_AES_256_CBC_SHA", None, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA");
        check("TLS_RSA_WITH_3DES_EDE_CBC_SHA", None, "TLS_RSA_WITH_3DES_EDE_CBC_SHA");
    }

    #[test]
    fn names_that_name_no_suite() {
        for name in ["OTHER", "", "AES-256-GCM", "TLS_ECDHE_WITH_AES256_SHA1", "TLS_*", "ECDHE-FOO-AES256-SHA", "MD5"] {
            check(name, None, "");
        }
        check(&"AES-".repeat(1000), None, "");
    }

    #[test]
    fn forward_secrecy() {
        let check = |name: &str, expect| {
            assert_eq!(Suite::read(name).and_then(|suite| suite.has_forward_secrecy(None)), expect, "{name}");
        };
        check("ECDHE-RSA-AES256-SHA", Some(true));
        check("AES256-SHA", Some(false));
        check("TLS_RSA_WITH_AES_256_GCM_SHA384", Some(false));
        check("TLS_AES_256_GCM_SHA384", Some(true));
        check("AES-256-GCM", None);
        check("AECDH-AES256-SHA", Some(true));
    }
}
