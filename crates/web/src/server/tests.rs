//! The server over real connections: HTTP/1.1, HTTP/2, TLS.

use axum::extract::Extension;
use axum::routing::get;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

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
    ServeLimits { header: Duration::from_millis(200), handshake: Duration::from_millis(200), ..ServeLimits::default() }
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

async fn secured(address: SocketAddr, client: Arc<rustls::ClientConfig>) -> tokio_rustls::client::TlsStream<TcpStream> {
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

type H2 = hyper::client::conn::http2::SendRequest<Body>;

async fn h2(address: SocketAddr, client: Arc<rustls::ClientConfig>) -> (H2, JoinHandle<hyper::Result<()>>) {
    let io = TokioIo::new(secured(address, client).await);
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn ask() -> hyper::Request<Body> {
    hyper::Request::builder().uri("https://portal.example/").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_connection_of_http_2_over_which_nobody_asks_is_ended_and_a_busy_one_is_not() {
    let (config, client) = tls(&[b"h2"]);
    let (go, gone) = watch::channel(false);
    let slow = move || {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            "whole"
        }
    };
    let router = router().route("/slow", get(slow));
    let limits = ServeLimits { idle: Duration::from_millis(300), header: Duration::from_secs(60), ..quick() };
    let server = server(router, Some(config), limits).await;
    let (mut busy, _busy_connection) = h2(server.address, client.clone()).await;
    let slow = hyper::Request::builder().uri("https://portal.example/slow").body(Body::empty()).unwrap();
    let waiting = tokio::spawn(busy.send_request(slow));

    let began = Instant::now();
    let (mut sender, connection) = h2(server.address, client.clone()).await;
    assert_eq!(sender.send_request(ask()).await.unwrap().status(), 200);
    connection.await.unwrap().expect("ended in order, while its client still has its sender");
    assert!(began.elapsed() >= Duration::from_millis(300) && sender.is_closed());

    // By then the busy one has been open for longer.
    go.send_replace(true);
    let answer = waiting.await.unwrap().unwrap();
    assert_eq!(axum::body::to_bytes(Body::new(answer.into_body()), 100).await.unwrap(), "whole");
}

#[tokio::test]
async fn a_client_that_agrees_on_http_2_and_says_nothing_is_let_go() {
    let (config, client) = tls(&[b"h2"]);
    let server = server(router(), Some(config), ServeLimits { idle: Duration::from_millis(100), ..quick() }).await;
    let mut silent = secured(server.address, client).await;
    let mut told = Vec::new();
    // Whether its end is told in TLS or not.
    drop(silent.read_to_end(&mut told).await);
    assert!(told.len() < 200, "no more than how HTTP/2 begins and ends");
}

#[tokio::test]
async fn a_header_without_end_is_refused_over_http_2() {
    let (config, client) = tls(&[b"h2"]);
    let server = server(router(), Some(config), quick()).await;
    let (mut sender, _connection) = h2(server.address, client).await;
    let mut long = ask();
    long.headers_mut().insert("x", "x".repeat(64 * 1024).parse().unwrap());
    let answer = sender.send_request(long).await;
    assert!(answer.as_ref().is_ok_and(|answer| answer.status() == 431) || answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_stop_ends_connections_that_are_idle_at_once() {
    let (config, client) = tls(&[b"h2"]);
    let server = server(router(), Some(config), ServeLimits::default()).await;
    let (mut sender, connection) = h2(server.address, client).await;
    assert_eq!(sender.send_request(ask()).await.unwrap().status(), 200);
    server.stop.send(()).unwrap();
    connection.await.unwrap().unwrap();
    server.done.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_comes_through_a_proxy_is_not_counted_as_the_proxys() {
    let listed = vec!["127.0.0.0/8".parse().unwrap()];
    let limits = ServeLimits { connections_per_address_max: Some(1), proxies: listed, ..ServeLimits::default() };
    let server = server(router(), None, limits).await;
    let (mut first, mut second) =
        (TcpStream::connect(server.address).await.unwrap(), TcpStream::connect(server.address).await.unwrap());
    for stream in [&mut first, &mut second] {
        stream.write_all(GET.as_bytes()).await.unwrap();
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).await.unwrap();
        assert!(begun.starts_with(b"HTTP/1.1 200"));
    }
}
