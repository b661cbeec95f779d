//! A session: the server is known, and a transaction, STARTTLS or the end may
//! follow.

use mail::Reply;

use super::Exchange;
use super::error::ProtocolError;
use super::extensions::Extensions;
use super::opening::Handshake;
use super::reply::ReplyReader;
use super::sending::Sending;
use super::transaction::{Step, Transaction, Unfit};

/// A session between transactions.
#[derive(Debug)]
pub struct Session {
    extensions: Extensions,
    tls: bool,
    /// Whether a transaction is still open at the server and RSET must end it.
    dirty: bool,
}

impl Session {
    pub(super) fn new(extensions: Extensions, tls: bool) -> Self {
        Self { extensions, tls, dirty: false }
    }

    pub(super) fn after(extensions: Extensions, tls: bool, dirty: bool) -> Self {
        Self { extensions, tls, dirty }
    }

    /// What the server offers.
    pub const fn extensions(&self) -> Extensions {
        self.extensions
    }

    /// Whether the session runs within TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// Asks for TLS; gives the session back where that makes no sense: it is
    /// not offered, or there is TLS already.
    pub fn starttls(self) -> Result<StartTls, Session> {
        if self.tls || !self.extensions.starttls {
            return Err(self);
        }
        Ok(StartTls { reader: ReplyReader::default(), asked: false, extensions: self.extensions })
    }

    /// Begins a transaction that the server can take.
    pub fn send(self, transaction: Transaction) -> Result<Sending, (Session, Unfit)> {
        match transaction.fits(self.extensions) {
            Ok(()) => Ok(Sending::new(transaction, self.extensions, self.tls, self.dirty)),
            Err(unfit) => Err((self, unfit)),
        }
    }

    /// Ends the session.
    pub fn quit(self) -> Quit {
        Quit::default()
    }
}

/// STARTTLS was asked.
#[derive(Debug)]
pub struct StartTls {
    reader: ReplyReader,
    asked: bool,
    extensions: Extensions,
}

/// What came of asking for TLS.
#[derive(Debug)]
pub enum TlsAnswer {
    /// The server waits for the handshake.
    Go(Handshake),
    /// It refuses. The session goes on in clear unless the server closes it.
    Refused(Reply, Option<Session>),
}

impl Exchange for StartTls {
    type Outcome = TlsAnswer;

    fn write(&mut self, out: &mut Vec<u8>) {
        if !self.asked {
            self.asked = true;
            out.extend_from_slice(b"STARTTLS\r\n");
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Option<TlsAnswer>, ProtocolError> {
        self.reader.feed(bytes);
        let Some(reply) = self.reader.next()? else { return Ok(None) };
        if !self.reader.is_empty() {
            // Whoever can write into the connection could have put these
            // bytes there to be taken for what TLS protects.
            return Err(ProtocolError::Injected);
        }
        match reply.code {
            220 => Ok(Some(TlsAnswer::Go(Handshake(())))),
            421 => Ok(Some(TlsAnswer::Refused(reply, None))),
            400..=599 => Ok(Some(TlsAnswer::Refused(reply, Some(Session::new(self.extensions, false))))),
            code => Err(ProtocolError::WrongCode(code)),
        }
    }

    fn awaits(&self) -> Step {
        Step::StartTls
    }
}

/// QUIT was said.
#[derive(Debug, Default)]
pub struct Quit {
    reader: ReplyReader,
    asked: bool,
}

impl Exchange for Quit {
    type Outcome = ();

    fn write(&mut self, out: &mut Vec<u8>) {
        if !self.asked {
            self.asked = true;
            out.extend_from_slice(b"QUIT\r\n");
        }
    }

    /// Whatever the reply says, the session is over.
    fn read(&mut self, bytes: &[u8]) -> Result<Option<()>, ProtocolError> {
        self.reader.feed(bytes);
        Ok(self.reader.next()?.map(|_| ()))
    }

    fn awaits(&self) -> Step {
        Step::Quit
    }
}
