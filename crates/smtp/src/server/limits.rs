//! What one session may do. Every limit has its own reply.

/// The longest line of all, that of AUTH, without its CRLF (RFC 4954 §4). A
/// driver's buffer must hold it.
pub const LINE_BYTES_MAX: usize = 12_288;

/// What one session may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a message as it arrives, dots unstuffed: 552 5.3.4 (RFC 1870).
    pub message_bytes_max: u64,
    /// Bytes of a header block: 552 5.3.4.
    pub header_bytes_max: usize,
    /// Bytes of a line of text without its CRLF: 500 5.6.0 (RFC 5321 §4.5.3.1.6).
    pub text_line_bytes_max: usize,
    /// Recipients of a message: 452 4.5.3 (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Messages in a session: 421 4.7.0.
    pub messages_max: u32,
    /// Commands that did not do anything for a message, since the last one
    /// that was taken: 421 4.7.0.
    pub idle_commands_max: u32,
    /// Commands that were refused: 421 4.7.0.
    pub bad_commands_max: u32,
    /// Failed logins: 421 4.7.0.
    pub failed_logins_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 50 * 1024 * 1024,
            header_bytes_max: 256 * 1024,
            text_line_bytes_max: 998,
            recipients_max: 1_000,
            messages_max: 10_000,
            idle_commands_max: 100,
            bad_commands_max: 20,
            failed_logins_max: 3,
        }
    }
}
