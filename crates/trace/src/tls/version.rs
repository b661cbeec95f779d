//! TLS versions as servers spell them.

/// A version of SSL or TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// SSL 2.0.
    Ssl2,
    /// SSL 3.0 (RFC 6101).
    Ssl3,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// Reads `TLSv1.2`, `TLS1_3`, `TLS-1.0`, `TLS12`, `SSLv3`. None for words
    /// that don't tell: `TLS`, and `TLSv1/SSLv3`, which is what OpenSSL called
    /// its method and not what was spoken.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let (family, rest) = text.split_at_checked(3)?;
        let is_tls = family.eq_ignore_ascii_case(b"TLS");
        if !is_tls && !family.eq_ignore_ascii_case(b"SSL") {
            return None;
        }
        let rest = rest.strip_prefix(b"-").unwrap_or(rest);
        let rest = rest.strip_prefix(b"v").or_else(|| rest.strip_prefix(b"V")).unwrap_or(rest);
        match (is_tls, rest) {
            (true, b"1" | b"1.0" | b"1_0" | b"10") => Some(Self::Tls10),
            (true, b"1.1" | b"1_1" | b"11") => Some(Self::Tls11),
            (true, b"1.2" | b"1_2" | b"12") => Some(Self::Tls12),
            (true, b"1.3" | b"1_3" | b"13") => Some(Self::Tls13),
            (false, b"3" | b"3.0" | b"30" | b"3_0") => Some(Self::Ssl3),
            (false, b"2" | b"2.0" | b"20" | b"2_0") => Some(Self::Ssl2),
            _ => None,
        }
    }

    /// Whether a word is a version, though perhaps one that doesn't tell which.
    pub(crate) fn is_word(text: &str) -> bool {
        Self::read(text).is_some()
            || ["TLS", "SSL", "TLSv1/SSLv3", "SSLv3/TLSv1", "TLSv1/SSLv2"]
                .iter()
                .any(|word| text.eq_ignore_ascii_case(word))
    }

    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl2 => "SSL 2.0",
            Self::Ssl3 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_servers_spell_them() {
        let check =
            |text: &str, expect: &str| assert_eq!(Version::read(text).map_or("", Version::name), expect, "{text}");
        for text in ["TLSv1.3", "TLS1_3", "TLS1.3", "TLS-1.3", "TLS13", "TLSv1_3", "Tls13", "tlsv1.3"] {
            check(text, "TLS 1.3");
        }
        for text in ["TLSv1", "TLS1", "TLS1.0", "TLS-1.0", "TLSv1.0", "TLS1_0"] {
            check(text, "TLS 1.0");
        }
        check("TLS12", "TLS 1.2");
        check("TLS1.1", "TLS 1.1");
        check("SSLv3", "SSL 3.0");
        for text in ["TLS", "TLSv1/SSLv3", "", "TL", "TLS1.4", "tls.example", "SSL"] {
            check(text, "");
        }
    }
}
