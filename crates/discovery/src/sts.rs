//! MTA-STS policies over HTTPS (RFC 8461 §3.3).

use mail::Domain;
use transport::Pending;
use transport::mta_sts::{PolicyError, PolicySource, StsPolicy};

use crate::fetch::{Bounds, FetchError, Fetcher, Url};

/// Fetches policies from the well-known place.
pub struct HttpsPolicies(pub Fetcher);

impl HttpsPolicies {
    async fn fetch(&self, domain: &Domain) -> Result<StsPolicy, PolicyError> {
        let text = self.text(domain).await.map_err(|error| match error {
            PolicyFetchError::Fetch(FetchError::Certificate(_)) => PolicyError::Certificate(error.to_string()),
            error => PolicyError::Fetch(error.to_string()),
        })?;
        StsPolicy::parse(&text).map_err(PolicyError::Policy)
    }

    async fn text(&self, domain: &Domain) -> Result<Vec<u8>, PolicyFetchError> {
        let url = Url::parse(&format!("https://mta-sts.{domain}/.well-known/mta-sts.txt")).map_err(FetchError::Url)?;
        let fetched = self.0.get(&url, Bounds::MTA_STS).await?;
        if fetched.status != 200 {
            return Err(PolicyFetchError::Status(fetched.status));
        }
        // RFC 8461 §3.2: of this type, so that a page that somebody else can
        // put on the host is not taken for a policy.
        match fetched.media_type().as_deref() {
            Some("text/plain") => Ok(fetched.body),
            _ => Err(PolicyFetchError::MediaType),
        }
    }
}

impl PolicySource for HttpsPolicies {
    fn policy<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<StsPolicy, PolicyError>> {
        Box::pin(self.fetch(domain))
    }
}

#[derive(Debug, thiserror::Error)]
enum PolicyFetchError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the server answers {0}")]
    Status(u16),
    #[error("the media type is not text/plain")]
    MediaType,
}
