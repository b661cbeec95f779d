//! Why a document was not had, grouped by blame.

use std::io;

use transport::Fault;

use super::url::UrlError;

/// Why a document was not had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    // Whoever wrote the address.
    /// The address is none that is fetched.
    #[error("the address can't be fetched")]
    Url(#[source] UrlError),
    /// The port is not that of the scheme.
    #[error("another port than that of its scheme is not connected to")]
    Port,

    // The DNS.
    /// The host's name does not exist, or has no address.
    #[error("the host does not exist")]
    NoSuchHost,
    /// The lookup failed.
    #[error("the DNS lookup failed")]
    DnsFailed,
    /// The name leads only to addresses that are not public.
    #[error("the name leads to no public address")]
    PrivateAddress,

    // The server.
    /// No connection could be opened.
    #[error("the connection could not be opened: {0}")]
    Unreachable(io::ErrorKind),
    /// It took too long.
    #[error("no answer in time")]
    TimedOut,
    /// Its certificate does not verify for the host.
    #[error("the certificate does not verify: {0}")]
    Certificate(Fault),
    /// The handshake failed.
    #[error("the TLS handshake failed")]
    Tls,
    /// It broke the protocol, or the connection ended.
    #[error("the answer is no HTTP, or was cut")]
    Http,
    /// The body is encoded in a way that was not asked for.
    #[error("the body is encoded in a way that was not asked for")]
    Encoding,
    /// The body is larger than was allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It answered with a redirect, which is not followed, or not any further.
    #[error("the server redirects ({0})")]
    Redirected(u16),
    /// It redirects to an address that is not fetched.
    #[error("the server redirects to an address that can't be fetched")]
    RedirectUrl(#[source] UrlError),

    // Ours.
    /// The crypto provider has no algorithms in common with the verifier.
    #[error("TLS can't be set up")]
    Setup,
}

impl FetchError {
    /// Whether trying again later may help, without anybody mending anything.
    pub const fn may_retry(&self) -> bool {
        match self {
            FetchError::DnsFailed
            | FetchError::Unreachable(_)
            | FetchError::TimedOut
            | FetchError::Tls
            | FetchError::Http => true,
            FetchError::Url(_)
            | FetchError::Port
            | FetchError::NoSuchHost
            | FetchError::PrivateAddress
            | FetchError::Certificate(_)
            | FetchError::Encoding
            | FetchError::TooLarge(_)
            | FetchError::Redirected(_)
            | FetchError::RedirectUrl(_)
            | FetchError::Setup => false,
        }
    }
}
