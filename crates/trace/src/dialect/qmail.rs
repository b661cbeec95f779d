//! qmail with TLS patches, qpsmtpd, T-Online, WP-SMTPD and MessageLabs:
//!
//! ```text
//! with (AES256-SHA encrypted) SMTP
//! with (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384 encrypted) esmtp
//! with DHE-RSA-AES256-SHA encrypted SMTP
//! de/crypted with TLSv1.3: TLS_AES_256_GCM_SHA384 [256/256] DN=none by     s/qmail
//! ```
//!
//! Plain qmail writes nothing of TLS; `(qmail N invoked …)` is no hop.

use super::{Said, bits, some};
use crate::Tls;
use crate::text;
use crate::tls::{Suite, Version};

/// A comment `CIPHER encrypted`, `VERSION:CIPHER encrypted, …`.
pub(super) fn comment(text: &str) -> Option<Said<'_>> {
    encrypted(text).map(Said::Tls)
}

/// `CIPHER encrypted …`, in a comment or as the words of `with`.
pub(super) fn encrypted(text: &str) -> Option<Tls<'_>> {
    let (word, rest) = text::cut(text, b' ')?;
    if !rest.starts_with("encrypted") {
        return None;
    }
    let (version, cipher) = match text::cut(word, b':') {
        Some((version, cipher)) => (some(version), cipher),
        None => (None, word),
    };
    if Suite::read(cipher).is_none() {
        return Version::is_word(word).then(Tls::default);
    }
    Some(Tls { version, cipher: some(cipher), ..Tls::default() })
}

/// `TLSv1.3: TLS_AES_256_GCM_SHA384 [256/256] DN=none`: version, suite, bits
/// used and of the key, and the name in the client's certificate.
pub(super) fn decrypted(words: &str) -> Tls<'_> {
    let mut words = words.split_ascii_whitespace();
    let version = words.next().map(|word| word.trim_end_matches(':')).filter(|word| Version::is_word(word));
    let cipher = words.next().filter(|word| Suite::read(word).is_some());
    let bits = words.next().and_then(|word| bits(word.trim_start_matches('[')));
    Tls { version, cipher, bits, client_certificate: words.find(|word| word.starts_with("DN=")), ..Tls::default() }
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none, evidence};
    use crate::received::Clauses;

    #[test]
    fn qmail_and_those_who_write_like_it() {
        check(
            "from a (HELO b) (192.0.2.1) by h with (AES256-SHA encrypted) SMTP; 4 Sep 2020 15:03:17 -0000",
            "",
            "AES256-SHA",
            0,
        );
        check(
            "from a by h with (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384 encrypted) esmtp id 1",
            "TLSv1.2",
            "ECDHE-RSA-AES256-GCM-SHA384",
            0,
        );
        check(
            "from a by h with DHE-RSA-AES256-SHA encrypted SMTP; 4 Sep 2020 15:03:17 -0000",
            "",
            "DHE-RSA-AES256-SHA",
            0,
        );
        check(
            "from a by h (qpsmtpd/0.94) with (TLS_AES_256_GCM_SHA384 encrypted) ESMTPSA; 1 Jan 2020",
            "",
            "TLS_AES_256_GCM_SHA384",
            0,
        );
        check("from a by h with ESMTPSA (AES256-SHA encrypted, authenticated); 1 Jan 2020", "", "AES256-SHA", 0);
        check("from a by h with ESMTP (TLS encrypted); 1 Jan 2020", "", "", 0);
        check_none("from a by h with SMTP (mail is not encrypted)");
    }

    #[test]
    fn s_qmail_writes_it_behind_the_peer() {
        let field = "from unknown (HELO a.test) (192.0.2.1) de/crypted with TLSv1.3: TLS_AES_256_GCM_SHA384 [256/256] \
                     DN=none by h with ESMTPS; 4 Sep 2020 15:03:17 -0000";
        check(field, "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256);
        let clauses = Clauses::read(field);
        assert_eq!((clauses.from.all, clauses.by.first, clauses.with.all), ("unknown", "h", "ESMTPS"));
        let tls = evidence(&clauses).tls.unwrap_or_default();
        assert_eq!(tls.client_certificate, Some("DN=none"));
        check(&field.replace("256/256", "unknown/unknown"), "TLSv1.3", "TLS_AES_256_GCM_SHA384", 0);
        check_none("from de/crypted (HELO a.test) (192.0.2.1) by h with SMTP");
    }
}
