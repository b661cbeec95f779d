//! Courier: `(TLS: TLSv1/SSLv3,256bits,ECDHE-RSA-AES256-SHA384)`; McAfee's
//! gateway writes the same.

use super::{Said, bits};
use crate::Tls;
use crate::tls::{Suite, Version};

/// Version, bits and cipher, by commas.
pub(super) fn comment(text: &str) -> Option<Said<'_>> {
    let mut tls = Tls::default();
    for part in text.strip_prefix("TLS:")?.split(',').map(str::trim) {
        if Version::is_word(part) {
            tls.version = Some(part);
        } else if part.ends_with("bits") {
            tls.bits = bits(part);
        } else if Suite::read(part).is_some() {
            tls.cipher = Some(part);
        }
    }
    (tls != Tls::default()).then_some(Said::Tls(tls))
}

#[cfg(test)]
mod tests {
    use super::super::check;

    #[test]
    fn courier() {
        check(
            "from a ([::ffff:127.0.0.1]) (TLS: TLSv1/SSLv3, 168bits,DES-CBC3-SHA) by h with esmtp",
            "TLSv1/SSLv3",
            "DES-CBC3-SHA",
            168,
        );
        check(
            "from a by h with smtp (TLS: TLSv1/SSLv3,256bits,ECDHE-RSA-AES256-SHA384) id 1",
            "TLSv1/SSLv3",
            "ECDHE-RSA-AES256-SHA384",
            256,
        );
    }
}
