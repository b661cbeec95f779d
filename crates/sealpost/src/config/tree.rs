//! A configuration before it has types: tables, lists and values, each with
//! its origin, and how one layer is laid over another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::{Origin, Problem};

/// A part of a configuration and where it was set.
#[derive(Debug, Clone)]
pub struct Node {
    pub origin: Origin,
    pub kind: Kind,
}

/// What a part is.
#[derive(Debug, Clone)]
pub enum Kind {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    /// A value of TOML that is neither table nor array.
    Value(toml::Value),
    /// Text without a type (environment, flags): it takes the type that its key has.
    Loose(String),
}

impl Node {
    /// A table without keys.
    pub fn empty() -> Self {
        Self { origin: Origin::Default, kind: Kind::Table(BTreeMap::new()) }
    }

    /// A tree with one text at a dotted key.
    pub fn loose(key: &str, text: String, origin: &Origin) -> Self {
        let leaf = Node { origin: origin.clone(), kind: Kind::Loose(text) };
        key.rsplit('.').fold(leaf, |inner, name| Node {
            origin: origin.clone(),
            kind: Kind::Table(BTreeMap::from([(name.to_owned(), inner)])),
        })
    }

    /// Lays `upper` over this: tables key by key, lists of tables one after the other, all else replaced.
    /// A table over a list of one table is laid over that one, so that `SEALPOST_ORGANISATION__NAME` works
    /// whichever way the file wrote the organisation.
    pub fn lay(&mut self, upper: Node) {
        match (&mut self.kind, upper.kind) {
            (Kind::Table(lower), Kind::Table(upper)) => lay_table(lower, upper),
            (Kind::List(lower), Kind::List(upper)) if are_tables(lower) && are_tables(&upper) => lower.extend(upper),
            (Kind::List(lower), Kind::Table(table)) if are_tables(lower) => {
                let upper = Node { origin: upper.origin, kind: Kind::Table(table) };
                match lower.as_mut_slice() {
                    [only] => only.lay(upper),
                    _ => lower.push(upper),
                }
            }
            (Kind::Table(_), Kind::List(upper)) if are_tables(&upper) => {
                let first = std::mem::replace(self, Node::empty());
                *self = Node { origin: first.origin.clone(), kind: Kind::List([vec![first], upper].concat()) };
            }
            (_, kind) => *self = Node { origin: upper.origin, kind },
        }
    }

    /// The table, if this is one.
    pub fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Node>> {
        match &mut self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The origin of every value by its dotted key; tables of a list are counted: `route[1].host`.
    pub fn origins(&self) -> BTreeMap<String, Origin> {
        let mut found = BTreeMap::new();
        self.note_origins("", &mut found);
        found
    }

    fn note_origins(&self, path: &str, found: &mut BTreeMap<String, Origin>) {
        match &self.kind {
            Kind::Table(table) => {
                for (key, node) in table {
                    node.note_origins(&join(path, key), found);
                }
            }
            Kind::List(list) if are_tables(list) && !list.is_empty() => {
                for (index, node) in list.iter().enumerate() {
                    node.note_origins(&format!("{path}[{index}]"), found);
                }
            }
            Kind::List(_) | Kind::Value(_) | Kind::Loose(_) => {
                found.insert(path.to_owned(), self.origin.clone());
            }
        }
    }
}

/// `path.key`, or `key` at the top.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn lay_table(lower: &mut BTreeMap<String, Node>, upper: BTreeMap<String, Node>) {
    for (key, node) in upper {
        match lower.get_mut(&key) {
            Some(there) => there.lay(node),
            None => {
                lower.insert(key, node);
            }
        }
    }
}

fn are_tables(list: &[Node]) -> bool {
    list.iter().all(|node| matches!(node.kind, Kind::Table(_)))
}

/// Reads one file's text.
pub fn parse(path: &Path, text: &str) -> Result<Node, Problem> {
    let file = File { path: Arc::new(path.to_owned()), text };
    let table = DeTable::parse(text).map_err(|error| Problem::Syntax {
        at: file.origin(error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    file.table(table.get_ref(), 0)
}

struct File<'t> {
    path: Arc<PathBuf>,
    text: &'t str,
}

impl File<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        Origin::File { path: self.path.clone(), line: 1 + before.iter().filter(|byte| **byte == b'\n').count() }
    }

    fn table(&self, table: &DeTable<'_>, offset: usize) -> Result<Node, Problem> {
        let nodes = table.iter().map(|(key, value)| {
            let node = self.node(value.get_ref(), key.span().start)?;
            Ok((key.get_ref().to_string(), node))
        });
        Ok(Node { origin: self.origin(offset), kind: Kind::Table(nodes.collect::<Result<_, Problem>>()?) })
    }

    fn node(&self, value: &DeValue<'_>, offset: usize) -> Result<Node, Problem> {
        let origin = self.origin(offset);
        let kind = match value {
            DeValue::Table(table) => return self.table(table, offset),
            DeValue::Array(list) => {
                let nodes = list.iter().map(|item| self.node(item.get_ref(), item.span().start));
                Kind::List(nodes.collect::<Result<_, Problem>>()?)
            }
            DeValue::String(text) => Kind::Value(text.to_string().into()),
            DeValue::Boolean(truth) => Kind::Value((*truth).into()),
            DeValue::Datetime(time) => Kind::Value((*time).into()),
            DeValue::Integer(number) => {
                let number = i64::from_str_radix(number.as_str(), number.radix());
                Kind::Value(number.map_err(|_| out_of_range(&origin))?.into())
            }
            DeValue::Float(number) => {
                Kind::Value(number.as_str().parse::<f64>().map_err(|_| out_of_range(&origin))?.into())
            }
        };
        Ok(Node { origin, kind })
    }
}

fn out_of_range(at: &Origin) -> Problem {
    Problem::Syntax { at: at.clone(), message: "the number is out of range".to_owned() }
}
