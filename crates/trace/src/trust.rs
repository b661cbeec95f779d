//! What the reader trusts: own servers and networks, facts about others, and
//! where the line stands below which fields are claims.

use ipnet::IpNet;
use serde::Deserialize;

/// What a reader states in a file (`--trust`).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrustFile {
    /// Names of own servers: `mx.clinic.example`, or `.clinic.example` for all below.
    pub own_names: Vec<String>,
    /// Networks of own servers.
    pub own_networks: Vec<IpNet>,
    /// Names of servers that always say so when TLS was used.
    pub always_logs_tls: Vec<String>,
    /// Names of servers whose silence tells nothing.
    pub silent_about_tls: Vec<String>,
    /// Groups of names between which a hand-over is internal.
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
#[derive(Clone, Debug, Default)]
pub struct Trust {
    _file: TrustFile,
}

impl Trust {
    /// The facts that ship, and those of a file.
    pub fn new(file: TrustFile) -> Self {
        Self { _file: file }
    }

    /// Reads a file of trust in TOML.
    ///
    /// # Errors
    ///
    /// Text that is not such a file.
    pub fn from_toml(text: &str) -> Result<Self, TrustError> {
        Ok(Self::new(toml::from_str(text)?))
    }
}
