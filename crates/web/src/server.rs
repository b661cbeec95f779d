//! The HTTP server: connections bounded in number, time and size, stopped
//! without cutting an answer short.
//!
//! HTTP/1.1 (RFC 9112) and, where TLS agreed on it, HTTP/2 (RFC 9113). A
//! client that is slow, or says nothing, costs one connection for a while and
//! no more. This file knows no page.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use flow::certificates::{ACME_TLS, Answers};
use flow::listener::TlsFacts;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown, Watcher};
use rustls::server::{Acceptor, ClientHello};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};
use tower::ServiceExt;

use crate::crowd::{Crowd, Place};
use crate::plain::PlainPages;

/// The other end of the connection that a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// What is known of the TLS of that connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerTls(pub TlsFacts);

/// The TLS of a listener.
#[derive(Clone)]
pub struct Tls {
    /// For those who come to visit.
    pub config: Arc<rustls::ServerConfig>,
    /// What answers authorities at this port (TLS-ALPN-01, RFC 8737), where anything does.
    pub answers: Option<Arc<Answers>>,
}

impl From<Arc<rustls::ServerConfig>> for Tls {
    fn from(config: Arc<rustls::ServerConfig>) -> Self {
        Self { config, answers: None }
    }
}

/// What one listener bears.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64; more are closed. None: as many as there are, for a
    /// listener to which everybody comes through one proxy.
    pub connections_per_address_max: Option<usize>,
    /// From the first byte of a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// For a request's header, and between two requests of a connection.
    pub header: Duration,
    /// From the end of a request's header to the beginning of its answer,
    /// unless a handler grants more ([`Patience`]).
    pub request: Duration,
    /// After this a connection is cut, whatever it is still sending.
    pub life: Duration,
    /// After the stop was asked for, until connections are cut.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            connections_per_address_max: Some(128),
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(15),
            request: Duration::from_secs(60),
            life: Duration::from_secs(60 * 60),
            grace: Duration::from_secs(20),
        }
    }
}

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

/// How long a request may still take. A handler that gets what it waits for
/// may ask for more time; nobody else gets any.
#[derive(Debug, Clone)]
pub struct Patience {
    until: Arc<Mutex<Instant>>,
    last: Instant,
}

impl Patience {
    /// A request has this long, and with what is granted a quarter of an hour.
    fn new(first: Duration) -> Self {
        const AT_MOST: Duration = Duration::from_secs(15 * 60);
        let now = Instant::now();
        Self { until: Arc::new(Mutex::new(now + first)), last: now + AT_MOST.max(first) }
    }

    /// So long from now, if that is later than it was.
    pub fn grant(&self, more: Duration) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max((Instant::now() + more).min(self.last));
    }

    async fn over(&self) {
        loop {
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }
}

const HEADER_BYTES_MAX: u32 = 32 * 1024;
const BUFFER_BYTES_MAX: usize = 32 * 1024;
const STREAMS_MAX: u32 = 64;
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
    let graceful = GracefulShutdown::new();
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
                let (door, watcher) = (door.clone(), graceful.watcher());
                tokio::spawn(async move { door.attend(stream, peer, (permit, place), watcher).await });
            }
        }
    }
    drop(listener);
    if timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were still open when the grace ended");
    }
    Ok(())
}

impl Tls {
    /// The handshake; none where it fails, or was an authority's.
    async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let Some(answers) = &self.answers else {
            return TlsAcceptor::from(self.config.clone()).accept(stream).await.ok();
        };
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
        match asked_by_authority(&start.client_hello()) {
            None => start.into_stream(self.config.clone()).await.ok(),
            Some(name) => {
                // RFC 8737 §3: nothing is said after the handshake.
                let mut stream = start.into_stream(answers.tls(&name).await?).await.ok()?;
                let _closed = stream.shutdown().await;
                None
            }
        }
    }
}

/// The name that an authority asks about: it offers `acme-tls/1` and nothing else.
fn asked_by_authority(hello: &ClientHello<'_>) -> Option<String> {
    let mut offered = hello.alpn()?;
    let only = offered.next() == Some(ACME_TLS) && offered.next().is_none();
    only.then(|| hello.server_name().unwrap_or_default().to_owned())
}

/// What each connection needs.
#[derive(Clone)]
struct Door {
    router: Router,
    tls: Option<Tls>,
    connections: Arc<Semaphore>,
    crowd: Option<Arc<Crowd>>,
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
    fn place(&self, peer: SocketAddr) -> Option<Option<Place>> {
        self.crowd.as_ref().map_or(Some(None), |crowd| crowd.enter(peer.ip()).map(Some))
    }

    /// Sees one connection through. What goes wrong in it is its client's
    /// affair and no line in the log: scanners make thousands.
    async fn attend(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        _held: (Option<OwnedSemaphorePermit>, Option<Place>),
        watcher: Watcher,
    ) {
        let _nodelay = stream.set_nodelay(true);
        let Some(tls) = &self.tls else { return self.speak(stream, false, (peer, None), watcher).await };
        let Ok(Some(stream)) = timeout(self.limits.handshake, tls.accept(stream)).await else { return };
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let facts = TlsFacts::of(stream.get_ref().1);
        self.speak(stream, is_h2, (peer, facts), watcher).await;
    }

    async fn speak<S>(&self, stream: S, is_h2: bool, from: (SocketAddr, Option<TlsFacts>), watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        let door = self.clone();
        let service = service_fn(move |request| door.clone().answer(request, from.clone()));
        if is_h2 {
            let mut server = http2::Builder::new(TokioExecutor::new());
            server
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_header_list_size(HEADER_BYTES_MAX)
                .keep_alive_interval(self.limits.header)
                .keep_alive_timeout(self.limits.header);
            self.live(server.serve_connection(io, service), watcher).await;
        } else {
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(self.limits.header).max_buf_size(BUFFER_BYTES_MAX);
            self.live(server.serve_connection(io, service), watcher).await;
        }
    }

    /// Runs a connection until its life is over or the server stops.
    async fn live<C: GracefulConnection>(&self, connection: C, watcher: Watcher) {
        let _over = timeout(self.limits.life, watcher.watch(connection)).await;
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
mod tests {
    use axum::extract::Extension;
    use axum::routing::get;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;

    struct Server {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        done: JoinHandle<Result<(), ServeError>>,
    }

    async fn server(router: Router, tls: Option<Arc<rustls::ServerConfig>>, limits: ServeLimits) -> Server {
        let tls = tls.map(Tls::from);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let done = tokio::spawn(serve(listener, router, tls, limits, shutdown));
        Server { address, stop, done }
    }

    fn router() -> Router {
        let peer = |Extension(PeerAddress(peer)): Extension<PeerAddress>| async move { peer.ip().to_string() };
        Router::new().route("/", get(peer))
    }

    fn quick() -> ServeLimits {
        ServeLimits {
            header: Duration::from_millis(200),
            handshake: Duration::from_millis(200),
            ..ServeLimits::default()
        }
    }

    async fn asked(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn requests_are_answered_and_know_their_peer() {
        let server = server(router(), None, quick()).await;
        let answer = asked(server.address, GET).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn clear_text_is_served_on_loopback_only() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let served = serve(listener, router(), None, quick(), std::future::pending()).await;
        assert!(matches!(served, Err(ServeError::ClearText(_))));
    }

    #[tokio::test]
    async fn who_is_slow_or_silent_is_let_go() {
        let server = server(router(), None, quick()).await;
        for request in ["", "GET / HTTP/1.1\r\nHost"] {
            let answer = asked(server.address, request).await;
            assert!(!answer.contains("200"), "{answer}");
        }
        let twice = asked(server.address, &GET.repeat(2)).await;
        assert_eq!(twice.matches("HTTP/1.1 200").count(), 2, "idle after two answers, then let go");
    }

    #[tokio::test]
    async fn a_header_without_end_is_refused() {
        let server = server(router(), None, quick()).await;
        let answer = asked(server.address, &format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(64 * 1024))).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_given_up() {
        let never = Router::new().route("/", get(std::future::pending::<()>));
        let limits = ServeLimits { request: Duration::from_millis(50), ..quick() };
        let server = server(never, None, limits).await;
        assert!(asked(server.address, GET).await.starts_with("HTTP/1.1 503"));
    }

    #[tokio::test]
    async fn a_stop_cuts_no_answer_short() {
        let (entered, seen) = oneshot::channel::<()>();
        let (go, gone) = oneshot::channel::<()>();
        let once = std::sync::Mutex::new(Some((entered, gone)));
        let once = Arc::new(once);
        let slow = move || {
            let channels = once.lock().unwrap().take().unwrap();
            async move {
                channels.0.send(()).unwrap();
                channels.1.await.unwrap();
                "whole"
            }
        };
        let server = server(Router::new().route("/", get(slow)), None, ServeLimits::default()).await;
        let request = tokio::spawn(asked(server.address, GET));
        seen.await.unwrap();
        server.stop.send(()).unwrap();
        go.send(()).unwrap();
        assert!(request.await.unwrap().ends_with("whole"));
        server.done.await.unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err(), "nobody new is let in");
    }

    #[tokio::test]
    async fn only_so_many_connections_are_open_at_once() {
        let limits = ServeLimits { connections_max: 1, header: Duration::from_millis(300), ..ServeLimits::default() };
        let server = server(router(), None, limits).await;
        let _silent = TcpStream::connect(server.address).await.unwrap();
        let answer = asked(server.address, GET).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "once the silent one was let go: {answer}");
    }

    #[tokio::test]
    async fn an_address_has_its_share_of_connections_and_gets_it_back() {
        let limits = ServeLimits { connections_per_address_max: Some(2), ..ServeLimits::default() };
        let server = server(router(), None, limits).await;
        let first = TcpStream::connect(server.address).await.unwrap();
        let mut second = TcpStream::connect(server.address).await.unwrap();
        // The second one is served before the third comes.
        second.write_all(GET.as_bytes()).await.unwrap();
        let mut begun = [0; 12];
        second.read_exact(&mut begun).await.unwrap();
        let mut third = TcpStream::connect(server.address).await.unwrap();
        let mut answer = Vec::new();
        let _ = third.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "closed at once");
        drop(first);
        loop {
            // The server sees the end of the first one when it reads next.
            let mut again = TcpStream::connect(server.address).await.unwrap();
            let _ = again.write_all(GET.as_bytes()).await;
            if again.read_exact(&mut begun).await.is_ok() {
                break;
            }
        }
        assert!(begun.starts_with(b"HTTP/1.1 200"));
    }

    fn tls(protocols: &[&[u8]]) -> (Arc<rustls::ServerConfig>, Arc<rustls::ClientConfig>) {
        let signed = rcgen::generate_simple_self_signed(["portal.example".to_owned()]).unwrap();
        let certificate: CertificateDer<'static> = signed.cert.der().clone();
        let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        server.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let mut client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = server.alpn_protocols.clone();
        (Arc::new(server), Arc::new(client))
    }

    async fn secured(
        address: SocketAddr,
        client: Arc<rustls::ClientConfig>,
    ) -> tokio_rustls::client::TlsStream<TcpStream> {
        let name = ServerName::try_from("portal.example").unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        tokio_rustls::TlsConnector::from(client).connect(name, stream).await.unwrap()
    }

    #[tokio::test]
    async fn http_1_is_spoken_over_tls() {
        let (config, client) = tls(&[b"http/1.1"]);
        let server = server(router(), Some(config), quick()).await;
        let mut stream = secured(server.address, client).await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        assert_eq!(asked(server.address, "").await, "", "a handshake that never comes is let go");
    }

    #[tokio::test]
    async fn http_2_is_spoken_where_it_was_agreed_on() {
        let (config, client) = tls(&[b"h2", b"http/1.1"]);
        let server = server(router(), Some(config), ServeLimits::default()).await;
        let io = TokioIo::new(secured(server.address, client).await);
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        let request = hyper::Request::builder().uri("https://portal.example/").body(Body::empty()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, hyper::Version::HTTP_2));
    }
}
