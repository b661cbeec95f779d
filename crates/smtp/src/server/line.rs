//! Command lines in what was read: they end with CRLF and nothing else.

use memchr::memchr2;

use super::limits::LINE_BYTES_MAX;

/// What the input begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'b> {
    /// A line, without its CRLF.
    Whole(&'b [u8]),
    /// The beginning of a line.
    Part,
    /// A line broken by a CR or an LF that stands alone.
    Bare,
    /// Longer than any line may be, and no end in sight.
    Endless,
}

/// Looks for the first line. An LF that stands alone is told at once: whoever
/// ends lines with it waits for a reply.
pub fn first(input: &[u8]) -> Line<'_> {
    let Some((line, rest)) = memchr2(b'\r', b'\n', input).and_then(|end| input.split_at_checked(end)) else {
        return if input.len() < LINE_BYTES_MAX { Line::Part } else { Line::Endless };
    };
    match rest {
        _ if line.len() >= LINE_BYTES_MAX => Line::Endless,
        [b'\r', b'\n', ..] => Line::Whole(line),
        [b'\r'] => Line::Part,
        _ => Line::Bare,
    }
}

/// How long a line may be without its CRLF (RFC 5321 §4.5.3.1.4): each
/// extension that adds a parameter adds to the 512 bytes of its command.
pub fn bytes_max(line: &[u8]) -> usize {
    let is = |verb: &[u8]| line.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb));
    match () {
        // RFC 1870 26, RFC 3461 116 or 528, RFC 4954 500, RFC 6152 17, RFC 6531 10.
        () if is(b"MAIL") || is(b"RCPT") => 2_048,
        // RFC 4954 §4.
        () if is(b"AUTH") => LINE_BYTES_MAX,
        () => 510,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &[u8], expect: Line<'_>) {
        assert_eq!(first(input), expect, "{}", input.escape_ascii());
    }

    #[test]
    fn only_crlf_ends_a_line() {
        check(b"NOOP\r\nQUIT\r\n", Line::Whole(b"NOOP"));
        check(b"\r\n", Line::Whole(b""));
        check(b"NOOP", Line::Part);
        check(b"NOOP\r", Line::Part);
        check(b"NOOP\n", Line::Bare);
        check(b"NOOP\rQUIT\r\n", Line::Bare);
        check(b"NOOP\r\r\n", Line::Bare);
        check(b"\n", Line::Bare);
    }

    #[test]
    fn a_line_without_end_is_noticed() {
        check(&[b'a'; LINE_BYTES_MAX - 1], Line::Part);
        check(&[b'a'; LINE_BYTES_MAX], Line::Endless);
    }
}
