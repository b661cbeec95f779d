//! Header blocks that people paste and programs send, judged: what the page
//! and `POST /v1/inspect` share.
//!
//! Nothing is stored, and nothing of a header is logged or stands in an
//! address. Work is linear in what was handed in, and done by a few threads at
//! most, so that whoever pastes takes nothing from the mail.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use hyper::body::Bytes;
use std::future::poll_fn;
use std::pin::Pin;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use trace::evidence::content::BODY_START_MAX;
use trace::evidence::dkim::Checked;
use trace::evidence::{Evidence, gather};
use trace::{Block, HeaderError, Limits, Trace, Trust};

/// So many requests are read and answered at once; further ones are told to
/// come again.
const AT_ONCE: usize = 16;
/// Of those, so many are judged at once, each on a thread.
const JUDGED_AT_ONCE: usize = 2;

/// Why there is no answer. The words are for whoever handed it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotInspected {
    /// The sender's: no header fields.
    #[error("it does not begin with header fields")]
    NoHeader,
    /// The sender's: a header block beyond the bounds.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The sender's: the whole of it is too large.
    #[error("it is larger than {max} bytes")]
    TooLarge {
        /// What a request may have.
        max: usize,
    },
    /// The sender's: the connection broke.
    #[error("the request broke off")]
    BrokeOff,
    /// Ours: too many at once.
    #[error("too many are asking at once")]
    Busy,
}

/// Where header blocks are judged.
pub(crate) struct Desk {
    limits: Limits,
    places: Semaphore,
    judging: Arc<Semaphore>,
}

impl Desk {
    /// For header blocks of so many bytes at the most.
    pub(crate) fn new(header_bytes_max: usize) -> Self {
        Self {
            limits: Limits { header_bytes_max, ..Limits::default() },
            places: Semaphore::new(AT_ONCE),
            judging: Arc::new(Semaphore::new(JUDGED_AT_ONCE)),
        }
    }

    /// A place for one request, from before it is read until it is answered.
    pub(crate) fn place(&self) -> Result<SemaphorePermit<'_>, NotInspected> {
        self.places.try_acquire().map_err(|_| NotInspected::Busy)
    }

    /// What is looked at of a message: its header block and a little more.
    pub(crate) fn bytes_max(&self) -> usize {
        self.limits.header_bytes_max.saturating_add(BODY_START_MAX)
    }

    /// Judges a message or a header block and gives what there is to `tell`.
    pub(crate) async fn judge<T, F>(&self, message: Vec<u8>, tell: F) -> Result<T, NotInspected>
    where
        T: Send + 'static,
        F: FnOnce(&Trace<'_>, &Evidence) -> T + Send + 'static,
    {
        let permit = self.judging.clone().acquire_owned().await.map_err(|_| NotInspected::Busy)?;
        let limits = self.limits;
        let judging = spawn_blocking(move || {
            let _permit = permit;
            judged(&message, &limits, tell)
        });
        // A thread ends without an answer only where the process ends.
        judging.await.unwrap_or(Err(NotInspected::Busy))
    }
}

fn judged<T>(
    message: &[u8],
    limits: &Limits,
    tell: impl FnOnce(&Trace<'_>, &Evidence) -> T,
) -> Result<T, NotInspected> {
    let block = Block::read(message, limits)?;
    if !begins_with_field(message) && !block.is_message() {
        return Err(NotInspected::NoHeader);
    }
    let trust = Trust::default();
    let trace = trace::trace(&block, &trust);
    let evidence = gather(&block, &trace, block.body(), &Checked::default());
    Ok(tell(&trace, &evidence))
}

/// Whether it begins with a field's name and its colon (RFC 5322 §2.2). What
/// follows may be anything: whoever has pasted that much is told what there is.
fn begins_with_field(message: &[u8]) -> bool {
    let name = message.iter().position(|byte| *byte == b':').and_then(|end| message.get(..end)).unwrap_or_default();
    !name.is_empty() && name.iter().all(|byte| matches!(byte, b'!'..=b'~'))
}

/// Reads a request's body to its end and keeps its beginning: a header block
/// stands there, and what comes behind it takes no memory.
pub(crate) async fn beginning(mut body: Body, kept_max: usize, max: usize) -> Result<Vec<u8>, NotInspected> {
    let (mut kept, mut length) = (Vec::new(), 0usize);
    while let Some(piece) = next(&mut body).await? {
        length = length.saturating_add(piece.len());
        if length > max {
            return Err(NotInspected::TooLarge { max });
        }
        let room = kept_max.saturating_sub(kept.len());
        kept.extend_from_slice(piece.get(..room).unwrap_or(&piece));
    }
    Ok(kept)
}

/// The next piece of a body; trailers are passed over.
pub(crate) async fn next(body: &mut Body) -> Result<Option<Bytes>, NotInspected> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            None => return Ok(None),
            Some(Err(_)) => return Err(NotInspected::BrokeOff),
            Some(Ok(frame)) => {
                if let Ok(piece) = frame.into_data() {
                    return Ok(Some(piece));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use trace::Verdict;

    use super::*;

    const HEADER: &str = "Received: from a.example (a.example [192.0.2.1]) by b.example (Postfix) with ESMTPS id 1;\r\n\
        \tTue, 13 Jan 2026 10:00:05 +0000\r\n";

    async fn check(message: &[u8], expect: Result<Verdict, NotInspected>) {
        let desk = Desk::new(1000);
        let judged = desk.judge(message.to_vec(), |trace, _| trace.summary.verdict).await;
        assert_eq!(judged, expect);
    }

    #[tokio::test]
    async fn a_header_is_judged_and_nothing_else_is() {
        check(HEADER.as_bytes(), Ok(Verdict::Encrypted)).await;
        check([HEADER, "\r\nbody".repeat(1_000).as_str()].concat().as_bytes(), Ok(Verdict::Encrypted)).await;
        check(b"hello", Err(NotInspected::NoHeader)).await;
        check(b"", Err(NotInspected::NoHeader)).await;
        check(&[0, 159, 146, 150, b':', 0], Err(NotInspected::NoHeader)).await;
        check(HEADER.repeat(20).as_bytes(), Err(NotInspected::Header(HeaderError::TooLong { max: 1000 }))).await;
    }

    #[tokio::test]
    async fn only_so_many_are_under_way() {
        let desk = Desk::new(1000);
        let places: Vec<_> = (0..AT_ONCE).map(|_| desk.place().unwrap()).collect();
        assert!(matches!(desk.place(), Err(NotInspected::Busy)));
        drop(places);
        assert!(desk.place().is_ok());
    }

    #[tokio::test]
    async fn the_beginning_of_a_body_is_kept() {
        let body = || Body::from("x".repeat(100));
        assert_eq!(beginning(body(), 10, 100).await.unwrap().len(), 10);
        assert_eq!(beginning(body(), 1_000, 100).await.unwrap().len(), 100);
        assert_eq!(beginning(body(), 10, 99).await, Err(NotInspected::TooLarge { max: 99 }));
    }
}
