//! What a delivery's sessions were, in the words of RFC 8460 §4.3. Only what
//! came as far as TLS is counted: a host that does not answer says nothing of it.

use std::net::IpAddr;

use jiff::Timestamp;
use mail::Domain;
use reports::{TlsFailure, TlsPolicyType};
use serde::{Deserialize, Serialize};
use store::{TlsSessionRow, Write};
use transport::mta_sts::StsTrouble;
use transport::{Attempt, Cause, Delivery, Fault, Inability, Judgement, PolicyFound, Stage, Tried};
use vault::{Label, VaultError};

use crate::case::Case;
use crate::organisation::Organisation;

const VERSION: u8 = 1;
const DAY_S: i64 = 86_400;

/// A kind of session: the sealed part of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Session {
    v: u8,
    /// The recipients' domain.
    pub domain: Domain,
    /// The policy that was found.
    pub policy: TlsPolicyType,
    /// Its records, where they are TLSA records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<String>,
    /// How it failed; nothing where it did not.
    pub failure: Option<Failure>,
}

/// How a session failed, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub kind: TlsFailure,
    pub mx: String,
    pub ip: Option<IpAddr>,
    /// Our own word for the cause.
    pub reason: String,
}

/// A row that does not open or is of another format.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotASession {
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("what is stored is no count of TLS sessions")]
    Format,
}

/// The writes that count the new sessions of a delivery to a domain.
pub(crate) fn counted(case: &Case<'_>, domain: &Domain, delivery: &Delivery) -> Vec<Write> {
    let trouble = delivery.sts_trouble;
    let of = |attempt: &Attempt| session(domain, attempt, trouble);
    let mut sessions: Vec<Session> = delivery.attempts.iter().filter_map(of).collect();
    sessions.sort();
    let alike = sessions.chunk_by(|one, other| one == other);
    alike.filter_map(|alike| alike.first().map(|first| first.row(case, alike.len()))).map(Write::TlsSession).collect()
}

/// The number of the day, in UTC.
pub(crate) fn day_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY_S)
}

/// When a day begins.
pub(crate) fn begin_of(day: i64) -> Timestamp {
    Timestamp::from_second(day.saturating_mul(DAY_S)).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Session {
    fn row(&self, case: &Case<'_>, sessions: usize) -> TlsSessionRow {
        let vault = &case.organisation.vault;
        let bytes = serde_json::to_vec(self).expect("a session has nothing that JSON can't hold");
        let kind = vault.once_hash(&[b"tls session\n", bytes.as_slice()].concat());
        let (day, domain) = (day_of(case.now), vault.domain_index(&self.domain));
        let sealed = vault.seal(Label::TlsSession, &bound(day, &domain, &kind), &bytes, case.journey.entropy.as_ref());
        TlsSessionRow { day, domain, kind, sessions: i64::try_from(sessions).unwrap_or(i64::MAX), sealed }
    }

    /// What a row counts.
    pub fn open(organisation: &Organisation, row: &TlsSessionRow) -> Result<Self, NotASession> {
        let aad = bound(row.day, &row.domain, &row.kind);
        let bytes = organisation.vault.open(Label::TlsSession, &aad, &row.sealed)?;
        let session: Self = serde_json::from_slice(&bytes).map_err(|_| NotASession::Format)?;
        if session.v == VERSION { Ok(session) } else { Err(NotASession::Format) }
    }
}

fn bound(day: i64, domain: &[u8; 16], kind: &[u8; 32]) -> Vec<u8> {
    [&day.to_be_bytes()[..], domain, kind].concat()
}

fn session(domain: &Domain, attempt: &Attempt, trouble: Option<StsTrouble>) -> Option<Session> {
    let (policy, records) = match (attempt.policy.as_ref()?, trouble) {
        (PolicyFound::Tlsa(records), _) => (TlsPolicyType::Tlsa, records.clone()),
        (PolicyFound::Sts, _) | (PolicyFound::Neither, Some(_)) => (TlsPolicyType::Sts, Vec::new()),
        (PolicyFound::Neither, None) => (TlsPolicyType::NoPolicyFound, Vec::new()),
    };
    // The policy that the domain announces could not be applied: that is its
    // failure, also where the session had TLS (RFC 8460 §4.3.2.2).
    let failure = match (outcome(attempt)?.err(), attempt.policy.as_ref(), trouble) {
        (_, Some(PolicyFound::Neither), Some(trouble)) => Some((of_policy(trouble), String::new())),
        (failure, ..) => failure,
    };
    let failure = failure.map(|(kind, reason)| {
        let ip = attempt.address.map(|address| address.ip());
        Failure { kind, mx: attempt.mx.clone(), ip, reason }
    });
    Some(Session { v: VERSION, domain: domain.clone(), policy, records, failure })
}

/// Whether the session had TLS as its policy wants it; none where it never came
/// so far.
fn outcome(attempt: &Attempt) -> Option<Result<(), (TlsFailure, String)>> {
    let tls = attempt.proof.as_ref().map(|proof| proof.tls.as_ref());
    match &attempt.result {
        Tried::Sent | Tried::Unable(Inability::NotBound | Inability::NoRequireTls) => match tls? {
            Some(_) => Some(Ok(())),
            None => Some(Err((TlsFailure::StarttlsNotSupported, String::new()))),
        },
        Tried::Unable(Inability::NotOffered) => Some(Err((TlsFailure::StarttlsNotSupported, String::new()))),
        Tried::Unable(Inability::Refused(reply)) => {
            Some(Err((TlsFailure::StarttlsNotSupported, format!("STARTTLS answered {}", reply.code))))
        }
        Tried::Unable(Inability::Handshake(what)) => Some(Err((TlsFailure::ValidationFailure, what.clone()))),
        Tried::Unable(Inability::Certificate(fault)) => Some(Err(of_fault(*fault))),
        Tried::Failed(cause) => of_cause(cause, tls.flatten().map(|tls| &tls.judgement)),
    }
}

fn of_cause(cause: &Cause, judged: Option<&Judgement>) -> Option<Result<(), (TlsFailure, String)>> {
    match (cause, judged) {
        (Cause::DaneFailed, _) => Some(Err((TlsFailure::DnssecInvalid, String::new()))),
        (Cause::NotNamed, _) => Some(Err((TlsFailure::ValidationFailure, "mx-not-named-by-policy".to_owned()))),
        (Cause::Unbound, Some(Judgement::NotVerified { fault, .. })) => Some(Err(of_fault(*fault))),
        (Cause::Unbound, None) => Some(Err((TlsFailure::StarttlsNotSupported, String::new()))),
        (Cause::TlsFailed(what), _) => Some(Err((TlsFailure::ValidationFailure, what.clone()))),
        (
            Cause::Replied(Stage::Tls, _)
            | Cause::TimedOut(Stage::Tls)
            | Cause::Cut(Stage::Tls)
            | Cause::Broken(Stage::Tls, _),
            _,
        ) => Some(Err((TlsFailure::ValidationFailure, "starttls-broken-off".to_owned()))),
        // TLS was there, and something else went wrong.
        (_, Some(_)) => Some(Ok(())),
        (_, None) => None,
    }
}

/// RFC 8460 §4.3.2.2.
const fn of_policy(trouble: StsTrouble) -> TlsFailure {
    match trouble {
        StsTrouble::Fetch => TlsFailure::StsPolicyFetchError,
        StsTrouble::Invalid => TlsFailure::StsPolicyInvalid,
        StsTrouble::WebPki => TlsFailure::StsWebpkiInvalid,
    }
}

/// RFC 8460 §4.3.1, and §4.3.2.1 for TLSA records that no certificate matches:
/// of that it knows the general word only.
fn of_fault(fault: Fault) -> (TlsFailure, String) {
    let kind = match fault {
        Fault::WrongName => TlsFailure::CertificateHostMismatch,
        Fault::Expired => TlsFailure::CertificateExpired,
        Fault::UnknownIssuer => TlsFailure::CertificateNotTrusted,
        Fault::NotYetValid | Fault::WrongPurpose | Fault::NotInTlsa | Fault::Unusable => TlsFailure::ValidationFailure,
    };
    (kind, fault.word().replace(' ', "-"))
}

#[cfg(test)]
mod tests {
    use mail::{Level, MxLookup};
    use transport::{Proof, TlsProof};

    use super::*;

    fn attempt(judgement: Option<Judgement>, result: Tried) -> Attempt {
        let tls = judgement.map(|judgement| TlsProof {
            version: "TLSv1.3".into(),
            cipher: "x".into(),
            certificate_sha256: [0; 32],
            judgement,
            resumed: false,
        });
        let address = IpAddr::from([192, 0, 2, 1]);
        let proof = Proof {
            level: Level::None,
            mx: "mx".into(),
            address,
            mx_lookup: MxLookup::Insecure,
            tls,
            requiretls: false,
        };
        let policy = Some(PolicyFound::Neither);
        Attempt { mx: "mx".into(), address: None, proof: Some(proof), policy, result }
    }

    fn check(judgement: Option<Judgement>, result: Tried, expect: &str) {
        let told = match outcome(&attempt(judgement, result)) {
            None => "nothing".to_owned(),
            Some(Ok(())) => "success".to_owned(),
            Some(Err((kind, _))) => kind.word().to_owned(),
        };
        assert_eq!(told, expect);
    }

    #[test]
    fn each_outcome_has_the_word_of_the_standard() {
        let verified = || Some(Judgement::Verified { name: "mx".into() });
        let faulty = |fault| Some(Judgement::NotVerified { name: "mx".into(), fault });
        check(verified(), Tried::Sent, "success");
        check(verified(), Tried::Unable(Inability::NoRequireTls), "success");
        check(verified(), Tried::Failed(Cause::Cut(Stage::Recipient)), "success");
        check(None, Tried::Sent, "starttls-not-supported");
        check(None, Tried::Unable(Inability::NotOffered), "starttls-not-supported");
        check(None, Tried::Failed(Cause::Cut(Stage::Greeting)), "nothing");
        check(None, Tried::Failed(Cause::DaneFailed), "dnssec-invalid");
        check(None, Tried::Failed(Cause::TlsFailed("alert".into())), "validation-failure");
        check(faulty(Fault::Expired), Tried::Unable(Inability::Certificate(Fault::Expired)), "certificate-expired");
        check(faulty(Fault::WrongName), Tried::Failed(Cause::Unbound), "certificate-host-mismatch");
        check(faulty(Fault::NotInTlsa), Tried::Failed(Cause::Unbound), "validation-failure");
        check(None, Tried::Failed(Cause::Unbound), "starttls-not-supported");
    }
}
