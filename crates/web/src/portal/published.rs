//! The keys that mail of ours is signed with and can be answered with, for
//! anyone to compare and download.
//!
//! Keys of whole domains are listed; the keys of a sender are shown to whoever
//! knows the sender's address, which goes by POST and into no URL.

use std::sync::Arc;

use axum::extract::{Form, FromRequest, Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use flow::org_keys::PublishedKey;
use mail::{Address, KeyFormat, OrgKeyId};
use serde::Deserialize;

use super::App;
use super::pages::{ends, published as page};
use super::secure;
use super::words::Wish;

/// The keys of the domains, and the question for a sender's.
pub(super) async fn all(State(app): State<Arc<App>>, wish: Wish) -> Response {
    let Some(keys) = &app.site.keys else { return ends::missing(&app.words(wish)) };
    page::all(&app.words(wish), &keys.of_domains()).into_response()
}

#[derive(Deserialize)]
struct Wanted {
    sender: String,
}

/// The keys of a sender.
pub(super) async fn of_sender(State(app): State<Arc<App>>, wish: Wish, request: axum::extract::Request) -> Response {
    let Some(keys) = &app.site.keys else { return ends::missing(&app.words(wish)) };
    let Ok(Form(wanted)) = Form::<Wanted>::from_request(request, &()).await else {
        return ends::bad(&app.words(wish));
    };
    // As a mail program shows it: with a name before it.
    let text = wanted.sender.trim();
    let text = text.rsplit(['<', ' ']).next().unwrap_or_default().trim_end_matches('>');
    let found = Address::parse(text).map(|sender| keys.of_sender(&sender)).unwrap_or_default();
    page::of_sender(&app.words(wish), &found).into_response()
}

/// One key.
pub(super) async fn one(State(app): State<Arc<App>>, wish: Wish, Path(id): Path<String>) -> Response {
    match found(&app, &id) {
        Some(key) => page::one(&app.words(wish), &key).into_response(),
        None => ends::missing(&app.words(wish)),
    }
}

/// The key itself.
pub(super) async fn file(State(app): State<Arc<App>>, wish: Wish, Path(id): Path<String>) -> Response {
    let Some(key) = found(&app, &id) else { return ends::missing(&app.words(wish)) };
    let (kind, attachment) = match key.format {
        KeyFormat::OpenPgp => ("application/pgp-keys", "attachment; filename=\"key.asc\""),
        KeyFormat::Smime => ("application/pkix-cert", "attachment; filename=\"certificate.cer\""),
    };
    let fields = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_DISPOSITION, HeaderValue::from_static(attachment)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(secure::FILE)),
    ];
    (fields, key.file).into_response()
}

fn found(app: &App, id: &str) -> Option<PublishedKey> {
    let id: OrgKeyId = id.parse().ok()?;
    app.site.keys.as_ref()?.one(id)
}
