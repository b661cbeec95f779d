//! What every answer of the portal tells the browser, and what a request from
//! another site gets.
//!
//! Pages load nothing from elsewhere, run no script, and are kept by no cache;
//! the address of a message leaves with no link.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::pages::ends;
use super::words::Wish;

/// The policy of every page.
pub(super) const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'";

/// The policy of the page that frames a message's HTML.
pub(super) const PAGE_WITH_FRAME: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; frame-src 'self'";

/// The policy of the framed HTML: no script, nothing remote; links open outside.
pub(super) const FRAME: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'; \
     sandbox allow-popups allow-popups-to-escape-sandbox";

/// The policy of a file, in case a browser shows it in spite of all.
pub(super) const FILE: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

const ALWAYS: [(HeaderName, &str); 9] = [
    (REFERRER_POLICY, "no-referrer"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
         microphone=(), payment=(), usb=()",
    ),
    (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    (HeaderName::from_static("x-dns-prefetch-control"), "off"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
    // For browsers that don't know `frame-ancestors`.
    (X_FRAME_OPTIONS, "SAMEORIGIN"),
];

/// Puts the headers on every answer; a handler's own policy and caching stay.
pub(super) async fn headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(PAGE));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.is_https() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    }
    response
}

/// Refuses a POST that another site made the browser send.
pub(super) async fn same_site(State(app): State<Arc<App>>, wish: Wish, request: Request, next: Next) -> Response {
    if request.method() == Method::POST && !is_ours(request.headers(), &app.site.origin) {
        return ends::foreign(&app.words(wish));
    }
    next.run(request).await
}

/// By Sec-Fetch-Site where the browser sends it, else by Origin. Origin is
/// `null` on our own forms, since the pages send no referrer (Fetch §3.1,
/// "append a request Origin header"); browsers that send only that don't send
/// the session's cookie with a foreign POST either.
fn is_ours(headers: &HeaderMap, origin: &str) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(site) => matches!(site, b"same-origin" | b"none"),
        None => headers.get(ORIGIN).is_none_or(|found| found == "null" || found == origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)], expect: bool) {
        let pair = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        assert_eq!(is_ours(&headers, "https://portal.example"), expect, "{pairs:?}");
    }

    #[test]
    fn a_post_from_another_site_is_not_ours() {
        check(&[("sec-fetch-site", "same-origin"), ("origin", "null")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "same-site"), ("origin", "https://portal.example")], false);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("origin", "https://portal.example")], true);
        check(&[("origin", "null")], true);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "https://portal.example.evil.example")], false);
        check(&[], true);
    }
}
