//! The message, its HTML and its files, for the holder of a session.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use flow::portal::{Content, PortalError, Stage, Visit};
use mail::reading::{Body, Part};
use tokio::sync::SemaphorePermit;

use super::App;
use super::journey::{broken, led, with_cookie};
use super::letter::{self, Letter, Text};
use super::pages::{ends, entry, message as page};
use super::request::Asked;
use super::{cookie, secure};
use crate::pace;

/// The message's page, or the step before it that the holder has come to.
pub(super) async fn message(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let opened = match opened(&app, &asked).await {
        Ok(opened) => opened,
        Err(response) => return response,
    };
    let visit = opened.visit;
    let takes_keys = match app.portal.takes_keys(asked.caller()).await {
        Ok(takes_keys) => takes_keys,
        Err(error) => return broken(&app, &asked, "/message", &error).await,
    };
    let words = app.words_for(asked.wish, visit.language);
    let link = asked.link;
    let markup = match (visit.stage, opened.content) {
        (Stage::NeedsPassphrase, _) => entry::passphrase(&words, link, &visit, asked.wrong),
        (Stage::LacksPassphrase, _) => ends::lacks_passphrase(&words, link),
        (Stage::Locked, _) => ends::locked(&words, link),
        (Stage::Withdrawn, _) => ends::withdrawn(&words, link),
        (Stage::Expired, _) => ends::expired(&words, link, &visit),
        (Stage::Open, None) => ends::gone(&words, link),
        (Stage::Open, Some(content)) => match read(content).await {
            Some(letter) => page::message(&words, link, &visit, &letter, takes_keys),
            None => return broken(&app, &asked, "/message", &PortalError::Stopping).await,
        },
    };
    let policy = HeaderMap::from_iter([(CONTENT_SECURITY_POLICY, HeaderValue::from_static(secure::PAGE_WITH_FRAME))]);
    renewed(&app, &asked, (policy, markup).into_response())
}

/// The document in the frame.
pub(super) async fn body(State(app): State<Arc<App>>, asked: Asked) -> Response {
    let (opened, content) = match content(&app, &asked).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let Some(letter) = read(content).await else {
        return broken(&app, &asked, "/message", &PortalError::Stopping).await;
    };
    let (Text::Framed(blocks) | Text::Plain(blocks)) = &letter.text else { return led(&app, &asked, "message") };
    let words = app.words_for(asked.wish, opened.visit.language);
    let policy = HeaderMap::from_iter([(CONTENT_SECURITY_POLICY, HeaderValue::from_static(secure::FRAME))]);
    renewed(&app, &asked, (policy, page::body(&words, blocks)).into_response())
}

/// A file of the message, always to be saved and never to be shown here.
pub(super) async fn file(
    State(app): State<Arc<App>>,
    Path((_, number)): Path<(String, String)>,
    asked: Asked,
) -> Response {
    let (_opened, content) = match content(&app, &asked).await {
        Ok(found) => found,
        Err(response) => return response,
    };
    let file = number.parse().ok().and_then(|number| letter::file(content.reading.parts, number));
    let Some((name, part)) = file else { return ends::missing(&app.words(asked.wish)) };
    let headers = HeaderMap::from_iter([
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(secure::FILE)),
        (CONTENT_TYPE, HeaderValue::from_static(media_type(&part))),
        (CONTENT_DISPOSITION, disposition(&name)),
    ]);
    let bytes = match part.body {
        Body::Text(text) | Body::Html(text) => text.into_bytes(),
        Body::Bytes(bytes) => bytes,
    };
    match app.outgoing.body(asked.link, bytes).await {
        Some(body) => renewed(&app, &asked, (headers, body).into_response()),
        None => ends::slow(&app.words(asked.wish)),
    }
}

/// What the holder of a session may see, and the right to keep it in memory.
struct Opened<'a> {
    visit: Visit,
    content: Option<Content>,
    _permit: SemaphorePermit<'a>,
}

/// What the browser's session may see; everyone else is led to the beginning.
async fn opened<'a>(app: &'a App, asked: &Asked) -> Result<Opened<'a>, Response> {
    let Some(token) = &asked.token else { return Err(led(app, asked, "")) };
    let Ok(permit) = app.opening.acquire().await else {
        return Err(broken(app, asked, "/message", &PortalError::Stopping).await);
    };
    match app.portal.read(asked.link, token).await {
        Ok(Some((visit, content))) => Ok(Opened { visit, content, _permit: permit }),
        Ok(None) => {
            pace::full_step(asked.since).await;
            Err(led(app, asked, ""))
        }
        Err(error) => Err(broken(app, asked, "/message", &error).await),
    }
}

/// The message itself, or the way to what stands before it.
async fn content<'a>(app: &'a App, asked: &Asked) -> Result<(Opened<'a>, Content), Response> {
    let mut opened = opened(app, asked).await?;
    match opened.content.take() {
        Some(content) => Ok((opened, content)),
        None => Err(led(app, asked, "message")),
    }
}

/// Sanitising takes its time: not on the async threads.
async fn read(content: Content) -> Option<Letter> {
    tokio::task::spawn_blocking(move || Letter::new(&content)).await.ok()
}

/// The session was used: the browser may keep its cookie a while longer.
pub(super) fn renewed(app: &App, asked: &Asked, response: Response) -> Response {
    match &asked.token {
        Some(token) => with_cookie(response, cookie::set(asked.link, token, app.is_https())),
        None => response,
    }
}

/// What a phone opens by itself keeps its type; whatever a browser could run
/// is mere bytes.
fn media_type(part: &Part) -> &'static str {
    const KEPT: &[&str] = &[
        "application/msword",
        "application/pdf",
        "application/rtf",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/zip",
        "audio/mpeg",
        "audio/mp4",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "text/calendar",
        "text/csv",
        "video/mp4",
    ];
    match &part.body {
        // Texts were decoded to UTF-8, whatever they said.
        Body::Text(_) => "text/plain; charset=utf-8",
        Body::Html(_) => "application/octet-stream",
        Body::Bytes(_) => {
            KEPT.iter().find(|known| **known == part.content_type).copied().unwrap_or("application/octet-stream")
        }
    }
}

/// RFC 6266: a name in ASCII for old readers, the whole in RFC 8187's form.
fn disposition(name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_ ()".contains(c) { c } else { '_' }).collect();
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    let encode = |byte: u8| if is_token(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let encoded: String = name.bytes().map(encode).collect();
    let text = match name {
        "" => "attachment".to_owned(),
        _ => format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"),
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_add_nothing_to_the_header() {
        let check = |name: &str, expect: &str| assert_eq!(disposition(name), expect, "{name}");
        check("a b.pdf", "attachment; filename=\"a b.pdf\"; filename*=UTF-8''a%20b.pdf");
        check("ñ\";x=\r\n.pdf", "attachment; filename=\"___x___.pdf\"; filename*=UTF-8''%C3%B1%22%3Bx%3D%0D%0A.pdf");
        check("", "attachment");
    }
}
