//! The Content-Type field of a payload: the message's own, marked with what
//! protects its header fields (RFC 9788 §2.1.1).

use mail::header::Field;

/// What protects the header fields of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Encryption: `hp="cipher"`.
    Cipher,
    /// A signature alone: `hp="clear"`.
    Clear,
}

impl Mark {
    fn parameter(self) -> &'static str {
        match self {
            Mark::Cipher => "hp=\"cipher\"",
            Mark::Clear => "hp=\"clear\"",
        }
    }
}

/// The field with these parameters added, each on a line of its own; marks that
/// the message came with are removed. None for a field that names no type,
/// which is to be read as if it were not there (RFC 2045 §5.2).
pub(super) fn with_parameters(field: &Field<'_>, added: &[&str]) -> Option<Vec<u8>> {
    let mut parts = split(field.value).into_iter();
    let kind = parts.next().filter(|kind| kind.contains(&b'/'))?;
    let mut out = b"Content-Type:".to_vec();
    out.extend_from_slice(kind.trim_ascii_end());
    for part in parts.filter(|part| !part.trim_ascii().is_empty() && !is_mark(part)) {
        out.push(b';');
        out.extend_from_slice(part.trim_ascii_end());
    }
    for parameter in added {
        out.extend_from_slice(b";\r\n ");
        out.extend_from_slice(parameter.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    Some(out)
}

/// The field without marks.
pub(crate) fn unmarked(field: &Field<'_>) -> Option<Vec<u8>> {
    with_parameters(field, &[])
}

/// The parameters that mark a payload. Readers that know only the scheme before
/// RFC 9788 (Thunderbird with OpenPGP) look for `protected-headers`.
pub(super) fn marks(mark: Mark, is_openpgp: bool) -> Vec<&'static str> {
    let old = is_openpgp.then_some("protected-headers=\"v1\"");
    [Some(mark.parameter()), old].into_iter().flatten().collect()
}

/// A parameter that says something of header protection: of the payload's own
/// root only what is written here may say it.
fn is_mark(parameter: &[u8]) -> bool {
    let name = parameter.split(|byte| matches!(byte, b'=' | b'*')).next().unwrap_or_default().trim_ascii();
    ["hp", "hp-legacy-display", "protected-headers"].iter().any(|mark| name.eq_ignore_ascii_case(mark.as_bytes()))
}

/// A value cut at its semicolons, those in quotes and comments aside.
fn split(value: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let (mut from, mut is_quoted, mut is_escaped, mut depth) = (0, false, false, 0_usize);
    for (at, byte) in value.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted || depth > 0 => is_escaped = true,
            b'"' if depth == 0 => is_quoted = !is_quoted,
            b'(' if !is_quoted => depth += 1,
            b')' if !is_quoted => depth = depth.saturating_sub(1),
            b';' if !is_quoted && depth == 0 => {
                parts.push(value.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value.get(from..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use mail::header;

    use super::*;

    fn check(field: &str, expect: Option<&str>) {
        let field = header::fields(field.as_bytes()).next().unwrap();
        let out = with_parameters(&field, &marks(Mark::Cipher, false));
        assert_eq!(out.map(|out| String::from_utf8(out).unwrap()).as_deref(), expect);
    }

    #[test]
    fn a_type_is_marked() {
        check("Content-Type: text/plain\r\n", Some("Content-Type: text/plain;\r\n hp=\"cipher\"\r\n"));
        check(
            "content-type: multipart/mixed;\r\n\tboundary=\"a;b\" (x;y);\r\n",
            Some("Content-Type: multipart/mixed;\r\n\tboundary=\"a;b\" (x;y);\r\n hp=\"cipher\"\r\n"),
        );
    }

    #[test]
    fn marks_that_were_there_go() {
        check(
            "Content-Type: text/plain; HP=clear; charset=utf-8; protected-headers=v1; hp*0=c\r\n",
            Some("Content-Type: text/plain; charset=utf-8;\r\n hp=\"cipher\"\r\n"),
        );
    }

    #[test]
    fn what_names_no_type_is_left_out() {
        check("Content-Type: text\r\n", None);
        check("Content-Type:\r\n", None);
    }
}
