//! What a message may cost to read.

/// Bounds on a message. What goes beyond is refused before it costs anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The whole message, in bytes.
    pub bytes_max: usize,
    /// Recipients that are looked at: a message for all of an organisation has one for each.
    pub recipients_max: usize,
    /// Private-key operations for one message.
    pub attempts_max: usize,
    /// Signatures that are verified.
    pub signatures_max: usize,
    /// Certificates in the message.
    pub certificates_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 256 << 20, recipients_max: 4096, attempts_max: 8, signatures_max: 8, certificates_max: 64 }
    }
}

/// A message could not be opened or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is no CMS message.
    #[error("the message is malformed")]
    Malformed,
    /// It goes beyond [`Limits`].
    #[error("the message is larger or has more parts than is read")]
    TooLarge,
    /// It is of another kind than was asked for: signed, sealed, compressed.
    #[error("the message is of another kind")]
    Kind,
    /// Its cipher is not supported: RC2, DES, a GCM without its tag.
    #[error("the message's content is sealed with a cipher that is not supported")]
    Cipher,
    /// The way that the key of the content was sealed for us is not supported.
    #[error("the way in which the message's key is sealed is not supported")]
    KeyTransport,
    /// It is sealed for none of the keys.
    #[error("the message is not sealed for this key")]
    NotForUs,
    /// It was sealed for one of the keys and did not open: changed, or another key. Says no more, so that it is no
    /// oracle.
    #[error("the message could not be opened")]
    Failed,
    /// Signed content was expected beside the signature, and not given, or the other way round.
    #[error("the signature stands apart from the content, which was not given")]
    Detached,
}

impl From<crate::asn1::Malformed> for OpenError {
    fn from(_: crate::asn1::Malformed) -> Self {
        Self::Malformed
    }
}
