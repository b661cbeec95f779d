//! `/v1/suppressions`: who gets nothing more, and why. An address never stands in
//! a URL: one is looked up by a search in the body, and named by its id after.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow::Organisation;
use flow::suppression::{self, Added, NewSuppression, Origin};
use identity::{Action, ApiKey, Forbidden, Resource, authorize};
use mail::SuppressionId;
use mail::suppression::Reason;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Api;
use super::forms;
use super::key::Bearer;
use super::messages::parsed;
use super::problem::Problem;
use super::wire::{SuppressionIn, SuppressionOut, SuppressionSearch, SuppressionsOut, address};

const PAGE: usize = 200;

/// Who is suppressed, oldest first.
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "suppressions", params(Filter),
    responses(
        (status = 200, description = "A page", body = SuppressionsOut),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A parameter can't be used", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    query: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<SuppressionsOut>, Problem> {
    let organisation = may(&api, &key, Action::ReadSuppressions)?;
    let Query(filter) = query.map_err(|why| Problem::field("", why.body_text()))?;
    let after = match filter.cursor {
        None => None,
        Some(text) => {
            let text = forms::SUPPRESSION_ID.check("/cursor", text)?;
            Some(text.parse::<SuppressionId>().map_err(|_| Problem::field("/cursor", "no cursor"))?)
        }
    };
    let reason = filter.reason.map(reason_of).transpose()?;
    let limit = filter.limit.unwrap_or(50);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::field("/limit", format!("1 to {PAGE}")));
    }
    // A name that no stream has finds nothing.
    let wanted = (reason, filter.stream.as_deref());
    let found = suppression::list(api.door.journey(), organisation, wanted, after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    Ok(Json(SuppressionsOut { items: found.into_iter().map(Into::into).collect(), next }))
}

/// What is listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only those of this reason.
    #[param(pattern = "^(hard_bounce|complaint|unsubscribe|manual)$")]
    reason: Option<String>,
    /// Only those for this stream alone.
    stream: Option<String>,
    /// At most so many: 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Where the page before ended: its `next`.
    #[param(pattern = "^sup_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$")]
    cursor: Option<String>,
}

/// What is suppressed for one address.
#[utoipa::path(
    post, path = "/v1/suppressions/search", tag = "suppressions",
    request_body = SuppressionSearch,
    responses(
        (status = 200, description = "All of it", body = SuppressionsOut),
        (status = 400, description = "No JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No address", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn search(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    body: Bytes,
) -> Result<Json<SuppressionsOut>, Problem> {
    let organisation = may(&api, &key, Action::ReadSuppressions)?;
    let address = address("/address", &parsed::<SuppressionSearch>(&body)?.address)?;
    let found = suppression::of_address(api.door.journey(), organisation, &address).await?;
    Ok(Json(SuppressionsOut { items: found.into_iter().map(Into::into).collect(), next: None }))
}

/// Suppress an address. Once more changes nothing.
#[utoipa::path(
    post, path = "/v1/suppressions", tag = "suppressions",
    request_body = SuppressionIn,
    responses(
        (status = 201, description = "It is suppressed from now on", body = SuppressionOut),
        (status = 200, description = "It was already, for that stream and reason", body = SuppressionOut),
        (status = 400, description = "No JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A field can't be used", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn add(State(api): State<Arc<Api>>, Bearer(key): Bearer, body: Bytes) -> Result<Response, Problem> {
    let organisation = may_change(&api, &key)?;
    let wanted: SuppressionIn = parsed(&body)?;
    let address = address("/address", &wanted.address)?;
    let reason = wanted.reason.map_or(Ok(Reason::Manual), reason_of)?;
    if let Some(stream) = &wanted.stream {
        suppression::known_stream(api.door.journey(), stream)
            .map_err(|why| Problem::field("/stream", why.to_string()))?;
    }
    let origin = Origin::Application { key: key.id };
    let new = NewSuppression { address: &address, stream: wanted.stream.as_deref(), reason, origin };
    let added = suppression::suppress(api.door.journey(), key.org, new).await?;
    let kept = suppression::find(api.door.journey(), organisation, added.id()).await?;
    let status = if matches!(added, Added::New(_)) { StatusCode::CREATED } else { StatusCode::OK };
    let kept: SuppressionOut = kept.ok_or_else(Problem::missing)?.into();
    Ok((status, Json(kept)).into_response())
}

/// Which suppression is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "what is no id names nothing, and is answered so")]
struct Named {
    /// `sup_…`
    #[param(pattern = "^sup_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$")]
    id: String,
}

/// One suppression.
#[utoipa::path(
    get, path = "/v1/suppressions/{id}", tag = "suppressions", params(Named),
    responses(
        (status = 200, description = "The suppression", body = SuppressionOut),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Path(id): Path<String>,
) -> Result<Json<SuppressionOut>, Problem> {
    let organisation = may(&api, &key, Action::ReadSuppressions)?;
    let id = id.parse().map_err(|_| Problem::missing())?;
    let found = suppression::find(api.door.journey(), organisation, id).await?;
    found.map(|one| Json(one.into())).ok_or_else(Problem::missing)
}

/// Take a suppression back: mail goes to that address again.
#[utoipa::path(
    delete, path = "/v1/suppressions/{id}", tag = "suppressions", params(Named),
    responses(
        (status = 204, description = "It is taken back"),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    may_change(&api, &key)?;
    let id = id.parse().map_err(|_| Problem::missing())?;
    let by = key.principal().to_string();
    suppression::remove(api.door.journey(), key.org, id, &by, "by the API").await?;
    Ok(StatusCode::NO_CONTENT)
}

fn may<'a>(api: &'a Api, key: &ApiKey, action: Action) -> Result<&'a Organisation, Problem> {
    authorize(&key.principal(), action, &Resource::Organisation(key.org))?;
    let organisation = api.door.journey().organisations.find(key.org).ok_or(Forbidden)?;
    Ok(organisation)
}

/// What a test key does must say nothing about real mail.
fn may_change<'a>(api: &'a Api, key: &ApiKey) -> Result<&'a Organisation, Problem> {
    match key.test {
        true => Err(Problem::forbidden().detail("a test key changes nothing for real mail")),
        false => may(api, key, Action::ManageSuppressions),
    }
}

fn reason_of(text: String) -> Result<Reason, Problem> {
    let text = forms::SUPPRESSED_FOR.check("/reason", text)?;
    text.parse().map_err(|_| Problem::field("/reason", "no reason"))
}
