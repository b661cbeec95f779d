//! What is signed of a header block (RFC 6376 §3.4.1, §3.4.2, §3.7, §5.4.2).

use super::signature::Form;
use crate::Block;
use crate::header::Field;

/// The bytes that a signature is over: the fields that it names, then the
/// field `own` itself with its signature left out and without a line end.
pub(super) fn signed(block: &Block<'_>, names: &[String], own: &Field<'_>, form: Form) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2048);
    for field in chosen(block.fields(), names) {
        canonical(field.raw, form, &mut bytes);
    }
    canonical(&without_signature(own.raw), form, &mut bytes);
    let end = bytes.len() - bytes.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    bytes.truncate(end);
    bytes
}

/// Of several fields of a name the last is taken first; a name that has no
/// field left adds nothing. One walk over the fields, however long `names` is.
fn chosen<'a, 'h>(fields: &'a [Field<'h>], names: &[String]) -> Vec<&'a Field<'h>> {
    let mut left: std::collections::HashMap<&str, Vec<&Field<'h>>> = std::collections::HashMap::new();
    for name in names {
        left.entry(name).or_default();
    }
    for field in fields {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        if let Some(found) = left.get_mut(name.as_str()) {
            found.push(field);
        }
    }
    names.iter().filter_map(|name| left.get_mut(name.as_str()).and_then(Vec::pop)).collect()
}

/// One field in its form, with CRLF at its end.
fn canonical(raw: &[u8], form: Form, into: &mut Vec<u8>) {
    match form {
        Form::Simple => simple(raw, into),
        Form::Relaxed => relaxed(raw, into),
    }
}

/// As it stands, but for line ends that a file on disk has lost.
fn simple(raw: &[u8], into: &mut Vec<u8>) {
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        into.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        into.extend_from_slice(b"\r\n");
    }
}

/// In lower case, unfolded, its blanks made one.
pub(crate) fn relaxed(raw: &[u8], into: &mut Vec<u8>) {
    let colon = raw.iter().position(|byte| *byte == b':').unwrap_or(raw.len());
    let (name, value) = raw.split_at(colon);
    into.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    into.push(b':');
    let value = value.get(1..).unwrap_or_default();
    let words = value.split(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            into.push(b' ');
        }
        into.extend_from_slice(word);
    }
    into.extend_from_slice(b"\r\n");
}

/// The field with the value of its tag `b=` taken out.
pub(crate) fn without_signature(raw: &[u8]) -> Vec<u8> {
    let colon = raw.iter().position(|byte| *byte == b':').map_or(raw.len(), |colon| colon + 1);
    let (name, value) = raw.split_at(colon);
    let mut kept = name.to_vec();
    for (at, tag) in value.split(|byte| *byte == b';').enumerate() {
        if at > 0 {
            kept.push(b';');
        }
        let equals = tag.iter().position(|byte| *byte == b'=');
        match equals.map(|equals| tag.split_at(equals + 1)) {
            Some((start, _)) if start.trim_ascii().strip_suffix(b"=").is_some_and(|tag| tag.trim_ascii() == b"b") => {
                kept.extend_from_slice(start);
            }
            _ => kept.extend_from_slice(tag),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn check(form: Form, raw: &str, expect: &str) {
        let mut bytes = Vec::new();
        canonical(raw.as_bytes(), form, &mut bytes);
        assert_eq!(String::from_utf8(bytes).unwrap(), expect);
    }

    #[test]
    fn fields_are_made_canonical() {
        // RFC 6376 §3.4.5.
        check(Form::Relaxed, "A: X\r\n", "a:X\r\n");
        check(Form::Relaxed, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
        check(Form::Simple, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n");
        check(Form::Simple, "B : Y\t\n\tZ  \n", "B : Y\t\r\n\tZ  \r\n");
    }

    #[test]
    fn the_last_field_of_a_name_is_signed_first() {
        let block = Block::read(b"A: 1\nB: 2\na: 3\n", &Limits::default()).unwrap();
        let names = ["a", "b", "a", "a", "c"].map(str::to_owned);
        let values: Vec<String> = chosen(block.fields(), &names).iter().map(|field| field.text()).collect();
        assert_eq!(values, ["3", "2", "1"]);
    }

    #[test]
    fn the_signature_itself_is_left_out() {
        let without = |raw: &str| String::from_utf8(without_signature(raw.as_bytes())).unwrap();
        assert_eq!(without("D: v=1; b=abc\r\n def; bh=x=="), "D: v=1; b=; bh=x==");
        assert_eq!(without("D: bh=x; b = abc"), "D: bh=x; b =");
    }
}
