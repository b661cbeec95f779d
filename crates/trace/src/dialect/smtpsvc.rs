//! The SMTP service of Windows (IIS): `by h over TLS secured channel with
//! Microsoft SMTPSVC(7.5.7601.17514)`.

use crate::Tls;
use crate::tls::Version;

/// The words after `over` (or a second `by` or `via`, which some write so).
pub(super) fn over(words: &str) -> Option<Tls<'_>> {
    let word = words.split(' ').next()?;
    Version::is_word(word).then(Tls::default)
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none};

    #[test]
    fn smtpsvc() {
        check(
            "from a ([192.0.2.1]) by h over TLS secured channel with Microsoft SMTPSVC(7.5.7601); 1 Jan 2020",
            "",
            "",
            0,
        );
        check("from a by h with x (version 4) by TLS id 1 for b", "", "", 0);
        check("from a ([192.0.2.1]) by h with ESMTP via SSL; 12 Jun 2013 02:22:13 -0000", "", "", 0);
        check_none("from a ([192.0.2.1]) by h via TCP with ESMTP; 12 Jun 2013 02:22:13 -0000");
        check_none("from a ([192.0.2.1]) by h with Microsoft SMTPSVC(7.5.7601); 1 Jan 2020");
    }
}
