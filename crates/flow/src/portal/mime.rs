//! A mail of two alternatives, plain text and HTML, as RFC 5322 and RFC 2045
//! want it on the wire.
//!
//! Seven bits throughout (quoted-printable), so that no server on the way
//! needs 8BITMIME and none has to re-encode what DKIM signed; only an address
//! whose local part is no ASCII makes the header UTF-8 (RFC 6532).

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use mail::Address;
use mail::header;

use super::language::Language;
use super::notice::Mailbox;

/// Lines of quoted-printable, their `=` included (RFC 2045 §6.7).
const LINE_MAX: usize = 76;

/// What the mail is made from.
pub(super) struct Alternatives<'a> {
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a Address,
    pub(super) subject: &'a str,
    pub(super) language: Language,
    pub(super) date: Timestamp,
    pub(super) message_id: &'a str,
    pub(super) text: &'a str,
    pub(super) html: &'a str,
}

impl Alternatives<'_> {
    /// The mail with CRLF line ends.
    pub(super) fn write(&self) -> String {
        let boundary = boundary(self.message_id);
        let mut out = String::with_capacity(4096);
        self.write_header(&boundary, &mut out);
        for (kind, body) in [("plain", self.text), ("html", self.html)] {
            out.push_str(&format!(
                "--{boundary}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
                 Content-Transfer-Encoding: quoted-printable\r\n\r\n"
            ));
            quoted_printable(body, &mut out);
            out.push_str("\r\n");
        }
        out.push_str(&format!("--{boundary}--\r\n"));
        out
    }

    fn write_header(&self, boundary: &str, out: &mut String) {
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&self.date).unwrap_or_default();
        // RFC 5322 §4.3: readers take the zone "GMT", but writers write "+0000".
        let date = date.replace("GMT", "+0000");
        let fields = [
            ("Date", date),
            ("From", format!("{} <{}>", phrase(&self.from.name), self.from.address)),
            ("To", format!("<{}>", self.to)),
            ("Subject", header::encoded(self.subject)),
            ("Message-ID", format!("<{}>", self.message_id)),
            // RFC 3834: nobody's absence notice answers this.
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            ("Content-Language", self.language.tag().to_owned()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", format!("multipart/alternative; boundary=\"{boundary}\"")),
        ];
        for (name, value) in fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
    }
}

/// A boundary that no line of quoted-printable can be: `=_` stands for nothing in it.
fn boundary(message_id: &str) -> String {
    let id: String = message_id.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("=_{id}")
}

/// A display name: encoded words, or a quoted string (RFC 5322 §3.2.4).
pub(super) fn phrase(name: &str) -> String {
    let encoded = header::encoded(name);
    if encoded.starts_with("=?") {
        return encoded;
    }
    let escaped: String =
        encoded.chars().flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c])).collect();
    format!("\"{escaped}\"")
}

/// Writes a text in quoted-printable (RFC 2045 §6.7) with CRLF line ends.
pub(crate) fn quoted_printable(text: &str, out: &mut String) {
    for line in text.lines() {
        let mut length = 0;
        let bytes = line.trim_end().as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let plain = matches!(byte, b' '..=b'~') && *byte != b'=' && !(length == 0 && *byte == b'.');
            let width = if plain { 1 } else { 3 };
            let is_last = at + 1 == bytes.len();
            if length + width > LINE_MAX - usize::from(!is_last) {
                out.push_str("=\r\n");
                length = 0;
            }
            if plain {
                out.push(char::from(*byte))
            } else {
                out.push_str(&format!("={byte:02X}"))
            }
            length += width;
        }
        out.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        quoted_printable(text, &mut out);
        out
    }

    #[test]
    fn quoted_printable_is_seven_bits_in_short_lines() {
        assert_eq!(encoded("a=b\nñ  \n.x"), "a=3Db\r\n=C3=B1\r\n=2Ex\r\n");
        let long = encoded(&"ñ".repeat(200));
        assert!(long.lines().all(|line| line.len() <= LINE_MAX), "{long}");
        assert_eq!(long.replace("=\r\n", "").matches("=C3=B1").count(), 200);
    }

    #[test]
    fn a_soft_line_break_never_splits_an_escape() {
        for width in 0..10 {
            let text = format!("{}{}", "x".repeat(70 + width), "ñ");
            let joined = encoded(&text).replace("=\r\n", "");
            assert_eq!(joined, format!("{}=C3=B1\r\n", "x".repeat(70 + width)));
        }
    }

    #[test]
    fn a_display_name_can_add_no_field() {
        assert_eq!(phrase("Lakeside \"A\" Clinic"), r#""Lakeside \"A\" Clinic""#);
        assert_eq!(phrase("Smith, Jones"), "\"Smith, Jones\"");
        assert_eq!(phrase("x\r\nBcc: y@example.com"), "\"x  Bcc: y@example.com\"");
        assert!(phrase("Clínica").starts_with("=?utf-8?B?"));
    }
}
