//! From the connection to the session: greeting and EHLO, before and after TLS.

use mail::{Domain, Reply};

use super::Exchange;
use super::command;
use super::error::ProtocolError;
use super::extensions::Extensions;
use super::reply::ReplyReader;
use super::session::Session;
use super::transaction::Step;

/// A connection was opened; the server speaks first.
#[derive(Debug, Default)]
pub struct Greeting {
    reader: ReplyReader,
}

/// What the greeting said.
#[derive(Debug)]
pub enum Greeted {
    /// The server is ready (220).
    Welcome(Opened),
    /// It takes no mail, now (4yz) or ever (5yz).
    TurnedAway(Reply),
}

impl Greeting {
    /// The beginning of a dialogue.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Exchange for Greeting {
    type Outcome = Greeted;

    fn write(&mut self, _out: &mut Vec<u8>) {}

    fn read(&mut self, bytes: &[u8]) -> Result<Option<Greeted>, ProtocolError> {
        self.reader.feed(bytes);
        let Some(reply) = self.reader.next()? else { return Ok(None) };
        if !self.reader.is_empty() {
            return Err(ProtocolError::Unasked);
        }
        match reply.code {
            220 => Ok(Some(Greeted::Welcome(Opened { tls: false, greeting: reply.text }))),
            400..=599 => Ok(Some(Greeted::TurnedAway(reply))),
            code => Err(ProtocolError::WrongCode(code)),
        }
    }

    fn awaits(&self) -> Step {
        Step::Greeting
    }
}

/// The server listens and nothing is known of it.
#[derive(Debug)]
pub struct Opened {
    tls: bool,
    greeting: String,
}

impl Opened {
    /// What the server greeted with, for people to read; empty after TLS,
    /// where nothing of the clear dialogue is kept.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Says who we are and asks what the server can.
    pub fn hello(self, name: &Domain) -> Hello {
        let out = command::ehlo(name).into_bytes();
        Hello { reader: ReplyReader::default(), out, helo: Some(command::helo(name)), tls: self.tls }
    }
}

/// STARTTLS was granted; the next bytes on the connection are TLS.
#[derive(Debug)]
pub struct Handshake(pub(super) ());

impl Handshake {
    /// The handshake succeeded. Nothing of the clear dialogue is kept
    /// (RFC 3207 §4.2).
    pub fn done(self) -> Opened {
        Opened { tls: true, greeting: String::new() }
    }
}

/// EHLO was said, or HELO after EHLO was not understood.
#[derive(Debug)]
pub struct Hello {
    reader: ReplyReader,
    out: Vec<u8>,
    helo: Option<String>,
    tls: bool,
}

impl Hello {
    fn answer(&mut self, reply: Reply) -> Result<Option<Result<Session, Reply>>, ProtocolError> {
        match (reply.code, self.helo.take()) {
            (250, Some(_)) => Ok(Some(Ok(Session::new(Extensions::parse(&reply.text), self.tls)))),
            // Extensions belong to EHLO alone.
            (250, None) => Ok(Some(Ok(Session::new(Extensions::default(), self.tls)))),
            (500..=599, Some(helo)) => {
                self.out = helo.into_bytes();
                Ok(None)
            }
            (400..=599, _) => Ok(Some(Err(reply))),
            (code, _) => Err(ProtocolError::WrongCode(code)),
        }
    }
}

impl Exchange for Hello {
    type Outcome = Result<Session, Reply>;

    fn write(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.out);
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Option<Self::Outcome>, ProtocolError> {
        self.reader.feed(bytes);
        let Some(reply) = self.reader.next()? else { return Ok(None) };
        if !self.reader.is_empty() {
            return Err(ProtocolError::Unasked);
        }
        self.answer(reply)
    }

    fn awaits(&self) -> Step {
        Step::Hello
    }
}
