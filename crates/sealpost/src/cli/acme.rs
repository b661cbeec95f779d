//! `sealpost acme …`.

use clap::Subcommand;

/// `sealpost acme …`.
#[derive(Debug, Subcommand)]
pub enum AcmeVerb {
    /// The certificate that is shown, when the next one is ordered, and what went wrong last
    Status,
    /// Order a certificate now; the server that runs here answers the authority and shows it at once
    Renew,
}
