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

choices! {
    /// Which copies lead their readers to the portal's page for replies.
    Leads {
        /// None.
        Never = "never",
        /// Those that are sealed end to end.
        Sealed = "sealed",
        /// Those that go in clear over a good connection, too.
        Always = "always",
    }
}

/// `[policy.replies]`: what makes a plain reply to a copy safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPolicy {
    /// Whether the sender's own key goes along, so that replies can be sealed
    /// to it: the OpenPGP key in an Autocrypt field, the certificate with a
    /// signature or as a file.
    pub key: bool,
    /// Which copies begin with a link to the portal, where an answer is safe
    /// whatever program its writer has.
    pub portal: Leads,
    /// Whether what a message quotes of earlier ones stays in its copies: a
    /// plain reply would carry it back once more.
    pub quotes: bool,
}

impl Default for ReplyPolicy {
    fn default() -> Self {
        Self { key: true, portal: Leads::Never, quotes: true }
    }
}

impl ReplyPolicy {
    /// Whether a copy leads to the portal's page for replies.
    pub const fn leads(&self, is_sealed: bool) -> bool {
        match self.portal {
            Leads::Never => false,
            Leads::Sealed => is_sealed,
            Leads::Always => true,
        }
    }
}
