//! Text of strangers made harmless, and short texts cut at a byte.
//! `str::split_once` prepares for long ones, which costs more here than the
//! search itself.

/// Text of strangers without anything that a terminal or a page acts on:
/// controls and escapes, marks that turn the direction of writing, and
/// characters without width.
pub fn shown(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

fn is_harmless(c: char) -> bool {
    let is_mark = matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !is_mark
}

/// What stands before and after the first `byte`, which is ASCII.
pub(crate) fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|found| found == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// What stands before the first of these bytes, which are ASCII; all where
/// there is none.
pub(crate) fn until(text: &str, is_end: impl Fn(u8) -> bool) -> &str {
    let end = text.bytes().position(is_end).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// What stands after the last of these bytes, which are ASCII.
pub(crate) fn since(text: &str, is_end: impl Fn(u8) -> bool) -> &str {
    let start = text.bytes().rposition(is_end).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}

/// Whether a byte stands anywhere in a text.
pub(crate) fn has(text: &str, byte: u8) -> bool {
    text.bytes().any(|found| found == byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_a_cursor() {
        assert_eq!(
            shown("a\u{1b}[2Jb\r\u{9b}c\u{202e}d\u{200b}e\u{7f}"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}"
        );
        assert_eq!(shown("mx.büro.example"), "mx.büro.example");
    }

    #[test]
    fn texts_are_cut_at_bytes() {
        assert_eq!(cut("a@b@c", b'@'), Some(("a", "b@c")));
        assert_eq!(cut("é", b'@'), None);
        assert_eq!((until("é b", |byte| byte == b' '), until("é", |byte| byte == b' ')), ("é", "é"));
        assert_eq!((since("é b c", |byte| byte == b' '), since("c", |byte| byte == b' ')), ("c", "c"));
        assert!(has("a.b", b'.') && !has("", b'.'));
    }
}
