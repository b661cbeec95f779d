//! `/v1/inspect`: how a mail travelled. The answer is the object that
//! `sealpost inspect --json` writes. Nothing is stored.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use identity::{Action, Resource, authorize};
use serde::Deserialize;
use trace::report::Report;
use utoipa::ToSchema;

use super::Api;
use super::key::Bearer;
use super::messages::parsed;
use super::problem::Problem;
use crate::inspect::beginning;

/// A header block has so many bytes at the most.
pub(super) const HEADER_BYTES_MAX: usize = 4 << 20;

/// A message in JSON, for clients that speak nothing else.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderIn {
    /// The message, or its header block alone.
    message: String,
}

/// How did this mail travel, and was it encrypted?
///
/// Takes a message, or what stands above its text, as it is; or the same in JSON.
#[utoipa::path(
    post, path = "/v1/inspect", tag = "inspect",
    request_body(
        description = "The message as it is, or its header block alone; or `{\"message\": \"…\"}`",
        content((String = "message/rfc822"), (String = "text/plain"), (HeaderIn = "application/json")),
    ),
    responses(
        (status = 200, description = "Its way", body = Report<'_>),
        (status = 400, description = "No JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No message and no header block", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn inspect(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    request: Request,
) -> Result<Response, Problem> {
    authorize(&key.principal(), Action::InspectHeader, &Resource::Organisation(key.org))?;
    if !api.inspecting.admits(key.id.to_string(), api.clock.now()) {
        return Err(Problem::slow());
    }
    let _place = api.desk.place()?;
    let is_json = is_json(request.headers());
    // In JSON a byte may take six (`\u000a`), and all of it must be there to be read.
    let kept_max = if is_json { api.desk.bytes_max().saturating_mul(2) } else { api.desk.bytes_max() };
    let limit = if is_json { kept_max } else { api.settings.request_bytes_max };
    let body = beginning(request.into_body(), kept_max, limit).await?;
    let message = if is_json { parsed::<HeaderIn>(&body)?.message.into_bytes() } else { body };
    let told = api.desk.judge(message, |trace, evidence| serde_json::to_vec(&Report::new(trace, evidence))).await?;
    let json = told.map_err(|why| Problem::unavailable(&why))?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response())
}

/// Whether the client says that it is JSON; all else is taken for the message itself.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}
