//! The listeners of mail: sockets, TLS, time and limits around the
//! state machine of [`smtp::server`].
//!
//! Standards: RFC 6409 (587), RFC 8314 (465), RFC 5321 (25), RFC 3207 (STARTTLS), SP 800-52r2
//! (TLS 1.2 AEAD with ECDHE, TLS 1.3). What is done with a message is the
//! [`Desk`]'s; this module never judges, stores or relays anything.

mod buffer;
mod conversation;
mod desk;
mod exchange;
mod gate;
mod pace;
mod settings;
pub mod tls;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use smtp::server::reply::{self, Fixed};
use smtp::server::{Access, Session};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub use desk::{Answer, Attempt, Desk, Intake, Submission, TlsFacts};
pub use exchange::Exchange;
pub use identity::AuthRefused;
pub use settings::{ClientLimits, Door, NamedNetworks, NotPrivate, Settings};

use conversation::{Client, Conversation};
use gate::{Gate, Meter, Pass};
use pace::Pace;

/// Why a listener does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The operating system does not tell the socket's address.
    #[error("the socket can't be used")]
    Socket(#[source] io::Error),
    /// The door needs no AUTH and must not be reached from everywhere.
    #[error(transparent)]
    NotPrivate(#[from] NotPrivate),
}

/// What all listeners of a process share: the desk, the settings, and the
/// count of who is there.
pub struct Reception {
    desk: Arc<dyn Desk>,
    hostname: String,
    session: smtp::server::Limits,
    limits: Arc<ClientLimits>,
    gate: Arc<Gate>,
    meter: Arc<Meter>,
}

impl Reception {
    /// A reception that brings clients to `desk`.
    pub fn new(desk: Arc<dyn Desk>, settings: Settings) -> Arc<Self> {
        let Settings { hostname, session, clients } = settings;
        let gate = Gate::new(&clients);
        let meter = Arc::new(Meter::new(&clients));
        Arc::new(Self { desk, hostname, session, limits: Arc::new(clients), gate, meter })
    }

    /// A listener over a bound socket.
    pub fn listen(self: &Arc<Self>, socket: TcpListener, door: Door) -> Result<Listener, ListenError> {
        let address = socket.local_addr().map_err(ListenError::Socket)?;
        if matches!(door, Door::Named(_)) {
            settings::check_private(address)?;
        }
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

/// After an error of `accept`: no descriptors are left, most likely, and
/// trying again at once would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Listener {
    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes clients until `closed` holds true, then no new ones. Those that are there go on until
    /// `stop` holds true; messages under way may then still end within [`ClientLimits::stop_grace`].
    pub async fn run(self, mut closed: watch::Receiver<bool>, mut stop: watch::Receiver<bool>) {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut closed) => break,
                () = stopped(&mut stop) => break,
                _ = visits.join_next(), if !visits.is_empty() => {}
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, peer)) => self.receive(stream, peer.ip().to_canonical(), stop.clone(), &mut visits),
                    Err(error) => {
                        tracing::warn!(%error, "can't take a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(self.socket);
        let ended = async { while visits.join_next().await.is_some() {} };
        let grace = async {
            stopped(&mut stop).await;
            tokio::time::sleep(self.reception.limits.stop_grace).await;
        };
        tokio::select! {
            () = ended => return,
            () = grace => {}
        }
        tracing::warn!(connections = visits.len(), "closing connections that did not end in time");
    }

    fn receive(&self, stream: TcpStream, peer: IpAddr, stop: watch::Receiver<bool>, visits: &mut JoinSet<()>) {
        let pass = match self.reception.gate.enter(peer, matches!(self.door, Door::Named(_)), std::time::Instant::now())
        {
            Ok(pass) => pass,
            Err(refusal) => return self.turn_away(&stream, peer, refusal),
        };
        let visit = Visit { reception: self.reception.clone(), door: self.door.clone(), peer, stop, _pass: pass };
        visits.spawn(visit.run(stream));
    }

    /// Says why, if that takes no time: who is too many gets no task, no
    /// handshake and no memory.
    fn turn_away(&self, stream: &TcpStream, peer: IpAddr, refusal: Fixed) {
        tracing::debug!(%peer, "turned away");
        if !matches!(self.door, Door::ImplicitTls(_)) {
            let mut line = Vec::new();
            reply::write(&refusal.into(), &mut line);
            let _ = stream.try_write(&line);
        }
    }
}

/// One client's connection from its first byte to its last.
struct Visit {
    reception: Arc<Reception>,
    door: Door,
    peer: IpAddr,
    stop: watch::Receiver<bool>,
    _pass: Pass,
}

impl Visit {
    async fn run(self, stream: TcpStream) {
        let peer = self.peer;
        if let Err(error) = self.converse(stream).await {
            tracing::debug!(%peer, %error, "connection lost");
        }
    }

    async fn converse(self, stream: TcpStream) -> io::Result<()> {
        // Replies are written whole; waiting for more to send only delays them.
        stream.set_nodelay(true)?;
        match self.door.clone() {
            Door::StartTls(config) => {
                let mut client = self.client(Access::StartTls);
                let Some((asked, stream)) = Conversation::new(&mut client, stream).begin().await? else {
                    return Ok(());
                };
                let stream = handshake(config, stream, &mut client).await?;
                client.session.tls_started(asked);
                Conversation::new(&mut client, stream).go_on().await?;
            }
            Door::ImplicitTls(config) => {
                let mut client = self.client(Access::Login);
                let stream = handshake(config, stream, &mut client).await?;
                Conversation::new(&mut client, stream).begin().await?;
            }
            Door::Exchange(exchange) => {
                let mut client = self.client(Access::Exchange);
                client.gateway = Some(exchange.gateway.clone());
                let Some((asked, stream)) = Conversation::new(&mut client, stream).begin().await? else {
                    return Ok(());
                };
                let stream = handshake(exchange.tls.clone(), stream, &mut client).await?;
                if let Some(tls) = &mut client.tls {
                    tls.client_names = exchange.proven_names(stream.get_ref().1);
                }
                client.session.tls_started(asked);
                Conversation::new(&mut client, stream).go_on().await?;
            }
            Door::Named(networks) => {
                let mut client = self.client(Access::Open);
                client.sender = networks.sender_at(self.peer).cloned();
                match client.sender {
                    Some(_) => drop(Conversation::new(&mut client, stream).begin().await?),
                    None => Conversation::new(&mut client, stream).send_away(reply::NOT_NAMED).await?,
                }
            }
        }
        Ok(())
    }

    fn client(&self, access: Access) -> Client {
        let reception = &self.reception;
        Client {
            desk: reception.desk.clone(),
            meter: reception.meter.clone(),
            limits: reception.limits.clone(),
            session: Session::new(reception.hostname.as_str(), access, reception.session.clone()),
            peer: self.peer,
            sender: None,
            gateway: None,
            tls: None,
            pace: Pace::new(&reception.limits, Instant::now()),
            refusals: 0,
            stop: self.stop.clone(),
        }
    }
}

async fn handshake(
    config: Arc<ServerConfig>,
    stream: TcpStream,
    client: &mut Client,
) -> io::Result<TlsStream<TcpStream>> {
    let handshake = timeout(client.limits.handshake_timeout, TlsAcceptor::from(config).accept(stream));
    let stream = tokio::select! {
        stream = handshake => stream??,
        () = stopped(&mut client.stop) => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    client.tls = TlsFacts::of(stream.get_ref().1);
    client.pace.progressed(Instant::now());
    Ok(stream)
}

/// Waits for the stop; who could give it and is gone has stopped too.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stopped| *stopped).await;
}
