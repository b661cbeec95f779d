//! One client over one stream: reads, writes, and answers the session from
//! the desk.
//!
//! A conversation before STARTTLS and the one after it are two: no buffer of
//! the first is seen by the second.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use identity::Sender;
use mail::Reply;
use smtp::server::reply::{self, Fixed};
use smtp::server::{
    BeginAsked, Event, FinishAsked, LoginAsked, RecipientAsked, SenderAsked, Session, StartTlsAsked, Transaction,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::buffer::Buffer;
use super::gate::Meter;
use super::pace::Pace;
use crate::gateway::{Gateway, Passage};

use super::{Attempt, AuthRefused, ClientLimits, Desk, Intake, Submission, TlsFacts, stopped};

/// What is known of a client, whatever stream it is on.
pub(super) struct Client {
    pub desk: Arc<dyn Desk>,
    pub meter: Arc<Meter>,
    pub limits: Arc<ClientLimits>,
    pub session: Session,
    pub peer: IpAddr,
    pub sender: Option<Sender>,
    /// Who says which recipients are taken, at port 25.
    pub gateway: Option<Arc<Gateway>>,
    pub tls: Option<TlsFacts>,
    pub pace: Pace,
    /// Recipients and messages that were refused in this session.
    pub refusals: u32,
    pub stop: watch::Receiver<bool>,
}

impl Client {
    fn submission(&self, sender: Sender, passage: Passage, transaction: Transaction) -> Submission {
        Submission {
            sender,
            helo: self.session.helo().to_owned(),
            peer: self.peer,
            tls: self.tls.clone(),
            with: self.session.with(transaction.envelope.smtputf8),
            body: transaction.body,
            declared_bytes: transaction.declared_bytes,
            passage,
            envelope: transaction.envelope,
        }
    }
}

/// A client on a stream.
pub(super) struct Conversation<'c, S> {
    client: &'c mut Client,
    stream: S,
    out: Vec<u8>,
    intake: Option<Box<dyn Intake>>,
}

/// How long a client that was sent away may take to read why.
const LINGER: Duration = Duration::from_secs(2);
/// Refused logins are told at multiples of this time.
const REFUSAL_STEP: Duration = Duration::from_millis(50);
/// Replies are written once there are so many, even if more input waits.
const OUT_BYTES_MAX: usize = 16 * 1024;

impl<'c, S: AsyncRead + AsyncWrite + Unpin> Conversation<'c, S> {
    pub(super) fn new(client: &'c mut Client, stream: S) -> Self {
        Self { client, stream, out: Vec::with_capacity(512), intake: None }
    }

    /// Greets the client, then goes on as [`go_on`](Self::go_on).
    pub(super) async fn begin(mut self) -> io::Result<Option<(StartTlsAsked, S)>> {
        self.client.session.greet(&mut self.out);
        self.go_on().await
    }

    /// Says why the client is not served.
    pub(super) async fn send_away(mut self, refusal: Fixed) -> io::Result<()> {
        self.client.session.cut_off(refusal, &mut self.out);
        self.go_on().await.map(drop)
    }

    /// Converses until the client goes or is sent away, or the stream is to be
    /// handed to TLS.
    pub(super) async fn go_on(mut self) -> io::Result<Option<(StartTlsAsked, S)>> {
        let mut buffer = Buffer::new();
        loop {
            let step = self.client.session.advance(buffer.unread(), &mut self.out);
            let consumed = step.consumed;
            match step.event {
                Event::Input => {
                    buffer.consume(consumed);
                    if !self.await_input(&mut buffer).await? {
                        return Ok(None);
                    }
                    continue;
                }
                Event::StartTls(asked) => {
                    self.flush().await?;
                    return Ok(Some((asked, self.stream)));
                }
                Event::Close => {
                    self.intake = None;
                    self.flush().await?;
                    self.linger().await;
                    return Ok(None);
                }
                Event::Login(asked) => {
                    buffer.wipe(consumed);
                    self.login(asked).await;
                }
                Event::Content(content) => {
                    self.content(content).await;
                    buffer.consume(consumed);
                }
                Event::Sender(asked) => {
                    buffer.consume(consumed);
                    self.sender(asked).await;
                }
                Event::Recipient(asked) => {
                    buffer.consume(consumed);
                    self.recipient(asked).await;
                }
                Event::Begin(transaction, asked) => {
                    buffer.consume(consumed);
                    self.begin_message(*transaction, asked).await;
                }
                Event::Finish(asked) => {
                    buffer.consume(consumed);
                    self.finish(asked).await;
                }
                Event::Abandon => {
                    buffer.consume(consumed);
                    self.intake = None;
                }
            }
            self.client.pace.progressed(Instant::now());
            if self.out.len() > OUT_BYTES_MAX {
                self.flush().await?;
            }
        }
    }

    /// Gives the client its replies and waits for what it says next. False if
    /// it says nothing more.
    async fn await_input(&mut self, buffer: &mut Buffer) -> io::Result<bool> {
        let client = &mut *self.client;
        let now = Instant::now();
        if !self.out.is_empty() {
            client.pace.progressed(now);
        }
        let in_message = client.session.is_in_content() || client.session.is_taking_message();
        client.pace.in_message(in_message, now);
        if !in_message {
            buffer.shrink();
        }
        self.flush().await?;
        loop {
            let client = &mut *self.client;
            // A message under way is awaited; the desk may then still take it.
            let stopping = *client.stop.borrow() || client.stop.has_changed().is_err();
            if stopping && client.session.dismiss(reply::STOPPING, &mut self.out) {
                return Ok(true);
            }
            let deadline = client.pace.deadline(client.session.is_recognised(), &client.limits);
            let read = timeout_at(deadline, buffer.fill(&mut self.stream));
            let read = tokio::select! {
                biased;
                read = read => read,
                () = stopped(&mut client.stop), if !stopping => continue,
            };
            return match read {
                Ok(Ok(0)) => Ok(false),
                Ok(Ok(bytes)) if client.pace.received(bytes, &client.limits, Instant::now()) => Ok(true),
                Ok(Err(error)) => Err(error),
                Ok(Ok(_)) | Err(_) => {
                    self.cut_off(reply::TIMEOUT);
                    Ok(true)
                }
            };
        }
    }

    /// The client is too slow: what it had begun is lost to it.
    fn cut_off(&mut self, farewell: Fixed) {
        self.intake = None;
        self.client.session.cut_off(farewell, &mut self.out);
    }

    async fn login(&mut self, mut asked: LoginAsked) {
        let began = Instant::now();
        let attempt = Attempt {
            login: std::mem::take(&mut asked.login),
            password: std::mem::take(&mut asked.password),
            peer: self.client.peer,
        };
        let verdict = match self.client.desk.authenticate(attempt).await {
            Ok(sender) => {
                self.client.sender = Some(sender);
                Ok(())
            }
            Err(refused) => {
                tracing::info!(peer = %self.client.peer, %refused, "login refused");
                sleep_until(refusal_time(began, Instant::now())).await;
                Err(login_reply(refused))
            }
        };
        self.client.session.login_checked(asked, verdict, &mut self.out);
    }

    async fn sender(&mut self, asked: SenderAsked) {
        let client = &mut *self.client;
        let verdict = match (&client.sender, asked.address()) {
            // What a sender may do at port 25 depends on the recipients.
            (None, _) if client.gateway.is_some() => Ok(()),
            (None, _) => Err(reply::FAULT.into()),
            (Some(sender), Some(from)) if !sender.may_send_as(from) => Err(reply::SENDER_NOT_YOURS.into()),
            (Some(sender), from) => client.desk.allows(sender, from).await,
        };
        client.session.sender_checked(asked, verdict, &mut self.out);
    }

    async fn recipient(&mut self, asked: RecipientAsked) {
        let client = &mut *self.client;
        let verdict = match &client.gateway {
            None => Err(reply::FAULT),
            Some(gateway) => client.admits(gateway, asked.address()),
        };
        let is_refused = verdict.is_err();
        client.session.recipient_checked(asked, verdict.map_err(Reply::from), &mut self.out);
        if is_refused {
            self.slow_down().await;
        }
    }

    /// Whoever tries recipients or secrets at port 25 waits longer each time.
    /// Nobody else does: a provider's addresses are those of its customers too.
    async fn slow_down(&mut self) {
        let client = &mut *self.client;
        if client.gateway.is_none() {
            return;
        }
        client.refusals = client.refusals.saturating_add(1);
        let wait = tarpit(client.refusals);
        tokio::select! {
            () = sleep_until(Instant::now() + wait) => {}
            () = stopped(&mut client.stop) => {}
        }
    }

    async fn begin_message(&mut self, transaction: Transaction, asked: BeginAsked) {
        let verdict = open_intake(self.client, transaction).await.map(|intake| self.intake = Some(intake));
        self.client.session.begun(asked, verdict, &mut self.out);
    }

    async fn content(&mut self, content: &[u8]) {
        let Some(intake) = &mut self.intake else { return };
        if let Err(refusal) = intake.push(content).await {
            self.intake = None;
            self.client.session.refuse_content(refusal);
        }
    }

    async fn finish(&mut self, asked: FinishAsked) {
        let verdict = match self.intake.take() {
            Some(intake) => intake.finish().await,
            None => Reply::from(reply::FAULT),
        };
        self.client.session.finished(asked, &verdict, &mut self.out);
        if verdict.is_permanent() {
            self.slow_down().await;
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        };
        timeout(self.client.limits.data_timeout, write).await??;
        self.out.clear();
        Ok(())
    }

    /// Closes so that the client reads the last reply: a socket that is closed
    /// over unread input resets the connection, and the reply is lost with it.
    async fn linger(&mut self) {
        let drain = async {
            let mut unread = [0; 4096];
            self.stream.shutdown().await?;
            while self.stream.read(&mut unread).await? > 0 {}
            io::Result::Ok(())
        };
        // Whatever goes wrong now, the client has been told all there is.
        let _ = timeout(LINGER, drain).await;
    }
}

async fn open_intake(client: &Client, transaction: Transaction) -> Result<Box<dyn Intake>, Reply> {
    let (sender, passage) = match (&client.gateway, &client.sender) {
        (Some(gateway), _) => client.passage(gateway, &transaction.envelope)?,
        (None, Some(sender)) => (sender.clone(), Passage::Submitted),
        (None, None) => return Err(reply::FAULT.into()),
    };
    if !client.meter.allows(&sender, client.peer, std::time::Instant::now()) {
        return Err(reply::TOO_MANY_IN_MINUTE.into());
    }
    client.desk.begin(client.submission(sender, passage, transaction)).await
}

/// How long a refusal of a session takes: the first ones are anybody's mistake.
fn tarpit(refusals: u32) -> Duration {
    const FREE: u32 = 3;
    const STEP: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(2);
    STEP.saturating_mul(refusals.saturating_sub(FREE)).min(LONGEST)
}

/// Refusals come at whole steps after the question: looking up and opening a
/// credential that exists takes longer than finding none, and must not show.
fn refusal_time(began: Instant, now: Instant) -> Instant {
    let steps = now.saturating_duration_since(began).as_millis() / REFUSAL_STEP.as_millis() + 1;
    began + REFUSAL_STEP.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

fn login_reply(refused: AuthRefused) -> Fixed {
    match refused {
        AuthRefused::Wrong => reply::LOGIN_WRONG,
        AuthRefused::Busy | AuthRefused::Unavailable => reply::LOGIN_LATER,
        AuthRefused::TooMany => reply::LOGIN_TOO_OFTEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_again_and_again_waits_longer() {
        let waits: Vec<u128> = [1, 3, 4, 5, 11, 1_000].map(|refusals| tarpit(refusals).as_millis()).to_vec();
        assert_eq!(waits, [0, 0, 250, 500, 2_000, 2_000]);
    }

    #[test]
    fn refusals_come_at_whole_steps() {
        let began = Instant::now();
        for (took, told) in [(0, 50), (3, 50), (49, 50), (50, 100), (120, 150)] {
            let now = began + Duration::from_millis(took);
            assert_eq!(refusal_time(began, now), began + Duration::from_millis(told), "{took}");
        }
    }
}
