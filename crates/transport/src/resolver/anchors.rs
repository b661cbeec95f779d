//! The keys that every chain of DNSSEC signatures must begin at.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use hickory_proto::dnssec::TrustAnchors;

/// The text holds no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the DNSSEC anchors are no DNSKEY records")]
pub struct DnssecAnchorsError;

/// The keys that every chain of DNSSEC signatures must begin at.
#[derive(Clone)]
pub struct DnssecAnchors(Arc<TrustAnchors>);

impl DnssecAnchors {
    /// The keys of the root zone, as IANA publishes them (RFC 9718).
    pub fn root() -> Self {
        Self(Arc::new(TrustAnchors::default()))
    }

    /// The DNSKEY records of a text, and nothing else:
    /// `. 3600 IN DNSKEY 257 3 13 …`.
    pub fn parse(text: &str) -> Result<Self, DnssecAnchorsError> {
        let anchors = TrustAnchors::from_str(text).map_err(|_| DnssecAnchorsError)?;
        if anchors.is_empty() { Err(DnssecAnchorsError) } else { Ok(Self(Arc::new(anchors))) }
    }

    pub(super) fn all(&self) -> &TrustAnchors {
        &self.0
    }
}

impl fmt::Debug for DnssecAnchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DnssecAnchors({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_key_is_refused() {
        assert!(!DnssecAnchors::root().all().is_empty());
        for text in ["", "; nothing", ". 3600 IN A 192.0.2.1", "hello"] {
            assert_eq!(DnssecAnchors::parse(text).unwrap_err(), DnssecAnchorsError, "{text}");
        }
    }
}
