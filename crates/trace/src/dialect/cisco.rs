//! Cisco's mail gateways (IronPort): `with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384`,
//! or `with ESMTP` without. Neither version nor id is written, the date has no
//! weekday, the address stands in brackets inside parentheses.

use super::{some, until};
use crate::Tls;
use crate::received::{Clauses, Place};

/// `ESMTP/TLS/CIPHER`.
pub(super) fn with(word: &str) -> Option<Tls<'_>> {
    let rest = word.strip_prefix("ESMTP/TLS").or_else(|| word.strip_prefix("SMTP/TLS"))?;
    let cipher = rest.strip_prefix('/').and_then(|rest| some(until(rest, |byte| byte == b' ')));
    Some(Tls { cipher, ..Tls::default() })
}

/// Whether a field that says nothing of its server has the form that only
/// these gateways write.
pub(crate) fn is_form(clauses: &Clauses<'_>) -> bool {
    let is_bare = clauses.id.is_empty() && clauses.recipient.is_empty() && clauses.via.is_empty();
    let with = clauses.with.all;
    let is_smtp = with == "ESMTP" || with == "SMTP";
    let has_brackets = clauses.comments().any(|comment| comment.place == Place::From && comment.text.starts_with('['));
    let has_others = clauses.comments().any(|comment| comment.place != Place::From);
    let date = clauses.date.as_bytes();
    let two_digits = date.iter().take(2).all(u8::is_ascii_digit) && date.get(2) == Some(&b' ');
    is_bare && is_smtp && has_brackets && !has_others && two_digits && !clauses.date.contains('(')
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none};
    use super::*;

    #[test]
    fn cisco() {
        check(
            "from a (HELO b) ([192.0.2.1]) by h with ESMTP/TLS/ECDHE-RSA-AES256-GCM-SHA384; 31 Jul 2024 23:46:43 +0000",
            "",
            "ECDHE-RSA-AES256-GCM-SHA384",
            0,
        );
        check_none("from a ([192.0.2.1]) by h with ESMTP; 31 Jul 2024 23:46:43 +0000");
    }

    #[test]
    fn the_form_is_told_from_that_of_qmail() {
        let check = |field, expect| assert_eq!(is_form(&Clauses::read(field)), expect, "{field}");
        check("from a (HELO b) ([192.0.2.1]) by h with ESMTP; 01 Jul 2024 23:46:43 +0000", true);
        check("from a (HELO b) (192.0.2.1) by h with SMTP; 1 Jul 2024 23:46:43 -0000", false);
        check("from a (b [192.0.2.1]) by h with ESMTP; 01 Jul 2024 23:46:43 +0000", false);
        check("from a ([192.0.2.1]) by h with ESMTP id 1; 01 Jul 2024 23:46:43 +0000", false);
        check("from a ([192.0.2.1]) by h with ESMTP; Mon, 01 Jul 2024 23:46:43 +0000", false);
    }
}
