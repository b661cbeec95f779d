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
const UNREAD_MAX: usize = 64 * 1024;
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

/// Runs a step to its outcome. After an error the stream is of no more use.
pub(crate) async fn run<E: Exchange>(
    stream: &mut dyn Stream,
    exchange: &mut E,
    timeouts: &Timeouts,
) -> Result<E::Outcome, Broken> {
    loop {
        let said = write_all(stream, exchange, timeouts).await?;
        let outcome = match said.is_empty() {
            true => read_some(stream, exchange, timeouts).await?,
            false => feed(exchange, &said)?,
        };
        if let Some(outcome) = outcome {
            return Ok(outcome);
        }
    }
}

fn feed<E: Exchange>(exchange: &mut E, said: &[u8]) -> Result<Option<E::Outcome>, Broken> {
    let step = exchange.awaits();
    exchange.read(said).map_err(|error| Broken::Protocol(step, error))
}

/// Writes all that the step has to write; gives what the peer said meanwhile.
async fn write_all<E: Exchange>(
    stream: &mut dyn Stream,
    exchange: &mut E,
    timeouts: &Timeouts,
) -> Result<Vec<u8>, Broken> {
    let mut said = Vec::new();
    while said.is_empty() {
        let mut out = Vec::new();
        exchange.write(&mut out);
        if out.is_empty() {
            break;
        }
        let mut written = 0;
        let writing = poll_fn(|context| write_and_listen(stream, context, &out, &mut written, &mut said));
        match timeout(timeouts.write, writing).await {
            Err(_) => return Err(Broken::TimedOut(exchange.awaits())),
            Ok(Err(_)) => return Err(Broken::Cut(exchange.awaits())),
            Ok(Ok(())) => {}
        }
    }
    Ok(said)
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

/// Reads until a reply is whole. The time runs for each reply, not for each
/// byte: a peer that drips holds nobody up.
async fn read_some<E: Exchange>(
    stream: &mut dyn Stream,
    exchange: &mut E,
    timeouts: &Timeouts,
) -> Result<Option<E::Outcome>, Broken> {
    let (step, due) = (exchange.awaits(), exchange.replies_due());
    let deadline = Instant::now() + patience(step, timeouts);
    while exchange.awaits() == step && exchange.replies_due() == due {
        let mut bytes = [0; READ_BYTES];
        let count = match timeout_at(deadline, stream.read(&mut bytes)).await {
            Err(_) => return Err(Broken::TimedOut(step)),
            Ok(Err(_) | Ok(0)) => return Err(Broken::Cut(step)),
            Ok(Ok(count)) => count,
        };
        if let Some(outcome) = feed(exchange, bytes.get(..count).unwrap_or_default())? {
            return Ok(Some(outcome));
        }
    }
    Ok(None)
}
