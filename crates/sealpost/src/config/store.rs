//! `[store]`: which database.

use serde::{Deserialize, Serialize};

use super::units::{Secret, Span};

/// `[store]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    /// Which database.
    pub url: StoreUrl,
    /// How soon other nodes deliver what a dead one had begun to.
    pub lease: Span,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: StoreUrl::default(), lease: Span(std::time::Duration::from_secs(120)) }
    }
}

/// Which database there is. The URL of PostgreSQL may hold a password, so it is a secret.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum StoreUrl {
    /// `sqlite`: the embedded one, in `server.data_dir`.
    #[default]
    Sqlite,
    /// `postgres://user:password@host/database`.
    Postgres(Secret),
}

impl TryFrom<String> for StoreUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "sqlite" => Ok(StoreUrl::Sqlite),
            url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(StoreUrl::Postgres(Secret::from(text)))
            }
            _ => Err("neither \"sqlite\" nor postgres://…"),
        }
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            StoreUrl::Sqlite => to.serialize_str("sqlite"),
            StoreUrl::Postgres(secret) => secret.serialize(to),
        }
    }
}
