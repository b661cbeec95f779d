//! `/v1/messages`: hand in, look up, judge.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flow::application::{Origin, Request};
use flow::holds::{self, Judge};
use flow::{MessageRow, MessageState, is_rehearsal, listing, recall, timeline};
use identity::{Action, ApiKey, Resource, authorize};
use mail::MessageId;
use serde::Deserialize;
use utoipa::openapi::{self, RefOr};
use utoipa::{IntoParams, IntoResponses};

use super::Api;
use super::body;
use super::forms;
use super::key::Bearer;
use super::problem::Problem;
use super::wire::{
    EventsOut, Judged, JudgementIn, MessageIn, MessageOut, MessageTaken, MessagesOut, RecalledCopy, RecalledOut,
    StayingCopy,
};
use crate::server::{PeerAddress, PeerTls};
use crate::visitor::visitor;

/// Rows looked at for one page: a filter that matches little is answered in parts.
const SEEN_MAX: usize = 2_000;
const PAGE: usize = 200;

/// Hand in a message. 202 means that it is durable.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages",
    params(Repeatable),
    request_body = MessageIn,
    responses(
        (status = 202, description = "Taken", body = MessageTaken),
        (status = 400, description = "No JSON", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "Sent too slowly", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The same request is under way", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Not taken", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "No room", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn submit(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Extension(PeerAddress(peer)): Extension<PeerAddress>,
    tls: Option<Extension<PeerTls>>,
    request: axum::extract::Request,
) -> Result<Response, Problem> {
    // Before any of its body is read.
    authorize(&key.principal(), Action::Submit, &Resource::Organisation(key.org))?;
    let idempotency = idempotency_key(request.headers())?;
    let peer = visitor(peer.ip(), request.headers(), &api.settings.proxies);
    let body = body::received(&api, request).await?;
    let letter = parsed::<MessageIn>(&body.bytes)?.letter()?;
    let origin = Origin { peer, tls: tls.map(|Extension(PeerTls(facts))| facts) };
    let request = idempotency.as_deref().map(|key| Request { key, body: &body.bytes });
    let done = api.door.submit(&key, letter, origin, request).await?;
    let id = done.message.to_string();
    let timeline = format!("/v1/messages/{id}/events");
    let taken = MessageTaken { id, status: "queued", timeline, replayed: done.replayed };
    let mut response = (StatusCode::ACCEPTED, Json(taken)).into_response();
    if done.replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// A request that may come more than once.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is read by hand, so that what can't be used is a problem of its own")]
struct Repeatable {
    /// Repeats of the request within 24 hours find the same message.
    #[param(rename = "Idempotency-Key", value_type = String, required = false, min_length = 1, max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$")]
    idempotency_key: Option<String>,
}

/// The messages, newest first.
#[utoipa::path(
    get, path = "/v1/messages", tag = "messages", params(Filter),
    responses(
        (status = 200, description = "A page", body = MessagesOut),
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
) -> Result<Json<MessagesOut>, Problem> {
    authorize(&key.principal(), Action::ReadQueue, &Resource::Organisation(key.org))?;
    let Query(filter) = query.map_err(|why| Problem::field("", why.body_text()))?;
    let before = match &filter.cursor {
        None => None,
        Some(text) => {
            let text = forms::MESSAGE_ID.check("/cursor", text.clone())?;
            Some(text.parse::<MessageId>().map_err(|_| Problem::field("/cursor", "no cursor"))?)
        }
    };
    let state = filter.state.as_deref().map(state_of).transpose()?;
    let limit = filter.limit.unwrap_or(50);
    if !(1..=PAGE).contains(&limit) {
        return Err(Problem::field("/limit", format!("1 to {PAGE}")));
    }
    // A test key sees what test keys handed in, and nothing else.
    let test = Some(key.test || filter.test.unwrap_or_default());
    let (stream, campaign, tag) = (filter.stream, filter.campaign, filter.tag);
    let wanted = listing::Filter { state, stream, campaign, tag, test };
    let page = listing::list(api.door.journey(), key.org, &wanted, before, (limit, SEEN_MAX)).await;
    let page = page.map_err(|why| Problem::unavailable(&why))?;
    let items = page.rows.into_iter().map(out).collect();
    Ok(Json(MessagesOut { items, next: page.next.map(|message| message.to_string()) }))
}

/// What is listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Only messages in this state: accepted, decided, held, refused, erased.
    #[param(pattern = "^(accepted|decided|held|refused|erased)$")]
    state: Option<String>,
    /// Only messages of this stream.
    stream: Option<String>,
    /// Only messages of this campaign.
    campaign: Option<String>,
    /// Only messages with this tag.
    tag: Option<String>,
    /// The messages that test keys handed in, instead of the others. A test key sees these alone.
    test: Option<bool>,
    /// At most so many: 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Where the page before ended: its `next`.
    #[param(pattern = "^msg_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$")]
    cursor: Option<String>,
}

/// Which message is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "what is no id names no message, and is answered so")]
struct Named {
    /// `msg_…`
    #[param(pattern = "^msg_[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$")]
    id: String,
}

/// One message.
#[utoipa::path(
    get, path = "/v1/messages/{id}", tag = "messages", params(Named),
    responses(
        (status = 200, description = "The message", body = MessageOut),
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
) -> Result<Json<MessageOut>, Problem> {
    let id = message_of(&api, &key, &id, Action::ReadTimeline).await?;
    let row = api.door.journey().store.message(key.org, id).await.map_err(|why| Problem::unavailable(&why))?;
    row.map(out).map(Json).ok_or_else(Problem::missing)
}

/// What happened to a message.
#[utoipa::path(
    get, path = "/v1/messages/{id}/events", tag = "messages", params(Named),
    responses(
        (status = 200, description = "The events", body = EventsOut),
        (status = 401, description = "No key that holds", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key may not", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "Erased", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Problem, content_type = "application/problem+json"),
    ),
    security(("bearer" = [])),
)]
pub(super) async fn events(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Path(id): Path<String>,
) -> Result<Json<EventsOut>, Problem> {
    let id = message_of(&api, &key, &id, Action::ReadTimeline).await?;
    let timeline = timeline(api.door.journey(), key.org, id).await?;
    let mut events = Vec::with_capacity(timeline.events.len());
    for (at, event) in &timeline.events {
        let mut one = serde_json::to_value(event).map_err(|why| Problem::unavailable(&why))?;
        if let Some(fields) = one.as_object_mut() {
            fields.insert("at".to_owned(), at.to_string().into());
        }
        events.push(one);
    }
    Ok(Json(EventsOut { id: id.to_string(), state: timeline.state.word().to_owned(), events }))
}

/// Let a held message go, under all else that policy asks of it.
#[utoipa::path(
    post, path = "/v1/messages/{id}/release", tag = "messages", params(Named),
    request_body = JudgementIn,
    responses(
        (status = 200, description = "It goes on", body = Judged),
        NotJudgedAnswers,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn release(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Judged>, Problem> {
    let id = message_of(&api, &key, &id, Action::JudgeHeld).await?;
    let reason = reason(&body)?;
    let by = key.principal().to_string();
    let stays = holds::release(api.door.journey(), key.org, id, Judge::Staff(&by), Some(&reason)).await?;
    let one = |one: holds::Stays| StayingCopy { recipient: one.recipient.to_string(), because: one.rules };
    Ok(Json(Judged { id: id.to_string(), status: "released", stays: stays.into_iter().map(one).collect() }))
}

/// Never send a held message; its sender is told the reason.
#[utoipa::path(
    post, path = "/v1/messages/{id}/reject", tag = "messages", params(Named),
    request_body = JudgementIn,
    responses(
        (status = 200, description = "It will not be sent", body = Judged),
        NotJudgedAnswers,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn reject(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Judged>, Problem> {
    let id = message_of(&api, &key, &id, Action::JudgeHeld).await?;
    let reason = reason(&body)?;
    holds::reject(api.door.journey(), key.org, id, &key.principal().to_string(), &reason).await?;
    Ok(Json(Judged { id: id.to_string(), status: "rejected", stays: Vec::new() }))
}

/// Recall a message: what is in the portal is withdrawn at once, what waits is
/// not sent, and for each recipient it is said what became of the copy.
#[utoipa::path(
    post, path = "/v1/messages/{id}/recall", tag = "messages", params(Named),
    request_body = JudgementIn,
    responses(
        (status = 200, description = "What became of each copy", body = RecalledOut),
        NotJudgedAnswers,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn recall(
    State(api): State<Arc<Api>>,
    Bearer(key): Bearer,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<RecalledOut>, Problem> {
    let id = message_of(&api, &key, &id, Action::JudgeHeld).await?;
    let reason = reason(&body)?;
    let by = key.principal().to_string();
    let told = recall::recall(api.door.journey(), key.org, id, &by, &reason).await?;
    let one = |one: recall::Recalled| RecalledCopy {
        recipient: one.recipient.to_string(),
        outcome: one.outcome.word(),
        delivered_at: one.delivered_at,
    };
    Ok(Json(RecalledOut { id: id.to_string(), recipients: told.into_iter().map(one).collect() }))
}

/// What is said where a message can't be judged or recalled.
struct NotJudgedAnswers;

impl IntoResponses for NotJudgedAnswers {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let problem = || openapi::ContentBuilder::new().schema(Some(openapi::Ref::from_schema_name("Problem"))).build();
        let one = |(status, description): (u16, &str)| {
            let response = openapi::ResponseBuilder::new()
                .description(description)
                .content("application/problem+json", problem())
                .build();
            (status.to_string(), RefOr::T(response))
        };
        let all = [
            (400, "No JSON"),
            (401, "No key that holds"),
            (403, "The key may not"),
            (404, "There is none"),
            (409, "It does not wait"),
            (410, "Erased"),
            (422, "No reason"),
            (503, "Not now"),
        ];
        all.into_iter().map(one).collect()
    }
}

/// The message that is meant, if the key may do this to it. What is no id is
/// nothing's, and to a test key there is nothing but rehearsals.
async fn message_of(api: &Api, key: &ApiKey, id: &str, action: Action) -> Result<MessageId, Problem> {
    let id = id.parse().map_err(|_| Problem::missing())?;
    let principal = key.principal();
    if authorize(&principal, action, &Resource::Message(key.org, id)).is_ok() {
        return Ok(id);
    }
    authorize(&principal, action, &Resource::Rehearsal(key.org, id))?;
    match is_rehearsal(api.door.journey(), key.org, id).await {
        Ok(true) => Ok(id),
        Ok(false) => Err(Problem::missing()),
        Err(why) => Err(Problem::unavailable(&why)),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(field) = headers.get("idempotency-key") else { return Ok(None) };
    let text = field.to_str().unwrap_or_default().trim();
    match forms::IDEMPOTENCY_KEY.fits(text) {
        true => Ok(Some(text.to_owned())),
        false => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", "The Idempotency-Key can't be used")
                .detail("1 to 255 visible ASCII characters"))
        }
    }
}

pub(super) fn parsed<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|why| {
        let status = if why.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        let place = format!("line {}, column {}", why.line(), why.column());
        // The text of the error may quote the body: only the place is told.
        Problem::new(status, "invalid_json", "The body can't be read").detail(format!("{}; {place}", category(&why)))
    })
}

fn category(why: &serde_json::Error) -> &'static str {
    match why.classify() {
        serde_json::error::Category::Data => "a field is missing, unknown or of another type",
        serde_json::error::Category::Eof => "it ends too soon",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    }
}

fn reason(body: &[u8]) -> Result<String, Problem> {
    let JudgementIn { reason } = parsed(body)?;
    Ok(forms::REASON.check("/reason", reason)?.trim().to_owned())
}

fn out(row: MessageRow) -> MessageOut {
    MessageOut {
        id: row.message.to_string(),
        state: row.state.word().to_owned(),
        received_at: row.received_at,
        stream: row.dimensions.stream,
        campaign: row.dimensions.campaign,
        tags: row.dimensions.tags,
        body_bytes: row.dimensions.body_bytes,
    }
}

fn state_of(text: &str) -> Result<MessageState, Problem> {
    let found = MessageState::ALL.into_iter().find(|state| state.word() == text);
    found.ok_or_else(|| Problem::field("/state", "accepted, decided, held, refused or erased"))
}
