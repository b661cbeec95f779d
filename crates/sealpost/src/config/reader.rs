//! From a tree to types: a serde deserializer that knows where each value
//! stands, and that compares every table with the fields of its struct.
//!
//! serde hands a struct's field names to the deserializer, so the structs
//! themselves are the list of known keys.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Kind, Node, join};
use super::{Origin, Problem};

/// Reads a whole tree, or says everything that is wrong with it: all unknown keys, and the first value or
/// missing key that stops the reading.
pub fn read<'de, T: Deserialize<'de>>(tree: &'de Node) -> Result<T, Vec<Problem>> {
    let unknown = RefCell::new(Vec::new());
    let result = T::deserialize(Reader { node: tree, path: String::new(), unknown: &unknown });
    let mut problems = unknown.into_inner();
    match result {
        Ok(value) if problems.is_empty() => Ok(value),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.push(error.into_problem());
            Err(problems)
        }
    }
}

#[derive(Clone)]
struct Reader<'de, 'p> {
    node: &'de Node,
    path: String,
    unknown: &'p RefCell<Vec<Problem>>,
}

/// What went wrong, and, as soon as it has passed the node in question, where.
#[derive(Debug)]
struct ReadError {
    message: String,
    missing: Option<&'static str>,
    place: Option<(Origin, String)>,
}

impl ReadError {
    fn placed(mut self, reader: &Reader<'_, '_>) -> Self {
        self.place.get_or_insert_with(|| (reader.node.origin.clone(), reader.path.clone()));
        self
    }

    fn into_problem(self) -> Problem {
        let (at, path) = self.place.unwrap_or((Origin::Default, String::new()));
        match self.missing {
            Some(field) => Problem::Missing { key: join(&path, field) },
            None => Problem::Value { at, key: path, message: self.message },
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), missing: None, place: None }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { message: format!("{field} is not set"), missing: Some(field), place: None }
    }
}

impl<'de, 'p> Reader<'de, 'p> {
    fn child(&self, node: &'de Node, path: String) -> Self {
        Reader { node, path, unknown: self.unknown }
    }

    /// What a type's own conversion refuses is told after the visit, so it gets its place here.
    fn seeded<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        let at = self.clone();
        seed.deserialize(self).map_err(|error| error.placed(&at))
    }

    fn visit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let at = self.clone();
        let value = match &self.node.kind {
            Kind::Table(table) => visitor.visit_map(Entries { reader: &self, rest: table.iter(), value: None }),
            Kind::List(list) => visitor.visit_seq(Items { reader: &self, rest: list.iter().enumerate() }),
            Kind::Value(value) => de::Deserializer::deserialize_any(value.clone(), visitor).map_err(from_toml),
            Kind::Loose(text) => de::Deserializer::deserialize_any(typed(text), visitor).map_err(from_toml),
        };
        value.map_err(|error| error.placed(&at))
    }

    /// The text as it is, for keys that take text: `true` and `25` are words too.
    fn visit_text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.kind {
            Kind::Loose(text) => visitor.visit_str(text).map_err(|error: ReadError| error.placed(&self)),
            _ => self.visit(visitor),
        }
    }

    fn note_unknown(&self, fields: &'static [&'static str]) {
        let Kind::Table(table) = &self.node.kind else { return };
        for (key, node) in table.iter().filter(|(key, _)| !fields.contains(&key.as_str())) {
            self.unknown.borrow_mut().push(Problem::UnknownKey {
                at: node.origin.clone(),
                key: join(&self.path, key),
                suggestion: nearest(key, fields).map(|near| join(&self.path, near)),
            });
        }
    }
}

fn from_toml(error: toml::de::Error) -> ReadError {
    de::Error::custom(error.message())
}

/// Text from the environment for a key whose type is not text: as TOML, and as text if it is none.
fn typed(text: &str) -> toml::Value {
    let line = format!("value = {text}");
    let parsed = line.parse::<toml::Table>().ok().filter(|table| table.len() == 1);
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

impl<'de> de::Deserializer<'de> for Reader<'de, '_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.visit(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.visit_text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.visit_text(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let word = String::deserialize(self.clone())?;
        if !words.contains(&word.as_str()) {
            return Err(ReadError::placed(de::Error::custom(format!("not one of {}", words.join(", "))), &self));
        }
        visitor.visit_enum(word.into_deserializer())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.note_unknown(fields);
        self.visit(visitor)
    }

    /// A table where a list of tables belongs is a list of one; text is parted at commas.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.kind {
            Kind::Table(_) => visitor.visit_seq(Items { reader: &self, rest: std::iter::once(self.node).enumerate() }),
            Kind::Loose(text) if !text.trim_start().starts_with('[') => {
                let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
                visitor
                    .visit_seq(de::value::SeqDeserializer::new(items.into_iter()))
                    .map_err(|error: ReadError| error.placed(&self))
            }
            _ => self.visit(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct
        tuple tuple_struct map identifier
    }
}

struct Entries<'r, 'de, 'p, I> {
    reader: &'r Reader<'de, 'p>,
    rest: I,
    value: Option<(&'de String, &'de Node)>,
}

impl<'de, I: Iterator<Item = (&'de String, &'de Node)>> de::MapAccess<'de> for Entries<'_, 'de, '_, I> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        self.value = self.rest.next();
        self.value.map(|(key, _)| seed.deserialize(key.as_str().into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let (key, node) = self.value.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        self.reader.child(node, join(&self.reader.path, key)).seeded(seed)
    }
}

struct Items<'r, 'de, 'p, I> {
    reader: &'r Reader<'de, 'p>,
    rest: I,
}

impl<'de, I: Iterator<Item = (usize, &'de Node)>> de::SeqAccess<'de> for Items<'_, 'de, '_, I> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some((index, node)) = self.rest.next() else { return Ok(None) };
        let path = match (&self.reader.node.kind, &node.kind) {
            (Kind::List(_), Kind::Table(_)) => format!("{}[{index}]", self.reader.path),
            _ => self.reader.path.clone(),
        };
        self.reader.child(node, path).seeded(seed).map(Some)
    }
}

/// The known name with the fewest edits, if that is few enough to be a slip.
fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|name| (edits(word, name), *name));
    let (distance, name) = scored.min()?;
    (distance <= 1 + word.len().min(name.len()) / 3).then_some(name)
}

/// Levenshtein's distance, in characters.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
