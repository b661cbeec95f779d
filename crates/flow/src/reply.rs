//! What a client of the SMTP door reads about its message: the one place where
//! the journey's outcomes become replies (RFC 5321 §4.2, RFC 3463).

use mail::reading::ReadingError;
use mail::{EnhancedCode, MessageId, Reply};
use store::StoreError;

use crate::arrival::HeaderRefused;
use crate::portal::PassphraseError;
use crate::streams::NoStream;

/// The message is durable.
pub fn accepted(message: MessageId) -> Reply {
    Reply::new(250, EnhancedCode(2, 6, 0), format!("accepted as {message}"))
}

/// Policy refuses it for every recipient.
pub fn refused_by_policy(rules: &str) -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 1), format!("refused by policy: {rules}"))
}

/// The header block can't be taken.
pub fn header_refused(why: HeaderRefused) -> Reply {
    let status = match why {
        HeaderRefused::NoFrom | HeaderRefused::ManyFrom | HeaderRefused::ManySubjects | HeaderRefused::NoField => {
            EnhancedCode(5, 6, 0)
        }
        HeaderRefused::TooLarge | HeaderRefused::Instruction => EnhancedCode(5, 3, 4),
        HeaderRefused::Loop => EnhancedCode(5, 4, 6),
    };
    Reply::new(554, status, why.to_string())
}

/// Its parts are more, or deeper, than anybody could judge.
pub fn unreadable(why: &ReadingError) -> Reply {
    Reply::new(554, EnhancedCode(5, 6, 0), format!("the message can't be judged: {why}"))
}

/// It names a stream that there is not, or one that is not its sender's.
pub fn no_stream(why: &NoStream) -> Reply {
    let status = match why {
        NoStream::Unknown { .. } => EnhancedCode(5, 6, 0),
        NoStream::NotYours { .. } => EnhancedCode(5, 7, 1),
    };
    Reply::new(550, status, format!("X-Sealpost-Stream: {why}"))
}

/// From, Sender or a field of a resending names somebody whom the credential may not use.
pub fn author_not_allowed() -> Reply {
    Reply::new(
        550,
        EnhancedCode(5, 7, 1),
        "this credential may not send as the author in From, or as a sender that the message names",
    )
}

/// From names an author outside of the domains of the mail system that sends.
pub fn author_not_own() -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 1), "the author in From is not of a domain that this mail system may send as")
}

/// The network or certificate is shared among a provider's customers, and
/// nothing shows that this is the one whose mail is taken.
pub fn tenant_not_proven() -> Reply {
    Reply::new(
        550,
        EnhancedCode(5, 7, 1),
        "this network is shared by many organisations, and the message does not prove which one sends it",
    )
}

/// The author's domain asks for mail to be refused that it does not answer for
/// (RFC 9989 §5.3, RFC 7372 §3.3).
pub fn dmarc_refused() -> Reply {
    Reply::new(
        550,
        EnhancedCode(5, 7, 26),
        "the domain in From does not answer for this message, and asks for it to be refused",
    )
}

/// The administrator's probe came back: that is all it was for.
pub fn probe_taken() -> Reply {
    Reply::new(250, EnhancedCode(2, 6, 0), "the probe came back; it goes nowhere else")
}

/// It was sent to these very recipients before and has come back (RFC 5321 §6.3).
pub fn looped() -> Reply {
    Reply::new(554, EnhancedCode(5, 4, 6), "this message was sent to these recipients before: it goes round in a loop")
}

/// The message, with this recipient, was taken before.
pub fn taken_before() -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 1), "this message was taken before; its signature counts once")
}

/// The organisation of a credential is not served here any more.
pub fn not_served() -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 1), "this organisation is not served here")
}

/// The credential was revoked since it logged in.
pub fn access_ended() -> Reply {
    Reply::new(550, EnhancedCode(5, 7, 8), "this credential was revoked")
}

/// The store did not take it; the client may try again.
pub fn not_stored(why: &StoreError) -> Reply {
    let status = match why {
        StoreError::DiskFull => EnhancedCode(4, 3, 1),
        _ => EnhancedCode(4, 3, 0),
    };
    Reply::new(452, status, why.outside())
}

/// Judging it failed in a way that is ours.
pub fn try_again() -> Reply {
    Reply::new(451, EnhancedCode(4, 3, 0), "not taken just now, please try again")
}

/// The sender's passphrase can't be used.
pub fn passphrase_refused(why: &PassphraseError) -> Reply {
    match why {
        PassphraseError::TooShort | PassphraseError::TooLong => {
            Reply::new(550, EnhancedCode(5, 6, 0), format!("X-Sealpost-Passphrase: {why}"))
        }
        PassphraseError::Hash(_) => try_again(),
    }
}
