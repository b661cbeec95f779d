//! What handlers read from a request: the link's id, who asks, the session.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use flow::portal::{Caller, LinkId, SessionToken};
use identity::block_of;
use tokio::time::Instant;

use super::App;
use super::cookie;
use super::inspect;
use super::pages::ends;
use super::unsubscribing;
use super::words::Wish;
use crate::server::PeerAddress;
use crate::visitor::visitor;

/// A request about one link.
pub(super) struct Asked {
    pub(super) link: LinkId,
    pub(super) wish: Wish,
    /// The session that the browser brings, if any; unproven.
    pub(super) token: Option<SessionToken>,
    /// Whether the address says that what was entered was wrong.
    pub(super) wrong: bool,
    flags: Vec<String>,
    /// When the request began to be handled.
    pub(super) since: Instant,
    peer: Option<IpAddr>,
}

impl Asked {
    /// Whether the address says this.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| flag == name)
    }

    pub(super) fn caller(&self) -> Caller {
        Caller { link: self.link, peer: self.peer }
    }
}

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let since = Instant::now();
        let Ok(wish) = Wish::from_request_parts(parts, app).await;
        let path = Path::<Vec<String>>::from_request_parts(parts, app).await;
        let id = path.ok().and_then(|Path(path)| path.first().and_then(|id| id.parse().ok()));
        // What can't be an id is nothing's; that tells nothing.
        let Some(link) = id else { return Err(ends::missing(&app.words(wish))) };
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            link,
            wish,
            token: cookie::read(&parts.headers, link, app.is_https()),
            wrong: query.split('&').any(|flag| flag == "wrong"),
            flags: query.split('&').map(str::to_owned).collect(),
            since,
            peer: parts.extensions.get::<Visitor>().map(|visitor| visitor.0),
        })
    }
}

/// Where a request comes from, behind the proxies that are believed.
#[derive(Clone, Copy)]
struct Visitor(IpAddr);

/// Bounds how often one address asks, and notes the address.
pub(super) async fn limited(State(app): State<Arc<App>>, wish: Wish, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip());
    let visitor = peer.map(|peer| visitor(peer, request.headers(), &app.site.proxies));
    let limiter = match (request.method() == Method::POST, request.uri().path()) {
        (true, inspect::PATH) => &app.pasting,
        (true, path) if path.starts_with(unsubscribing::PATH) => &app.unsubscribing,
        (true, _) => &app.asking,
        (false, _) => &app.reading,
    };
    if !limiter.admits(block_of(visitor.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))), app.clock.now()) {
        return ends::slow(&app.words(wish));
    }
    if let Some(visitor) = visitor {
        request.extensions_mut().insert(Visitor(visitor));
    }
    next.run(request).await
}
