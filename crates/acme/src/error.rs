//! Why there is no certificate, grouped by blame, and what to do about it.

use std::error::Error as StdError;

use discovery::fetch::{FetchError, UrlError};
use discovery::probe::harmless;
use instant_acme::Problem;
use jiff::Timestamp;
use mail::Domain;
use transport::Fault;

use crate::answer::Challenge;
use crate::authority::DeskTrouble;

/// The longest words of an authority that are passed on.
const DETAIL_MAX: usize = 400;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    // The operator's.
    /// The authority has terms, and nobody agreed to them.
    #[error("the authority's terms of service are not agreed to")]
    TermsNotAgreed {
        /// Where they are.
        url: String,
    },
    /// The authority takes only accounts that are bound to one of its own.
    #[error("the authority asks for an external account")]
    ExternalAccountNeeded,
    /// The authority looked, and did not find its answer.
    #[error("{name} was not proven by {}: {detail}", .challenge.word())]
    NotProven {
        /// The name.
        name: Domain,
        /// How it was to be proven.
        challenge: Challenge,
        /// What kind of problem it is.
        kind: Kind,
        /// The authority's words.
        detail: String,
    },

    // The authority's.
    /// It could not be asked.
    #[error("the authority can't be reached: {0}")]
    Unreachable(#[source] FetchError),
    /// It refused.
    #[error("the authority refused: {detail}")]
    Refused {
        /// What kind of problem it is.
        kind: Kind,
        /// Its words.
        detail: String,
    },
    /// It does not offer the challenge.
    #[error("the authority does not offer {} for {name}", .challenge.word())]
    NotOffered {
        /// The name.
        name: Domain,
        /// The challenge that is configured.
        challenge: Challenge,
    },
    /// It does not speak ACME as RFC 8555 has it.
    #[error("the authority does not speak ACME: {what}")]
    NotAcme {
        /// What was wrong.
        what: String,
    },
    /// It took too long.
    #[error("the authority came to no end in time")]
    TimedOut,
    /// The certificate that came is not the one that was asked for.
    #[error("the certificate that came is of no use: {why}")]
    Unfit {
        /// Why.
        why: String,
    },
    /// The certificate that came is kept, and is to be renewed already.
    #[error("the certificate that came, valid from {begins:.0} to {ends:.0}, is due to be renewed already")]
    DueAtBirth {
        /// From when it is valid.
        begins: Timestamp,
        /// Until when.
        ends: Timestamp,
    },

    // Ours.
    /// What the order needs could not be kept or shown.
    #[error(transparent)]
    Desk(#[from] DeskTrouble),
    /// A key or a signature could not be made.
    #[error("a key could not be made")]
    Crypto,
}

/// The kinds of problems that want different remedies (RFC 8555 §6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `connection`: it could not connect to us.
    Connection,
    /// `dns`: it could not look the name up.
    Dns,
    /// `unauthorized`, `incorrectResponse`: somebody else answered.
    Unauthorized,
    /// `caa`: CAA records forbid it.
    Caa,
    /// `tls`: the handshake with us failed.
    Tls,
    /// `rateLimited`.
    RateLimited,
    /// `rejectedIdentifier`, `unsupportedIdentifier`: no certificates for such a name.
    RejectedName,
    /// `accountDoesNotExist`.
    NoSuchAccount,
    /// `userActionRequired`: mostly new terms.
    UserAction,
    /// `externalAccountRequired`.
    ExternalAccount,
    /// `unsupportedContact`, `invalidContact`.
    Contact,
    /// `serverInternal`.
    Internal,
    /// Any other.
    Other,
}

impl Kind {
    pub(crate) fn of(problem: &Problem) -> Self {
        let word = problem.r#type.as_deref().unwrap_or_default();
        match word.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(word) {
            "connection" => Kind::Connection,
            "dns" => Kind::Dns,
            "unauthorized" | "incorrectResponse" => Kind::Unauthorized,
            "caa" => Kind::Caa,
            "tls" => Kind::Tls,
            "rateLimited" => Kind::RateLimited,
            "rejectedIdentifier" | "unsupportedIdentifier" => Kind::RejectedName,
            "accountDoesNotExist" => Kind::NoSuchAccount,
            "userActionRequired" => Kind::UserAction,
            "externalAccountRequired" => Kind::ExternalAccount,
            "unsupportedContact" | "invalidContact" => Kind::Contact,
            "serverInternal" => Kind::Internal,
            _ => Kind::Other,
        }
    }
}

/// Words of an authority, in which nothing works on a terminal or in a log.
pub(crate) fn plain(words: &str) -> String {
    harmless(words, DETAIL_MAX)
}

impl From<Problem> for AcmeError {
    fn from(problem: Problem) -> Self {
        let mut detail = problem.detail.clone().unwrap_or_else(|| "no reason given".to_owned());
        for one in &problem.subproblems {
            detail.push_str("; ");
            detail.push_str(one.detail.as_deref().unwrap_or_default());
        }
        AcmeError::Refused { kind: Kind::of(&problem), detail: plain(&detail) }
    }
}

impl From<instant_acme::Error> for AcmeError {
    fn from(error: instant_acme::Error) -> Self {
        use instant_acme::Error as E;
        match error {
            E::Api(problem) => problem.into(),
            E::Crypto | E::KeyRejected => AcmeError::Crypto,
            E::Timeout(_) => AcmeError::TimedOut,
            E::Other(cause) => of_cause(cause.as_ref()),
            // The rest is of what came: JSON that is none, fields that are missing. The enum may grow.
            other => AcmeError::NotAcme { what: plain(&other.to_string()) },
        }
    }
}

fn of_cause(cause: &(dyn StdError + Send + Sync + 'static)) -> AcmeError {
    if let Some(error) = cause.downcast_ref::<FetchError>() {
        return AcmeError::Unreachable(error.clone());
    }
    match cause.downcast_ref::<UrlError>() {
        Some(error) => AcmeError::NotAcme { what: format!("an address of its directory can't be used: {error}") },
        None => AcmeError::NotAcme { what: plain(&cause.to_string()) },
    }
}

impl AcmeError {
    /// What kind of problem the authority told, where it told one.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            AcmeError::NotProven { kind, .. } | AcmeError::Refused { kind, .. } => Some(*kind),
            _ => None,
        }
    }

    /// What an operator is to do.
    pub fn fix(&self) -> String {
        match self {
            AcmeError::TermsNotAgreed { url } => {
                format!("read {url}, and set acme.terms_agreed = true if you agree to them")
            }
            AcmeError::ExternalAccountNeeded => "make an account at the authority's site, and set \
                 acme.external_account to the key identifier and acme.external_account_key to the MAC key of it"
                .to_owned(),
            AcmeError::NotProven { name, challenge, kind, .. } => unproven(name, *challenge, *kind),
            AcmeError::Unreachable(error) => unreachable(error),
            AcmeError::Refused { kind, .. } => refused(*kind),
            AcmeError::NotOffered { challenge, .. } => match challenge {
                Challenge::Http01 => "set acme.challenge = \"tls-alpn-01\"".to_owned(),
                Challenge::TlsAlpn01 => {
                    "set acme.challenge = \"http-01\" and portal.listen_http = [\"0.0.0.0:80\"]".to_owned()
                }
            },
            AcmeError::NotAcme { .. } => "see that acme.directory is the address of an ACME directory, such as \
                 https://acme-v02.api.letsencrypt.org/directory"
                .to_owned(),
            AcmeError::TimedOut => "nothing, if it passes: it is tried again by itself".to_owned(),
            AcmeError::Unfit { .. } => "ask the authority: it issued another certificate than was asked for".to_owned(),
            AcmeError::DueAtBirth { .. } => "set this machine's clock; if it is right, ask the authority for \
                 certificates that live longer"
                .to_owned(),
            AcmeError::Desk(_) => "see that the database can be written: sealpost doctor --only store".to_owned(),
            AcmeError::Crypto => "restart the server; if it stays, report it".to_owned(),
        }
    }
}

fn unproven(name: &Domain, challenge: Challenge, kind: Kind) -> String {
    let port = challenge.port();
    match kind {
        Kind::Dns => format!(
            "publish an A or AAAA record of {name} that leads to this server, and see that its name servers answer"
        ),
        Kind::Connection => format!(
            "see that {name} leads to this server and that port {port} can be reached from the Internet: \
             firewall, port forwarding, and {}",
            listens_at(challenge)
        ),
        Kind::Unauthorized | Kind::Tls => format!(
            "see that {name} leads to this server and to no other (A and AAAA), and that no proxy answers at port \
             {port} in its place; {}",
            listens_at(challenge)
        ),
        Kind::Caa => {
            format!("a CAA record above {name} forbids this authority: add one that names it, or take another")
        }
        _ => format!("see what the authority says of {name}, then: sealpost acme renew"),
    }
}

const fn listens_at(challenge: Challenge) -> &'static str {
    match challenge {
        Challenge::Http01 => "portal.listen_http is where port 80 arrives",
        Challenge::TlsAlpn01 => "portal.listen is where port 443 arrives",
    }
}

fn unreachable(error: &FetchError) -> String {
    match error {
        FetchError::Certificate(Fault::UnknownIssuer | Fault::Unusable) => {
            "the directory's own certificate is of an authority that is \
             not known here: for a private one set acme.anchors to the file of its root certificate; else somebody \
             stands in between"
                .to_owned()
        }
        FetchError::Certificate(_) | FetchError::Tls => {
            "see that acme.directory names the right host, and that this machine's clock is right".to_owned()
        }
        FetchError::NoSuchHost | FetchError::Url(_) | FetchError::Port => {
            "see that acme.directory is written right".to_owned()
        }
        FetchError::DnsFailed => {
            "see that the name servers of this machine answer: sealpost doctor --only dns".to_owned()
        }
        FetchError::Unreachable(_) | FetchError::TimedOut => {
            "see that this machine may connect to the host of acme.directory: firewall, proxy".to_owned()
        }
        _ => "nothing, if it passes: it is tried again by itself".to_owned(),
    }
}

fn refused(kind: Kind) -> String {
    match kind {
        Kind::RateLimited => "wait: too many were ordered or failed lately; it is tried again by itself".to_owned(),
        Kind::RejectedName => {
            "see that acme.names are public names of this machine: no authority vouches for others".to_owned()
        }
        Kind::Caa => "a CAA record forbids this authority: add one that names it, or take another".to_owned(),
        Kind::UserAction => "go to the authority's site as it says; mostly its terms have changed".to_owned(),
        Kind::ExternalAccount | Kind::Unauthorized => {
            "see that acme.external_account and acme.external_account_key are those of your account there".to_owned()
        }
        Kind::Contact => "correct acme.contact: mail addresses that can be written to".to_owned(),
        _ => "see what the authority says, then: sealpost acme renew".to_owned(),
    }
}
