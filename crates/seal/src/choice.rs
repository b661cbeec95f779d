//! Which method a recipient's copy gets: one table.
//!
//! | need | no key counts | a key counts |
//! | --- | --- | --- |
//! | `none` | TLS | TLS |
//! | `encrypted`, `verified`, `anchored` | TLS | sealed, or TLS where keys are kept for need |
//! | `end_to_end` | portal | sealed |
//! | `openpgp`, `smime` | portal | sealed so, if the key is of that format |
//! | `portal` | portal | portal |
//!
//! Where keys of both formats count, the preferred one seals. End to end never
//! falls to TLS, and nothing is ever less than what is needed.

use mail::{KeyFormat, Method, Need};

/// What is known of what a recipient can receive. A key is named here only if
/// it can be used now and its source counts for what is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// An OpenPGP key counts.
    pub openpgp: bool,
    /// An S/MIME certificate counts.
    pub smime: bool,
}

/// What is preferred where several methods would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// The format that wins where keys of both count.
    pub format: KeyFormat,
    /// Whether a key is used also where transit would do.
    pub keys_where_transit_would_do: bool,
}

/// A method and, in one line, why it is this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The method.
    pub method: Method,
    /// Why, for the timeline and for `policy explain`.
    pub because: &'static str,
}

/// The strongest method that meets `need` and that the recipient can read
/// without work. The portal is always possible.
pub const fn choose(need: Need, can: Capabilities, preferences: Preferences) -> Choice {
    let (method, because) = match (need, can.sealed(preferences.format)) {
        (Need::None, _) => (Method::Tls, "policy asks for no protection of this copy"),
        (Need::Encrypted | Need::Verified | Need::Anchored, Some(format))
            if preferences.keys_where_transit_would_do =>
        {
            (format.method(), "the recipient holds a key, which protects more than the transit that is needed")
        }
        (Need::Encrypted | Need::Verified | Need::Anchored, _) => {
            (Method::Tls, "transport security can meet the need; the connection must prove it")
        }
        (Need::EndToEnd, Some(KeyFormat::Smime)) => (Method::Smime, "the recipient holds an S/MIME certificate"),
        (Need::EndToEnd, Some(KeyFormat::OpenPgp)) => (Method::OpenPgp, "the recipient holds an OpenPGP key"),
        (Need::EndToEnd, None) => (Method::Portal, "no OpenPGP key or S/MIME certificate of the recipient counts"),
        (Need::OpenPgp, _) if can.openpgp => (Method::OpenPgp, "policy names OpenPGP"),
        (Need::OpenPgp, _) => (Method::Portal, "policy names OpenPGP, but no key of the recipient counts"),
        (Need::Smime, _) if can.smime => (Method::Smime, "policy names S/MIME"),
        (Need::Smime, _) => (Method::Portal, "policy names S/MIME, but no certificate of the recipient counts"),
        (Need::Portal, _) => (Method::Portal, "policy names the portal"),
    };
    Choice { method, because }
}

impl Capabilities {
    /// The format to seal in, if there is one.
    const fn sealed(self, preferred: KeyFormat) -> Option<KeyFormat> {
        match (self.openpgp, self.smime) {
            (true, true) => Some(preferred),
            (true, false) => Some(KeyFormat::OpenPgp),
            (false, true) => Some(KeyFormat::Smime),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Capabilities = Capabilities { openpgp: true, smime: true };
    const NOTHING: Capabilities = Capabilities { openpgp: false, smime: false };

    fn preferences() -> [Preferences; 4] {
        [(KeyFormat::Smime, true), (KeyFormat::Smime, false), (KeyFormat::OpenPgp, true), (KeyFormat::OpenPgp, false)]
            .map(|(format, keys_where_transit_would_do)| Preferences { format, keys_where_transit_would_do })
    }

    /// How much a method protects, in the order of needs.
    fn strength(method: Method, need: Need) -> u8 {
        match method {
            // The parcel's own need is the level that its connection must prove.
            Method::Tls => need.transit().map_or(0, |_| need.strictness()),
            Method::OpenPgp | Method::Smime => Need::EndToEnd.strictness(),
            Method::Portal => Need::Portal.strictness(),
        }
    }

    /// Every need with everything that a recipient can do and that may be preferred.
    fn all() -> impl Iterator<Item = (Need, Capabilities, Preferences, Method)> {
        let can = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(openpgp, smime)| Capabilities { openpgp, smime });
        Need::ALL.into_iter().flat_map(move |need| {
            can.into_iter().flat_map(move |can| {
                preferences().into_iter().map(move |wanted| (need, can, wanted, choose(need, can, wanted).method))
            })
        })
    }

    #[test]
    fn nothing_is_ever_less_than_what_is_needed() {
        for (need, can, wanted, method) in all() {
            assert!(strength(method, need) >= need.strictness(), "{need} {can:?} {wanted:?}: {method}");
            match (need, method) {
                (Need::OpenPgp, Method::Smime | Method::Tls) | (Need::Smime, Method::OpenPgp | Method::Tls) => {
                    panic!("{need} by {method}")
                }
                (Need::EndToEnd, Method::Tls) | (Need::Portal, Method::Tls | Method::OpenPgp | Method::Smime) => {
                    panic!("{need} by {method}")
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_method_needs_its_key() {
        for (need, can, wanted, method) in all() {
            let has_key = match method {
                Method::OpenPgp => can.openpgp,
                Method::Smime => can.smime,
                Method::Tls | Method::Portal => true,
            };
            assert!(has_key, "{need} {can:?} {wanted:?}: {method}");
        }
    }

    fn check(need: Need, can: Capabilities, format: KeyFormat, always: bool, expect: Method) {
        let wanted = Preferences { format, keys_where_transit_would_do: always };
        assert_eq!(choose(need, can, wanted).method, expect, "{need} {can:?} {wanted:?}");
    }

    #[test]
    fn the_preferred_format_wins() {
        for need in [Need::EndToEnd, Need::Verified] {
            check(need, BOTH, KeyFormat::Smime, true, Method::Smime);
            check(need, BOTH, KeyFormat::OpenPgp, true, Method::OpenPgp);
        }
        check(Need::OpenPgp, BOTH, KeyFormat::Smime, true, Method::OpenPgp);
        check(Need::Smime, BOTH, KeyFormat::OpenPgp, true, Method::Smime);
        check(Need::EndToEnd, Capabilities { openpgp: true, smime: false }, KeyFormat::Smime, true, Method::OpenPgp);
    }

    #[test]
    fn a_key_is_used_where_transit_would_do_unless_policy_keeps_it() {
        check(Need::Anchored, BOTH, KeyFormat::Smime, true, Method::Smime);
        check(Need::Anchored, BOTH, KeyFormat::Smime, false, Method::Tls);
        check(Need::Verified, NOTHING, KeyFormat::Smime, true, Method::Tls);
        check(Need::None, BOTH, KeyFormat::Smime, true, Method::Tls);
    }

    #[test]
    fn end_to_end_falls_to_the_portal() {
        for need in [Need::EndToEnd, Need::OpenPgp, Need::Smime, Need::Portal] {
            check(need, NOTHING, KeyFormat::Smime, true, Method::Portal);
        }
        check(Need::OpenPgp, Capabilities { openpgp: false, smime: true }, KeyFormat::Smime, true, Method::Portal);
        check(Need::Smime, Capabilities { openpgp: true, smime: false }, KeyFormat::Smime, true, Method::Portal);
        check(Need::Portal, BOTH, KeyFormat::Smime, true, Method::Portal);
    }
}
