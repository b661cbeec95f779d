//! `[keys]` and `[smime]`: how recipients' keys are found and believed. Which
//! of them count is policy's: `[policy.keys]`. `[orgkeys]`: the own ones.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::units::Span;

/// `[keys]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Keys {
    /// Whether keys are looked for in the web key directories of recipients' domains.
    pub wkd: bool,
    /// How long that may take before the message goes on without.
    pub wkd_wait: Span,
    /// How long an answer holds before the directory is asked again.
    pub wkd_again: Span,
    /// The port of web key directories.
    pub wkd_port: u16,
    /// Whether keys are taken from inbound mail that passes DMARC.
    pub harvest: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self { wkd: true, wkd_wait: Span::seconds(10), wkd_again: Span::days(1), wkd_port: 443, harvest: true }
    }
}

/// `[orgkeys]`: the keys themselves are in the vault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct OrgKeys {
    /// How long ahead the end of an own key is told of.
    pub warn: Span,
}

impl Default for OrgKeys {
    fn default() -> Self {
        Self { warn: Span::days(30) }
    }
}

/// `[smime]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Smime {
    /// Whose certificates for people are believed, PEM; none: only those that a person gave.
    pub anchors: Option<PathBuf>,
    /// Revocation lists, DER or PEM.
    pub crls: Vec<PathBuf>,
    /// Whether the issuers of recipients' certificates are asked if they revoked them: by OCSP, then by their lists.
    pub revocation: bool,
    /// How long that may take before the message goes on without.
    pub revocation_wait: Span,
    /// How long an answer holds at most before they are asked again.
    pub revocation_again: Span,
}

impl Default for Smime {
    fn default() -> Self {
        Self {
            anchors: None,
            crls: Vec::new(),
            revocation: true,
            revocation_wait: Span::seconds(10),
            revocation_again: Span::hours(12),
        }
    }
}
