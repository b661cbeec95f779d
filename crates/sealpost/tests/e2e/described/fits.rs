//! Whether a value is what a schema says. A keyword that is not known here is a
//! failure of its own.

use serde_json::Value;

use super::make::SILENT;

/// What of the value is not as the schema says.
pub fn fits(description: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, says) in schema.as_object().ok_or("no schema")? {
        keyword_fits(description, schema, (keyword, says), value)
            .map_err(|why| format!("{keyword}: {why}; {}", brief(value)))?;
    }
    Ok(())
}

fn keyword_fits(
    description: &Value,
    schema: &Value,
    (keyword, says): (&str, &Value),
    value: &Value,
) -> Result<(), String> {
    match keyword {
        "$ref" => {
            let place = says.as_str().unwrap_or_default().trim_start_matches('#');
            fits(description, description.pointer(place).ok_or("nothing is there")?, value)
        }
        "type" => is_of_type(says, value),
        "oneOf" | "anyOf" => {
            let all = says.as_array().ok_or("no list")?;
            let found = all.iter().filter(|one| fits(description, one, value).is_ok()).count();
            let fine = found == 1 || (keyword == "anyOf" && found > 0);
            fine.then_some(()).ok_or(format!("{found} of {} fit", all.len()))
        }
        "allOf" => says.as_array().into_iter().flatten().try_for_each(|one| fits(description, one, value)),
        "required" => {
            let missing = says.as_array().into_iter().flatten().find(|name| {
                value.as_object().is_some_and(|object| !object.contains_key(name.as_str().unwrap_or_default()))
            });
            missing.map_or(Ok(()), |name| Err(format!("{name} is missing")))
        }
        "properties" => {
            let named = says.as_object().into_iter().flatten();
            named
                .filter_map(|(name, of)| Some((of, value.get(name)?)))
                .try_for_each(|(of, it)| fits(description, of, it))
        }
        "additionalProperties" => {
            let known = |name: &String| schema["properties"].get(name).is_some();
            let mut others = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
            match says {
                Value::Bool(true) => Ok(()),
                Value::Bool(false) => others.next().map_or(Ok(()), |(name, _)| Err(format!("{name} is not described"))),
                of => others.try_for_each(|(_, it)| fits(description, of, it)),
            }
        }
        "propertyNames" => value
            .as_object()
            .into_iter()
            .flatten()
            .try_for_each(|(name, _)| fits(description, says, &Value::String(name.clone()))),
        "items" => value.as_array().into_iter().flatten().try_for_each(|one| fits(description, says, one)),
        "enum" => {
            says.as_array().is_some_and(|all| all.contains(value)).then_some(()).ok_or("none of these".to_owned())
        }
        "minimum" => (value.as_f64() >= says.as_f64()).then_some(()).ok_or("too small".to_owned()),
        "format" => is_of_format(says.as_str().unwrap_or_default(), value),
        silent if SILENT.contains(&silent) => Ok(()),
        _ => Err("a keyword that this test does not know".to_owned()),
    }
}

fn is_of_type(says: &Value, value: &Value) -> Result<(), String> {
    let is = |kind: &Value| match kind.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let fine = says.as_array().map_or_else(|| is(says), |kinds| kinds.iter().any(is));
    fine.then_some(()).ok_or(format!("it is no {says}"))
}

fn is_of_format(format: &str, value: &Value) -> Result<(), String> {
    let fine = match (format, value) {
        (_, Value::Null) | ("int32" | "int64" | "double", Value::Number(_)) => true,
        ("date-time", Value::String(text)) => text.parse::<jiff::Timestamp>().is_ok(),
        _ => false,
    };
    fine.then_some(()).ok_or(format!("no {format}"))
}

fn brief(value: &Value) -> String {
    value.to_string().chars().take(200).collect()
}
