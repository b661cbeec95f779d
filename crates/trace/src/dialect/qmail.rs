//! qmail with TLS patches, qpsmtpd, T-Online, WP-SMTPD and MessageLabs:
//!
//! ```text
//! with (AES256-SHA encrypted) SMTP
//! with (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384 encrypted) esmtp
//! with DHE-RSA-AES256-SHA encrypted SMTP
//! ```
//!
//! Plain qmail writes nothing of TLS; `(qmail N invoked …)` is no hop.

use super::{Said, some};
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

#[cfg(test)]
mod tests {
    use super::super::{check, check_none};

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
}
