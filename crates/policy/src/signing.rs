//! What policy says about the organisation's own signatures, about what makes
//! replies safe, and about what senders ask of TLS (RFC 8689).

use mail::KeyFormat;

use crate::keys::choices;

choices! {
    /// Whether copies are signed.
    Sign {
        /// Never.
        Never = "never",
        /// Where there is a key that can; the timeline says where not.
        IfPossible = "if_possible",
        /// Always: a copy that can't be signed goes to the portal instead.
        Required = "required",
    }
}

choices! {
    /// What becomes of a copy that came with REQUIRETLS and whose recipient's
    /// servers don't do their part.
    Unmet {
        /// It goes to the portal, and nothing of it to that domain.
        Portal = "portal",
        /// It is bounced, with 5.7.30 or 5.7.10 (RFC 8689 §4.2.1).
        Bounce = "bounce",
    }
}

/// `[policy.tls]`: what senders ask of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPolicy {
    /// What becomes of a copy whose REQUIRETLS can't be met.
    pub requiretls_unmet: Unmet,
    /// Whether `TLS-Required: No` is heeded: then DANE and MTA-STS of the
    /// recipient's domain are not insisted on. What policy needs always is.
    pub required_no: bool,
}

impl Default for TlsPolicy {
    fn default() -> Self {
        Self { requiretls_unmet: Unmet::Portal, required_no: false }
    }
}

/// `[policy.signing]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningPolicy {
    /// Copies that are sealed end to end, in the format in which they are sealed.
    pub end_to_end: Sign,
    /// Copies that go in clear over a connection that is good enough.
    pub transit: Sign,
    /// Of the latter, the format that is tried first; then the other.
    pub format: KeyFormat,
}

impl Default for SigningPolicy {
    fn default() -> Self {
        Self { end_to_end: Sign::IfPossible, transit: Sign::Never, format: KeyFormat::Smime }
    }
}

impl SigningPolicy {
    /// The formats for a copy that is not sealed, the preferred first.
    pub const fn formats(&self) -> [KeyFormat; 2] {
        match self.format {
            KeyFormat::Smime => [KeyFormat::Smime, KeyFormat::OpenPgp],
            KeyFormat::OpenPgp => [KeyFormat::OpenPgp, KeyFormat::Smime],
        }
    }
}

/// `[policy.replies]`: what makes a plain reply to a sealed or signed copy safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPolicy {
    /// Whether the sender's OpenPGP key goes along (Autocrypt), so that replies
    /// can be sealed to it. An S/MIME signature brings its certificate anyway.
    pub key: bool,
}

impl Default for ReplyPolicy {
    fn default() -> Self {
        Self { key: true }
    }
}
