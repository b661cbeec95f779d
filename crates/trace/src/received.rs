//! One `Received` field cut into its clauses (RFC 5321 §4.4), whatever server
//! wrote it: words and comments, each with the clause it stands in.
//!
//! Borrows everything, allocates nothing, and passes over each byte a fixed
//! number of times: a comment that is never closed is looked for once.

use memchr::memchr3;

use crate::Moment;
use crate::date;

/// Where a word or comment stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before any clause.
    #[default]
    Head,
    From,
    By,
    Over,
    Via,
    With,
    /// A second `with`.
    Also,
    Id,
    For,
    Tls,
    /// After a semicolon, before the date.
    Semicolon,
    /// After the date.
    After,
}

/// A comment without its parentheses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Comment<'a> {
    pub text: &'a str,
    pub place: Place,
}

/// A field has room for so many comments; real ones have six at the most.
const COMMENTS_MAX: usize = 16;

/// A field cut into clauses. A clause that is not there is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clauses<'a> {
    pub text: &'a str,
    pub from: Words<'a>,
    pub by: Words<'a>,
    pub over: Words<'a>,
    pub via: Words<'a>,
    pub with: Words<'a>,
    /// What a second `with` says.
    pub also: Words<'a>,
    pub id: Words<'a>,
    pub recipient: Words<'a>,
    pub tls: Words<'a>,
    pub time: Option<Moment>,
    /// The date as written, to the end of the field.
    pub date: &'a str,
    /// Whether there is a clause `from`, though it may be empty.
    pub has_from: bool,
    pub has_by: bool,
    comments: [Comment<'a>; COMMENTS_MAX],
    comments_len: usize,
}

/// The words of a clause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words<'a> {
    /// The first of them.
    pub first: &'a str,
    /// Those that stand together, the first among them.
    pub all: &'a str,
    /// Where they begin in the field.
    pub at: usize,
}

impl<'a> Words<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// None where the clause is not there or empty.
    pub(crate) fn some(&self) -> Option<&'a str> {
        (!self.all.is_empty()).then_some(self.all)
    }

    /// What stands behind the first word.
    pub(crate) fn rest(&self) -> &'a str {
        self.all.get(self.first.len()..).unwrap_or_default()
    }
}

impl<'a> Clauses<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        let mut clauses = Self { text, ..Self::default() };
        Reader::new(&mut clauses).run();
        if clauses.time.is_none() {
            clauses.time = date::find(text);
        }
        clauses
    }

    pub(crate) fn comments(&self) -> impl Iterator<Item = Comment<'a>> + use<'a, '_> {
        self.comments.iter().take(self.comments_len).copied()
    }

    /// The first comment of a clause; empty where there is none.
    pub(crate) fn comment(&self, place: Place) -> &'a str {
        self.comments().find(|comment| comment.place == place).map(|comment| comment.text).unwrap_or_default()
    }

    fn words(&mut self, place: Place) -> Option<&mut Words<'a>> {
        match place {
            Place::From => Some(&mut self.from),
            Place::By => Some(&mut self.by),
            Place::Over => Some(&mut self.over),
            Place::Via => Some(&mut self.via),
            Place::With => Some(&mut self.with),
            Place::Also => Some(&mut self.also),
            Place::Id => Some(&mut self.id),
            Place::For => Some(&mut self.recipient),
            Place::Tls => Some(&mut self.tls),
            Place::Head | Place::Semicolon | Place::After => None,
        }
    }
}

struct Reader<'c, 'a> {
    clauses: &'c mut Clauses<'a>,
    at: usize,
    place: Place,
    /// Where the words of the present clause that stand together begin.
    run: Option<usize>,
    /// A comment before was never closed, so the next ones aren't looked for at depth.
    is_unbalanced: bool,
    /// There is no further closing parenthesis.
    is_unclosed: bool,
}

impl<'c, 'a> Reader<'c, 'a> {
    fn new(clauses: &'c mut Clauses<'a>) -> Self {
        Self { clauses, at: 0, place: Place::Head, run: None, is_unbalanced: false, is_unclosed: false }
    }

    fn run(&mut self) {
        let bytes = self.clauses.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'(' if !self.is_unclosed => self.comment(),
                b';' => {
                    self.at += 1;
                    self.enter(Place::Semicolon);
                }
                _ => self.word(),
            }
        }
    }

    fn enter(&mut self, place: Place) {
        if self.place != Place::After {
            self.place = place;
            self.run = None;
        }
    }

    fn comment(&mut self) {
        let open = self.at + 1;
        let rest = self.clauses.text.get(open..).unwrap_or_default();
        let length = if self.is_unbalanced { memchr::memchr(b')', rest.as_bytes()) } else { balanced(rest.as_bytes()) };
        let Some(length) = length.or_else(|| self.nearest(rest.as_bytes())) else {
            self.is_unclosed = true;
            return;
        };
        let text = rest.get(..length).unwrap_or_default();
        if let Some(slot) = self.clauses.comments.get_mut(self.clauses.comments_len) {
            *slot = Comment { text, place: self.place };
            self.clauses.comments_len += 1;
        }
        self.at = open + length + 1;
        self.run = self.run.map(|_| usize::MAX);
    }

    /// Where no parenthesis closes this comment, the next one is taken for it.
    fn nearest(&mut self, rest: &[u8]) -> Option<usize> {
        self.is_unbalanced = true;
        memchr::memchr(b')', rest)
    }

    fn word(&mut self) {
        let start = self.at;
        if self.place == Place::Semicolon && self.date() {
            return;
        }
        let word = self.take_word();
        if let Some(place) = self.keyword(word) {
            self.enter(place);
            self.clauses.has_from |= place == Place::From;
            self.clauses.has_by |= place == Place::By;
            return;
        }
        let end = self.at;
        let (text, place) = (self.clauses.text, self.place);
        let Some(words) = self.clauses.words(place) else { return };
        if words.first.is_empty() {
            words.at = start;
            words.first = text.get(start..end).unwrap_or_default();
            words.all = words.first;
            self.run = Some(start);
        } else if let Some(run) = self.run.filter(|run| *run != usize::MAX) {
            words.all = text.get(run..end).unwrap_or_default();
        }
    }

    fn date(&mut self) -> bool {
        let rest = self.clauses.text.get(self.at..).unwrap_or_default();
        let Some((moment, length)) = date::read(rest) else { return false };
        self.clauses.time = Some(moment);
        self.clauses.date = rest;
        // A comment inside the date is read as the others are.
        let length = rest.as_bytes().iter().take(length).position(|byte| *byte == b'(').unwrap_or(length);
        self.at += length.max(1);
        self.place = Place::After;
        true
    }

    /// To the next blank, comment or semicolon; `<…>` is one word.
    fn take_word(&mut self) -> &'a str {
        let text = self.clauses.text;
        let (bytes, start) = (text.as_bytes(), self.at);
        if bytes.get(start) == Some(&b'<')
            && let Some(close) = text.as_bytes().get(start..).and_then(angle)
        {
            self.at = start + close + 1;
        }
        let rest = bytes.get(self.at..).unwrap_or_default();
        let parenthesis = if self.is_unclosed { b';' } else { b'(' };
        let is_end = |byte: &u8| matches!(byte, b' ' | b'\t' | b';') || *byte == parenthesis;
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        // At least one byte, so that every step goes on.
        self.at = (self.at + length).max(start + 1);
        text.get(start..self.at).unwrap_or_default()
    }

    /// The clause that this word begins. A host may be called `with`, `tls` or
    /// `id`, so a word is none where a name has to stand.
    fn keyword(&self, word: &str) -> Option<Place> {
        let place = keyword(word.as_bytes())?;
        let clauses = &*self.clauses;
        let lacks_name = self.place == Place::From && clauses.from.is_empty() && self.run.is_none();
        let lacks_name = lacks_name && clauses.comment(Place::From).is_empty();
        match place {
            Place::From => (self.place == Place::Head && clauses.by.is_empty()).then_some(place),
            Place::By if clauses.by.is_empty() => Some(place),
            // `with x by TLS`.
            Place::By => matches!(self.place, Place::With | Place::Also).then_some(Place::Over),
            _ if lacks_name => None,
            Place::Over => (self.place == Place::By && !clauses.by.is_empty()).then_some(place),
            // s/qmail: `de/crypted with TLSv1.3: …` behind the peer.
            Place::Tls if self.place == Place::From => (word.len() > 3 && clauses.by.is_empty()).then_some(place),
            Place::With if self.place == Place::Tls && clauses.by.is_empty() => None,
            Place::With if !clauses.with.is_empty() => Some(Place::Also),
            Place::Tls => matches!(self.place, Place::With | Place::Also | Place::Id).then_some(place),
            Place::Id | Place::For | Place::Via if self.has(place) => None,
            _ => Some(place),
        }
    }

    fn has(&self, place: Place) -> bool {
        match place {
            Place::Id => !self.clauses.id.is_empty(),
            Place::For => !self.clauses.recipient.is_empty(),
            _ => !self.clauses.via.is_empty(),
        }
    }
}

fn keyword(word: &[u8]) -> Option<Place> {
    let is = |keyword: &[u8], place| word.eq_ignore_ascii_case(keyword).then_some(place);
    match word.len() {
        2 => is(b"by", Place::By).or_else(|| is(b"id", Place::Id)),
        3 => is(b"for", Place::For).or_else(|| is(b"via", Place::Via)).or_else(|| is(b"tls", Place::Tls)),
        4 => is(b"with", Place::With).or_else(|| is(b"from", Place::From)).or_else(|| is(b"over", Place::Over)),
        5 => is(b"whith", Place::With),
        10 => is(b"de/crypted", Place::Tls),
        _ => None,
    }
}

/// Where the comment ends whose opening parenthesis stands before `rest`.
fn balanced(rest: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (1usize, 0);
    while let Some(found) = memchr3(b'(', b')', b'\\', rest.get(at..)?) {
        at += found;
        match rest.get(at) {
            Some(b'(') => depth += 1,
            Some(b')') => depth -= 1,
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// Where `<…>` ends; an address has no more than 254 bytes (RFC 5321 §4.5.3.1.3), with some room.
fn angle(bytes: &[u8]) -> Option<usize> {
    let near = bytes.get(..512).unwrap_or(bytes);
    near.iter().position(|byte| *byte == b'>')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_cut_into_its_clauses() {
        let clauses = Clauses::read(
            "from a.example (r.example [192.0.2.1]) by b.example (Postfix) with ESMTPS id 4 via TCP \
             for <p(x)@c.example>; Mon, 19 Aug 2019 10:41:21 -0400 (EDT)",
        );
        assert_eq!(clauses.from.first, "a.example");
        assert_eq!(clauses.comment(Place::From), "r.example [192.0.2.1]");
        assert_eq!((clauses.by.first, clauses.comment(Place::By)), ("b.example", "Postfix"));
        assert_eq!((clauses.with.all, clauses.id.all, clauses.via.all), ("ESMTPS", "4", "TCP"));
        assert_eq!(clauses.recipient.all, "<p(x)@c.example>");
        assert_eq!(clauses.comment(Place::After), "EDT");
        assert!(clauses.time.is_some());
    }

    #[test]
    fn names_that_look_like_keywords_stay_names() {
        let clauses = Clauses::read("from with (tls [192.0.2.1]) by id with SMTP id for; 1 Jan 2020 00:00:00 +0000");
        assert_eq!((clauses.from.first, clauses.by.first, clauses.with.first), ("with", "", "SMTP"));
        let clauses = Clauses::read("from tls by h with (x encrypted) esmtp id 1");
        assert_eq!((clauses.from.first, clauses.by.first, clauses.with.first), ("tls", "h", "esmtp"));
    }

    #[test]
    fn several_words_semicolons_and_withs() {
        let clauses =
            Clauses::read("from localhost (h [local]); by h (OpenSMTPD) with ESMTPA id x; for <y>; 1 Jan 2020 0:0:0");
        assert_eq!((clauses.by.first, clauses.recipient.first), ("h", "<y>"));
        assert!(clauses.time.is_some());
        let clauses = Clauses::read("by h with ESMTP with both STARTTLS and AUTH (version=TLSv1.2) id 7");
        assert_eq!((clauses.with.all, clauses.also.all, clauses.id.all), ("ESMTP", "both STARTTLS and AUTH", "7"));
        let clauses = Clauses::read(
            "from a by h with IBM ESMTP SMTP Gateway: prosecuted; (version=x) Wed, 8 Mar 2017 11:46:17 -0500",
        );
        assert_eq!(clauses.with.all, "IBM ESMTP SMTP Gateway: prosecuted");
        assert_eq!(clauses.comment(Place::Semicolon), "version=x");
        assert!(clauses.time.is_some());
        assert_eq!(Clauses::read("FROM a BY h WITH local id 1").with.all, "local");
        assert_eq!(
            Clauses::read("from a by h over TLS secured channel with Microsoft SMTPSVC(7.5)").over.all,
            "TLS secured channel"
        );
        assert_eq!(Clauses::read("from a by h with esmtps (TLS1.3) tls TLS_X (Exim 4)").tls.all, "TLS_X");
    }

    #[test]
    fn parentheses_that_never_close() {
        let clauses = Clauses::read("from a (b [c] by h (Postfix) with SMTP; 1 Jan 2020 00:00:00 +0000");
        assert!(clauses.time.is_some());
        let many = "(".repeat(100_000);
        assert_eq!(Clauses::read(&many).comments().count(), 0);
        let many = "(a) ".repeat(100_000);
        assert_eq!(Clauses::read(&many).comments().count(), COMMENTS_MAX);
        let many = "((a) ".repeat(50_000);
        Clauses::read(&many);
        Clauses::read(&"<".repeat(50_000));
        Clauses::read(&"; 1 ".repeat(50_000));
    }
}
