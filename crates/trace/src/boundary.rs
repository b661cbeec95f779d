//! The line below which fields are claims.
//!
//! Anybody can write `Received` fields below their own. A field is believed
//! where the field above it is believed, says that the message came from one of
//! the reader's own machines, and names that other end by more than its word.

use crate::facts::{Facts, Known};
use crate::name;
use crate::{Because, Hop, Leg, Trust};

/// Marks the hops that the reader's own servers wrote.
pub(crate) fn draw(hops: &mut [Hop<'_>], trust: &Trust) {
    let mut reader = Reader { facts: &trust.facts, is_stated: trust.is_stated, organisation: None, provider: None };
    let mut is_inside = true;
    for hop in hops {
        if !is_inside || !reader.is_own(hop) {
            return;
        }
        hop.trusted = true;
        is_inside = comes_from_inside(hop);
    }
}

/// Who the reader is: stated, or who wrote the topmost field that has a name.
struct Reader<'f, 'a> {
    facts: &'f Facts,
    is_stated: bool,
    organisation: Option<&'a str>,
    provider: Option<u16>,
}

impl<'a> Reader<'_, 'a> {
    fn is_own(&mut self, hop: &Hop<'a>) -> bool {
        if self.is_stated {
            return hop.is_own || hop.by.name.is_none_or(|name| name::organisation(name).is_none());
        }
        let Some(organisation) = hop.by.name.and_then(name::organisation) else { return true };
        let known = hop.by.name.map(|name| self.facts.known(name)).unwrap_or_default();
        let Some(own) = self.organisation else {
            (self.organisation, self.provider) = (Some(organisation), provider(self.facts, known));
            return true;
        };
        let is_provider = self.provider.is_some() && provider(self.facts, known) == self.provider;
        is_provider || own.eq_ignore_ascii_case(organisation)
    }
}

fn provider(facts: &Facts, known: Known) -> Option<u16> {
    facts.provider_of(known, None)
}

/// Whether a hop's peer is one of the same network, by an address or name that
/// its writer looked up: a name that was only claimed proves nothing.
fn comes_from_inside(hop: &Hop<'_>) -> bool {
    if hop.leg != Leg::Within {
        return false;
    }
    match hop.near {
        Some(Because::SameOrganisation(_) | Because::Provider(_)) => {
            hop.from.reverse.is_some() || hop.from.address.is_none()
        }
        Some(Because::Own) => true,
        _ => true,
    }
}
