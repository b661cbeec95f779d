//! The HTTP server: connections bounded in number, time and size, stopped
//! without cutting an answer short.
//!
//! HTTP/1.1 (RFC 9112) and, where TLS agreed on it, HTTP/2 (RFC 9113). A
//! client that is slow, or says nothing, costs one connection for a while and
//! no more. This file knows no page.

mod limits;
mod patience;
mod tls;
mod under_way;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow::listener::TlsFacts;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use identity::block_of;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

pub use limits::ServeLimits;
pub use patience::Patience;
pub use tls::Tls;

use limits::{BUFFER_BYTES_MAX, HEADER_BYTES_MAX, SEND_BYTES_MAX, STREAMS_MAX, WINDOW_BYTES};
use under_way::UnderWay;

use crate::crowd::{Crowd, Place};
use crate::plain::PlainPages;
use crate::visitor::is_proxy;

/// The other end of the connection that a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// What is known of the TLS of that connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerTls(pub TlsFacts);

/// Why a listener is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Without TLS only loopback is served.
    #[error("{0} is not a loopback address: it needs a certificate")]
    ClearText(SocketAddr),
    /// The listener is broken.
    #[error("the listener is broken")]
    Listener(#[source] io::Error),
}

/// After an accept that failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` ends, then lets requests finish within the grace.
/// Without `tls` the listener must be on loopback. `tls` says which protocols
/// it offers; HTTP/2 is spoken where `h2` was agreed on.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let local = listener.local_addr().map_err(ServeError::Listener)?;
    if tls.is_none() && !local.ip().to_canonical().is_loopback() {
        return Err(ServeError::ClearText(local));
    }
    serve_at(listener, router, tls, limits, shutdown).await
}

/// Serves the pages that anybody may read over the wire, without TLS and
/// wherever the listener is, until `shutdown` ends.
pub async fn serve_plain(
    listener: TcpListener,
    pages: PlainPages,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    serve_at(listener, pages.into_router(), None, limits, shutdown).await
}

async fn serve_at(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    // Each connection has a receiver until its end.
    let (stop, _) = watch::channel(false);
    let door = Door {
        router,
        tls,
        connections: Arc::new(Semaphore::new(limits.connections_max)),
        crowd: limits.connections_per_address_max.map(Crowd::new),
        limits: Arc::new(limits),
    };
    let grace = door.limits.grace;
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, peer, permit) = door.next(&listener) => {
                // Who has its share already is closed before it costs anything.
                let Some(place) = door.place(peer) else { continue };
                let (door, stopped) = (door.clone(), stop.subscribe());
                tokio::spawn(async move { door.attend(stream, peer, (permit, place), stopped).await });
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    if timeout(grace, stop.closed()).await.is_err() {
        tracing::warn!("connections were still open when the grace ended");
    }
    Ok(())
}

/// What each connection needs.
#[derive(Clone)]
struct Door {
    router: Router,
    tls: Option<Tls>,
    connections: Arc<Semaphore>,
    crowd: Option<Arc<Crowd<IpAddr>>>,
    limits: Arc<ServeLimits>,
}

impl Door {
    /// The next connection, once there is room for it.
    async fn next(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
        let permit = self.connections.clone().acquire_owned().await.ok();
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return (stream, peer, permit),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// A place for one more connection of this peer; none where it has its share.
    fn place(&self, peer: SocketAddr) -> Option<Option<Place<IpAddr>>> {
        let counted = self.crowd.as_ref().filter(|_| !is_proxy(peer.ip(), &self.limits.proxies));
        counted.map_or(Some(None), |crowd| crowd.enter(block_of(peer.ip())).map(Some))
    }

    /// Sees one connection through. What goes wrong in it is its client's
    /// affair and no line in the log: scanners make thousands.
    async fn attend(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        _held: (Option<OwnedSemaphorePermit>, Option<Place<IpAddr>>),
        stopped: watch::Receiver<bool>,
    ) {
        let _nodelay = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.speak(stream, false, (peer, None), stopped).await };
        let Ok(Some(stream)) = timeout(self.limits.handshake, tls.accept(stream)).await else { return };
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let facts = TlsFacts::of(stream.get_ref().1);
        self.speak(stream, is_h2, (peer, facts), stopped).await;
    }

    async fn speak<S>(
        &self,
        stream: S,
        is_h2: bool,
        from: (SocketAddr, Option<TlsFacts>),
        stopped: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (io, door) = (TokioIo::new(stream), self.clone());
        let under_way = UnderWay::default();
        let counted = under_way.clone();
        let service = service_fn(move |request| {
            let one = counted.begin();
            let answer = door.clone().answer(request, from.clone());
            async move { answer.await.map(|response| response.map(|body| one.until_sent(body))) }
        });
        if is_h2 {
            let mut server = http2::Builder::new(TokioExecutor::new());
            server
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_header_list_size(HEADER_BYTES_MAX)
                .initial_stream_window_size(WINDOW_BYTES)
                .initial_connection_window_size(WINDOW_BYTES)
                .max_send_buf_size(SEND_BYTES_MAX)
                .keep_alive_interval(self.limits.header)
                .keep_alive_timeout(self.limits.header);
            self.live(server.serve_connection(io, service), &under_way, stopped).await;
        } else {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(self.limits.header).max_buf_size(BUFFER_BYTES_MAX);
            self.live(server.serve_connection(io, service), &under_way, stopped).await;
        }
    }

    /// Runs a connection to its end. One that is idle, or whose server stops,
    /// is asked to end: what is under way is answered, and a client that says
    /// nothing to that is cut when it has been idle once more.
    async fn live<C: GracefulConnection>(
        &self,
        connection: C,
        under_way: &UnderWay,
        mut stopped: watch::Receiver<bool>,
    ) {
        let (mut connection, mut over) = (pin!(connection), pin!(sleep(self.limits.life)));
        tokio::select! {
            _ = connection.as_mut() => return,
            () = over.as_mut() => return,
            () = under_way.idle(self.limits.idle) => {}
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = over => {}
            () = under_way.idle(self.limits.header) => {}
        }
    }

    async fn answer(
        self,
        request: hyper::Request<Incoming>,
        (peer, tls): (SocketAddr, Option<TlsFacts>),
    ) -> Result<Response, std::convert::Infallible> {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(PeerAddress(peer));
        if let Some(tls) = tls {
            request.extensions_mut().insert(PeerTls(tls));
        }
        let patience = Patience::new(self.limits.request);
        request.extensions_mut().insert(patience.clone());
        tokio::select! {
            response = self.router.oneshot(request) => response,
            () = patience.over() => Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        }
    }
}

#[cfg(test)]
mod tests;
