//! chasquid: `with ESMTPS tls TLS_… (over SMTP, TLS-1.3, envelope from "x")`,
//! and without TLS `(over SMTP, plain text!, envelope from "x")`.

use super::Said;
use crate::Tls;
use crate::tls::Version;

/// The comment; what comes after the second comma is the sender's.
pub(super) fn over(text: &str) -> Option<Said<'_>> {
    let mut parts = text.strip_prefix("over ")?.split(',');
    let (_, security) = (parts.next()?, parts.next()?.trim());
    if security.starts_with("plain text") {
        return Some(Said::Plain);
    }
    Version::is_word(security).then(|| Said::Tls(Tls { version: Some(security), ..Tls::default() }))
}

#[cfg(test)]
mod tests {
    use super::super::{check, evidence};
    use crate::received::Clauses;

    #[test]
    fn chasquid() {
        check(
            "from a by h (chasquid) with ESMTPS tls TLS_AES_128_GCM_SHA256 (over SMTP, TLS-1.3, envelope from \"x\") ; *",
            "TLS-1.3",
            "TLS_AES_128_GCM_SHA256",
            0,
        );
        let plain = evidence(&Clauses::read(
            "from a by h (chasquid) with ESMTP (over SMTP, plain text!, envelope from \"TLS-1.3\") ; *",
        ));
        assert!(plain.tls.is_none() && plain.plain.is_some());
    }
}
