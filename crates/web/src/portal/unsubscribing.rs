//! Unsubscribing: `GET /u/{token}` is inert, for link scanners fetch links; a
//! `POST` there unsubscribes, by the page's button or by the one click of a mail
//! program (RFC 8058 §3.2), which brings no cookie and follows no redirect.
//!
//! There is no session here, and the token is all that is needed: a request
//! that another site made a browser send could do nothing that its author could
//! not do at once. So these routes stand outside of [`super::secure::same_site`],
//! since mail programs that are browsers inside send the click from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flow::unsubscribe::{Unsubscribed, Unsubscribing};

use super::App;
use super::pages::{ends, unsubscribing as page};
use super::words::Wish;

/// What the addresses of all tokens begin with.
pub(super) const PATH: &str = "/u/";
/// One field.
const BYTES_MAX: usize = 4 * 1024;

/// The routes, where recipients can unsubscribe.
pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/u/{token}", get(form).post(unsubscribe)).layer(DefaultBodyLimit::max(BYTES_MAX))
}

/// A token that an organisation here wrote; anything else is nothing's.
struct Genuine {
    token: String,
    wish: Wish,
    list: Arc<Unsubscribing>,
}

impl FromRequestParts<Arc<App>> for Genuine {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let Ok(wish) = Wish::from_request_parts(parts, app).await;
        let missing = || ends::missing(&app.words(wish));
        let Ok(Path(token)) = Path::<String>::from_request_parts(parts, app).await else { return Err(missing()) };
        let list = app.site.unsubscribing.clone().filter(|list| list.knows(&token)).ok_or_else(missing)?;
        // As it was written: a mail server may have changed its case.
        Ok(Self { token: token.to_ascii_lowercase(), wish, list })
    }
}

async fn form(State(app): State<Arc<App>>, asked: Genuine) -> Response {
    page::form(&app.words(asked.wish), &asked.token).into_response()
}

async fn unsubscribe(State(app): State<Arc<App>>, asked: Genuine, body: Bytes) -> Response {
    let words = app.words(asked.wish);
    if !is_meant(&body) {
        return ends::bad(&words);
    }
    match asked.list.unsubscribe(&asked.token).await {
        Ok(Unsubscribed::Done) => page::done(&words, &asked.token).into_response(),
        Ok(Unsubscribed::NoSuch) => page::gone(&words, &asked.token),
        Err(error) => {
            // The cause names no token.
            tracing::error!(error = &error as &dyn std::error::Error, "nobody can be unsubscribed");
            ends::busy(&words, &format!("{PATH}{}", asked.token))
        }
    }
}

/// One click (RFC 8058 §3.2) or the page's button: a form of one field,
/// urlencoded or multipart. What only follows links sends neither.
fn is_meant(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    let is_multipart = || body.contains("name=\"List-Unsubscribe\"") && body.contains("\r\n\r\nOne-Click\r\n");
    body.split('&').any(|field| field.trim_end() == "List-Unsubscribe=One-Click") || is_multipart()
}

#[cfg(test)]
mod tests {
    use super::is_meant;

    #[test]
    fn one_click_comes_in_either_form_and_nothing_else_is_one() {
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        for body in [
            "List-Unsubscribe=One-Click",
            "List-Unsubscribe=One-Click\r\n",
            "a=b&List-Unsubscribe=One-Click",
            multipart,
        ] {
            assert!(is_meant(body.as_bytes()), "{body}");
        }
        for body in ["", "List-Unsubscribe=", "One-Click", "List-Unsubscribe=One-Clicks", "--x\r\n\r\nOne-Click\r\n"] {
            assert!(!is_meant(body.as_bytes()), "{body}");
        }
    }
}
