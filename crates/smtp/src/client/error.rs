//! What a peer can do wrong in the dialogue.

/// The peer broke the protocol. The dialogue can't go on: nothing that comes
/// after could be matched to what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// A reply line is longer than the limit.
    #[error("a reply line is longer than {0} bytes")]
    LineTooLong(usize),
    /// A reply has more lines than the limit.
    #[error("a reply has more than {0} lines")]
    TooManyLines(usize),
    /// A carriage return or a line feed stands alone (RFC 5321 §2.3.8).
    #[error("a reply holds a bare CR or LF")]
    BareLineEnd,
    /// A line does not begin with three digits and a space or a hyphen.
    #[error("a line is no reply line")]
    NotAReply,
    /// The lines of one reply have different codes.
    #[error("the lines of one reply have different codes")]
    MixedCodes,
    /// The reply's code has no meaning at this place.
    #[error("the code {0} has no meaning here")]
    WrongCode(u16),
    /// There are bytes for which nothing was asked.
    #[error("the peer said something that was not asked")]
    Unasked,
    /// There are clear bytes after the reply to STARTTLS: someone may have put
    /// them there to be read as if they had come through TLS.
    #[error("clear bytes follow the reply to STARTTLS")]
    Injected,
}
