//! An authority, what is wanted of it, and what it needs of us meanwhile.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use discovery::fetch::{Bounds, FetchError, Fetcher, Url};
use mail::Domain;
use serde::Deserialize;

use crate::account::{ExternalAccount, KeptAccount};
use crate::answer::{Answer, Challenge};
use crate::error::AcmeError;

/// What one request may cost: chains and problems are small, validations are polled for.
pub(crate) const BOUNDS: Bounds =
    Bounds { body_bytes_max: 256 * 1024, time: Duration::from_secs(30), redirects_max: 0, addresses_max: 4 };

/// An authority that is asked by ACME.
pub struct Authority {
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) directory: Url,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The names that the certificate is to bear.
    pub names: Vec<Domain>,
    /// How the names are proven.
    pub challenge: Challenge,
    /// Mail addresses that the authority may write to.
    pub contact: Vec<String>,
    /// Whether the operator agreed to the authority's terms.
    pub terms_agreed: bool,
    /// The account at the authority's that ours is bound to.
    pub external: Option<ExternalAccount>,
}

/// What the authority says of itself (RFC 8555 §7.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Where its terms of service are; none where it has none.
    pub url: Option<String>,
    /// Whether accounts must be bound to one that the authority knows already.
    pub needs_external_account: bool,
}

/// A future of a [`Desk`].
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something could not be kept or shown.
#[derive(Debug, thiserror::Error)]
#[error("what ACME needs can't be kept")]
pub struct DeskTrouble(#[source] pub Box<dyn StdError + Send + Sync>);

/// Where what the conversation needs is kept and shown.
pub trait Desk: Send + Sync {
    /// The account that was kept last.
    fn account(&self) -> Pending<'_, Result<Option<KeptAccount>, DeskTrouble>>;
    /// Keeps the account, durably, before anything is ordered with it.
    fn keep_account(&self, account: KeptAccount) -> Pending<'_, Result<(), DeskTrouble>>;
    /// Shows an answer wherever the authority may look; it is asked to look when this is done.
    fn show(&self, answer: Answer) -> Pending<'_, Result<(), DeskTrouble>>;
}

#[derive(Deserialize)]
struct Directory {
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    terms_of_service: Option<String>,
    external_account_required: bool,
}

impl Authority {
    /// The authority with this directory, asked through `fetcher`.
    pub fn new(fetcher: Arc<Fetcher>, directory: Url) -> Self {
        Self { fetcher, directory }
    }

    /// The address of its directory.
    pub fn directory(&self) -> String {
        self.directory.to_string()
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// [`AcmeError::Unreachable`], or [`AcmeError::NotAcme`].
    pub async fn terms(&self) -> Result<Terms, AcmeError> {
        let fetched = self.fetcher.get(&self.directory, BOUNDS).await?;
        if fetched.status != 200 {
            return Err(AcmeError::NotAcme { what: format!("it answers {}", fetched.status) });
        }
        let directory: Directory = serde_json::from_slice(&fetched.body)
            .map_err(|_| AcmeError::NotAcme { what: "its answer is no directory".to_owned() })?;
        let url = directory.meta.terms_of_service.filter(|url| !url.is_empty());
        Ok(Terms { url, needs_external_account: directory.meta.external_account_required })
    }
}

impl From<FetchError> for AcmeError {
    fn from(error: FetchError) -> Self {
        AcmeError::Unreachable(error)
    }
}
