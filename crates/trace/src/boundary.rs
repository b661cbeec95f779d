//! The line below which fields are claims.
//!
//! Anybody can write `Received` fields below their own. A field is believed
//! where the field above it is believed, says that the message came from one of
//! the reader's own machines, and names that other end by more than its word.

use crate::facts::Facts;
use crate::name;
use crate::{Hop, Trust};

/// Marks the hops that the reader's own servers wrote.
pub(crate) fn draw(hops: &mut [Hop<'_>], trust: &Trust) {
    let mut reader = Reader { facts: &trust.facts, is_stated: trust.is_stated, own: None };
    for hop in hops {
        if !reader.is_own(hop) {
            return;
        }
        hop.trusted = true;
        if !hop.is_from_inside {
            return;
        }
    }
}

/// Who the reader is: stated, or who wrote the topmost field that has a name.
struct Reader<'f, 'a> {
    facts: &'f Facts,
    is_stated: bool,
    /// A name of the reader's, and its organisation.
    own: Option<(&'a str, &'a str)>,
}

impl<'a> Reader<'_, 'a> {
    /// Names of one label belong to whoever stands above them.
    fn is_own(&mut self, hop: &Hop<'a>) -> bool {
        let name = hop.by.name.and_then(|name| Some((name, name::organisation(name)?)));
        if self.is_stated {
            let is_address = hop.by.address.is_some_and(|address| self.facts.is_own(address));
            return is_address || name.is_none_or(|(name, _)| self.facts.known(name).is_own);
        }
        let (Some((own_name, own)), Some((name, organisation))) = (self.own, name) else {
            self.own = self.own.or(name);
            return true;
        };
        let provider = |name| self.facts.provider_of(self.facts.known(name), None);
        own.eq_ignore_ascii_case(organisation) || provider(own_name).is_some_and(|own| provider(name) == Some(own))
    }
}
