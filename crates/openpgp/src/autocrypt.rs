//! The `Autocrypt` header field (Autocrypt Level 1 §2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Address;

/// A field longer than this is ignored: Autocrypt asks for keys of at most 10 KiB.
const VALUE_MAX: usize = 64 << 10;

/// Characters of a line of key data, with the space that folds it.
const LINE: usize = 76;

/// What an `Autocrypt` field says: the lowest of all sources of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Autocrypt {
    /// Whose key it is; must be the message's one author.
    pub address: Address,
    /// Whether the sender prefers encrypted mail in both directions.
    pub prefers_encryption: bool,
    /// The certificate in binary, not looked at.
    pub key_data: Vec<u8>,
}

/// Reads the value of a field; none where it is to be ignored: without an
/// address or a key, with an attribute twice, or with one that is not known and
/// doesn't begin with `_`.
pub fn parse(value: &str) -> Option<Autocrypt> {
    if value.len() > VALUE_MAX {
        return None;
    }
    let (mut address, mut preference, mut key_data) = (None, None, None);
    for attribute in value.split(';').filter(|attribute| !attribute.trim().is_empty()) {
        let (name, text) = attribute.split_once('=')?;
        let seen = match name.trim() {
            "addr" => address.replace(text),
            "prefer-encrypt" => preference.replace(text),
            "keydata" => key_data.replace(text),
            name if name.starts_with('_') => None,
            _ => return None,
        };
        if seen.is_some() {
            return None;
        }
    }
    let digits: Vec<u8> = key_data?.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let key_data = STANDARD.decode(digits).ok().filter(|bytes| !bytes.is_empty())?;
    Some(Autocrypt {
        address: Address::parse(address?.trim()).ok()?,
        prefers_encryption: preference.is_some_and(|text| text.trim() == "mutual"),
        key_data,
    })
}

/// The value of a field, folded for a header block.
pub fn build(autocrypt: &Autocrypt) -> String {
    let mut value = format!("addr={}; ", autocrypt.address);
    if autocrypt.prefers_encryption {
        value.push_str("prefer-encrypt=mutual; ");
    }
    value.push_str("keydata=");
    let digits = STANDARD.encode(&autocrypt.key_data);
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        value.push_str("\r\n ");
        value.push_str(line);
        rest = after;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn autocrypt() -> Autocrypt {
        Autocrypt {
            address: Address::parse("alice@clinic.example").unwrap(),
            prefers_encryption: true,
            key_data: (0..=255).collect(),
        }
    }

    #[test]
    fn a_field_comes_back_as_it_was_built() {
        let value = build(&autocrypt());
        assert!(value.lines().all(|line| line.len() <= 78), "{value}");
        assert_eq!(parse(&value), Some(autocrypt()));
        let quiet = Autocrypt { prefers_encryption: false, ..autocrypt() };
        assert_eq!(parse(&build(&quiet)), Some(quiet));
    }

    #[test]
    fn what_is_not_known_is_ignored_as_told() {
        assert!(parse("addr=a@b.example; _extra=1; keydata=AQID").is_some());
        assert!(parse("addr=a@b.example; prefer-encrypt=nopreference; keydata=AQID").is_some());
        assert!(parse("addr=a@b.example; extra=1; keydata=AQID").is_none());
        assert!(parse("addr=a@b.example; addr=c@d.example; keydata=AQID").is_none());
        assert!(parse("addr=a@b.example; keydata=").is_none());
        assert!(parse("addr=a@b.example").is_none());
        assert!(parse("keydata=AQID").is_none());
        assert!(parse("addr=no address; keydata=AQID").is_none());
        assert!(parse("addr=a@b.example; keydata=A*ID").is_none());
        assert!(parse("words").is_none());
        assert!(parse("").is_none());
    }
}
