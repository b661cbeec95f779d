//! The listeners of submission: sockets, TLS, time and limits around the
//! state machine of [`smtp::server`].
//!
//! Standards: RFC 6409 (587), RFC 8314 (465), RFC 3207 (STARTTLS), SP 800-52r2
//! (TLS 1.2 AEAD with ECDHE, TLS 1.3). What is done with a message is the
//! [`Desk`]'s; this module never judges, stores or relays anything.

mod desk;
mod settings;
pub mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

pub use desk::{Answer, Attempt, AuthRefused, Desk, Intake, Submission, TlsFacts};
pub use settings::{ClientLimits, Door, NamedNetworks, NotPrivate, Settings};

/// Why a listener does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, not ours, or needs a privilege.
    #[error("can't listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        cause: io::Error,
    },
    /// The door needs no AUTH and must not be reached from everywhere.
    #[error(transparent)]
    NotPrivate(#[from] NotPrivate),
}

/// What all listeners of a process share: the desk, the settings, and the
/// count of who is there.
pub struct Reception {
    desk: Arc<dyn Desk>,
    settings: Settings,
}

impl Reception {
    /// A reception that brings clients to `desk`.
    pub fn new(desk: Arc<dyn Desk>, settings: Settings) -> Arc<Self> {
        Arc::new(Self { desk, settings })
    }

    /// Listens on `address`; port 0 takes a free one.
    pub async fn listen(self: &Arc<Self>, address: SocketAddr, door: Door) -> Result<Listener, ListenError> {
        if matches!(door, Door::Named(_)) {
            settings::check_private(address)?;
        }
        let bind = |cause| ListenError::Bind { address, cause };
        let socket = TcpListener::bind(address).await.map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        Ok(Listener { reception: self.clone(), socket, address, door })
    }
}

/// A bound socket that takes clients once it is [run](Listener::run).
pub struct Listener {
    reception: Arc<Reception>,
    socket: TcpListener,
    address: SocketAddr,
    door: Door,
}

impl Listener {
    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes clients until `stop` holds true, then no new ones; returns when
    /// messages under way have ended, or after [`ClientLimits::stop_grace`].
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let _ = (&self.reception.desk, &self.reception.settings, &self.socket, &self.door);
        let _ = stop.wait_for(|stopped| *stopped).await;
    }
}
