//! The configuration: one typed value, read from files, credentials,
//! environment and flags, each over the one before it.
//!
//! `/etc/sealpost/sealpost.toml`, then `conf.d/*.toml` beside it in the order
//! of their names, then systemd credentials, then `SEALPOST_SECTION__KEY`,
//! then flags. The structs in [`sections`] are the only list of keys there is:
//! what they do not name is refused, with the place and the nearest name that
//! exists. Every value keeps the place it came from.
//!
//! This module reads configuration and nothing else: it opens no listener, no
//! database and no key. A secret is never shown.

mod acme;
mod check;
mod check_gateway;
mod delivery;
pub mod gateway;
mod keys;
mod layers;
mod origin;
mod providers;
mod reader;
mod replies;
mod reports;
mod sections;
mod show;
mod source;
mod store;
mod stream;
mod tree;
mod units;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use delivery::{Delivery, DnssecMode, Route, Shaping};
pub use origin::Origin;
pub use sections::{Config, Log, LogFormat, Organisation};
pub use source::Source;
pub use store::StoreUrl;
pub use stream::Stream;
pub use units::Span;

/// What one problem is about: whose place it is in, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A file of the configuration can't be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not TOML.
    #[error("{at}: {message}")]
    Syntax {
        /// File and line.
        at: Origin,
        /// What the parser said.
        message: String,
    },
    /// A key that does not exist.
    #[error("{at}: unknown key {key}{}", suggest(.suggestion.as_deref()))]
    UnknownKey {
        /// Where it stands.
        at: Origin,
        /// Its dotted name.
        key: String,
        /// The nearest key that exists.
        suggestion: Option<String>,
    },
    /// A value that its key can't take.
    #[error("{at}: {key}: {message}")]
    Value {
        /// Where it stands.
        at: Origin,
        /// Its dotted name.
        key: String,
        /// What is wrong with it; never the value of a secret.
        message: String,
    },
    /// A key without which nothing can start.
    #[error("{key} is not set")]
    Missing {
        /// Its dotted name.
        key: String,
    },
}

fn suggest(suggestion: Option<&str>) -> String {
    suggestion.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

/// Everything that is wrong with a configuration, one line each.
#[derive(Debug, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, problem) in self.0.iter().enumerate() {
            if line > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// What the configuration is read from.
#[derive(Debug, Default, Clone)]
pub struct Inputs {
    /// The file; `conf.d` is looked for beside it. None: no file at all.
    pub file: Option<PathBuf>,
    /// The environment, or the part of it that counts.
    pub environment: Vec<(String, String)>,
    /// `$CREDENTIALS_DIRECTORY` of systemd.
    pub credentials: Option<PathBuf>,
    /// What flags said: the flag, its dotted key, its value.
    pub flags: Vec<(String, String, String)>,
}

impl Inputs {
    /// The file at `path` with this process's environment and credentials.
    pub fn of_process(path: &Path) -> Self {
        Self {
            file: Some(path.to_owned()),
            environment: std::env::vars().filter(|(name, _)| name.starts_with(layers::PREFIX)).collect(),
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            flags: Vec::new(),
        }
    }
}

/// A configuration that was read and judged, with the origin of each value.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Where each dotted key was set; what is absent has its default.
    pub origins: BTreeMap<String, Origin>,
}

/// Reads and judges the whole configuration.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    judge(layers::merged(inputs)?)
}

/// A configuration from one text, as the demo and tests write it. `name` stands for the file.
pub fn from_text(name: &str, text: &str) -> Result<Loaded, Problems> {
    judge(tree::parse(Path::new(name), text).map_err(|problem| Problems(vec![problem]))?)
}

fn judge(mut tree: tree::Node) -> Result<Loaded, Problems> {
    // So that what is missing from an absent section is told by its whole name.
    if let Some(sections) = tree.table_mut() {
        sections.entry("server".to_owned()).or_insert_with(tree::Node::empty);
        sections.entry("organisation".to_owned()).or_insert_with(tree::Node::empty);
    }
    let config = reader::read::<Config>(&tree).map_err(Problems)?;
    let loaded = Loaded { config, origins: tree.origins() };
    let problems = check::problems(&loaded);
    if problems.is_empty() { Ok(loaded) } else { Err(Problems(problems)) }
}

impl Loaded {
    /// Files that the configuration names and that can't be opened: for `config check`, and for nothing that
    /// must keep running.
    pub fn unreadable_files(&self) -> Vec<Problem> {
        check::unreadable_files(self)
    }

    /// Every key with its value, `key = value`, secrets masked; with the origin of each if asked.
    pub fn show(&self, with_origin: bool) -> String {
        show::text(self, with_origin)
    }

    /// The same as JSON: `{"portal.language":{"value":"en","origin":"default"}}`.
    pub fn show_json(&self) -> serde_json::Value {
        show::json(self)
    }

    /// Where a dotted key was set.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}

#[cfg(test)]
mod tests;
