//! The seam to the network: what opens a connection, and what one is.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A future of an object-safe trait.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An open connection: bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// What opens connections. The caller bounds the time.
pub trait Network: Send + Sync {
    /// Opens a connection to an address.
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>>;
}

/// The operating system's TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioNetwork;

impl Network for TokioNetwork {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move { prepared(TcpStream::connect(to).await?) })
    }
}

/// A connection as a dialogue wants it.
pub(crate) fn prepared(stream: TcpStream) -> io::Result<Box<dyn Stream>> {
    // Commands are written whole, so waiting for more to send only delays them.
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}
