//! The Web Key Directory (draft-koch-openpgp-webkey-service §3.1): the
//! published OpenPGP keys of the organisations' own senders, by the advanced
//! method (the domain in the path) and the direct one (the domain as host).
//!
//! An unknown domain, an unknown hash and a malformed request get the same
//! answer, so that nobody can list who has a key. Whether a key exists is told
//! by HEAD as by GET.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flow::org_keys::PublishedKeys;
use mail::Domain;

type Keys = Arc<dyn PublishedKeys>;

/// A revocation should be seen soon.
const KEPT: &str = "public, max-age=300";

/// The routes under `/.well-known/openpgpkey`.
pub fn router(keys: Keys) -> Router {
    const ADVANCED: &str = "/.well-known/openpgpkey/{domain}";
    const DIRECT: &str = "/.well-known/openpgpkey";
    Router::new()
        .route(&format!("{ADVANCED}/hu/{{hash}}"), get(advanced))
        .route(&format!("{ADVANCED}/policy"), get(advanced_policy))
        .route(&format!("{DIRECT}/hu/{{hash}}"), get(direct))
        .route(&format!("{DIRECT}/policy"), get(direct_policy))
        .with_state(keys)
}

async fn advanced(State(keys): State<Keys>, Path((domain, hash)): Path<(String, String)>) -> Response {
    key(&keys, Domain::parse(&domain).ok(), &hash)
}

async fn direct(State(keys): State<Keys>, Path(hash): Path<String>, request: Request) -> Response {
    key(&keys, host(&request), &hash)
}

async fn advanced_policy(State(keys): State<Keys>, Path(domain): Path<String>) -> Response {
    policy(&keys, Domain::parse(&domain).ok())
}

async fn direct_policy(State(keys): State<Keys>, request: Request) -> Response {
    policy(&keys, host(&request))
}

/// The host that was asked, by HTTP/1.1 or HTTP/2, without its port.
fn host(request: &Request) -> Option<Domain> {
    let named = request.headers().get(HOST).and_then(|field| field.to_str().ok());
    let named = named.map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
    Domain::parse(named.or_else(|| request.uri().host())?).ok()
}

fn key(keys: &Keys, domain: Option<Domain>, hash: &str) -> Response {
    match domain.and_then(|domain| keys.in_directory(&domain, hash)) {
        Some(bytes) => answer("application/octet-stream", bytes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The file must be there where there is a directory, and has no flags to set.
fn policy(keys: &Keys, domain: Option<Domain>) -> Response {
    match domain.is_some_and(|domain| keys.has_directory(&domain)) {
        true => answer("text/plain; charset=utf-8", Vec::new()),
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Public to programs in browsers too.
fn answer(kind: &'static str, bytes: Vec<u8>) -> Response {
    let fields: [(HeaderName, &'static str); 4] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, KEPT),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (fields, bytes).into_response()
}
