//! What a failed handshake proves. One table, so that each case can be argued.
//!
//! Only what the peer itself decided, and would decide again, proves that it
//! can't. Whatever could be an accident of the moment or of the path defers: a
//! message waits a little longer, but nobody gets it rerouted by cutting lines.
//!
//! | what happened | verdict | why |
//! | --- | --- | --- |
//! | STARTTLS not offered in EHLO, or EHLO not understood | unable | the peer's own word |
//! | 5yz to STARTTLS | unable | the peer's own word, for good |
//! | 4yz (454) to STARTTLS | defers | the peer's own word, for now |
//! | clear bytes behind the 220 | defers | someone on the path may have put them there |
//! | alert of any kind but those below | unable | the peer judged our offer and refused it |
//! | alerts `internal_error`, `user_canceled`, `close_notify` | defer | RFC 8446 §6.2: unrelated to what was offered |
//! | alerts `bad_record_mac`, `decrypt_error`, `unexpected_message`, `record_overflow` | defer | bytes were changed on the path |
//! | no common version, cipher, group or algorithm | unable | the peer's own choice |
//! | the peer breaks TLS (a wrong choice, an extension not offered) | unable | it will break it again |
//! | no certificate, or one whose key or signature can't be used | unable | needed for any level |
//! | bytes that are no TLS | defers | can't be told from bytes put in on the path |
//! | connection reset or ended, no answer in time | defers | proves nothing |
//! | our own failure | defers | proves nothing of the peer |
//! | the certificate does not verify (level `verified`) | unable | its own certificate |

use rustls::{AlertDescription, Error};

/// What a failed handshake proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The peer can't do TLS with us.
    Unable,
    /// Nothing: try again.
    Defer,
}

/// What this failure of a handshake proves.
pub(crate) fn verdict(error: &Error) -> Verdict {
    match error {
        Error::AlertReceived(alert) => alert_verdict(*alert),
        Error::PeerIncompatible(_)
        | Error::PeerMisbehaved(_)
        | Error::NoCertificatesPresented
        | Error::InvalidCertificate(_)
        | Error::UnsupportedNameType
        | Error::NoApplicationProtocol => Verdict::Unable,
        // The enum may grow: what is not known proves nothing.
        _ => Verdict::Defer,
    }
}

fn alert_verdict(alert: AlertDescription) -> Verdict {
    match alert {
        AlertDescription::InternalError
        | AlertDescription::UserCanceled
        | AlertDescription::CloseNotify
        | AlertDescription::BadRecordMac
        | AlertDescription::DecryptError
        | AlertDescription::DecryptionFailed
        | AlertDescription::UnexpectedMessage
        | AlertDescription::RecordOverflow => Verdict::Defer,
        _ => Verdict::Unable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{CertificateError, InvalidMessage, PeerIncompatible, PeerMisbehaved};

    fn check(error: Error, expect: Verdict) {
        assert_eq!(verdict(&error), expect, "{error:?}");
    }

    #[test]
    fn the_peers_own_choice_proves_inability() {
        for alert in [
            AlertDescription::ProtocolVersion,
            AlertDescription::HandshakeFailure,
            AlertDescription::InsufficientSecurity,
            AlertDescription::UnrecognisedName,
            AlertDescription::CertificateRequired,
            AlertDescription::Unknown(200),
        ] {
            check(Error::AlertReceived(alert), Verdict::Unable);
        }
        check(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into(), Verdict::Unable);
        check(PeerMisbehaved::SelectedUnofferedCipherSuite.into(), Verdict::Unable);
        check(CertificateError::BadSignature.into(), Verdict::Unable);
        check(Error::NoCertificatesPresented, Verdict::Unable);
    }

    #[test]
    fn accidents_prove_nothing() {
        for alert in [AlertDescription::InternalError, AlertDescription::BadRecordMac, AlertDescription::CloseNotify] {
            check(Error::AlertReceived(alert), Verdict::Defer);
        }
        check(InvalidMessage::InvalidContentType.into(), Verdict::Defer);
        check(Error::DecryptError, Verdict::Defer);
        check(Error::FailedToGetRandomBytes, Verdict::Defer);
        check(Error::General("x".to_owned()), Verdict::Defer);
    }
}
