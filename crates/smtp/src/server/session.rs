//! A session: what it knows, how it is driven, and the answers it takes.
//!
//! [`super::dialogue`] has its commands, [`super::body`] its content.

use mail::{Envelope, Recipient, Reply, ReversePath};

use super::auth::Exchange;
use super::content::{Framing, Scanner};
use super::event::{BeginAsked, FinishAsked, LoginAsked, RecipientAsked, Seal, SenderAsked, StartTlsAsked};
use super::reply::{self, Fixed};
use super::{Event, Limits, Step, Transaction};
use crate::command::Bdat;

/// What a client must do before it may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// STARTTLS, then AUTH: nothing is encrypted yet.
    StartTls,
    /// AUTH: the connection is encrypted.
    Login,
    /// Nothing: the driver knows the client by its network.
    Open,
    /// Nothing, and the driver is asked about each recipient: port 25, where
    /// any mail server comes (RFC 5321). STARTTLS is offered.
    Exchange,
    /// The same, encrypted.
    ExchangeTls,
}

impl Access {
    /// Whether the connection is encrypted.
    pub(super) const fn is_tls(self) -> bool {
        matches!(self, Access::Login | Access::ExchangeTls)
    }
}

/// One client's session.
#[derive(Debug)]
pub struct Session {
    pub(super) hostname: String,
    pub(super) limits: Limits,
    pub(super) access: Access,
    pub(super) hello: Option<Hello>,
    pub(super) logged_in: bool,
    pub(super) phase: Phase,
    pub(super) mailing: Mailing,
    pub(super) counts: Counts,
}

/// What EHLO or HELO said.
#[derive(Debug)]
pub(super) struct Hello {
    pub name: String,
    pub extended: bool,
}

/// What the next bytes are.
#[derive(Debug)]
pub(super) enum Phase {
    /// A command.
    Command,
    /// A response within AUTH.
    Response(Exchange),
    /// Content of DATA.
    Content,
    /// Content of BDAT.
    Chunk {
        /// Bytes still to come.
        remaining: u64,
        /// Whether the message ends with them.
        last: bool,
    },
    /// Content of a BDAT that is refused: framing stays, nothing is taken.
    Refused {
        /// Bytes still to come.
        remaining: u64,
        /// What the client reads then.
        reply: Reply,
    },
    /// Nothing before an answer from outside.
    Asked,
    /// Nothing more.
    Closed,
}

/// How far a mail transaction is.
#[derive(Debug)]
pub(super) enum Mailing {
    None,
    /// MAIL was taken.
    Envelope(Box<Transaction>),
    /// The first content was asked for.
    Content(Box<Taking>),
}

/// A message whose content comes.
#[derive(Debug)]
pub(super) struct Taking {
    pub scanner: Scanner,
    /// Why the driver does not want the rest.
    pub refusal: Option<Reply>,
    /// Whether the driver knows that the message will not be finished.
    pub abandoned: bool,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub messages: u32,
    pub idle_commands: u32,
    pub bad_commands: u32,
    pub failed_logins: u32,
}

impl Session {
    /// A session with a client that has just connected.
    pub fn new(hostname: impl Into<String>, access: Access, limits: Limits) -> Self {
        Self {
            hostname: hostname.into(),
            limits,
            access,
            hello: None,
            logged_in: false,
            phase: Phase::Command,
            mailing: Mailing::None,
            counts: Counts::default(),
        }
    }

    /// Writes the greeting; the first thing on a connection.
    pub fn greet(&self, out: &mut Vec<u8>) {
        reply::write_greeting(&self.hostname, out);
    }

    /// Reads on in `input`, writes replies to `out` and says what comes next.
    ///
    /// `input` is all that was read and not yet consumed. Panics if an answer
    /// is owed.
    pub fn advance<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> Step<'b> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let (taken, event) = self.step(rest, out);
            consumed += taken;
            if let Some(event) = event {
                return Step { consumed, event };
            }
        }
    }

    /// What the driver must know, or nothing where the session goes on.
    fn step<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> (usize, Option<Event<'b>>) {
        match self.phase {
            Phase::Command => self.command_line(input, out),
            Phase::Response(_) => self.response_line(input, out),
            Phase::Content => self.content(input, out),
            Phase::Chunk { remaining, last } => self.chunk(input, remaining, last, out),
            Phase::Refused { .. } => self.refused_chunk(input, out),
            Phase::Asked => panic!("a session that waits for an answer was driven on"),
            Phase::Closed => (input.len(), Some(Event::Close)),
        }
    }

    /// Answers [`Event::Login`].
    pub fn login_checked(&mut self, asked: LoginAsked, verdict: Result<(), Fixed>, out: &mut Vec<u8>) {
        drop(asked);
        self.phase = Phase::Command;
        match verdict {
            Ok(()) => {
                self.logged_in = true;
                reply::write_fixed(reply::LOGGED_IN, out);
            }
            Err(refusal) => self.login_failed(refusal, out),
        }
    }

    /// Answers [`Event::Sender`]; a refusal is of class 4 or 5.
    pub fn sender_checked(&mut self, asked: SenderAsked, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        self.phase = Phase::Command;
        if let Err(refusal) = verdict {
            reply::write(&refusal, out);
            return self.count_bad(out);
        }
        let mail = asked.mail;
        let envelope = Envelope {
            sender: ReversePath(mail.from),
            recipients: Vec::new(),
            envid: mail.envid,
            smtputf8: mail.smtputf8,
            requiretls: mail.requiretls,
        };
        let transaction = Transaction { envelope, body: mail.body, declared_bytes: mail.size, ret: mail.ret, tried: 0 };
        self.mailing = Mailing::Envelope(Box::new(transaction));
        reply::write_fixed(reply::SENDER_TAKEN, out);
    }

    /// Answers [`Event::Recipient`]; a refusal is of class 4 or 5. Refused
    /// recipients count as bad commands: whoever guesses addresses is sent away.
    pub fn recipient_checked(&mut self, asked: RecipientAsked, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        self.phase = Phase::Command;
        match verdict {
            Ok(()) => self.take_recipient(asked.recipient, out),
            Err(refusal) => {
                reply::write(&refusal, out);
                self.count_bad(out);
            }
        }
    }

    /// Answers [`Event::Begin`]; a refusal is of class 4 or 5.
    pub fn begun(&mut self, asked: BeginAsked, verdict: Result<(), Reply>, out: &mut Vec<u8>) {
        self.phase = match (verdict, asked.chunk) {
            (Ok(()), None) => {
                out.extend_from_slice(reply::SEND_CONTENT.as_bytes());
                self.take(Framing::Dots, asked.smtputf8);
                Phase::Content
            }
            (Ok(()), Some(Bdat { bytes, last })) => {
                self.take(Framing::Counted, asked.smtputf8);
                Phase::Chunk { remaining: bytes, last }
            }
            (Err(refusal), None) => {
                reply::write(&refusal, out);
                Phase::Command
            }
            (Err(refusal), Some(Bdat { bytes, .. })) => Phase::Refused { remaining: bytes, reply: refusal },
        };
    }

    fn take(&mut self, framing: Framing, smtputf8: bool) {
        self.counts.messages = self.counts.messages.saturating_add(1);
        let scanner = Scanner::new(framing, smtputf8, &self.limits);
        self.mailing = Mailing::Content(Box::new(Taking { scanner, refusal: None, abandoned: false }));
    }

    /// The driver does not want the rest of the message: it is read to its end
    /// and refused then. `refusal` is of class 4 or 5.
    pub fn refuse_content(&mut self, refusal: Reply) {
        if let Mailing::Content(taking) = &mut self.mailing {
            taking.refusal = Some(refusal);
            taking.abandoned = true;
        }
    }

    /// Answers [`Event::Finish`]. A positive reply says that the message is durable.
    pub fn finished(&mut self, asked: FinishAsked, verdict: &Reply, out: &mut Vec<u8>) {
        let FinishAsked { _seal: Seal } = asked;
        self.phase = Phase::Command;
        if verdict.is_positive() {
            self.counts.idle_commands = 0;
            self.counts.bad_commands = 0;
        }
        reply::write(verdict, out);
    }

    /// Answers [`Event::StartTls`]: TLS is on, and all that was said before it
    /// is forgotten (RFC 3207 §4.2).
    pub fn tls_started(&mut self, asked: StartTlsAsked) {
        let StartTlsAsked { _seal: Seal } = asked;
        self.access = match self.access {
            Access::Exchange => Access::ExchangeTls,
            _ => Access::Login,
        };
        self.hello = None;
        self.logged_in = false;
        self.mailing = Mailing::None;
        self.phase = Phase::Command;
    }

    /// Says farewell for a reason of the driver's, if this is a moment at
    /// which a client looks for a reply and loses nothing; else gives false,
    /// and the message under way should be awaited.
    pub fn dismiss(&mut self, farewell: Fixed, out: &mut Vec<u8>) -> bool {
        let idle = matches!(self.phase, Phase::Command | Phase::Response(_));
        if !idle || matches!(self.mailing, Mailing::Content(_)) {
            return false;
        }
        reply::write_fixed(farewell, out);
        self.phase = Phase::Closed;
        true
    }

    /// Says farewell at any moment: a message under way is lost to the client.
    pub fn cut_off(&mut self, farewell: Fixed, out: &mut Vec<u8>) {
        reply::write_fixed(farewell, out);
        self.phase = Phase::Closed;
        self.mailing = Mailing::None;
    }

    /// Whether the next bytes are content and not a command.
    pub fn is_in_content(&self) -> bool {
        matches!(self.phase, Phase::Content | Phase::Chunk { .. } | Phase::Refused { .. })
    }

    /// Whether a message has begun and is not finished.
    pub fn is_taking_message(&self) -> bool {
        matches!(self.mailing, Mailing::Content(_))
    }

    /// Whether the client may send.
    pub fn is_recognised(&self) -> bool {
        self.logged_in || self.access == Access::Open
    }

    /// The envelope that is being told: its reverse path and the recipients
    /// that were taken so far.
    pub fn envelope(&self) -> Option<&Envelope> {
        match &self.mailing {
            Mailing::Envelope(transaction) => Some(&transaction.envelope),
            Mailing::None | Mailing::Content(_) => None,
        }
    }

    /// What EHLO or HELO said; a claim and no more.
    pub fn helo(&self) -> &str {
        self.hello.as_ref().map_or("", |hello| &hello.name)
    }

    /// The `with` keyword of Received for the message that is begun (RFC 3848,
    /// RFC 6531 §4.3).
    pub fn with(&self, smtputf8: bool) -> &'static str {
        let tls = self.access.is_tls();
        let extended = self.hello.as_ref().is_some_and(|hello| hello.extended);
        match (smtputf8, extended, tls, self.logged_in) {
            (true, _, true, true) => "UTF8SMTPSA",
            (true, _, true, false) => "UTF8SMTPS",
            (true, _, false, true) => "UTF8SMTPA",
            (true, _, false, false) => "UTF8SMTP",
            (false, _, true, true) => "ESMTPSA",
            (false, _, true, false) => "ESMTPS",
            (false, _, false, true) => "ESMTPA",
            (false, true, false, false) => "ESMTP",
            (false, false, false, false) => "SMTP",
        }
    }

    /// The same mailbox twice gets one copy.
    pub(super) fn take_recipient(&mut self, recipient: Recipient, out: &mut Vec<u8>) {
        if let Mailing::Envelope(transaction) = &mut self.mailing {
            let recipients = &mut transaction.envelope.recipients;
            if recipients.iter().all(|known| known.address != recipient.address) {
                recipients.push(recipient);
            }
        }
        reply::write_fixed(reply::RECIPIENT_TAKEN, out);
    }

    pub(super) fn login_failed(&mut self, refusal: Fixed, out: &mut Vec<u8>) {
        reply::write_fixed(refusal, out);
        self.counts.failed_logins = self.counts.failed_logins.saturating_add(1);
        if self.counts.failed_logins >= self.limits.failed_logins_max {
            self.phase = Phase::Closed;
        }
    }

    pub(super) fn count_bad(&mut self, out: &mut Vec<u8>) {
        self.counts.bad_commands = self.counts.bad_commands.saturating_add(1);
        if self.counts.bad_commands >= self.limits.bad_commands_max {
            self.close(reply::TOO_MANY_BAD, out);
        }
    }

    pub(super) fn close(&mut self, farewell: Fixed, out: &mut Vec<u8>) {
        reply::write_fixed(farewell, out);
        self.phase = Phase::Closed;
    }
}
