//! What was read from a client and not yet understood.

use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroize;

/// An idle client costs this much; one that sends much gets more at a time.
const START_BYTES: usize = 4 * 1024;
const BYTES_MAX: usize = 64 * 1024;

/// Bytes that were read, in order.
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; START_BYTES], start: 0, end: 0 }
    }

    /// What is not yet understood.
    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// `count` bytes are done with.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// As [`consume`](Buffer::consume), and nothing of them stays in memory:
    /// they held a password.
    pub(super) fn wipe(&mut self, count: usize) {
        let end = self.start.saturating_add(count).min(self.end);
        self.bytes.get_mut(self.start..end).unwrap_or_default().zeroize();
        self.consume(count);
    }

    /// Reads once. Gives how many bytes came; 0 is the end.
    ///
    /// Cancel safe: what was read is in the buffer.
    pub(super) async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<usize> {
        self.make_room();
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = stream.read(room).await?;
        self.end = self.end.saturating_add(count);
        Ok(count)
    }

    /// A client that waits gives back what it needed for a large message.
    pub(super) fn shrink(&mut self) {
        if self.start == self.end && self.bytes.len() > START_BYTES * 4 {
            *self = Self::new();
        }
    }

    fn make_room(&mut self) {
        let is_full = self.end == self.bytes.len();
        if is_full && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        } else if is_full && self.bytes.len() < BYTES_MAX {
            let mut larger = vec![0; self.bytes.len() * 2];
            if let Some(head) = larger.get_mut(..self.end) {
                head.copy_from_slice(&self.bytes);
            }
            // A line of AUTH may have been cut here.
            std::mem::replace(&mut self.bytes, larger).zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_buffer_grows_to_its_limit_and_shrinks() {
        let mut buffer = Buffer::new();
        let mut stream: &[u8] = &[7; 100_000];
        while buffer.unread().len() < BYTES_MAX {
            assert!(buffer.fill(&mut stream).await.unwrap() > 0);
        }
        assert_eq!(buffer.fill(&mut stream).await.unwrap(), 0, "no room is no byte");
        buffer.consume(10);
        assert_eq!(buffer.fill(&mut stream).await.unwrap(), 10);
        buffer.consume(BYTES_MAX);
        assert_eq!(buffer.unread(), b"");
        buffer.shrink();
        assert_eq!(buffer.bytes.len(), START_BYTES);
    }

    #[tokio::test]
    async fn what_is_wiped_is_gone() {
        let mut buffer = Buffer::new();
        buffer.fill(&mut &b"secretNOOP"[..]).await.unwrap();
        buffer.wipe(6);
        assert_eq!(buffer.unread(), b"NOOP");
        assert!(!buffer.bytes.windows(6).any(|window| window == b"secret"));
    }
}
