//! Runs a step of the SMTP dialogue over a stream, within bounds on time.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use smtp::client::{Exchange, ProtocolError, Step};
use tokio::io::{AsyncReadExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};

use crate::cause::{Cause, Stage};
use crate::config::Timeouts;
use crate::network::Stream;

/// What a peer may say while it is written to.
const UNREAD_MAX: usize = 256 * 1024;
const READ_BYTES: usize = 4096;

/// Why a step of the dialogue came to no end.
#[derive(Debug)]
pub(crate) enum Broken {
    TimedOut(Step),
    Cut(Step),
    Protocol(Step, ProtocolError),
}

impl Broken {
    pub(crate) fn cause(self) -> Cause {
        match self {
            Broken::TimedOut(step) => Cause::TimedOut(stage(step)),
            Broken::Cut(step) => Cause::Cut(stage(step)),
            Broken::Protocol(step, error) => Cause::Broken(stage(step), error),
        }
    }
}

/// The stage, in the words of causes.
pub(crate) const fn stage(step: Step) -> Stage {
    match step {
        Step::Greeting => Stage::Greeting,
        Step::Hello | Step::Quit => Stage::Hello,
        Step::StartTls => Stage::Tls,
        Step::Rset | Step::Mail => Stage::Sender,
        Step::Rcpt => Stage::Recipient,
        Step::Data => Stage::Content,
        Step::End => Stage::End,
    }
}

fn patience(step: Step, timeouts: &Timeouts) -> Duration {
    match step {
        Step::Greeting => timeouts.greeting,
        Step::End => timeouts.end,
        Step::Hello | Step::StartTls | Step::Rset | Step::Mail | Step::Rcpt | Step::Data | Step::Quit => {
            timeouts.command
        }
    }
}

/// Runs a step of a dialogue that sends no message, for whoever only looks: a
/// probe. After an error the stream is of no more use.
pub async fn converse<E: Exchange>(
    stream: &mut dyn Stream,
    mut exchange: E,
    timeouts: &Timeouts,
) -> Result<E::Outcome, Cause> {
    run(stream, &mut exchange, timeouts).await.map_err(Broken::cause)
}

/// Runs a step to its outcome. After an error the stream is of no more use.
pub(crate) async fn run<E: Exchange>(
    stream: &mut dyn Stream,
    exchange: &mut E,
    timeouts: &Timeouts,
) -> Result<E::Outcome, Broken> {
    let mut wait = Wait::new(exchange, timeouts);
    loop {
        let (wrote, mut said) = write_all(stream, exchange, timeouts).await?;
        if wrote {
            wait = Wait::new(exchange, timeouts);
        }
        if said.is_empty() {
            said = wait.read(stream).await?;
        }
        let step = exchange.awaits();
        match exchange.read(&said) {
            Ok(Some(outcome)) => return Ok(outcome),
            Ok(None) => wait.renew(exchange, timeouts),
            Err(error) => return Err(Broken::Protocol(step, error)),
        }
    }
}

/// The wait for one reply. Its time runs for the reply, not for each byte: a
/// peer that drips holds nobody up.
struct Wait {
    step: Step,
    due: usize,
    deadline: Instant,
}

impl Wait {
    fn new<E: Exchange>(exchange: &E, timeouts: &Timeouts) -> Self {
        let step = exchange.awaits();
        Self { step, due: exchange.replies_due(), deadline: Instant::now() + patience(step, timeouts) }
    }

    /// Begins anew if the peer made progress.
    fn renew<E: Exchange>(&mut self, exchange: &E, timeouts: &Timeouts) {
        if (exchange.awaits(), exchange.replies_due()) != (self.step, self.due) {
            *self = Self::new(exchange, timeouts);
        }
    }

    async fn read(&self, stream: &mut dyn Stream) -> Result<Vec<u8>, Broken> {
        let mut bytes = [0; READ_BYTES];
        match timeout_at(self.deadline, stream.read(&mut bytes)).await {
            Err(_) => Err(Broken::TimedOut(self.step)),
            Ok(Err(_) | Ok(0)) => Err(Broken::Cut(self.step)),
            Ok(Ok(count)) => Ok(bytes.get(..count).unwrap_or_default().to_vec()),
        }
    }
}

/// Writes all that the step has to write; gives whether that was anything, and
/// what the peer said meanwhile.
async fn write_all<E: Exchange>(
    stream: &mut dyn Stream,
    exchange: &mut E,
    timeouts: &Timeouts,
) -> Result<(bool, Vec<u8>), Broken> {
    let (mut wrote, mut said) = (false, Vec::new());
    while said.is_empty() {
        let mut out = Vec::new();
        exchange.write(&mut out);
        if out.is_empty() {
            break;
        }
        wrote = true;
        let mut written = 0;
        let writing = poll_fn(|context| write_and_listen(stream, context, &out, &mut written, &mut said));
        match timeout(timeouts.write, writing).await {
            Err(_) => return Err(Broken::TimedOut(exchange.awaits())),
            Ok(Err(_)) => return Err(Broken::Cut(exchange.awaits())),
            Ok(Ok(())) => {}
        }
    }
    Ok((wrote, said))
}

/// Writes to the end, reading on the side: a peer whose replies nobody reads
/// would at last stop reading us (RFC 2920 §3.1).
fn write_and_listen(
    stream: &mut dyn Stream,
    context: &mut Context<'_>,
    out: &[u8],
    written: &mut usize,
    said: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    let mut stream = Pin::new(stream);
    while let Some(rest) = out.get(*written..).filter(|rest| !rest.is_empty()) {
        match stream.as_mut().poll_write(context, rest) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(count)) => *written += count,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return listen(stream, context, said),
        }
    }
    match stream.as_mut().poll_flush(context) {
        Poll::Pending => listen(stream, context, said),
        flushed => flushed,
    }
}

fn listen(
    mut stream: Pin<&mut (dyn Stream + '_)>,
    context: &mut Context<'_>,
    said: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    while said.len() < UNREAD_MAX {
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        match stream.as_mut().poll_read(context, &mut buffer) {
            Poll::Pending => break,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            Poll::Ready(Ok(())) => said.extend_from_slice(buffer.filled()),
        }
    }
    Poll::Pending
}
