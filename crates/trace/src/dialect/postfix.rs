//! Postfix, with `smtpd_tls_received_header = yes`:
//!
//! ```text
//! (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)
//!  key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)
//! (No client certificate requested)
//! ```
//!
//! The same words, with bits in other dress or none, come from Dovecot,
//! Stalwart, Kerio, Yandex, STRATO, Comcast, Sophos, Symantec, trex and
//! Proofpoint Essentials. Some begin alike and go on their own way: Mimecast
//! `(Using TLS)`, tmda `(using STARTTLS)`, Mail Marshal
//! `(using TLS: TLSv1.2, AES256-SHA)`.

use memchr::memmem;

use super::{Said, any, bits, some, until};
use crate::Tls;

/// `using VERSION with cipher CIPHER …`.
pub(super) fn using(text: &str) -> Option<Said<'_>> {
    let rest = text.strip_prefix("using ").or_else(|| text.strip_prefix("Using "))?;
    let version = until(rest, |byte| byte == b' ');
    let rest_of = rest.get(version.len()..).unwrap_or_default();
    let Some(rest) = rest_of.strip_prefix(" with cipher ") else { return briefly(rest) };
    let cipher = until(rest, |byte| matches!(byte, b' ' | b')' | b','));
    let after = rest.get(cipher.len()..).unwrap_or_default();
    Some(Said::Tls(Tls {
        version: some(version.trim()),
        cipher: some(cipher),
        bits: bits(after),
        key_exchange: named(after, b"key-exchange "),
        server_signature: named(after, b"server-signature "),
        client_certificate: None,
    }))
}

/// `Using TLS`, `using STARTTLS`, `using TLS: TLSv1.2, AES256-SHA`.
fn briefly(rest: &str) -> Option<Said<'_>> {
    match rest.trim() {
        "TLS" | "STARTTLS" | "SSL" => Some(Said::Tls(Tls::default())),
        rest => any::read(rest),
    }
}

/// What follows a word, with the parenthesis after it: `X25519`, `ECDHE (P-256)`.
fn named<'a>(text: &'a str, word: &[u8]) -> Option<&'a str> {
    let rest = text.get(memmem::find(text.as_bytes(), word)? + word.len()..)?;
    let name = until(rest, |byte| matches!(byte, b' ' | b')'));
    let after = rest.get(name.len()..)?;
    let detail = after.strip_prefix(" (").and_then(|inside| inside.find(')')).map_or(0, |close| close + 3);
    some(rest.get(..name.len() + detail)?)
}

/// `(Client CN "x", Issuer "y" (verified OK))`, `(No client certificate requested)`.
pub(super) fn certificate(text: &str) -> Option<Said<'_>> {
    const HEADS: [&str; 6] = [
        "Client CN",
        "Client RPK",
        "Client did not",
        "Client certificate",
        "No client certificate",
        "no client certificate",
    ];
    HEADS.iter().any(|head| text.starts_with(head)).then_some(Said::Certificate(text))
}

/// STRATO: `(curve secp521r1 with 521 ECDH bits, eq. 15360 bits RSA)`.
pub(super) fn curve(text: &str) -> Option<Said<'_>> {
    Some(Said::Exchange(until(text.strip_prefix("curve ")?, |byte| byte == b' ')))
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none, evidence};
    use super::*;
    use crate::received::Clauses;

    #[test]
    fn postfix_and_those_who_write_like_it() {
        let long = "from a (b [192.0.2.1]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange ECDHE (P-256) \
                    server-signature RSA-PSS (2048 bits) server-digest SHA256) (No client certificate requested) by h (Postfix) with ESMTPS id 1";
        check(long, "TLSv1.3", "TLS_AES_256_GCM_SHA384", 256);
        let tls = evidence(&Clauses::read(long)).tls.unwrap_or_default();
        assert_eq!(tls.key_exchange, Some("ECDHE (P-256)"));
        assert_eq!(tls.server_signature, Some("RSA-PSS (2048 bits)"));
        assert_eq!(tls.client_certificate, Some("No client certificate requested"));
        check(
            "from a (using TLSv1 with cipher DHE-RSA-AES256-SHA (128/256 bits)) by h",
            "TLSv1",
            "DHE-RSA-AES256-SHA",
            128,
        );
        check("from a (using TLSv1.3 with cipher X-AES256-SHA 256/256 bits) by h", "TLSv1.3", "X-AES256-SHA", 256);
        check(
            "from a (using TLSv1.3 with cipher TLS13_AES_256_GCM_SHA384) by h",
            "TLSv1.3",
            "TLS13_AES_256_GCM_SHA384",
            0,
        );
        check("from a (using TLS with cipher AES256-SHA (256/256 bits)) by h", "TLS", "AES256-SHA", 256);
        check(
            "by h with ESMTPSA id x; Wed, 14 Sep 2022 18:50:14 +0300 (using TLSv1.3 with cipher C-AES (256/256 bits))",
            "TLSv1.3",
            "C-AES",
            256,
        );
    }

    #[test]
    fn shorter_words() {
        check("from a (b [192.0.2.1]) (Using TLS) by h with ESMTP id 1", "", "", 0);
        check("from a (using STARTTLS) by h", "", "", 0);
        check("from a by h (using TLS: TLSv1.2, AES256-SHA) id <1>", "TLSv1.2", "AES256-SHA", 0);
        check_none("from a (using a.tls.example) by h");
        check_none("from a (No client certificate requested) by h");
        let curve = "by h with ESMTPSA id 1 (using TLSv1.3 with cipher C-AES (256 bits)) (curve secp521r1 with 521 ECDH bits, eq. 15360 bits RSA)";
        let tls = evidence(&Clauses::read(curve)).tls.unwrap_or_default();
        assert_eq!((tls.key_exchange, tls.bits), (Some("secp521r1"), Some(256)));
        assert_eq!(named("x", b"y"), None);
    }
}
