//! The desk: what a listener asks of the journey, and what it hands over.
//!
//! A listener never sees a key, a policy or the store. It recognises a client
//! through the desk, hands over a message as it arrives, and repeats the
//! desk's reply to the client.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use identity::{AuthRefused, Sender};
use mail::{Address, Domain, Envelope, Reply};
use zeroize::Zeroizing;

use crate::gateway::Passage;

/// A future that the desk gives.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where listeners bring clients and their messages.
pub trait Desk: Send + Sync + 'static {
    /// Whether the login and the password are those of a credential that is
    /// not revoked. An unknown login costs as much work as a wrong password.
    fn authenticate(&self, attempt: Attempt) -> Answer<'_, Result<Sender, AuthRefused>>;

    /// Whether the client may still use this reverse path; asked at each MAIL
    /// FROM, so that access which was ended is noticed in a long session.
    ///
    /// The listener has already refused addresses outside of
    /// [`Sender::senders`]. `None` is the empty reverse path.
    fn allows<'a>(&'a self, sender: &'a Sender, from: Option<&'a Address>) -> Answer<'a, Result<(), Reply>>;

    /// Opens an intake for a message whose envelope is complete.
    ///
    /// An error is a reply of class 4 or 5 and ends the transaction.
    fn begin(&self, submission: Submission) -> Answer<'_, Result<Box<dyn Intake>, Reply>>;
}

/// One message on its way in.
///
/// Dropped before [`finish`](Intake::finish) it was abandoned: nothing of it
/// is kept, and nobody was told that it had been taken.
pub trait Intake: Send {
    /// Takes the next bytes: dots unstuffed, line ends CRLF, cut anywhere.
    /// They are never empty and, within [`smtp::server::Limits`], never too many.
    ///
    /// After an error nothing more is pushed and the reply, of class 4 or 5,
    /// is given to the client when the message ends.
    fn push<'a>(&'a mut self, content: &'a [u8]) -> Answer<'a, Result<(), Reply>>;

    /// The message is whole. The reply may be positive only when the message
    /// is durable. The future is run to its end even when the client is gone.
    fn finish(self: Box<Self>) -> Answer<'static, Reply>;
}

/// A try to log in.
pub struct Attempt {
    /// What the client says it is.
    pub login: String,
    /// What should prove it.
    pub password: Zeroizing<String>,
    /// Where it connects from.
    pub peer: IpAddr,
}

/// All that a listener knows of a message before its content.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Who hands it in, and the addresses that it may send as.
    pub sender: Sender,
    /// Reverse path and recipients, with their parameters.
    pub envelope: Envelope,
    /// The argument of EHLO or HELO; never more than a claim.
    pub helo: String,
    /// Where it connects from.
    pub peer: IpAddr,
    /// The connection's TLS.
    pub tls: Option<TlsFacts>,
    /// The `with` keyword of Received (RFC 3848, RFC 6531): `ESMTPSA`.
    pub with: &'static str,
    /// What BODY said (RFC 6152).
    pub body: smtp::server::BodyKind,
    /// What SIZE said (RFC 1870).
    pub declared_bytes: Option<u64>,
    /// How it crosses the border, where it came by port 25.
    pub passage: Passage,
}

/// What is known of a connection's TLS, in the words of a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.3`.
    pub version: &'static str,
    /// The name of the cipher suite: `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The names of connectors that the client's certificate is valid for.
    pub client_names: Vec<Domain>,
}

impl TlsFacts {
    /// The facts of a handshake that is done.
    pub fn of(connection: &rustls::ServerConnection) -> Option<Self> {
        let version = match connection.protocol_version()? {
            rustls::ProtocolVersion::TLSv1_2 => "TLSv1.2",
            rustls::ProtocolVersion::TLSv1_3 => "TLSv1.3",
            // No other is offered.
            _ => return None,
        };
        let cipher = connection.negotiated_cipher_suite()?.suite().as_str()?.replace("TLS13_", "TLS_");
        Some(Self { version, cipher, client_names: Vec::new() })
    }
}
