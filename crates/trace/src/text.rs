//! Cutting short texts at a byte. `str::split_once` prepares for long ones,
//! which costs more here than the search itself.

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
    fn texts_are_cut_at_bytes() {
        assert_eq!(cut("a@b@c", b'@'), Some(("a", "b@c")));
        assert_eq!(cut("é", b'@'), None);
        assert_eq!((until("é b", |byte| byte == b' '), until("é", |byte| byte == b' ')), ("é", "é"));
        assert_eq!((since("é b c", |byte| byte == b' '), since("c", |byte| byte == b' ')), ("c", "c"));
        assert!(has("a.b", b'.') && !has("", b'.'));
    }
}
