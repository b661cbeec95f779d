//! `/livez`, `/readyz` and `/metrics`: for probes on a listener of their own,
//! never on the public one. `?verbose` names each check.

use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// One named condition, asked at every probe.
#[derive(Clone)]
pub struct Check {
    /// What it is about: `store`, `spool`.
    pub name: &'static str,
    /// Whether it holds; else why not, for the operator.
    pub run: Arc<dyn Fn() -> Checking + Send + Sync>,
}

/// What a [`Check`] gives.
pub type Checking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// The routes. `live`: whether the process should go on; `ready`: whether it
/// can take work now.
pub fn router(live: Vec<Check>, ready: Vec<Check>) -> Router {
    let route = |checks: Vec<Check>| get(probe).with_state::<()>(Arc::new(checks));
    Router::new().route("/livez", route(live)).route("/readyz", route(ready))
}

/// What writes the meters when they are asked for; an error is for the operator.
pub type Meters = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// The route `/metrics`, in the text format of Prometheus.
pub fn meters(page: Meters) -> Router {
    Router::new().route("/metrics", get(metrics).with_state::<()>(page))
}

async fn metrics(State(page): State<Meters>) -> Response {
    match page().await {
        Ok(text) => ([(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"))], text).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn probe(State(checks): State<Arc<Vec<Check>>>, RawQuery(query): RawQuery) -> Response {
    let mut lines = String::new();
    let mut status = StatusCode::OK;
    for check in checks.iter() {
        let result = (check.run)().await;
        lines.push_str(&match &result {
            Ok(()) => format!("ok {}\n", check.name),
            Err(why) => format!("failed {}: {why}\n", check.name),
        });
        if result.is_err() {
            status = StatusCode::SERVICE_UNAVAILABLE;
        }
    }
    let verbose = query.is_some_and(|query| query.split('&').any(|flag| flag == "verbose"));
    let brief = if status.is_success() { "ok\n" } else { "failed\n" };
    let body = if verbose { lines } else { brief.to_owned() };
    (status, [(CACHE_CONTROL, HeaderValue::from_static("no-store"))], body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    fn check(name: &'static str, holds: bool) -> Check {
        let result = if holds { Ok(()) } else { Err("the disk is full".to_owned()) };
        Check { name, run: Arc::new(move || Box::pin(std::future::ready(result.clone()))) }
    }

    async fn asked(uri: &str) -> (u16, String) {
        let router = router(vec![check("runtime", true)], vec![check("keys", true), check("store", false)]);
        let response = router.oneshot(Request::get(uri).body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_probe_tells_whether_all_checks_hold() {
        assert_eq!(asked("/livez").await, (200, "ok\n".into()));
        assert_eq!(asked("/readyz").await, (503, "failed\n".into()));
        assert_eq!(asked("/readyz?verbose").await, (503, "ok keys\nfailed store: the disk is full\n".into()));
    }
}
