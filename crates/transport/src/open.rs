//! From an address to a channel: connect, greeting, EHLO, STARTTLS, EHLO.
//!
//! STARTTLS is tried whenever it is offered, whatever the parcel needs.

use std::net::SocketAddr;

use mail::Domain;
use rustls_pki_types::ServerName;
use smtp::client::{Greeted, Greeting, Handshake, Opened, Session, StartTls, TlsAnswer};
use tokio::time::timeout;

use crate::binding::Binding;
use crate::cause::{Cause, Inability, Stage};
use crate::channel::{Channel, Shortfall};
use crate::config::Timeouts;
use crate::dialogue;
use crate::network::{Network, Stream};
use crate::proof::{Judgement, Proof, TlsProof};
use crate::tls::{Anchors, Secured, Tls, Verdict};

/// One address of one MX host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// The name that the certificate must be for.
    pub(crate) name: ServerName<'static>,
    pub(crate) address: SocketAddr,
    /// What binds it to the domain, and with that the least it must prove.
    pub(crate) binding: Binding,
    /// The anchors of its route, in place of everybody's.
    pub(crate) anchors: Option<Anchors>,
}

impl Target {
    pub(crate) fn mx(&self) -> String {
        self.name.to_str().into_owned()
    }

    fn proof(&self, tls: Option<TlsProof>) -> Proof {
        let (level, mx_lookup) = (self.binding.level(tls.as_ref()), self.binding.lookup());
        Proof { level, mx: self.mx(), address: self.address.ip(), mx_lookup, tls, requiretls: false }
    }
}

/// Why there is no channel.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// The handshake failed, so a new connection without TLS may be tried by
    /// whoever needs none.
    Tls(Shortfall),
    /// Anything else.
    Failed(Cause),
}

/// What opening a channel takes.
pub(crate) struct Opener<'a> {
    pub(crate) network: &'a dyn Network,
    pub(crate) tls: &'a Tls,
    pub(crate) helo: &'a Domain,
    pub(crate) timeouts: &'a Timeouts,
}

impl Opener<'_> {
    /// Opens a channel. `refused_before` is why TLS is not tried: it just
    /// failed here, and the parcel needs none.
    pub(crate) async fn open(&self, target: &Target, refused_before: Option<Shortfall>) -> Result<Channel, OpenError> {
        let mut stream = self.connect(target.address).await?;
        let opened = self.greet(&mut *stream).await?;
        let session = self.hello(&mut *stream, opened).await?;
        if let Some(shortfall) = refused_before {
            return Ok(self.channel(target, stream, session, None, Some(shortfall)));
        }
        let starttls = match session.starttls() {
            Ok(starttls) => starttls,
            Err(session) => {
                let shortfall = Shortfall::Unable(Inability::NotOffered);
                return Ok(self.channel(target, stream, session, None, Some(shortfall)));
            }
        };
        match self.ask_tls(&mut *stream, starttls).await? {
            TlsAnswer::Go(handshake) => self.secure(target, stream, handshake).await,
            TlsAnswer::Refused(reply, session) => {
                let shortfall = match reply.is_permanent() {
                    true => Shortfall::Unable(Inability::Refused(reply)),
                    false => Shortfall::Failed(Cause::Replied(Stage::Tls, reply)),
                };
                match session {
                    Some(session) => Ok(self.channel(target, stream, session, None, Some(shortfall))),
                    None => Err(OpenError::Tls(shortfall)),
                }
            }
        }
    }

    async fn ask_tls(&self, stream: &mut dyn Stream, mut starttls: StartTls) -> Result<TlsAnswer, OpenError> {
        let answer = dialogue::run(stream, &mut starttls, self.timeouts).await;
        answer.map_err(|broken| OpenError::Tls(Shortfall::Failed(broken.cause())))
    }

    async fn connect(&self, address: SocketAddr) -> Result<Box<dyn Stream>, OpenError> {
        match timeout(self.timeouts.connect, self.network.connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(OpenError::Failed(Cause::Unreachable(error.kind()))),
            Err(_) => Err(OpenError::Failed(Cause::TimedOut(Stage::Connect))),
        }
    }

    async fn greet(&self, stream: &mut dyn Stream) -> Result<Opened, OpenError> {
        match self.run(stream, Greeting::new()).await? {
            Greeted::Welcome(opened) => Ok(opened),
            Greeted::TurnedAway(reply) => Err(OpenError::Failed(Cause::Replied(Stage::Greeting, reply))),
        }
    }

    async fn hello(&self, stream: &mut dyn Stream, opened: Opened) -> Result<Session, OpenError> {
        let answer = self.run(stream, opened.hello(self.helo)).await?;
        answer.map_err(|reply| OpenError::Failed(Cause::Replied(Stage::Hello, reply)))
    }

    async fn secure(
        &self,
        target: &Target,
        stream: Box<dyn Stream>,
        handshake: Handshake,
    ) -> Result<Channel, OpenError> {
        let shaking = self.tls.handshake_again(stream, &target.name, target.anchors.as_ref(), &target.binding);
        let Secured { mut stream, proof, .. } = match timeout(self.timeouts.handshake, shaking).await {
            Ok(Ok(secured)) => secured,
            Ok(Err(error)) => {
                return Err(OpenError::Tls(match error.verdict {
                    Verdict::Unable => Shortfall::Unable(Inability::Handshake(error.what)),
                    Verdict::Defer => Shortfall::Failed(Cause::TlsFailed(error.what)),
                }));
            }
            Err(_) => return Err(OpenError::Tls(Shortfall::Failed(Cause::TimedOut(Stage::Tls)))),
        };
        let session = self.hello(&mut *stream, handshake.done()).await?;
        let shortfall = match proof.judgement {
            Judgement::Verified { .. } | Judgement::Dane { .. } => None,
            Judgement::NotVerified { fault, .. } => Some(Shortfall::Unable(Inability::Certificate(fault))),
        };
        Ok(self.channel(target, stream, session, Some(proof), shortfall))
    }

    async fn run<E: smtp::client::Exchange>(
        &self,
        stream: &mut dyn Stream,
        mut exchange: E,
    ) -> Result<E::Outcome, OpenError> {
        let broken = |broken: dialogue::Broken| OpenError::Failed(broken.cause());
        dialogue::run(stream, &mut exchange, self.timeouts).await.map_err(broken)
    }

    fn channel(
        &self,
        target: &Target,
        stream: Box<dyn Stream>,
        session: Session,
        tls: Option<TlsProof>,
        shortfall: Option<Shortfall>,
    ) -> Channel {
        Channel {
            stream,
            extensions: session.extensions(),
            session: Some(session),
            proof: target.proof(tls),
            floor: target.binding.floor(),
            shortfall,
            timeouts: *self.timeouts,
            transactions: 0,
        }
    }
}
