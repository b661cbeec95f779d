//! Who asks: the API key of a request (RFC 6750 §2.1).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use flow::api_keys;
use identity::{ApiKey, Shown};
use tokio::time::Instant;

use super::Api;
use super::problem::Problem;
use crate::pace;

/// A key that holds.
pub(super) struct Bearer(pub ApiKey);

impl FromRequestParts<Arc<Api>> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let start = Instant::now();
        let shown = shown(parts).ok_or_else(Problem::unauthorized)?;
        if let Some(key) = api_keys::check(api.door.journey(), &shown).await? {
            return Ok(Bearer(key));
        }
        pace::key_refused(start).await;
        Err(Problem::unauthorized())
    }
}

fn shown(parts: &Parts) -> Option<Shown> {
    let field = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = field.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(())?;
    key.trim().parse().ok()
}
