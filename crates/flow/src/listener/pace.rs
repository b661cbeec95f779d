//! How long a client may take: for a command, between two parts of a message,
//! for a message, for a session.

use std::time::Duration;

use tokio::time::Instant;

use super::ClientLimits;

/// A client's clock.
pub(super) struct Pace {
    session_end: Instant,
    /// When the command that is awaited, or the part of the message, was
    /// begun to be awaited. A byte of a command is no progress: a client can't
    /// stay by sending one now and then.
    progress: Instant,
    message: Option<Message>,
}

struct Message {
    began: Instant,
    bytes: u64,
}

impl Pace {
    pub(super) fn new(limits: &ClientLimits, now: Instant) -> Self {
        Self { session_end: now + limits.session_timeout, progress: now, message: None }
    }

    /// A command was understood or answered.
    pub(super) fn progressed(&mut self, now: Instant) {
        self.progress = now;
    }

    /// Whether a message is under way.
    pub(super) fn in_message(&mut self, in_message: bool, now: Instant) {
        match in_message {
            true if self.message.is_none() => self.message = Some(Message { began: now, bytes: 0 }),
            true => {}
            false => self.message = None,
        }
    }

    /// So many bytes were read; false if that was too slow for a message.
    pub(super) fn received(&mut self, bytes: usize, limits: &ClientLimits, now: Instant) -> bool {
        let Some(message) = &mut self.message else { return true };
        self.progress = now;
        message.bytes = message.bytes.saturating_add(bytes as u64);
        let elapsed = now.saturating_duration_since(message.began);
        elapsed < limits.data_timeout || message.bytes >= limits.message_rate_min.saturating_mul(elapsed.as_secs())
    }

    /// When the client must have sent what is awaited.
    pub(super) fn deadline(&self, recognised: bool, limits: &ClientLimits) -> Instant {
        let wait: Duration = match (&self.message, recognised) {
            (Some(_), _) => limits.data_timeout,
            (None, true) => limits.command_timeout,
            (None, false) => limits.stranger_timeout,
        };
        let next = self.progress + wait;
        match &self.message {
            Some(message) => next.min(message.began + limits.message_timeout),
            None => next.min(self.session_end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ClientLimits {
        ClientLimits {
            command_timeout: Duration::from_secs(300),
            stranger_timeout: Duration::from_secs(30),
            data_timeout: Duration::from_secs(60),
            message_timeout: Duration::from_secs(100),
            message_rate_min: 10,
            session_timeout: Duration::from_secs(1_000),
            ..ClientLimits::default()
        }
    }

    #[test]
    fn a_stranger_has_less_time_and_nobody_more_than_a_session() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(&limits(), start);
        assert_eq!(pace.deadline(false, &limits()), at(30));
        assert_eq!(pace.deadline(true, &limits()), at(300));
        assert!(pace.received(1, &limits(), at(29)));
        assert_eq!(pace.deadline(false, &limits()), at(30), "a byte is no command");
        pace.progressed(at(29));
        assert_eq!(pace.deadline(false, &limits()), at(59));
        pace.progressed(at(900));
        assert_eq!(pace.deadline(true, &limits()), at(1_000));
    }

    #[test]
    fn a_message_has_a_rate_and_an_end() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::new(&limits(), start);
        pace.in_message(true, start);
        assert!(pace.received(1, &limits(), at(59)), "the rate counts from a minute on");
        assert_eq!(pace.deadline(true, &limits()), at(100), "bytes don't move the end of a message");
        assert!(!pace.received(1, &limits(), at(61)));
        assert!(pace.received(1_000, &limits(), at(61)));
        pace.in_message(false, at(61));
        pace.progressed(at(61));
        assert_eq!(pace.deadline(true, &limits()), at(361));
    }
}
