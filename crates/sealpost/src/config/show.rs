//! The effective configuration, a line a key.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Loaded;

/// `key = value`, with the origin behind it where that is asked.
pub fn text(loaded: &Loaded, with_origin: bool) -> String {
    let mut lines = String::new();
    for (key, value) in values(loaded) {
        let value = if value.is_null() { "(not set)".to_owned() } else { value.to_string() };
        lines.push_str(&format!("{key} = {value}"));
        if with_origin {
            lines.push_str(&format!("  # {}", loaded.origin(&key)));
        }
        lines.push('\n');
    }
    lines
}

/// An object of keys, each with `value` and `origin`.
pub fn json(loaded: &Loaded) -> Value {
    let entry = |(key, value): (String, Value)| {
        let origin = loaded.origin(&key).to_string();
        (key, Value::Object(Map::from_iter([("value".into(), value), ("origin".into(), origin.into())])))
    };
    Value::Object(values(loaded).into_iter().map(entry).collect())
}

/// Every dotted key with its value. Serializing masks the secrets.
pub(super) fn values(loaded: &Loaded) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    // Strings, numbers, lists and maps with string keys: there is nothing in it that JSON can't hold.
    let value = serde_json::to_value(&loaded.config).unwrap_or_default();
    collect("", value, &mut found);
    // One organisation may be written without brackets; it is shown as it was written.
    let single = loaded.origins.keys().any(|key| key.starts_with("organisation."));
    if single && loaded.config.organisation.len() == 1 {
        found =
            found.into_iter().map(|(key, value)| (key.replace("organisation[0].", "organisation."), value)).collect();
    }
    found
}

fn collect(path: &str, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (key, value) in table {
                collect(&super::tree::join(path, &key), value, found);
            }
        }
        Value::Array(list) if list.first().is_some_and(Value::is_object) => {
            for (index, value) in list.into_iter().enumerate() {
                collect(&format!("{path}[{index}]"), value, found);
            }
        }
        value => {
            found.insert(path.to_owned(), value);
        }
    }
}
