//! Text as the eye reads it: invisible characters gone, digits, dashes and
//! spaces of other scripts in their plain form, reversed runs turned round.

use std::borrow::Cow;

/// A text in its plain form.
pub(super) fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut reversed: Option<usize> = None;
    let mut rest = text;
    while !rest.is_empty() {
        // Nearly all mail is nearly all plain: copy up to what is not.
        let plain_len = rest.bytes().position(|byte| !byte.is_ascii() || matches!(byte, b'\r' | b'\n'));
        let (run, odd) = rest.split_at(plain_len.unwrap_or(rest.len()));
        out.push_str(run);
        let mut chars = odd.chars();
        if let Some(c) = chars.next() {
            push(c, &mut out, &mut reversed);
        }
        rest = chars.as_str();
    }
    if let Some(from) = reversed {
        turn(&mut out, from);
    }
    out
}

fn push(c: char, out: &mut String, reversed: &mut Option<usize>) {
    match c {
        // RIGHT-TO-LEFT OVERRIDE shows what follows from its end to its beginning.
        '\u{202E}' if reversed.is_none() => *reversed = Some(out.len()),
        '\u{202C}' | '\n' => {
            if let Some(from) = reversed.take() {
                turn(out, from);
            }
            if c == '\n' {
                out.push(c);
            }
        }
        c => out.extend(plain(c)),
    }
}

fn turn(out: &mut String, from: usize) {
    let run = out.split_off(from);
    out.extend(run.chars().rev());
}

/// The plain form of a character; nothing for what can't be seen.
fn plain(c: char) -> Option<char> {
    if c.is_ascii() {
        return (c != '\r').then_some(c);
    }
    match c {
        _ if is_invisible(c) => None,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => Some(' '),
        '\u{2028}' | '\u{2029}' | '\u{85}' => Some('\n'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{02D7}' | '\u{FE58}' | '\u{FE63}' => Some('-'),
        '\u{2024}' | '\u{3002}' => Some('.'),
        '\u{2044}' | '\u{2215}' => Some('/'),
        '\u{2019}' => Some('\''),
        // FULLWIDTH forms stand in the order of ASCII.
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0),
        c => Some(digit(c).or_else(|| letter(c)).unwrap_or(c)),
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// The zeros of scripts whose digits people take for numbers (Unicode, general category Nd).
const ZEROS: [char; 14] = [
    '\u{660}',
    '\u{6F0}',
    '\u{966}',
    '\u{9E6}',
    '\u{A66}',
    '\u{AE6}',
    '\u{B66}',
    '\u{BE6}',
    '\u{C66}',
    '\u{CE6}',
    '\u{D66}',
    '\u{E50}',
    '\u{ED0}',
    '\u{1FBF0}',
];

fn digit(c: char) -> Option<char> {
    let code = u32::from(c);
    let of = |zero: char, run: u32| code.checked_sub(u32::from(zero)).filter(|offset| *offset < run);
    // MATHEMATICAL digits: five runs of ten.
    let value = of('\u{1D7CE}', 50).map(|offset| offset % 10).or_else(|| ZEROS.iter().find_map(|zero| of(*zero, 10)));
    value.and_then(|value| char::from_digit(value, 10))
}

/// MATHEMATICAL letters stand in runs of 26 capitals and 26 small ones; they
/// pass for bold or italic.
fn letter(c: char) -> Option<char> {
    let offset = u32::from(c).checked_sub(0x1D400).filter(|offset| *offset < 13 * 52)? % 52;
    let base = if offset < 26 { u32::from('A') + offset } else { u32::from('a') + offset - 26 };
    char::from_u32(base)
}

/// Bytes as text, if a person would see text there: UTF-8 or marked UTF-16
/// without the control characters of a binary format.
pub(super) fn text_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let utf16 = |order: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| order(*pair));
        Cow::Owned(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    };
    match bytes {
        [0xFE, 0xFF, rest @ ..] => return Some(utf16(u16::from_be_bytes, rest)),
        [0xFF, 0xFE, rest @ ..] => return Some(utf16(u16::from_le_bytes, rest)),
        _ => {}
    }
    let is_control = |byte: &&u8| **byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | b'\x0C' | b'\x1B');
    let controls = bytes.iter().filter(is_control).count();
    (!bytes.contains(&0) && controls * 100 <= bytes.len()).then(|| String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(normal(text), expect, "{text:?}");
    }

    #[test]
    fn what_looks_the_same_becomes_the_same() {
        check("1\u{200B}2\u{AD}3\u{2060}\u{FEFF}-45", "123-45");
        check("１２３－４５", "123-45");
        check("\u{1D7CE}\u{1D7D9}\u{1D7FF}", "019");
        check("٥٣٦", "536");
        check("536\u{2011}22\u{2013}8141", "536-22-8141");
        check("a\u{a0}b\r\n", "a b\n");
        check("\u{1D400}\u{1D41A}", "Aa");
        check("é ü", "é ü");
    }

    #[test]
    fn a_reversed_run_is_turned_round() {
        check("x \u{202E}1418-22-635\u{202C} y", "x 536-22-8141 y");
        check("\u{202E}cba\nx", "abc\nx");
        check("\u{202E}cba", "abc");
    }

    #[test]
    fn bytes_are_text_only_where_a_person_would_see_text() {
        assert_eq!(text_of(b"a,b\r\n").as_deref(), Some("a,b\r\n"));
        assert_eq!(text_of(b"\xFF\xFEa\0b\0").as_deref(), Some("ab"));
        assert_eq!(text_of(b"%PDF\x00\x01"), None);
        assert_eq!(text_of(b"\x89PNG\r\n\x1a\n\x01\x02\x03"), None);
    }
}
