//! The commands of a session (RFC 5321 §4.1.1, §4.1.4).

use mail::Recipient;

use super::auth::{Exchange, Outcome};
use super::event::{BeginAsked, LoginAsked, RecipientAsked, Seal, SenderAsked, StartTlsAsked, Transaction};
use super::line::{self, Line};
use super::reply::{self, Fixed, Offer};
use super::session::{Access, Hello, Mailing, Phase};
use super::{Event, Session};
use crate::command::{self, Auth, Bdat, Command, CommandError, Mail, Rcpt};

impl Session {
    /// Gives what the driver must know, or nothing where the session goes on.
    pub(super) fn command_line<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> (usize, Option<Event<'b>>) {
        let Some((line, consumed)) = self.line(input, out) else { return (0, self.unless_closed()) };
        if line.len() > line::bytes_max(line) {
            return (consumed, self.refused(reply::LINE_TOO_LONG, out));
        }
        let is_last = consumed == input.len();
        let event = match command::parse(line) {
            Ok(command) => self.command(command, is_last, out),
            Err(error) => self.command_error(&error, out),
        };
        (consumed, event)
    }

    pub(super) fn response_line<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> (usize, Option<Event<'b>>) {
        let Some((line, consumed)) = self.line(input, out) else { return (0, self.unless_closed()) };
        match std::mem::replace(&mut self.phase, Phase::Command) {
            Phase::Response(exchange) => (consumed, self.exchange(exchange.read(line), out)),
            _ => (0, None),
        }
    }

    /// The first line of the input and how many bytes it takes with its CRLF.
    fn line<'b>(&mut self, input: &'b [u8], out: &mut Vec<u8>) -> Option<(&'b [u8], usize)> {
        match line::first(input) {
            Line::Whole(line) => return Some((line, line.len() + 2)),
            Line::Part => {}
            Line::Bare => self.close(reply::BARE_LINE_END, out),
            Line::Endless => self.close(reply::ENDLESS_LINE, out),
        }
        None
    }

    fn unless_closed<'b>(&self) -> Option<Event<'b>> {
        (!matches!(self.phase, Phase::Closed)).then_some(Event::Input)
    }

    fn command<'b>(&mut self, command: Command<'_>, is_last: bool, out: &mut Vec<u8>) -> Option<Event<'b>> {
        match command {
            Command::Ehlo(name) => self.hello(name, true, out),
            Command::Helo(name) => self.hello(name, false, out),
            Command::StartTls => self.start_tls(is_last, out),
            Command::Auth(auth) => self.auth(&auth, out),
            Command::Mail(mail) => self.mail(mail, out),
            Command::Rcpt(rcpt) => self.rcpt(rcpt, out),
            Command::Data => self.data(is_last, out),
            Command::Bdat(bdat) => self.bdat(bdat),
            Command::Rset => {
                self.idle(reply::RESET, out);
                self.forget_message()
            }
            Command::Noop => self.idle(reply::NOTHING_DONE, out),
            Command::Vrfy => self.idle(reply::CANNOT_VERIFY, out),
            Command::Help => self.idle(reply::HELP, out),
            Command::Expn => self.refused(reply::NO_EXPN, out),
            Command::Quit => {
                self.close(reply::BYE, out);
                None
            }
        }
    }

    fn command_error<'b>(&mut self, error: &CommandError, out: &mut Vec<u8>) -> Option<Event<'b>> {
        let answer = reply::to_command_error(error);
        match error {
            // A browser's next lines are the attacker's (cross-protocol request
            // forgery), and behind a BDAT of unknown length may be content.
            CommandError::Http | CommandError::BdatForm => {
                self.close(answer, out);
                None
            }
            // One bad address in a long list must not end the session.
            CommandError::Recipient(_) if self.count_recipient() => {
                reply::write_fixed(answer, out);
                None
            }
            _ => self.refused(answer, out),
        }
    }

    /// RFC 5321 §4.1.4: a new EHLO also forgets a message under way.
    fn hello<'b>(&mut self, name: &str, extended: bool, out: &mut Vec<u8>) -> Option<Event<'b>> {
        self.hello = Some(Hello { name: name.to_owned(), extended });
        let offer = match self.access {
            Access::StartTls | Access::Exchange => Offer::StartTls,
            Access::Login if !self.logged_in => Offer::Login,
            Access::Login | Access::Open | Access::ExchangeTls => Offer::Nothing,
        };
        match extended {
            true => reply::write_ehlo(&self.hostname, &self.limits, offer, self.access.is_tls(), out),
            false => reply::write_helo(&self.hostname, out),
        }
        self.count_idle(out);
        self.forget_message()
    }

    /// RFC 3207. What was sent behind the command came in clear and may be an
    /// attacker's: nothing of it is read (CVE-2011-0411), and the connection,
    /// on which somebody broke the protocol, is closed.
    fn start_tls<'b>(&mut self, is_last: bool, out: &mut Vec<u8>) -> Option<Event<'b>> {
        match self.access {
            Access::Open => self.refused(reply::NO_TLS_HERE, out),
            Access::Login | Access::ExchangeTls => self.refused(reply::TLS_ALREADY, out),
            Access::StartTls | Access::Exchange if !is_last => {
                self.close(reply::BYTES_AFTER_STARTTLS, out);
                None
            }
            Access::StartTls | Access::Exchange => {
                reply::write_fixed(reply::START_TLS, out);
                self.phase = Phase::Asked;
                Some(Event::StartTls(StartTlsAsked { _seal: Seal }))
            }
        }
    }

    fn auth<'b>(&mut self, auth: &Auth<'_>, out: &mut Vec<u8>) -> Option<Event<'b>> {
        match self.access {
            Access::StartTls => return self.refused(reply::TLS_BEFORE_LOGIN, out),
            Access::Open | Access::Exchange | Access::ExchangeTls => {
                return self.refused(reply::NO_LOGIN_HERE, out);
            }
            Access::Login if self.hello.is_none() => return self.refused(reply::EHLO_FIRST, out),
            Access::Login if self.logged_in => return self.refused(reply::LOGGED_IN_ALREADY, out),
            Access::Login => {}
        }
        let Some(exchange) = Exchange::begin(auth.mechanism) else {
            return self.refused(reply::UNKNOWN_MECHANISM, out);
        };
        match auth.initial {
            Some(initial) => self.exchange(exchange.read(initial.as_bytes()), out),
            None => self.exchange(Outcome::Continue(exchange), out),
        }
    }

    fn exchange<'b>(&mut self, outcome: Outcome, out: &mut Vec<u8>) -> Option<Event<'b>> {
        match outcome {
            Outcome::Continue(exchange) => {
                reply::write_challenge(exchange.challenge(), out);
                self.phase = Phase::Response(exchange);
                None
            }
            Outcome::Credentials(login, password) => {
                self.phase = Phase::Asked;
                Some(Event::Login(LoginAsked { login, password, _seal: Seal }))
            }
            Outcome::Refused(refusal) => {
                self.login_failed(refusal, out);
                None
            }
        }
    }

    fn mail<'b>(&mut self, mail: Mail, out: &mut Vec<u8>) -> Option<Event<'b>> {
        if let Some(refusal) = self.not_allowed_to_send() {
            return self.refused(refusal, out);
        }
        if !matches!(self.mailing, Mailing::None) {
            return self.refused(reply::SENDER_TWICE, out);
        }
        if self.counts.messages >= self.limits.messages_max {
            self.close(reply::TOO_MANY_MESSAGES, out);
            return None;
        }
        // RFC 8689 §2: it is offered over TLS only, and so means nothing without.
        if mail.requiretls && !self.access.is_tls() {
            return self.refused(reply::UNKNOWN_PARAMETER, out);
        }
        // RFC 1870 §6.1: refused before a byte of it is sent.
        if mail.size.is_some_and(|size| size > self.limits.message_bytes_max) {
            return self.refused(reply::MESSAGE_TOO_LARGE, out);
        }
        self.phase = Phase::Asked;
        Some(Event::Sender(SenderAsked { mail }))
    }

    fn rcpt<'b>(&mut self, rcpt: Rcpt, out: &mut Vec<u8>) -> Option<Event<'b>> {
        if let Some(refusal) = self.not_allowed_to_send() {
            return self.refused(refusal, out);
        }
        let recipients_max = self.limits.recipients_max;
        let transaction = match &mut self.mailing {
            Mailing::None => return self.refused(reply::SENDER_FIRST, out),
            Mailing::Content(_) => return self.refused(reply::CHUNKS_BEGUN, out),
            Mailing::Envelope(transaction) => transaction,
        };
        let refusal = match () {
            () if rcpt.international && !transaction.envelope.smtputf8 => Some(reply::NEEDS_SMTPUTF8),
            () if transaction.tried >= recipients_max => Some(reply::RECIPIENTS_MAX),
            () => None,
        };
        transaction.tried = transaction.tried.saturating_add(1);
        if let Some(refusal) = refusal {
            reply::write_fixed(refusal, out);
            return None;
        }
        let recipient = Recipient { address: rcpt.to, notify: rcpt.notify, orcpt: rcpt.orcpt };
        match self.access {
            Access::Exchange | Access::ExchangeTls => {
                self.phase = Phase::Asked;
                Some(Event::Recipient(RecipientAsked { recipient }))
            }
            Access::StartTls | Access::Login | Access::Open => {
                self.take_recipient(recipient, out);
                None
            }
        }
    }

    /// RFC 2920 §3.1: DATA is the last of its group. Content that comes with
    /// it was not asked for, and would be read as commands if DATA is refused.
    fn data<'b>(&mut self, is_last: bool, out: &mut Vec<u8>) -> Option<Event<'b>> {
        if !is_last {
            self.close(reply::CONTENT_TOO_EARLY, out);
            return None;
        }
        match self.complete_envelope() {
            Ok(transaction) => self.begin(transaction, None),
            Err(refusal) => self.refused(refusal, out),
        }
    }

    /// RFC 3030 §2: whatever the answer, the bytes of the chunk are no commands.
    fn bdat<'b>(&mut self, bdat: Bdat) -> Option<Event<'b>> {
        if let Mailing::Content(taking) = &self.mailing {
            let bytes = taking.scanner.bytes().saturating_add(bdat.bytes);
            if bytes <= self.limits.message_bytes_max {
                self.phase = Phase::Chunk { remaining: bdat.bytes, last: bdat.last };
                return None;
            }
            self.phase = Phase::Refused { remaining: bdat.bytes, reply: reply::MESSAGE_TOO_LARGE.into() };
            return self.forget_message();
        }
        let opening = match bdat.bytes > self.limits.message_bytes_max {
            true => Err(reply::MESSAGE_TOO_LARGE),
            false => self.complete_envelope(),
        };
        match opening {
            Ok(transaction) => self.begin(transaction, Some(bdat)),
            Err(refusal) => {
                self.mailing = Mailing::None;
                self.phase = Phase::Refused { remaining: bdat.bytes, reply: refusal.into() };
                None
            }
        }
    }

    fn begin<'b>(&mut self, transaction: Box<Transaction>, chunk: Option<Bdat>) -> Option<Event<'b>> {
        self.phase = Phase::Asked;
        let smtputf8 = transaction.envelope.smtputf8;
        Some(Event::Begin(transaction, BeginAsked { smtputf8, chunk }))
    }

    /// The envelope, if content may follow it. It stays where it is if not.
    fn complete_envelope(&mut self) -> Result<Box<Transaction>, Fixed> {
        if let Some(refusal) = self.not_allowed_to_send() {
            return Err(refusal);
        }
        match std::mem::replace(&mut self.mailing, Mailing::None) {
            Mailing::Envelope(transaction) if !transaction.envelope.recipients.is_empty() => Ok(transaction),
            Mailing::Envelope(transaction) => {
                self.mailing = Mailing::Envelope(transaction);
                Err(reply::RECIPIENT_FIRST)
            }
            Mailing::Content(taking) => {
                self.mailing = Mailing::Content(taking);
                Err(reply::CHUNKS_BEGUN)
            }
            Mailing::None => Err(reply::SENDER_FIRST),
        }
    }

    /// What is missing before the client may send.
    fn not_allowed_to_send(&self) -> Option<Fixed> {
        match self.access {
            Access::StartTls => Some(reply::TLS_FIRST),
            _ if self.hello.is_none() => Some(reply::EHLO_FIRST),
            Access::Login if !self.logged_in => Some(reply::LOGIN_FIRST),
            Access::Login | Access::Open | Access::Exchange | Access::ExchangeTls => None,
        }
    }

    /// Forgets a message under way; the driver is told if it had begun one.
    pub(super) fn forget_message<'b>(&mut self) -> Option<Event<'b>> {
        match std::mem::replace(&mut self.mailing, Mailing::None) {
            Mailing::Content(taking) if !taking.abandoned => Some(Event::Abandon),
            Mailing::None | Mailing::Envelope(_) | Mailing::Content(_) => None,
        }
    }

    /// Counts a recipient that is refused for its form; false if there is no
    /// transaction, or enough of them.
    fn count_recipient(&mut self) -> bool {
        let Mailing::Envelope(transaction) = &mut self.mailing else { return false };
        transaction.tried = transaction.tried.saturating_add(1);
        transaction.tried <= self.limits.recipients_max
    }

    fn refused<'b>(&mut self, refusal: Fixed, out: &mut Vec<u8>) -> Option<Event<'b>> {
        reply::write_fixed(refusal, out);
        self.count_bad(out);
        None
    }

    fn idle<'b>(&mut self, answer: Fixed, out: &mut Vec<u8>) -> Option<Event<'b>> {
        reply::write_fixed(answer, out);
        self.count_idle(out);
        None
    }

    fn count_idle(&mut self, out: &mut Vec<u8>) {
        self.counts.idle_commands = self.counts.idle_commands.saturating_add(1);
        if self.counts.idle_commands > self.limits.idle_commands_max {
            self.close(reply::TOO_MANY_IDLE, out);
        }
    }
}
