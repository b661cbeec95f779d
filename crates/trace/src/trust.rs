//! What the reader trusts: own servers and networks, and facts about others.

use std::sync::Arc;

use ipnet::IpNet;
use serde::Deserialize;

use crate::facts::Facts;

/// What a reader states in a file (`--trust`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustFile {
    /// Names of own servers. A name stands for all below it.
    pub own_names: Vec<String>,
    /// Networks of own servers.
    pub own_networks: Vec<IpNet>,
    /// Names of servers that always say so when TLS was used.
    pub always_logs_tls: Vec<String>,
    /// Names of servers whose silence tells nothing.
    pub silent_about_tls: Vec<String>,
    /// Groups of names and networks between which a hand-over is internal.
    pub internal: Vec<Vec<String>>,
}

/// Why a file of trust is refused.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The reader's file.
    #[error(transparent)]
    File(#[from] toml::de::Error),
}

/// What the judgement rests on: the facts that ship, and what the reader states.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(crate) facts: Arc<Facts>,
    /// Whether the reader named own servers; else the topmost field names them.
    pub(crate) is_stated: bool,
}

impl Default for Trust {
    fn default() -> Self {
        Self { facts: Facts::shipped(), is_stated: false }
    }
}

impl Trust {
    /// The facts that ship, and those of a file.
    pub fn new(file: &TrustFile) -> Self {
        Self { facts: Facts::with(file), is_stated: !(file.own_names.is_empty() && file.own_networks.is_empty()) }
    }

    /// Reads a file of trust in TOML.
    ///
    /// # Errors
    ///
    /// Text that is not such a file.
    pub fn from_toml(text: &str) -> Result<Self, TrustError> {
        Ok(Self::new(&toml::from_str(text)?))
    }
}
