//! Where a value came from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// A line of a file, counted from 1.
    File {
        /// The file.
        path: Arc<PathBuf>,
        /// The line.
        line: usize,
    },
    /// A variable of the environment.
    Environment(String),
    /// A file that a variable of the environment names (`…_FILE`).
    EnvironmentFile {
        /// The variable.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// A credential of systemd.
    Credential(PathBuf),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Environment(name) => write!(f, "environment {name}"),
            Origin::EnvironmentFile { name, path } => write!(f, "environment {name} ({})", path.display()),
            Origin::Credential(path) => write!(f, "credential {}", path.display()),
            Origin::Flag(name) => write!(f, "flag {name}"),
        }
    }
}
