//! The REST API: `/v1`, Bearer keys with scopes, problems of RFC 9457, and a
//! description of itself (OpenAPI 3.1) made from these very handlers.
//!
//! It converts at the edge and decides nothing: a message goes in by
//! [`flow::application`], as by any other door.

mod body;
mod forms;
mod inspect;
mod key;
mod messages;
mod problem;
mod suppressions;
mod wire;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flow::application::Applications;
use ipnet::IpNet;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use mail::Clock;
use problem::Problem;

use crate::inspect::Desk;
use crate::rate::{self, Limiter};

/// What the handlers share.
struct Api {
    door: Applications,
    clock: Arc<dyn Clock>,
    /// Where header blocks are judged.
    desk: Desk,
    inspecting: Limiter<String>,
    settings: Settings,
}

/// What the API bears, and whom it believes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A request may have so many bytes.
    pub request_bytes_max: usize,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sealpost",
        description = "Hand in messages, follow them, judge what policy holds; ask how a mail travelled.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&Bearer)
)]
struct Description;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key: key_….sp_…"));
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme.build()));
    }
}

/// Bytes of a request that holds a reason and no more.
const REASON_BYTES_MAX: usize = 16 * 1024;

/// The routes under `/v1`, and `/openapi.json`.
pub fn router(door: Applications, clock: Arc<dyn Clock>, settings: Settings) -> Router {
    let body_bytes_max = settings.request_bytes_max;
    let api = Arc::new(Api {
        door,
        clock,
        desk: Desk::new(inspect::HEADER_BYTES_MAX),
        inspecting: Limiter::new(rate::INSPECTING),
        settings,
    });
    let judging = OpenApiRouter::new()
        .routes(routes!(messages::release))
        .routes(routes!(messages::reject))
        .routes(routes!(messages::recall))
        .layer(DefaultBodyLimit::max(REASON_BYTES_MAX));
    let suppressing = OpenApiRouter::new()
        .routes(routes!(suppressions::list, suppressions::add))
        .routes(routes!(suppressions::search))
        .routes(routes!(suppressions::one, suppressions::remove))
        .layer(DefaultBodyLimit::max(REASON_BYTES_MAX));
    let (router, description) = OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(messages::submit, messages::list))
        .routes(routes!(messages::one))
        .routes(routes!(messages::events))
        .merge(judging)
        .merge(suppressing)
        .routes(routes!(inspect::inspect))
        .with_state(api)
        .split_for_parts();
    let description = described(&description);
    let described = get(|| async move { ([("content-type", "application/json")], description) });
    router
        .route("/openapi.json", described)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn(plain))
}

/// The description, with the forms that requests are held to.
fn described(description: &utoipa::openapi::OpenApi) -> String {
    let mut description = serde_json::to_value(description).unwrap_or_default();
    forms::describe(&mut description);
    description.to_string()
}

async fn not_so() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This can't be done here")
}

/// Nothing is kept by caches, and what the framework refuses by itself is a problem too.
async fn plain(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        response = Problem::too_large().into_response();
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}
