//! The two ends of a hop: names that were claimed, names that were found,
//! addresses.
//!
//! Every server writes them in its own order: `helo (reverse [address])`
//! (Postfix, Sendmail, Google), `reverse (HELO helo) (address)` (qmail, Cisco),
//! `reverse ([address] helo=helo)` (Exim), `helo (address)` (Exchange),
//! `reverse ([address]:port "EHLO helo" …)` (ZMailer), `address (EHLO helo)`.

use std::borrow::Cow;
use std::net::IpAddr;

use memchr::memchr2_iter;

use crate::name;
use crate::network;
use crate::received::{Clauses, Comment, Place};
use crate::text;

/// One end of a hop, as the receiving server wrote it down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The first word of the clause, as written.
    pub written: Option<&'a str>,
    /// The name that the peer gave itself (EHLO); of the receiving server, its name.
    pub name: Option<&'a str>,
    /// The name that the server found for the peer's address.
    pub reverse: Option<&'a str>,
    /// Whether the server doubts that name: `may be forged`.
    pub is_doubted: bool,
    /// The address.
    pub address: Option<IpAddr>,
}

impl<'a> Peer<'a> {
    /// The word by which it is known best: what the server found for its
    /// address comes before what it called itself. None where nobody is named.
    pub fn label(&self) -> Option<Cow<'a, str>> {
        let name = self.reverse.or(self.name).map(Cow::Borrowed);
        name.or_else(|| self.address.map(|address| Cow::Owned(address.to_string()))).or(self.written.map(Cow::Borrowed))
    }
}

/// Who handed the message over. `looks_up`: the writer puts the name first that
/// it found, not the one it was told.
pub(crate) fn from<'a>(clauses: &Clauses<'a>, looks_up: bool) -> Peer<'a> {
    if !clauses.has_from {
        return local_user(clauses);
    }
    let mut found = Found::default();
    for comment in clauses.comments().filter(|comment| comment.place == Place::From) {
        found.read(comment);
    }
    let first = clauses.from.first;
    let literal = network::address(first).or_else(|| network::address(clauses.from.rest().trim_start()));
    let is_literal = first.starts_with('[') || literal.is_some() && clauses.from.rest().is_empty();
    let word = name::host(first).filter(|_| !first.is_empty());
    let known = word.filter(|word| !is_literal && !name::is_nobody(word));
    let (name, reverse) = match found.helo {
        Some(helo) => (Some(helo), found.reverse.or(known)),
        None => (word.filter(|word| !name::is_nobody(word)), found.reverse.or(known.filter(|_| looks_up))),
    };
    let written = (!first.is_empty()).then_some(first);
    Peer { written, name, reverse, is_doubted: found.is_doubted, address: found.address.or(literal) }
}

/// Who took it.
pub(crate) fn by<'a>(clauses: &Clauses<'a>) -> Peer<'a> {
    let mut found = Found::default();
    for comment in clauses.comments().filter(|comment| comment.place == Place::By && may_hold_address(comment.text)) {
        if found.address.is_none() {
            found.read_address(comment.text);
        }
    }
    let name = name::host(clauses.by.first);
    let address = found.address.or_else(|| name.and_then(network::address));
    Peer { written: name, name, reverse: found.reverse, is_doubted: false, address }
}

/// Most comments here name the software.
fn may_hold_address(text: &str) -> bool {
    let is_start = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'I');
    text.as_bytes().first().is_some_and(is_start) || text::has(text, b'[')
}

/// `(from user@host) by …`: Sendmail's word for a message that a program on the
/// machine handed in.
fn local_user<'a>(clauses: &Clauses<'a>) -> Peer<'a> {
    let user = clauses.comment(Place::Head).strip_prefix("from ").map(str::trim);
    Peer { written: user.filter(|user| !user.is_empty()), ..Peer::default() }
}

#[derive(Default)]
struct Found<'a> {
    helo: Option<&'a str>,
    reverse: Option<&'a str>,
    is_doubted: bool,
    address: Option<IpAddr>,
}

impl<'a> Found<'a> {
    fn read(&mut self, comment: Comment<'a>) {
        let text = comment.text.trim_ascii_start();
        if is_of_the_session(text) {
            return;
        }
        self.read_helo(text);
        self.is_doubted |= text.ends_with("(may be forged)");
        if self.address.is_none() {
            self.read_address(text);
        }
    }

    /// `HELO x`, `EHLO x`, `helo=x`, anywhere in the comment.
    fn read_helo(&mut self, text: &'a str) {
        if self.helo.is_some() {
            return;
        }
        for at in memchr2_iter(b'H', b'h', text.as_bytes()) {
            // The H is the first letter of one word and the second of the other.
            let Some(start) = [Some(at), at.checked_sub(1)].into_iter().flatten().find(|at| is_helo(text, *at)) else {
                continue;
            };
            let name = text.get(start + 5..).unwrap_or_default();
            self.helo = name::host(text::until(name, |byte| matches!(byte, b' ' | b'"' | b')')));
            return;
        }
    }

    fn read_address(&mut self, text: &'a str) {
        let Some(open) = memchr::memchr(b'[', text.as_bytes()) else { return self.read_bare(text) };
        let (before, after) = text.split_at(open);
        let inside = text::until(after.get(1..).unwrap_or_default(), |byte| byte == b']');
        let is_helo = before.ends_with("helo=") || before.ends_with("HELO ") || before.ends_with("EHLO ");
        if is_helo {
            return self.read_bare(text);
        }
        self.address = network::address(inside);
        if !before.starts_with("account ") {
            self.reverse = reverse(before).or_else(|| after.split_once("] ").and_then(|(_, name)| reverse(name)));
        }
    }

    /// An address or name without brackets.
    fn read_bare(&mut self, text: &'a str) {
        let first = text::until(text, |byte| matches!(byte, b' ' | b'\t' | b','));
        let word = text::since(first, |byte| byte == b'@');
        self.address = network::address(word);
        if self.address.is_none() && self.reverse.is_none() && word.len() == text.trim_end().len() {
            self.reverse =
                name::host(word).filter(|word| text::has(word, b'.') || name::is_loopback(word)).and_then(reverse);
        } else if word.len() < first.len() && self.address.is_none() {
            // Sendmail's `(user@localhost)`.
            self.reverse = Some(word).filter(|word| name::is_loopback(word));
        }
    }
}

/// Whether a greeting and what parts it from the name stand here, at the start of a word.
fn is_helo(text: &str, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
    let is_start = before.is_none_or(|byte| matches!(byte, b' ' | b'"' | b'('));
    let word = text.as_bytes().get(at..at + 5).unwrap_or_default();
    let Some((word, [end])) = word.split_at_checked(4) else { return false };
    is_start && matches!(end, b' ' | b'=') && (word.eq_ignore_ascii_case(b"HELO") || word.eq_ignore_ascii_case(b"EHLO"))
}

/// The last word before an address, without a user in front of it.
fn reverse(before: &str) -> Option<&str> {
    let word = text::since(before.trim_ascii_end(), |byte| matches!(byte, b' ' | b'\t' | b'(' | b'@'));
    let word = name::host(word)?;
    (!name::is_nobody(word) && !text::has(word, b'=') && network::address(word).is_none()).then_some(word)
}

/// Comments of the clause that are about the session and not about the peer.
fn is_of_the_session(text: &str) -> bool {
    const HEADS: [&str; 12] = [
        "using ",
        "version=",
        "Using TLS",
        "No client",
        "Client ",
        "Authenticated",
        "authenticated",
        "envelope",
        "not using",
        "TLS",
        "mailfrom:",
        "User authenticated",
    ];
    let is_first =
        |first: &u8| matches!(first, b'u' | b'v' | b'U' | b'N' | b'C' | b'A' | b'a' | b'e' | b'n' | b'T' | b'm');
    text.as_bytes().first().is_some_and(is_first) && HEADS.iter().any(|head| text.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(field: &str, name: &str, reverse: &str, address: &str) {
        let peer = from(&Clauses::read(field), false);
        let found = peer.address.map(|address| address.to_string()).unwrap_or_default();
        assert_eq!(
            (peer.name.unwrap_or_default(), peer.reverse.unwrap_or_default(), &*found),
            (name, reverse, address),
            "{field}"
        );
    }

    #[test]
    fn helo_then_reverse_and_address() {
        check("from a.b (c.d [192.0.2.1]) by h", "a.b", "c.d", "192.0.2.1");
        check("from a.b (c.d. [192.0.2.1]) by h", "a.b", "c.d", "192.0.2.1");
        check("from a.b (unknown [IPv6:2001:db8::1]) by h", "a.b", "", "2001:db8::1");
        check("from a.b (IDENT:nobody@c.d [192.0.2.1] (may be forged)) by h", "a.b", "c.d", "192.0.2.1");
        check("from a.b (c.d [2001:db8::1] (AS1 A (B), CC)) by h", "a.b", "c.d", "2001:db8::1");
        check("from a.b (Not Verified[192.0.2.1]) by h", "a.b", "", "192.0.2.1");
        check("from a.b ( [192.0.2.1]) by h", "a.b", "", "192.0.2.1");
        check("from [127.0.0.1] ([192.0.2.1] c.d) by h", "[127.0.0.1]", "c.d", "192.0.2.1");
        check("from [10.0.0.1] ([192.0.2.1]) by h", "[10.0.0.1]", "", "192.0.2.1");
    }

    #[test]
    fn reverse_then_helo() {
        check("from c.d (HELO a.b) (192.0.2.1) by h", "a.b", "c.d", "192.0.2.1");
        check("from unknown (HELO a.b) ([192.0.2.1]) by h", "a.b", "", "192.0.2.1");
        check("from c.d (HELO [10.0.0.1]) (u@e.f@192.0.2.1) by h", "[10.0.0.1]", "c.d", "192.0.2.1");
        check("from c.d ([192.0.2.1] helo=a.b) by h", "a.b", "c.d", "192.0.2.1");
        check("from [192.0.2.1] (port=9514 helo=[10.0.0.1]) by h", "[10.0.0.1]", "", "192.0.2.1");
        check("from [192.0.2.1] (account u@e.f HELO a.b) by h", "a.b", "", "192.0.2.1");
        check("from c.d ([192.0.2.1]:34 \"EHLO a.b\" rhost-flags-OK) by h", "a.b", "c.d", "192.0.2.1");
        check("from unknown [192.0.2.1] (EHLO a.b) by h", "a.b", "", "192.0.2.1");
        check("from 192.0.2.1 (EHLO a.b) by h", "a.b", "", "192.0.2.1");
    }

    #[test]
    fn address_alone() {
        check("from a.b (192.0.2.1) by h", "a.b", "", "192.0.2.1");
        check("from a.b (2001:db8::1) by h", "a.b", "", "2001:db8::1");
        check("from a.b [(192.0.2.1)] by h", "a.b", "", "192.0.2.1");
        check("from a.b [192.0.2.1] by h", "a.b", "", "192.0.2.1");
        check("from (127.0.0.1) by h", "", "", "127.0.0.1");
        check("from [192.0.2.1]:2780 with SMTP", "[192.0.2.1]:2780", "", "192.0.2.1");
        check("from a.b [192.0.2.1:58374] by c.d [192.0.2.2:25] with esmtp", "a.b", "", "192.0.2.1");
        check("from a.b (/192.0.2.1) by default", "a.b", "", "192.0.2.1");
        check("from [192.0.2.1] by h", "[192.0.2.1]", "", "192.0.2.1");
        check("from a (account u@e.f [192.0.2.1] verified) by h", "a", "", "192.0.2.1");
    }

    #[test]
    fn users_of_the_machine() {
        check("from localhost (u@localhost) by h", "localhost", "localhost", "");
        let peer = from(&Clauses::read("(from mail@localhost) by h (8.14.4/8.13.8/Submit) id 1"), false);
        assert_eq!(peer.written, Some("mail@localhost"));
    }

    #[test]
    fn the_receiving_server() {
        let peer = by(&Clauses::read("from a by h.i (10.1.1.1) with Microsoft SMTP Server id 1"));
        assert_eq!((peer.name, peer.address.map(|a| a.to_string())), (Some("h.i"), Some("10.1.1.1".to_owned())));
        assert_eq!(by(&Clauses::read("from a by h.i. (8.14.4/8.14.4) with ESMTP id 1")).address, None);
    }
}
