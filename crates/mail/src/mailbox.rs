//! The addresses of From, To and their kin (RFC 5322 §3.4), read strictly.
//!
//! An address is what stands between the angle brackets, byte for byte: nothing
//! is decoded into it, so that an encoded word or a display name that looks
//! like an address (the "Mailsploit" class) never becomes one.

use crate::Address;
use crate::header;

/// The mailboxes of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailboxes {
    /// One for each mailbox, in order; none for one that is no address here.
    pub addresses: Vec<Option<Address>>,
    /// Whether a group (`name: a, b;`) is among them.
    pub has_group: bool,
}

/// Reads the value of an address field. Linear in its length.
pub fn mailboxes(value: &[u8]) -> Mailboxes {
    let text: String = String::from_utf8_lossy(value).chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let mut reader = Reader::default();
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        let length = reader.take(c, rest);
        rest = rest.get(length..).unwrap_or_default();
    }
    reader.finish();
    reader.found
}

/// The one author of a message: the address of its only From field, if that
/// has one mailbox and no group. Readers disagree about everything else, so
/// nothing is said of it.
pub fn author(block: &[u8]) -> Option<Address> {
    let mut fields = header::fields(block).filter(|field| field.is("From"));
    let (field, None) = (fields.next()?, fields.next()) else { return None };
    let read = mailboxes(field.value);
    match read.addresses.as_slice() {
        [Some(address)] if !read.has_group => Some(address.clone()),
        _ => None,
    }
}

/// What has been read of the mailbox at hand.
#[derive(Default)]
struct Reader {
    found: Mailboxes,
    /// What stands outside angle brackets, without comments.
    plain: String,
    /// What stands inside them.
    angle: Option<String>,
    is_in_angle: bool,
    is_spoiled: bool,
}

impl Reader {
    /// Takes what begins with `c`; says how many bytes that was.
    fn take(&mut self, c: char, rest: &str) -> usize {
        let length = match c {
            '"' => quoted(rest),
            '(' => comment(rest),
            '=' if !self.is_in_angle => encoded_word(rest),
            _ => c.len_utf8(),
        };
        match c {
            '(' => self.push(" "),
            '<' if !self.is_in_angle && self.angle.is_none() => {
                (self.is_in_angle, self.angle) = (true, Some(String::new()))
            }
            '<' => self.is_spoiled = true,
            '>' if self.is_in_angle => self.is_in_angle = false,
            ':' if !self.is_in_angle => self.group(),
            ',' | ';' if !self.is_in_angle => self.finish(),
            _ => self.push(rest.get(..length).unwrap_or_default()),
        }
        length
    }

    fn push(&mut self, text: &str) {
        match &mut self.angle {
            Some(angle) if self.is_in_angle => angle.push_str(text),
            // Nothing follows an address in brackets (RFC 5322 §3.4).
            Some(_) => self.is_spoiled |= !text.trim().is_empty(),
            None => self.plain.push_str(text),
        }
    }

    fn group(&mut self) {
        self.found.has_group = true;
        self.plain.clear();
    }

    fn finish(&mut self) {
        let (plain, angle) = (std::mem::take(&mut self.plain), self.angle.take());
        let is_fine = !std::mem::take(&mut self.is_spoiled) && !std::mem::take(&mut self.is_in_angle);
        let text = match &angle {
            Some(angle) => angle.trim(),
            None => plain.trim(),
        };
        if angle.is_some() || !text.is_empty() {
            self.found.addresses.push(Address::parse(text).ok().filter(|_| is_fine));
        }
    }
}

/// The length of a quoted string; of all that is left where it has no end.
fn quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a comment with those in it; of all that is left where it has no end.
fn comment(text: &str) -> usize {
    let (mut depth, mut is_escaped) = (0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// The length of an encoded word (RFC 2047 §2), which may hold what would be
/// punctuation outside it; 1 where there is none.
fn encoded_word(text: &str) -> usize {
    let window = text.split([' ', '\t']).next().unwrap_or_default();
    let marks: Vec<usize> =
        window.bytes().enumerate().filter(|(_, byte)| *byte == b'?').map(|(at, _)| at).take(4).collect();
    match marks.as_slice() {
        [1, _, _, end] if window.get(end + 1..end + 2) == Some("=") => end + 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expect: &[&str]) {
        let read = mailboxes(value.as_bytes());
        let told: Vec<String> =
            read.addresses.iter().map(|one| one.as_ref().map_or_else(|| "-".to_owned(), Address::to_string)).collect();
        assert_eq!(told, expect, "{value}");
    }

    #[test]
    fn mailboxes_are_read() {
        check(" a@x.example", &["a@x.example"]);
        check(
            "A <a@x.example>, \"B, C\" <b@x.example>,\r\n c@x.example (see <d@x.example>)",
            &["a@x.example", "b@x.example", "c@x.example"],
        );
        check("\"a b\"@x.example", &["\"a b\"@x.example"]);
        check("team: a@x.example, b@x.example;, c@x.example", &["a@x.example", "b@x.example", "c@x.example"]);
        check("undisclosed-recipients:;", &[]);
        check("J\u{f6}rg <j@x.example>", &["j@x.example"]);
        check("=?utf-8?Q?x=0D=0ABcc:_v@l.test?= <d@x.example>", &["d@x.example"]);
        check("", &[]);
    }

    #[test]
    fn what_is_no_address_is_told_as_one() {
        check("nobody, a@x.example", &["-", "a@x.example"]);
        check("<@x.example,@y:a@z.example>", &["-"]);
        check("<a@x.example> b@x.example", &["-"]);
        check("<a@x.example", &["-"]);
        check("<a@x.example><b@x.example>", &["-"]);
        check("a@x.example <>", &["-"]);
        check("a(x", &["-"]);
        check("\"a", &["-"]);
    }

    fn check_author(block: &str, expect: Option<&str>) {
        assert_eq!(author(block.as_bytes()).map(|address| address.to_string()).as_deref(), expect, "{block}");
    }

    #[test]
    fn only_one_author_is_an_author() {
        check_author("From: \"b@y.example\" <a@x.example>\r\nTo: c@x.example\r\n", Some("a@x.example"));
        check_author("From: a@x.example, b@x.example\r\n", None);
        check_author("From: a@x.example\r\nfrom: b@x.example\r\n", None);
        check_author("From: x: a@x.example;\r\n", None);
        check_author("To: a@x.example\r\n", None);
    }
}
