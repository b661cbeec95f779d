//! The TLS of a listener: visitors, and the authority that asks by it.

use std::sync::Arc;

use flow::certificates::{ACME_TLS, Answers};
use rustls::server::{Acceptor, ClientHello};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

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

impl Tls {
    /// The handshake; none where it fails, or was an authority's.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
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
