//! Requests made up from a description. A keyword that this file does not know
//! ends the test: nothing is left out silently.

use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

/// Keywords that describe and bound nothing.
pub const SILENT: [&str; 3] = ["description", "examples", "default"];
/// Items and properties that are made at the most.
const MADE_MAX: usize = 3;

/// A request.
#[derive(Clone, Debug)]
pub struct Made {
    pub kind: String,
    pub body: Vec<u8>,
    parameters: Vec<(String, String, Value)>,
}

impl Made {
    /// The path with its parameters, and the query.
    pub fn path(&self, template: &str) -> String {
        let mut path = template.to_owned();
        let mut query = Vec::new();
        for (place, name, value) in &self.parameters {
            let text = encoded(&text_of(value));
            match place.as_str() {
                "path" => path = path.replace(&format!("{{{name}}}"), &text),
                "query" => query.push(format!("{name}={text}")),
                _ => {}
            }
        }
        if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) }
    }

    /// The fields of the request's header.
    pub fn fields(&self) -> String {
        let headers = self.parameters.iter().filter(|(place, ..)| place == "header");
        headers.map(|(_, name, value)| format!("{name}: {}\r\n", text_of(value))).collect()
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() || byte == b'_' {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// What requests are made from.
pub struct Making<'d> {
    pub description: &'d Value,
    /// A message that is there.
    pub known: &'d str,
    /// An author whom the key may send as.
    pub author: &'d str,
}

impl Making<'_> {
    /// Requests of an operation.
    pub fn requests(&self, operation: &Value) -> BoxedStrategy<Made> {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let parameters: Vec<_> = parameters.iter().map(|one| self.parameter(one)).collect();
        let bodies = match operation["requestBody"]["content"].as_object() {
            None => Just(("application/json".to_owned(), Vec::new())).boxed(),
            Some(kinds) => any_of(kinds.iter().map(|(kind, of)| self.body(kind, &of["schema"])).collect()),
        };
        (parameters, bodies)
            .prop_map(|(parameters, (kind, body))| Made {
                kind,
                body,
                parameters: parameters.into_iter().flatten().collect(),
            })
            .boxed()
    }

    fn parameter(&self, one: &Value) -> BoxedStrategy<Option<(String, String, Value)>> {
        let of = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let (place, name) = (of("in"), of("name"));
        let known = json!(self.known);
        let values = match place.as_str() {
            "path" => prop_oneof![Just(known), self.value(&one["schema"])].boxed(),
            // The same key with another body is 422 by promise: each request has its own.
            "header" => {
                let unique = (self.value(&one["schema"]), any::<u128>());
                unique.prop_map(|(value, unique)| json!(format!("{unique:x}{}", short(&text_of(&value))))).boxed()
            }
            _ => self.value(&one["schema"]),
        };
        let some = values.prop_map(move |value| Some((place.clone(), name.clone(), value)));
        if one["required"] == json!(true) { some.boxed() } else { prop_oneof![Just(None), some].boxed() }
    }

    fn body(&self, kind: &str, schema: &Value) -> BoxedStrategy<(String, Vec<u8>)> {
        let (kind, author) = (kind.to_owned(), self.author.to_owned());
        let is_json = kind.ends_with("json");
        (self.value(schema), 0..4)
            .prop_map(move |(mut value, other)| {
                // Most messages come from whom the key may send as.
                if let Some(from) = value.get_mut("from").filter(|_| other > 0) {
                    *from = json!({ "address": author, "name": from["name"] });
                }
                // Which streams there are is the configuration's word.
                if let Some(stream) = value.get_mut("stream").filter(|stream| stream.is_string()) {
                    *stream = json!("marketing");
                }
                let bytes = if is_json { value.to_string() } else { text_of(&value) };
                (kind.clone(), bytes.into_bytes())
            })
            .boxed()
    }

    /// Values that a schema allows.
    fn value(&self, schema: &Value) -> BoxedStrategy<Value> {
        if let Some(place) = schema["$ref"].as_str() {
            let found = self.description.pointer(place.trim_start_matches('#')).expect("what is referred to");
            return self.value(found);
        }
        if let Some(all) = schema["oneOf"].as_array() {
            return any_of(all.iter().map(|one| self.value(one)).collect());
        }
        if let Some(all) = schema["anyOf"].as_array() {
            return any_of(all.iter().map(|one| self.value(&merged(schema, one))).collect());
        }
        match &schema["type"] {
            Value::Array(kinds) => any_of(kinds.iter().map(|kind| self.value(&of_type(schema, kind))).collect()),
            Value::String(kind) => match kind.as_str() {
                "null" => Just(Value::Null).boxed(),
                "string" => text(schema),
                "integer" => integer(schema),
                "boolean" => prop::bool::ANY.prop_map(Value::Bool).boxed(),
                "array" => self.array(schema),
                "object" => self.object(schema),
                other => panic!("no value is made of type {other}"),
            },
            _ => panic!("a schema without a type: {schema}"),
        }
    }

    fn array(&self, schema: &Value) -> BoxedStrategy<Value> {
        known(schema, &["type", "items", "minItems", "maxItems"]);
        let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
        let most = schema["maxItems"].as_u64().map_or(MADE_MAX, |most| most as usize).min(MADE_MAX);
        prop::collection::vec(self.value(&schema["items"]), least..=most).prop_map(Value::Array).boxed()
    }

    fn object(&self, schema: &Value) -> BoxedStrategy<Value> {
        let all = ["type", "properties", "required", "additionalProperties", "propertyNames", "maxProperties", "anyOf"];
        known(schema, &all);
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.contains(&json!(name)));
        let property = |(name, of): (&String, &Value)| {
            let name = name.clone();
            let is_required = required(&name);
            let some = self.value(of).prop_map(move |value| Some((name.clone(), value)));
            if is_required { some.boxed() } else { prop_oneof![Just(None), some].boxed() }
        };
        let properties: Vec<_> = schema["properties"].as_object().into_iter().flatten().map(property).collect();
        let more = match &schema["additionalProperties"] {
            Value::Object(_) => {
                let entry = (text(&schema["propertyNames"]), self.value(&schema["additionalProperties"]));
                prop::collection::vec(entry, 0..=MADE_MAX).boxed()
            }
            _ => Just(Vec::new()).boxed(),
        };
        (properties, more)
            .prop_map(|(properties, more)| {
                let more = more.into_iter().map(|(name, value)| (text_of(&name), value));
                Value::Object(properties.into_iter().flatten().chain(more).collect::<Map<_, _>>())
            })
            .boxed()
    }
}

fn any_of<T: std::fmt::Debug + Clone + 'static>(all: Vec<BoxedStrategy<T>>) -> BoxedStrategy<T> {
    prop::strategy::Union::new(all).boxed()
}

fn short(text: &str) -> String {
    text.chars().take(100).collect::<String>().trim().to_owned()
}

fn of_type(schema: &Value, kind: &Value) -> Value {
    let mut one = schema.clone();
    one["type"] = kind.clone();
    one
}

/// A schema under one of its alternatives.
fn merged(schema: &Value, alternative: &Value) -> Value {
    let mut one = schema.clone();
    one.as_object_mut().expect("a schema").remove("anyOf");
    let required = one["required"].as_array_mut().expect("required");
    required.extend(alternative["required"].as_array().cloned().unwrap_or_default());
    for (name, keywords) in alternative["properties"].as_object().expect("properties") {
        for (keyword, value) in keywords.as_object().expect("a schema") {
            one["properties"][name][keyword] = value.clone();
        }
    }
    one
}

pub fn known(schema: &Value, keywords: &[&str]) {
    for keyword in schema.as_object().expect("a schema").keys() {
        assert!(keywords.contains(&keyword.as_str()) || SILENT.contains(&keyword.as_str()), "{keyword} in {schema}");
    }
}

fn integer(schema: &Value) -> BoxedStrategy<Value> {
    known(schema, &["type", "minimum", "maximum"]);
    let bound = |name: &str, default: i64| schema[name].as_i64().unwrap_or(default);
    (bound("minimum", 0)..=bound("maximum", 1_000_000)).prop_map(|number| json!(number)).boxed()
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    known(schema, &["type", "format", "pattern", "not", "minLength", "maxLength"]);
    if schema["format"] == "idn-email" {
        return addresses();
    }
    let pattern = schema["pattern"].as_str().unwrap_or("^(?s:.)*$");
    let whole = pattern.trim_start_matches('^');
    let whole = match whole.strip_suffix('$') {
        Some(whole) => whole.to_owned(),
        None => format!("{whole}(?s:.)*"),
    };
    let not = schema["not"]["pattern"].as_str().map(|not| regex::Regex::new(not).expect("a pattern"));
    let (least, most) = (schema["minLength"].as_u64().unwrap_or(0), schema["maxLength"].as_u64().unwrap_or(u64::MAX));
    let made = string_regex(&whole).unwrap_or_else(|why| panic!("{whole}: {why}"));
    made.prop_filter("its length", move |text| (least..=most).contains(&(text.chars().count() as u64)))
        .prop_filter("what must not be", move |text| not.as_ref().is_none_or(|not| !not.is_match(text)))
        .prop_map(Value::String)
        .boxed()
}

/// Mailboxes of RFC 6531, among them odd ones.
fn addresses() -> BoxedStrategy<Value> {
    let plain = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\\.[a-z0-9]{1,9}){0,2}@[a-z0-9]{1,20}(\\.[a-z0-9]{1,10}){0,3}";
    let quoted = "\"[a-z (),:;<>@\\[\\]]{0,20}\"@example\\.com";
    let other = prop::sample::select(vec!["jörg@bücher.example", "用户@例子.example", "P.Case@EXAMPLE.com"]);
    let of = |pattern: &str| string_regex(pattern).expect("a pattern").boxed();
    prop_oneof![8 => of(plain), 1 => of(quoted), 1 => other.prop_map(str::to_owned)].prop_map(Value::String).boxed()
}
