//! Transfer encodings (RFC 2045 §6) and charsets undone the way lenient mail
//! readers do it: what is broken is skipped or kept, never refused.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::decoders::charsets::map::charset_decoder;

/// Undoes a Content-Transfer-Encoding; an unknown one leaves the bytes as they are.
pub(crate) fn decode<'a>(encoding: &str, bytes: &'a [u8]) -> Cow<'a, [u8]> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => match strict_base64(bytes) {
            Some(decoded) => Cow::Owned(decoded),
            None if is_base64(bytes) => Cow::Owned(base64(bytes)),
            None => Cow::Borrowed(bytes),
        },
        "quoted-printable" => Cow::Owned(quoted_printable(bytes)),
        _ => Cow::Borrowed(bytes),
    }
}

/// Whether a body that calls itself base64 is: text that only says so has
/// spaces and punctuation all over, and lenient readers show it as it is.
fn is_base64(bytes: &[u8]) -> bool {
    let is_foreign = |byte: &&u8| sextet(**byte).is_none() && !matches!(byte, b'=' | b'\r' | b'\n');
    bytes.iter().filter(is_foreign).count() <= bytes.len() / 16
}

/// Base64 as almost everybody writes it: lines, and padding at the end alone.
fn strict_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let line = bytes.get(from..end).unwrap_or_default();
        digits.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        from = end + 1;
    }
    STANDARD.decode(digits.trim_ascii()).ok()
}

/// Base64 (RFC 4648 §4). What is outside its alphabet is skipped, as RFC 2045
/// §6.8 asks; padding begins anew, so that joined runs are all read.
pub(super) fn base64(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let mut group: u32 = 0;
    let mut sextets = 0;
    for byte in bytes {
        if *byte == b'=' {
            out.extend(short_group(group, sextets));
            (group, sextets) = (0, 0);
            continue;
        }
        let Some(value) = sextet(*byte) else { continue };
        group = group << 6 | u32::from(value);
        sextets += 1;
        if sextets == 4 {
            out.extend(group.to_be_bytes().into_iter().skip(1));
            (group, sextets) = (0, 0);
        }
    }
    out.extend(short_group(group, sextets));
    out
}

/// The whole bytes in a group of two or three sextets.
fn short_group(group: u32, sextets: u32) -> impl Iterator<Item = u8> {
    let bytes = (group << (6 * (4 - sextets))).to_be_bytes();
    let whole = match sextets {
        2 => 1,
        3 => 2,
        _ => 0,
    };
    bytes.into_iter().skip(1).take(whole)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Quoted-printable (RFC 2045 §6.7). A `=` that starts no code is kept.
fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let content = line.trim_ascii_end();
        let (content, soft) = match content.strip_suffix(b"=") {
            Some(content) => (content, true),
            None => (content, false),
        };
        hex_codes(content, &mut out);
        if !soft {
            let newline = line.len() - line.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            out.extend_from_slice(line.get(newline..).unwrap_or_default());
        }
    }
    out
}

/// The Q encoding of encoded words (RFC 2047 §4.2): `_` is a space.
pub(super) fn q_encoding(bytes: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = bytes.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
    let mut out = Vec::with_capacity(spaced.len());
    hex_codes(&spaced, &mut out);
    out
}

fn hex_codes(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'=', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(*byte),
            },
            _ => out.push(*byte),
        }
    }
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Bytes in a charset as UTF-8. A byte order mark beats the declared charset;
/// without a known charset, what is no UTF-8 is read as Windows-1252.
pub(crate) fn text(charset: Option<&str>, bytes: &[u8]) -> String {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return String::from_utf8_lossy(rest).into_owned(),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        _ => {}
    }
    let charset = charset.unwrap_or_default().trim().to_ascii_lowercase();
    match charset.as_str() {
        "utf-16le" => utf16(bytes, u16::from_le_bytes),
        "utf-16be" => utf16(bytes, u16::from_be_bytes),
        "utf-16" => utf16(bytes, guessed_order(bytes)),
        "" | "utf-8" | "utf8" | "us-ascii" | "ascii" => plain(bytes),
        // A run-in for UTF-7, whose decoder drops a shift that nothing ends.
        "utf-7" => decoded("utf-7", &[bytes, b"\n"].concat()),
        known => decoded(known, bytes),
    }
}

fn decoded(charset: &str, bytes: &[u8]) -> String {
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) => decoder(bytes),
        None => plain(bytes),
    }
}

fn plain(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => charset_decoder(b"windows-1252").map_or_else(String::new, |decoder| decoder(bytes)),
    }
}

fn utf16(bytes: &[u8], order: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| order(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Without a mark, the order that gives more ASCII.
fn guessed_order(bytes: &[u8]) -> fn([u8; 2]) -> u16 {
    let high_zeros = bytes.iter().step_by(2).filter(|byte| **byte == 0).count();
    let low_zeros = bytes.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    if low_zeros > high_zeros { u16::from_le_bytes } else { u16::from_be_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_past_what_is_broken() {
        let check = |input: &str, expect: &str| assert_eq!(base64(input.as_bytes()), expect.as_bytes(), "{input}");
        check("aGVsbG8=", "hello");
        check("aGVs\r\nbG8", "hello");
        check("aG*Vs bG8=", "hello");
        check("aGk=aGk=", "hihi");
        check("aGVsbG", "hell");
        check("a", "");
        check("====", "");
    }

    #[test]
    fn quoted_printable_is_read_past_what_is_broken() {
        let check = |input: &str, expect: &str| {
            assert_eq!(String::from_utf8(quoted_printable(input.as_bytes())).unwrap(), expect, "{input}");
        };
        check("a=3Db", "a=b");
        check("a=3db", "a=b");
        check("123=\r\n-45=\n-6789", "123-45-6789");
        check("soft=  \r\nbreak", "softbreak");
        check("a=Zb =", "a=Zb ");
        check("end=4", "end=4");
        check("line  \r\nnext\r\n", "line\r\nnext\r\n");
    }

    #[test]
    fn charsets_are_undone() {
        let check =
            |charset: &str, bytes: &[u8], expect: &str| assert_eq!(text(Some(charset), bytes), expect, "{charset}");
        check("utf-8", "é".as_bytes(), "é");
        check("utf-8", b"\xE9", "é");
        check("iso-8859-1", b"\xE9", "é");
        check("UTF-16", b"\xFF\xFEa\0b\0", "ab");
        check("utf-16", b"a\0b\0", "ab");
        check("utf-16", b"\0a\0b", "ab");
        check("utf-16le", b"a\0b\0c", "ab");
        check("us-ascii", b"\xFE\xFF\0a", "a");
        check("nonsense", b"x", "x");
        check("utf-7", b"Hi +ADE-", "Hi 1\n");
        check("shift_jis", b"\x82\xB1", "こ");
    }
}
