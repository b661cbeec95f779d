//! What is said over plain HTTP: where the portal is, and what an authority
//! asks for (HTTP-01, RFC 8555 §8.3). Nothing else is ever served without TLS
//! outside of this machine; [`PlainPages`] holds nothing else.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flow::certificates::Answers;

/// The pages that anybody may read over the wire.
pub struct PlainPages(Router);

#[derive(Clone)]
struct Plain {
    origin: Arc<str>,
    answers: Option<Arc<Answers>>,
}

impl PlainPages {
    /// Sends visitors on to `origin` (`https://secure.clinic.example`), and answers authorities.
    pub fn new(origin: &str, answers: Option<Arc<Answers>>) -> Self {
        let plain = Plain { origin: origin.into(), answers };
        let router = Router::new().route("/.well-known/acme-challenge/{token}", get(answer)).fallback(elsewhere);
        Self(router.with_state(plain))
    }

    pub(crate) fn into_router(self) -> Router {
        self.0
    }
}

async fn answer(State(plain): State<Plain>, Path(token): Path<String>) -> Response {
    let text = match &plain.answers {
        Some(answers) => answers.text(&token).await,
        None => None,
    };
    match text {
        Some(text) => ([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, "no-store")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Only what carries nothing is sent on: whoever posts over plain HTTP has told the wire already.
async fn elsewhere(State(plain): State<Plain>, method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, format!("{}{target}", plain.origin))]).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(method: &str, target: &str) -> (StatusCode, String) {
        let pages = PlainPages::new("https://secure.clinic.example", None).into_router();
        let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        let response = pages.oneshot(request).await.unwrap();
        let location = response.headers().get(LOCATION).map(|field| field.to_str().unwrap().to_owned());
        (response.status(), location.unwrap_or_default())
    }

    #[tokio::test]
    async fn visitors_are_sent_to_the_portal_and_nowhere_else() {
        let moved = StatusCode::PERMANENT_REDIRECT;
        assert_eq!(asked("GET", "/").await, (moved, "https://secure.clinic.example/".to_owned()));
        assert_eq!(asked("GET", "/m/x?y=1").await, (moved, "https://secure.clinic.example/m/x?y=1".to_owned()));
        let (status, location) = asked("GET", "//evil.example/x").await;
        assert!(status == moved && location == "https://secure.clinic.example//evil.example/x", "{location}");
        assert_eq!(asked("POST", "/m/x").await.0, StatusCode::METHOD_NOT_ALLOWED);
        let token = "/.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ";
        assert_eq!(asked("GET", token).await, (StatusCode::NOT_FOUND, String::new()));
    }
}
