//! Marks of requests that may come once.

use jiff::Timestamp;
use mail::MessageId;
use store::Write;

/// Marks a request that may come once: its idempotency key and its body as
/// keyed hashes, and the message that it became.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub mark: [u8; 32],
    pub digest: [u8; 32],
    pub message: MessageId,
    pub now: Timestamp,
    pub until: Timestamp,
}

impl Mark {
    pub fn write(&self) -> Write {
        let seconds = self.until.as_second().to_be_bytes();
        let value = [&self.digest[..], self.message.as_bytes(), &seconds].concat();
        Write::Once { mark: self.mark, value, now: self.now, until: self.until }
    }

    /// The digest and the message of an earlier request, while it counts.
    pub fn read(value: &[u8], now: Timestamp) -> Option<Earlier> {
        let (digest, rest) = value.split_first_chunk::<32>()?;
        let (message, until) = rest.split_first_chunk::<16>()?;
        let until = Timestamp::from_second(i64::from_be_bytes(until.try_into().ok()?)).ok()?;
        (now <= until).then_some(Earlier { digest: *digest, message: MessageId::from_bytes(*message) })
    }
}

/// What an earlier request was and became.
pub(crate) struct Earlier {
    pub digest: [u8; 32],
    pub message: MessageId,
}
