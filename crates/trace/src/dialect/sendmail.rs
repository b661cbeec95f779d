//! Sendmail: `(version=TLSv1.3 cipher=C bits=256 verify=NO)`.
//!
//! Pairs like these come from Google, Exchange (with commas), Proofpoint,
//! Mimecast, Barracuda, Cisco's gateways in the cloud, FortiMail, ZoneMTA,
//! Haraka, hMailServer, MailEnable, IBM, Yahoo, Momentum (`cipher=` alone) and
//! Exclaimer (`tlsversion=`, `tlscipher=`).

use super::{Said, bits, some};
use crate::Tls;
use crate::text;

/// Pairs of a key and a value. The value of one key is enough.
pub(super) fn pairs(text: &str) -> Option<Said<'_>> {
    let mut tls = Tls::default();
    let mut found = false;
    let mut denied = false;
    for pair in text.split([' ', ',', '\t']) {
        let Some((key, value)) = text::cut(pair, b'=') else { continue };
        // A quoted-printable `=` that nobody decoded.
        let value = value.strip_prefix("3D").unwrap_or(value);
        let is_none = value.eq_ignore_ascii_case("none") || value.eq_ignore_ascii_case("(none)");
        match key {
            "version" | "tlsversion" | "tls_version" => {
                (tls.version, denied) = (some(value).filter(|_| !is_none), is_none)
            }
            "cipher" | "tlscipher" | "tls_cipher" => tls.cipher = some(value).filter(|_| !is_none),
            "bits" | "keysize" => tls.bits = bits(value),
            "verify" => tls.client_certificate = Some(pair),
            _ => continue,
        }
        found |= !matches!(key, "bits" | "keysize" | "verify");
    }
    if denied && tls.cipher.is_none() {
        return Some(Said::Plain);
    }
    found.then_some(Said::Tls(tls))
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none, evidence};
    use crate::received::Clauses;

    #[test]
    fn sendmail_and_those_who_write_like_it() {
        check(
            "by h (8.14.4/8.13.8) with ESMTP id r (version=TLSv1/SSLv3 cipher=DHE-RSA-AES256-SHA bits=256 verify=NOT)",
            "TLSv1/SSLv3",
            "DHE-RSA-AES256-SHA",
            256,
        );
        check(
            "by mx.google.com with ESMTPS id x (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256)",
            "TLS1_3",
            "TLS_AES_256_GCM_SHA384",
            256,
        );
        check(
            "by h with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_X_AES_256_P256) id 15",
            "TLS1_2",
            "TLS_X_AES_256_P256",
            0,
        );
        check(
            "by h with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_X + Transport Decrypted) id 15",
            "TLS1_2",
            "TLS_X",
            0,
        );
        check("by h with Microsoft SMTP Server (version=TLS1_2, cipher=) via Frontend Transport", "TLS1_2", "", 0);
        check("by h with Microsoft SMTP Server (version=3DTLS1_2, cipher=3DTLS_X) id 15", "TLS1_2", "TLS_X", 0);
        check("by h with ESMTPSA (cipher=AES-256-GCM) id E8", "", "AES-256-GCM", 0);
        check(
            "by h with Proxy (tlsversion=TLS12, tlscipher=TLS_X_AES256_SHA1); 1 Jan 2020",
            "TLS12",
            "TLS_X_AES256_SHA1",
            0,
        );
        check(
            "by h with IBM Gateway: Use!; (version=TLSv1/SSLv3 cipher=AES128-GCM-SHA256 bits=128/128) Wed, 8 Mar 2017 11:46:17 -0500",
            "TLSv1/SSLv3",
            "AES128-GCM-SHA256",
            128,
        );
    }

    #[test]
    fn pairs_that_say_nothing_of_tls() {
        check_none("from a (user=x mech=LOGIN bits=0) by h");
        check_none("by h with x (version 4.8.5.36) id 1");
        let plain = evidence(&Clauses::read("by h with ESMTP id 1 (version=NONE cipher=NONE bits=0)"));
        assert!(plain.tls.is_none() && plain.plain.is_some());
    }
}
