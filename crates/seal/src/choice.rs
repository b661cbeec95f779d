//! Which method a recipient's copy gets: one table.

use mail::{Method, Need};

/// What is known of what a recipient can receive.
///
/// A key or a certificate is named here by whether a usable one is known;
/// both stay `false` until the crates that find them exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// A usable OpenPGP key is known.
    pub openpgp: bool,
    /// A usable S/MIME certificate is known.
    pub smime: bool,
}

/// A method and, in one line, why it is this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Why, for the timeline and the receipt.
    pub because: &'static str,
}

/// The strongest method that meets `need` and that the recipient can read
/// without work. The portal is always possible.
pub const fn choose(need: Need, can: Capabilities) -> Choice {
    let (method, because) = match need {
        Need::None | Need::Encrypted | Need::Verified | Need::Anchored => {
            (Method::Tls, "transport security can meet the need; the connection must prove it")
        }
        Need::EndToEnd if can.smime => (Method::Smime, "the recipient holds an S/MIME certificate"),
        Need::EndToEnd if can.openpgp => (Method::OpenPgp, "the recipient holds an OpenPGP key"),
        Need::EndToEnd => (Method::Portal, "no OpenPGP key or S/MIME certificate of the recipient is known"),
        Need::OpenPgp if can.openpgp => (Method::OpenPgp, "policy names OpenPGP"),
        Need::OpenPgp => (Method::Portal, "policy names OpenPGP, but no key of the recipient is known"),
        Need::Smime if can.smime => (Method::Smime, "policy names S/MIME"),
        Need::Smime => (Method::Portal, "policy names S/MIME, but no certificate of the recipient is known"),
        Need::Portal => (Method::Portal, "policy names the portal"),
    };
    Choice { method, because }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(need: Need, openpgp: bool, smime: bool, expect: Method) {
        assert_eq!(choose(need, Capabilities { openpgp, smime }).method, expect, "{need}");
    }

    #[test]
    fn transit_meets_what_transit_can_meet() {
        for need in Need::ALL.into_iter().filter(|need| need.transit().is_some()) {
            check(need, true, true, Method::Tls);
        }
    }

    #[test]
    fn end_to_end_never_falls_to_tls() {
        check(Need::EndToEnd, false, false, Method::Portal);
        check(Need::EndToEnd, true, false, Method::OpenPgp);
        check(Need::EndToEnd, true, true, Method::Smime);
        check(Need::OpenPgp, false, true, Method::Portal);
        check(Need::Smime, true, false, Method::Portal);
        check(Need::Portal, true, true, Method::Portal);
    }
}
