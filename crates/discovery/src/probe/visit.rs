//! A visit to an MX host: greeting, EHLO, STARTTLS, goodbye. Never MAIL FROM.
//!
//! One connection at a time, under the name that deliveries bear too, and no
//! more than a host is to be burdened with.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use mail::Domain;
use smtp::client::{Extensions, Greeted, Greeting, Handshake, Opened, Session, TlsAnswer};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use transport::{Cause, Network, Stage, Stream, Timeouts, converse};

/// What a visit takes.
pub(super) struct Visitor<'a> {
    pub(super) network: &'a dyn Network,
    pub(super) helo: &'a Domain,
    pub(super) timeouts: &'a Timeouts,
    pub(super) connections_max: usize,
    pub(super) connections: AtomicUsize,
}

/// Why a visit came to no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum VisitError {
    /// The host is not to be burdened with more connections.
    #[error("no more connections are made to this host")]
    Enough,
    /// It went wrong.
    #[error("{}", .0.outside())]
    Cause(Cause),
}

/// A session in clear.
pub(super) struct Clear {
    pub(super) stream: Box<dyn Stream>,
    pub(super) banner: String,
    pub(super) session: Session,
}

/// What came of asking for TLS.
pub(super) enum Asked {
    /// The next bytes are TLS.
    Go(Box<dyn Stream>, Handshake),
    /// It is not offered, and what else is.
    NotOffered(Extensions),
    /// It is refused, and what else is offered.
    Refused(u16, Extensions),
}

impl Visitor<'_> {
    /// Connections that were made.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Connects, and says EHLO.
    pub(super) async fn enter(&self, address: SocketAddr) -> Result<Clear, VisitError> {
        if self.connections() >= self.connections_max {
            return Err(VisitError::Enough);
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        let cause = |cause| VisitError::Cause(cause);
        let mut stream = match timeout(self.timeouts.connect, self.network.connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(cause(Cause::Unreachable(error.kind()))),
            Err(_) => return Err(cause(Cause::TimedOut(Stage::Connect))),
        };
        let opened = match converse(&mut *stream, Greeting::new(), self.timeouts).await.map_err(cause)? {
            Greeted::Welcome(opened) => opened,
            Greeted::TurnedAway(reply) => return Err(cause(Cause::Replied(Stage::Greeting, reply))),
        };
        let banner = opened.greeting().to_owned();
        let session = self.hello(&mut *stream, opened).await?;
        Ok(Clear { stream, banner, session })
    }

    /// Says EHLO, in clear or within TLS.
    pub(super) async fn hello(&self, stream: &mut dyn Stream, opened: Opened) -> Result<Session, VisitError> {
        let answer = converse(stream, opened.hello(self.helo), self.timeouts).await.map_err(VisitError::Cause)?;
        answer.map_err(|reply| VisitError::Cause(Cause::Replied(Stage::Hello, reply)))
    }

    /// Asks for TLS; takes leave where there is none to be had.
    pub(super) async fn ask_tls(&self, clear: Clear) -> Result<Asked, VisitError> {
        let Clear { mut stream, session, .. } = clear;
        let offered = session.extensions();
        let starttls = match session.starttls() {
            Ok(starttls) => starttls,
            Err(session) => {
                self.leave(stream, session).await;
                return Ok(Asked::NotOffered(offered));
            }
        };
        match converse(&mut *stream, starttls, self.timeouts).await.map_err(VisitError::Cause)? {
            TlsAnswer::Go(handshake) => Ok(Asked::Go(stream, handshake)),
            TlsAnswer::Refused(reply, session) => {
                if let Some(session) = session {
                    self.leave(stream, session).await;
                }
                Ok(Asked::Refused(reply.code, offered))
            }
        }
    }

    /// Takes leave.
    pub(super) async fn leave(&self, mut stream: Box<dyn Stream>, session: Session) {
        drop(converse(&mut *stream, session.quit(), self.timeouts).await);
        drop(timeout(self.timeouts.write, stream.shutdown()).await);
    }
}

/// What a host offers, in the words of EHLO.
pub(super) fn keywords(extensions: Extensions) -> Vec<&'static str> {
    let all = [
        (extensions.starttls, "STARTTLS"),
        (extensions.requiretls, "REQUIRETLS"),
        (extensions.pipelining, "PIPELINING"),
        (extensions.chunking, "CHUNKING"),
        (extensions.eightbit, "8BITMIME"),
        (extensions.smtputf8, "SMTPUTF8"),
        (extensions.dsn, "DSN"),
        (extensions.size, "SIZE"),
    ];
    all.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, keyword)| keyword).collect()
}
