//! Exim, in all its ages:
//!
//! ```text
//! with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384       from 4.93
//! with esmtps (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256)   OpenSSL
//! with esmtps (TLS1.0:RSA_AES_128_CBC_SHA1:16)            GnuTLS, 4.6 to 4.7: bytes
//! (UNKNOWN:ECDHE-RSA-AES256-GCM-SHA384:256)               OpenSSL newer than Exim
//! (Cipher TLS1.3:…), (tls_cipher TLS-1.0:…)               custom headers
//! ```
//!
//! Exchange 2007 to 2013 writes `(TLS)`, OpenSMTPD `(TLSv1.3:C:256:NO)`,
//! KumoMTA `(TLSv1_3:C)`, mox `(TLS1.3 C)`, CodeTwo `(TLS12)`.

use super::{Said, bits, some};
use crate::Tls;
use crate::tls::{Suite, Version};

/// A version, then perhaps a cipher and bits.
pub(super) fn comment(text: &str) -> Option<Said<'_>> {
    let text = text.strip_prefix("Cipher ").or_else(|| text.strip_prefix("tls_cipher ")).unwrap_or(text);
    let mut parts = text.splitn(4, [':', ' ']);
    let version = parts.next()?;
    let is_unknown = version == "UNKNOWN" && text.contains(':');
    if !Version::is_word(version) && !is_unknown {
        return None;
    }
    // `TLS: TLSv1/SSLv3,256bits,…` is Courier's.
    let cipher = parts.next().filter(|_| !text.starts_with("TLS:"));
    if cipher.is_some_and(|cipher| Suite::read(cipher).is_none() && !cipher.starts_with('[')) {
        return None;
    }
    let tls = Tls {
        version: some(version).filter(|version| version.len() > 3),
        cipher: cipher.filter(|cipher| !cipher.starts_with('[')),
        bits: parts.next().and_then(bits).map(|bits| key_bits(bits, cipher)),
        ..Tls::default()
    };
    (cipher.is_some() || version.len() == text.len()).then_some(Said::Tls(tls))
}

/// Exim with GnuTLS counted bytes once.
fn key_bits(written: u32, cipher: Option<&str>) -> u32 {
    let suite = cipher.and_then(Suite::read).map_or(0, Suite::bits);
    if written <= 32 && suite == written * 8 { suite } else { written }
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none};

    #[test]
    fn exim() {
        check(
            "from a by h with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384 (Exim 4.96.1) id 1",
            "TLS1.3",
            "TLS_AES_256_GCM_SHA384",
            0,
        );
        check(
            "from a by h with esmtps (TLSv1.2:ECDHE-RSA-AES256-GCM-SHA384:256) (Exim 4.89) id 1",
            "TLSv1.2",
            "ECDHE-RSA-AES256-GCM-SHA384",
            256,
        );
        check(
            "from a by h with esmtps (TLS1.0:RSA_AES_128_CBC_SHA1:16) (Exim 4.72) id 1",
            "TLS1.0",
            "RSA_AES_128_CBC_SHA1",
            128,
        );
        check(
            "from a by h with esmtpsa (Cipher TLS-1.0:RSA_AES_256_CBC_SHA1:32) (Exim 4) id 1",
            "TLS-1.0",
            "RSA_AES_256_CBC_SHA1",
            256,
        );
        check(
            "from a by h with esmtpsa (tls_cipher TLS-1.0:RSA_AES_256_CBC_SHA1:32) id 1",
            "TLS-1.0",
            "RSA_AES_256_CBC_SHA1",
            256,
        );
        let gnutls = "ECDHE_SECP256R1__RSA_PSS_RSAE_SHA256__AES_256_GCM";
        check(&format!("by h with esmtps (TLS1.2:{gnutls}:256) (Exim 4)"), "TLS1.2", gnutls, 256);
    }

    #[test]
    fn those_who_write_like_exim() {
        check("from a by h with Microsoft SMTP Server (TLS) id 14.3.361.1", "", "", 0);
        check(
            "by h (OpenSMTPD) with ESMTPS id 1 (TLSv1.3:TLS_AES_256_GCM_SHA384:256:NO) for <x>",
            "TLSv1.3",
            "TLS_AES_256_GCM_SHA384",
            256,
        );
        check("by h with ESMTPS (TLSv1_3:TLS13_AES_256_GCM_SHA384) id 1", "TLSv1_3", "TLS13_AES_256_GCM_SHA384", 0);
        check(
            "by h via tcp with ESMTPS id 1 (TLS1.3 TLS_AES_128_GCM_SHA256) for <x>",
            "TLS1.3",
            "TLS_AES_128_GCM_SHA256",
            0,
        );
        check("by h with CodeTwo SMTP Server (TLS12) via SMTP; 1 Jan 2020", "TLS12", "", 0);
        check("by h ((D)) with ASMTP (SSL) id 1", "", "", 0);
        check_none("from a by h (TLSgateway) with SMTP");
    }
}
