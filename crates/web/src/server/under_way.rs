//! What is under way on one connection: a connection over which nobody asks
//! anything costs a place, and is ended.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::sleep;

/// Counts the requests of a connection that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(watch::Sender<usize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct One(watch::Sender<usize>);

impl UnderWay {
    pub(super) fn begin(&self) -> One {
        self.0.send_modify(|count| *count = count.saturating_add(1));
        One(self.0.clone())
    }

    /// Comes back when nothing was under way for so long.
    pub(super) async fn idle(&self, bound: Duration) {
        let mut count = self.0.subscribe();
        loop {
            // It can't be closed: this holds a sender.
            drop(count.wait_for(|count| *count == 0).await);
            tokio::select! {
                _ = count.changed() => {}
                () = sleep(bound) => return,
            }
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl One {
    /// It is under way until this body was sent, or given up.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(Sent { body, _one: self })
    }
}

struct Sent {
    body: Body,
    _one: One,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_is_what_has_nothing_under_way() {
        const BOUND: Duration = Duration::from_secs(60);
        let (under_way, start) = (UnderWay::default(), Instant::now());
        let (first, second) = (under_way.begin(), under_way.begin());
        let other = under_way.clone();
        tokio::spawn(async move {
            sleep(BOUND * 2).await;
            drop(first);
            sleep(BOUND * 2).await;
            drop(second.until_sent(Body::empty()));
            // One that comes and goes within the bound begins it anew.
            sleep(BOUND / 2).await;
            drop(other.begin());
        });
        under_way.idle(BOUND).await;
        assert_eq!(start.elapsed(), BOUND * 5 + BOUND / 2);
    }
}
