//! Files on their way to a visitor: each is in memory whole until its last
//! bytes were taken, however slowly that goes. So all of them share a bound,
//! one link has no more than two on their way, and who takes none of a file's
//! bytes for a while gets no more of them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use flow::portal::LinkId;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::crowd::Crowd;

/// What all files on their way may have.
const BYTES_MAX: usize = 96 * 1024 * 1024;
/// The unit in which that is lent.
const SHARE_BYTES: usize = 1024;
/// Files of one link at once: a visitor with one message to open.
const OF_LINK_MAX: usize = 2;
/// Waiting for memory takes no longer.
const WAIT: Duration = Duration::from_secs(10);
/// Files go out in pieces of this. What is no larger goes as it is.
const PIECE_BYTES: usize = 64 * 1024;
/// Each piece must be taken within so long: 2 KiB a second.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// What is on its way.
pub(super) struct Outgoing {
    memory: Arc<Semaphore>,
    links: Arc<Crowd<LinkId>>,
}

/// The visitor was too slow: the connection is cut, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("a file was not taken")]
struct NotTaken;

impl Outgoing {
    pub(super) fn new() -> Self {
        Self { memory: Arc::new(Semaphore::new(BYTES_MAX / SHARE_BYTES)), links: Crowd::new(OF_LINK_MAX) }
    }

    /// The body of an answer with this file; none where there are too many on their way.
    pub(super) async fn body(&self, link: LinkId, bytes: Vec<u8>) -> Option<Body> {
        if bytes.len() <= PIECE_BYTES {
            return Some(bytes.into());
        }
        let place = self.links.enter(link)?;
        let shares = u32::try_from(bytes.len().min(BYTES_MAX).div_ceil(SHARE_BYTES)).unwrap_or(u32::MAX);
        let memory = timeout(WAIT, self.memory.clone().acquire_many_owned(shares)).await.ok()?.ok()?;
        let (sender, pieces) = mpsc::channel(1);
        let (left, mut rest) = (bytes.len(), Bytes::from(bytes));
        tokio::spawn(async move {
            let _held = (place, memory);
            while !rest.is_empty() {
                let piece = rest.split_to(rest.len().min(PIECE_BYTES));
                let Ok(Ok(())) = timeout(TAKEN_WITHIN, sender.send(piece)).await else { return };
            }
        });
        Some(Body::new(Pieces { pieces, left }))
    }
}

struct Pieces {
    pieces: mpsc::Receiver<Bytes>,
    left: usize,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = NotTaken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, NotTaken>>> {
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(piece) => {
                self.left = self.left.saturating_sub(piece.len());
                Some(Ok(Frame::data(piece)))
            }
            None => (self.left > 0).then_some(Err(NotTaken)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    const LINK: LinkId = LinkId::from_bytes([1; 16]);

    fn file(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at % 251) as u8).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_goes_out_whole_and_gives_its_memory_back() {
        let outgoing = Outgoing::new();
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 1_000_000] {
            let body = outgoing.body(LINK, file(length)).await.unwrap();
            assert_eq!(body.size_hint().exact(), Some(length as u64));
            assert_eq!(to_bytes(body, usize::MAX).await.unwrap(), file(length), "{length}");
        }
        tokio::task::yield_now().await;
        assert_eq!(outgoing.memory.available_permits(), BYTES_MAX / SHARE_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_holds_nothing_for_long_and_gets_no_part_for_the_whole() {
        let outgoing = Outgoing::new();
        let first = outgoing.body(LINK, file(1_000_000)).await.unwrap();
        let _second = outgoing.body(LINK, file(1_000_000)).await.unwrap();
        assert!(outgoing.body(LINK, file(1_000_000)).await.is_none(), "two of a link");
        assert!(outgoing.body(LinkId::from_bytes([2; 16]), file(1_000_000)).await.is_some());
        tokio::time::sleep(TAKEN_WITHIN * 2).await;
        assert_eq!(outgoing.memory.available_permits(), BYTES_MAX / SHARE_BYTES);
        assert!(to_bytes(first, usize::MAX).await.is_err());
        assert!(outgoing.body(LINK, file(1_000_000)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn all_files_have_one_bound() {
        let outgoing = Outgoing::new();
        let all = outgoing.body(LINK, vec![0; BYTES_MAX + 1]).await.unwrap();
        let waiting = tokio::time::Instant::now();
        assert!(outgoing.body(LINK, file(100_000)).await.is_none());
        assert_eq!(waiting.elapsed(), WAIT);
        drop(all);
        assert!(outgoing.body(LINK, file(100_000)).await.is_some());
    }
}
