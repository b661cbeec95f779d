//! What follows `with`: the transmission types of IANA (RFC 3848, 6531, 8314)
//! and the words that servers write in their place.

use crate::text;

/// How a message was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// SMTP between hosts.
    Smtp,
    /// LMTP: into a mailbox store (RFC 2033).
    Lmtp,
    /// HTTP: webmail, an API, a store inside a provider.
    Http,
    /// Inside a mailbox system: MAPI, DAV, Yahoo's NNFMP.
    Store,
    /// By a program on the same machine.
    Local,
    /// Fetched from a mailbox: IMAP, POP3.
    Fetch,
}

/// A `with` keyword and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// How.
    pub transport: Transport,
    /// EHLO was used: the client can have been offered STARTTLS.
    pub extended: bool,
    /// TLS was used.
    pub tls: bool,
    /// The client logged in.
    pub authenticated: bool,
    /// SMTPUTF8 was used (RFC 6531).
    pub utf8: bool,
}

/// Longer words are no keywords.
const LENGTH_MAX: usize = 16;

impl Keyword {
    /// Reads one word, whatever its case: `ESMTPS`, `utf8esmtpsa`, `SMTPs`,
    /// `ESMTP/TLS/…`.
    pub fn read(word: &str) -> Option<Self> {
        let word = text::until(word, |byte| byte == b'/');
        let mut buffer = [0u8; LENGTH_MAX];
        let lower = buffer.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        let lower: &[u8] = lower;
        Self::smtp(lower).or_else(|| Self::elsewhere(lower))
    }

    fn smtp(word: &[u8]) -> Option<Self> {
        let (utf8, rest) = match word.strip_prefix(b"utf8") {
            Some(rest) => (true, rest),
            None => (false, word.strip_prefix(b"local-").unwrap_or(word)),
        };
        let (transport, mut extended, tls, authenticated) = match rest {
            b"smtp" => (Transport::Smtp, false, false, false),
            b"esmtp" => (Transport::Smtp, true, false, false),
            b"esmtpa" | b"asmtp" | b"smtpa" => (Transport::Smtp, true, false, true),
            // Exim's ssmtp and essmtp: TLS from the first byte, port 465.
            b"esmtps" | b"essmtp" | b"esmtp-tls" => (Transport::Smtp, true, true, false),
            b"smtps" | b"ssmtp" => (Transport::Smtp, false, true, false),
            b"esmtpsa" | b"essmtpa" | b"smtpsa" => (Transport::Smtp, true, true, true),
            b"lmtp" => (Transport::Lmtp, true, false, false),
            b"lmtpa" => (Transport::Lmtp, true, false, true),
            b"lmtps" => (Transport::Lmtp, true, true, false),
            b"lmtpsa" => (Transport::Lmtp, true, true, true),
            _ => return None,
        };
        extended |= utf8;
        Some(Self { transport, extended, tls, authenticated, utf8 })
    }

    fn elsewhere(word: &[u8]) -> Option<Self> {
        let transport = match word {
            b"http" | b"https" | b"httprest" | b"httpu" | b"rest" => Transport::Http,
            b"mapi" | b"dav" | b"nnfmp" | b"ecstream" => Transport::Store,
            b"local" | b"bsmtp" | b"local-bsmtp" | b"local-rmail" | b"local-generated" | b"local-esmtp" | b"pipe"
            | b"spool" => Transport::Local,
            b"imap" | b"imaps" | b"pop3" | b"pop3s" | b"pop" => Transport::Fetch,
            _ => return None,
        };
        let tls = matches!(word, b"https" | b"imaps" | b"pop3s");
        Some(Self { transport, extended: false, tls, authenticated: false, utf8: false })
    }

    /// What the keyword means, in words.
    pub fn meaning(self) -> &'static str {
        match (self.transport, self.tls, self.authenticated) {
            (Transport::Smtp, true, true) => "SMTP over TLS, the client logged in",
            (Transport::Smtp, true, false) => "SMTP over TLS",
            (Transport::Smtp, false, true) => "SMTP, the client logged in",
            (Transport::Smtp, false, false) => "SMTP",
            (Transport::Lmtp, true, _) => "into a mailbox store, over TLS",
            (Transport::Lmtp, false, _) => "into a mailbox store",
            (Transport::Http, true, _) => "over HTTPS",
            (Transport::Http, false, _) => "over HTTP: webmail, an interface for programs, or a store",
            (Transport::Store, ..) => "inside a mailbox system",
            (Transport::Local, ..) => "by a program on the same machine",
            (Transport::Fetch, ..) => "fetched from a mailbox",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_and_tls() {
        for word in [
            "ESMTPS",
            "esmtpsa",
            "SMTPs",
            "SMTPSA",
            "UTF8SMTPS",
            "UTF8SMTPSA",
            "utf8esmtpsa",
            "LMTPS",
            "essmtp",
            "ESMTP-TLS",
            "HTTPS",
        ] {
            assert!(Keyword::read(word).is_some_and(|keyword| keyword.tls), "{word}");
        }
        for word in [
            "SMTP",
            "ESMTP",
            "ESMTPA",
            "ASMTP",
            "UTF8SMTP",
            "UTF8SMTPA",
            "LMTPA",
            "HTTP",
            "mapi",
            "local",
            "local-esmtp",
            "IMAP",
        ] {
            assert!(Keyword::read(word).is_some_and(|keyword| !keyword.tls), "{word}");
        }
        assert!(Keyword::read("local-esmtps").is_some_and(|keyword| keyword.tls));
        for word in ["", "QMQP", "Microsoft", "tls", "a-word-that-is-much-too-long-for-a-keyword"] {
            assert_eq!(Keyword::read(word), None, "{word}");
        }
    }

    #[test]
    fn ehlo_and_login() {
        assert!(!Keyword::read("SMTP").is_some_and(|keyword| keyword.extended));
        assert!(Keyword::read("UTF8SMTP").is_some_and(|keyword| keyword.extended && keyword.utf8));
        assert!(Keyword::read("ESMTP/TLS/AES128-SHA").is_some_and(|keyword| keyword.extended));
        assert!(Keyword::read("esmtpa").is_some_and(|keyword| keyword.authenticated));
    }
}
