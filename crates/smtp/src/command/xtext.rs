//! xtext (RFC 3461 §4): printable ASCII in which `+` and two digits stand for
//! a byte.

/// Decodes xtext. None if it breaks its grammar, or if what it hides is not
/// printable ASCII: a line end in it would end up in a DSN's header.
pub fn decode(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'+' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            b'=' => return None,
            byte => byte,
        };
        if !matches!(byte, b' '..=b'~') {
            return None;
        }
        decoded.push(char::from(byte));
    }
    Some(decoded)
}

/// The grammar has upper case only.
fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(decode(text).as_deref(), expect, "{text}");
    }

    #[test]
    fn xtext_is_decoded() {
        check("QQ314159", Some("QQ314159"));
        check("a+2Bb+3Dc", Some("a+b=c"));
        check("a+20b", Some("a b"));
        check("", Some(""));
    }

    #[test]
    fn what_is_no_xtext_or_hides_a_line_end_is_refused() {
        for bad in ["+", "+4", "+GG", "+2b", "a=b", "a+0D+0Ab", "+00", "+7F", "+C3+A9", "é"] {
            check(bad, None);
        }
    }
}
