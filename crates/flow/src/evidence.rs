//! What transport found, in the words of the ledger and of the timeline.

use ledger::{Digest, Event, Tls};
use mail::bounce::{self, Class};
use mail::{Level, ParcelId, Reply};
use transport::{Attempt, Cause, Inability, Proof, Stage, TlsProof, Tried};

/// The event of one address that was tried.
pub(crate) fn attempted(parcel: ParcelId, attempt: &Attempt) -> Event {
    let proof = attempt.proof.as_ref();
    Event::Attempted {
        parcel,
        mx: attempt.mx.clone(),
        ip: attempt.address.map(|address| address.ip()),
        mx_lookup: proof.map(|proof| proof.mx_lookup),
        level: proof.map(|proof| proof.level),
        tls: proof.and_then(|proof| proof.tls.as_ref()).map(tls),
        reply: None,
        result: match proof {
            Some(proof) if proof.requiretls => format!("{} with REQUIRETLS", result(&attempt.result)),
            Some(_) | None => result(&attempt.result),
        },
    }
}

/// What TLS proved, for the ledger.
pub(crate) fn tls(proof: &TlsProof) -> Tls {
    Tls {
        version: proof.version.clone(),
        cipher: proof.cipher.clone(),
        certificate_sha256: Digest(proof.certificate_sha256),
        verified: proof.verified(),
    }
}

/// Why no MX host could do what was needed, for people.
pub(crate) fn why_unable(attempts: &[Attempt]) -> String {
    let unable = attempts.iter().filter_map(|attempt| match &attempt.result {
        Tried::Unable(inability) => Some(format!("{} {}", attempt.mx, words(inability))),
        Tried::Sent | Tried::Failed(_) => None,
    });
    let mut listed: Vec<String> = unable.collect();
    listed.dedup();
    listed.join("; ")
}

/// Whether a host was found that lacks REQUIRETLS and nothing else.
pub(crate) fn lacks_requiretls(attempts: &[Attempt]) -> bool {
    attempts.iter().any(|attempt| attempt.result == Tried::Unable(Inability::NoRequireTls))
}

/// A failure of TLS that proves nothing by itself: 454, a handshake cut, a host
/// that is not the one that DANE or MTA-STS names.
pub(crate) fn tls_fails(cause: &Cause) -> bool {
    match cause {
        Cause::TlsFailed(_) | Cause::DaneFailed | Cause::NotNamed | Cause::Unbound => true,
        Cause::Replied(stage, _) | Cause::TimedOut(stage) | Cause::Cut(stage) | Cause::Broken(stage, _) => {
            *stage == Stage::Tls
        }
        Cause::NoSuchDomain
        | Cause::NullMx
        | Cause::NoRoute
        | Cause::Loop
        | Cause::DnsFailed
        | Cause::TooManyHosts
        | Cause::Unreachable(_)
        | Cause::ReplyLost
        | Cause::NeedsSmtputf8
        | Cause::TooLarge(_)
        | Cause::Waits(_)
        | Cause::NoMemory
        | Cause::OutOfTime
        | Cause::Unopened
        | Cause::Unavailable
        | Cause::Unsendable => false,
    }
}

/// The class of what ended a delivery, by the same words as that of a bounce
/// that comes in.
pub(crate) fn class_of(cause: &Cause) -> Class {
    match cause {
        Cause::NoSuchDomain | Cause::NullMx | Cause::NoRoute => Class::BadAddress,
        Cause::TooLarge(_) => Class::Content,
        Cause::Replied(_, reply) => Class::of(reply.enhanced, &reply.text),
        _ => Class::Unknown,
    }
}

/// Whether the recipient's own server said that there is no such mailbox: by its
/// reply to this one recipient, over TLS that verified. On any other connection
/// whoever stands in the way could say it, and would end more than this copy.
pub(crate) fn says_gone(cause: &Cause, proof: Option<&Proof>) -> bool {
    let Cause::Replied(Stage::Recipient, reply) = cause else { return false };
    proof.is_some_and(|proof| proof.level >= Level::Verified)
        && reply.is_permanent()
        && bounce::is_gone(reply.enhanced, &reply.text)
}

pub(crate) fn reply_of(cause: &Cause) -> Option<Reply> {
    match cause {
        Cause::Replied(_, reply) => Some(reply.clone()),
        _ => None,
    }
}

fn result(tried: &Tried) -> String {
    match tried {
        Tried::Sent => "sent".to_owned(),
        Tried::Unable(inability) => words(inability),
        Tried::Failed(cause) => cause.outside(),
    }
}

fn words(inability: &Inability) -> String {
    match inability {
        Inability::NotOffered => "does not offer STARTTLS".to_owned(),
        Inability::Refused(_) => "offers STARTTLS and refuses it".to_owned(),
        Inability::Handshake(why) => format!("can't agree on TLS 1.2 or 1.3 ({why})"),
        Inability::Certificate(fault) => format!("has a certificate that does not verify ({fault})"),
        Inability::NotBound => "is not itself bound to the domain".to_owned(),
        Inability::NoRequireTls => "does not offer REQUIRETLS".to_owned(),
    }
}
