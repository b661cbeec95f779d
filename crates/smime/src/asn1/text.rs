//! The strings of names (RFC 5280 §4.1.2.4, X.680 §41).

use std::borrow::Cow;

use super::{Element, Malformed, tag};

/// A DirectoryString, or an IA5String, as text.
pub(crate) fn directory_string<'a>(element: &Element<'a>) -> Result<Cow<'a, str>, Malformed> {
    let bytes = element.value;
    match element.tag {
        tag::UTF8_STRING => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Malformed),
        tag::PRINTABLE_STRING | tag::IA5_STRING if bytes.is_ascii() => {
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Malformed)
        }
        // T.61 in name, Latin 1 in all certificates that were ever seen.
        tag::TELETEX_STRING => Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect())),
        tag::BMP_STRING => {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            let text = String::from_utf16(&units).ok().filter(|_| rest.is_empty());
            text.map(Cow::Owned).ok_or(Malformed)
        }
        tag::UNIVERSAL_STRING => {
            let (units, rest) = bytes.as_chunks::<4>();
            let text: Option<String> = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit))).collect();
            text.filter(|_| rest.is_empty()).map(Cow::Owned).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, write};
    use super::*;

    #[test]
    fn every_kind_of_string_is_text() {
        let check = |tag, bytes: &[u8], expect: Option<&str>| {
            let bytes = write::element(tag, &[bytes]);
            let element = Reader::only(&bytes).unwrap();
            assert_eq!(directory_string(&element).ok().as_deref(), expect, "{tag:x}");
        };
        check(tag::UTF8_STRING, "Jörg".as_bytes(), Some("Jörg"));
        check(tag::UTF8_STRING, &[0xff], None);
        check(tag::PRINTABLE_STRING, b"Joerg", Some("Joerg"));
        check(tag::IA5_STRING, &[0xf6], None);
        check(tag::TELETEX_STRING, &[b'J', 0xf6], Some("Jö"));
        check(tag::BMP_STRING, &[0, b'J', 0, 0xf6], Some("Jö"));
        check(tag::BMP_STRING, &[0xd8, 0], None);
        check(tag::BMP_STRING, &[0], None);
        check(tag::UNIVERSAL_STRING, &[0, 1, 0xf6, 0], Some("\u{1f600}"));
        check(tag::INTEGER, b"J", None);
    }
}
