//! Values that share one column: domain indexes, tags, fields, journal ids.

use std::collections::BTreeMap;

use crate::StoreError;

/// Sixteen bytes a domain, one after the other.
pub(crate) fn pack_domains(domains: &[[u8; 16]]) -> Vec<u8> {
    domains.concat()
}

pub(crate) fn domains(bytes: &[u8]) -> Result<Vec<[u8; 16]>, StoreError> {
    let (domains, rest) = bytes.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(damaged("domains"));
    }
    Ok(domains.to_vec())
}

/// A JSON array, or nothing where there are none: most messages have none.
pub(crate) fn pack_tags(tags: &[String]) -> Option<String> {
    (!tags.is_empty()).then(|| serde_json::Value::from(tags).to_string())
}

pub(crate) fn tags(text: Option<&str>) -> Result<Vec<String>, StoreError> {
    text.map_or(Ok(Vec::new()), |text| serde_json::from_str(text).map_err(|_| damaged("tags")))
}

/// A JSON object, or nothing where there are none.
pub(crate) fn pack_fields(fields: &BTreeMap<String, String>) -> Option<String> {
    let object = || fields.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    (!fields.is_empty()).then(|| serde_json::Value::Object(object()).to_string())
}

pub(crate) fn fields(text: Option<&str>) -> Result<BTreeMap<String, String>, StoreError> {
    text.map_or(Ok(BTreeMap::new()), |text| serde_json::from_str(text).map_err(|_| damaged("fields")))
}

/// Differences between neighbours, zigzag-coded so that small ones of either
/// sign are short, in groups of seven bits with the lowest first.
pub(crate) fn pack_ids(ids: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() + 8);
    let mut before = 0i64;
    for id in ids {
        let step = id.wrapping_sub(before);
        push_varint(&mut bytes, ((step << 1) ^ (step >> 63)) as u64);
        before = *id;
    }
    bytes
}

pub(crate) fn ids(mut bytes: &[u8]) -> Result<Vec<i64>, StoreError> {
    let mut ids = Vec::new();
    let mut before = 0i64;
    while !bytes.is_empty() {
        let coded = take_varint(&mut bytes).ok_or_else(|| damaged("journal ids"))?;
        let step = (coded >> 1) as i64 ^ -((coded & 1) as i64);
        before = before.wrapping_add(step);
        ids.push(before);
    }
    Ok(ids)
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(format!("the packed {what} of a row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_went_in() {
        let cases: [&[i64]; 6] = [&[], &[0], &[1, 2, 3], &[5, 3, 900], &[i64::MAX, i64::MIN, 0], &[-1]];
        for case in cases {
            assert_eq!(ids(&pack_ids(case)).unwrap(), case);
        }
    }

    #[test]
    fn a_run_of_neighbours_takes_a_byte_each() {
        let run: Vec<i64> = (1_000_000..1_001_000).collect();
        assert!(pack_ids(&run).len() <= run.len() + 3);
    }

    #[test]
    fn damaged_bytes_are_told_and_never_panic() {
        for bad in [&[0x80][..], &[0xff; 11], &[1, 0x80]] {
            assert!(matches!(ids(bad), Err(StoreError::Corrupt { .. })), "{bad:?}");
        }
        assert!(matches!(domains(&[0; 17]), Err(StoreError::Corrupt { .. })));
        assert!(matches!(tags(Some("{")), Err(StoreError::Corrupt { .. })));
        assert!(matches!(fields(Some("[1]")), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn tags_and_fields_come_back_as_they_went_in() {
        let words = vec!["a\"b".to_owned(), String::new()];
        assert_eq!(tags(pack_tags(&words).as_deref()).unwrap(), words);
        assert_eq!(pack_tags(&[]), None);
        let pairs = BTreeMap::from([("k".to_owned(), "é\n".to_owned())]);
        assert_eq!(fields(pack_fields(&pairs).as_deref()).unwrap(), pairs);
    }
}
