//! Words about TLS in a form that nobody here knows.
//!
//! A version or cipher counts only where it is a word of its own in a comment,
//! never as a part of a host name, an address or what a sender could choose.

use super::{Said, bits};
use crate::Tls;
use crate::tls::{Suite, Version};

/// Words that turn the meaning round.
const NOT: [&str; 9] = ["not", "no", "non", "without", "none", "off", "disabled", "unencrypted", "plaintext"];

/// Reads a comment word by word.
pub(super) fn read(text: &str) -> Option<Said<'_>> {
    // GroupWise: `with ESMTP (NOT encrypted)`, beside `(TLS encrypted)`.
    if text.eq_ignore_ascii_case("not encrypted") {
        return Some(Said::Plain);
    }
    if !has_hint(text) || is_chosen_by_others(text) {
        return None;
    }
    let mut tls = Tls::default();
    let (mut found, mut denied) = (text == "Google Transport Security", false);
    for word in text.split([' ', ',', '=', '(', ')', ';', '\t']).flat_map(parts) {
        if Version::is_word(word) || word.eq_ignore_ascii_case("STARTTLS") {
            found = true;
            let is_version = word.len() > 3 && !word.eq_ignore_ascii_case("STARTTLS");
            tls.version = tls.version.or(is_version.then_some(word));
        } else if is_cipher(word) {
            found = true;
            tls.cipher = tls.cipher.or(Some(word));
        } else if found && tls.bits.is_none() {
            tls.bits = bits(word).filter(|bits| (40..=512).contains(bits));
        }
        denied |= NOT.iter().any(|not| word.eq_ignore_ascii_case(not));
    }
    if found && denied {
        return Some(Said::Plain);
    }
    found.then_some(Said::Tls(tls))
}

/// `TLSv1.2/AES128-SHA/128` is three words, `TLSv1/SSLv3` is one.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let word = word.trim_matches([':', '.', '"']);
    word.split(if Version::is_word(word) { '\0' } else { '/' })
}

fn is_cipher(word: &str) -> bool {
    word.len() >= 7 && !word.contains(['.', '@']) && word.contains(['-', '_']) && Suite::read(word).is_some()
}

/// Whether it is worth the while: `TLS`, `SSL`, `-SHA` or `Transport Security`.
fn has_hint(text: &str) -> bool {
    // Most comments have none of these letters, which many bytes at a time tell.
    let may_hint = text.bytes().fold(false, |may, byte| may | matches!(byte, b'L' | b'S' | b'G') | (byte == b't'));
    if !may_hint {
        return false;
    }
    let is_hint = |three: &[u8]| matches!(three, b"TLS" | b"SSL" | b"SHA" | b"tls" | b"Tls" | b"GCM");
    text.as_bytes().windows(3).any(is_hint) || text == "Google Transport Security"
}

/// What a client says of itself is no evidence.
fn is_chosen_by_others(text: &str) -> bool {
    const HEADS: [&str; 14] = [
        "envelope",
        "HELO",
        "EHLO",
        "helo",
        "ehlo",
        "ident",
        "account",
        "Authenticated",
        "authenticated",
        "user",
        "ORCPT",
        "mailfrom",
        "port=",
        "Client",
    ];
    text.contains(['@', '<', '[']) || HEADS.iter().any(|head| text.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::super::{check, check_none, evidence};
    use crate::received::Clauses;

    #[test]
    fn forms_that_nobody_knows() {
        check(
            "from a by h (Generic MTA with TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384 256/256) with ESMTP id 1",
            "TLSv1.2",
            "ECDHE-RSA-AES256-GCM-SHA384",
            256,
        );
        check("from a by h (Cellopoint E-mail Firewall v4.1.10 Build 0809 with TLS) with ESMTP id 1", "", "", 0);
        check("from a by h with SMTPS id 1 (Google Transport Security)", "", "", 0);
        check(
            "from a by h (secured by TLSv1.3, TLS_AES_128_GCM_SHA256) with ESMTP",
            "TLSv1.3",
            "TLS_AES_128_GCM_SHA256",
            0,
        );
    }

    #[test]
    fn denials() {
        for field in
            ["from a (not using TLS) by h", "from a by h (no TLS) with ESMTP", "from a by h (TLS: off) with ESMTP"]
        {
            let evidence = evidence(&Clauses::read(field));
            assert!(evidence.tls.is_none() && evidence.plain.is_some(), "{field}");
        }
    }

    #[test]
    fn names_and_claims_are_no_evidence() {
        check_none("from tls.example (TLS.example [192.0.2.1]) by ssl.example with SMTP");
        check_none("from a (HELO TLSv1.3) (192.0.2.1) by h with SMTP");
        check_none("from a (tsrv.tls.example.ru) by h with SMTP");
        check_none("from a (envelope-from TLSv1.3) by h with SMTP");
        check_none("from a by h (Authenticated sender: TLSv1.3) with SMTP");
    }
}
