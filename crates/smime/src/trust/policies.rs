//! Certificate policies (RFC 5280 §6.1.2 to §6.1.5), as a graph whose size is
//! bounded by the certificates (RFC 9618) and not as the tree that grows
//! exponentially.

use std::collections::{BTreeMap, BTreeSet};

use super::invalid::Reason;
use crate::asn1::Oid;
use crate::certificate::Certificate;

const ANY: Oid = Oid::new(&[2, 5, 29, 32, 0]);

/// What the reader wants of policies (RFC 5280 §6.1.1 (c), (e) to (g)). By default nothing: mail has no policies of its
/// own, and only what authorities demand of those below them counts.
#[derive(Default)]
pub(super) struct InitialPolicies {
    /// Acceptable policies; none for any.
    pub(super) acceptable: Vec<Oid>,
    pub(super) require_explicit: bool,
    pub(super) inhibit_mapping: bool,
    pub(super) inhibit_any: bool,
}

/// A policy at one depth of the path.
#[derive(Default)]
struct Node {
    /// What the next certificate may call it.
    expected: BTreeSet<Oid>,
    /// Those of the certificate above that lead here.
    parents: BTreeSet<Oid>,
}

type Level = BTreeMap<Oid, Node>;

/// The policies that are valid so far.
pub(super) struct Policies {
    acceptable: Vec<Oid>,
    levels: Vec<Level>,
    explicit: usize,
    mapping: usize,
    any: usize,
}

impl Policies {
    pub(super) fn new(initial: &InitialPolicies, path_len: usize) -> Self {
        let root = Node { expected: BTreeSet::from([ANY]), parents: BTreeSet::new() };
        let count = |is_set: bool| if is_set { 0 } else { path_len + 1 };
        Self {
            acceptable: initial.acceptable.clone(),
            levels: vec![BTreeMap::from([(ANY, root)])],
            explicit: count(initial.require_explicit),
            mapping: count(initial.inhibit_mapping),
            any: count(initial.inhibit_any),
        }
    }

    /// Goes on to the next certificate.
    pub(super) fn step(
        &mut self,
        certificate: &Certificate,
        is_last: bool,
        is_self_issued: bool,
    ) -> Result<(), Reason> {
        let extensions = certificate.extensions();
        let level = match &extensions.policies {
            Some(policies) => self.level(policies, self.any > 0 || (is_self_issued && !is_last)),
            None => Level::new(),
        };
        self.levels.push(level);
        if self.explicit == 0 && self.is_empty() {
            return Err(Reason::Policies);
        }
        if is_last {
            return self.finish(certificate);
        }
        self.map(&extensions.policy_mappings)?;
        if !is_self_issued {
            self.explicit = self.explicit.saturating_sub(1);
            self.mapping = self.mapping.saturating_sub(1);
            self.any = self.any.saturating_sub(1);
        }
        let constraints = extensions.policy_constraints;
        self.explicit = self.explicit.min(bound(constraints.require_explicit));
        self.mapping = self.mapping.min(bound(constraints.inhibit_mapping));
        self.any = self.any.min(bound(extensions.inhibit_any_policy));
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.levels.last().is_none_or(Level::is_empty)
    }

    /// RFC 5280 §6.1.3 (d): the policies of a certificate that the one above expects.
    fn level(&self, policies: &[Oid], any_counts: bool) -> Level {
        let mut level = Level::new();
        let Some(above) = self.levels.last() else { return level };
        for policy in policies.iter().filter(|policy| **policy != ANY) {
            let expects = |(_, node): &(&Oid, &Node)| node.expected.contains(policy);
            let mut parents: BTreeSet<Oid> = above.iter().filter(expects).map(|(parent, _)| *parent).collect();
            if parents.is_empty() && above.contains_key(&ANY) {
                parents.insert(ANY);
            }
            if !parents.is_empty() {
                level.insert(*policy, Node { expected: BTreeSet::from([*policy]), parents });
            }
        }
        if policies.contains(&ANY) && any_counts {
            let pairs =
                above.iter().flat_map(|(parent, node)| node.expected.iter().map(move |policy| (parent, policy)));
            // One that the certificate names itself has its parents already.
            for (parent, policy) in pairs.filter(|(_, policy)| **policy == ANY || !policies.contains(policy)) {
                let node = level.entry(*policy).or_default();
                node.expected.insert(*policy);
                node.parents.insert(*parent);
            }
        }
        level
    }

    /// RFC 5280 §6.1.4 (a), (b).
    fn map(&mut self, mappings: &[(Oid, Oid)]) -> Result<(), Reason> {
        if mappings.iter().any(|(from, to)| *from == ANY || *to == ANY) {
            return Err(Reason::Policies);
        }
        let is_allowed = self.mapping > 0;
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let mut mapped: BTreeMap<Oid, BTreeSet<Oid>> = BTreeMap::new();
        for (from, to) in mappings {
            mapped.entry(*from).or_default().insert(*to);
        }
        for (from, to) in mapped {
            let any_leads_here = level.contains_key(&ANY);
            match level.get_mut(&from) {
                Some(_) if !is_allowed => drop(level.remove(&from)),
                Some(node) => node.expected = to,
                None if is_allowed && any_leads_here => {
                    level.insert(from, Node { expected: to, parents: BTreeSet::from([ANY]) });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// RFC 5280 §6.1.5 (a), (b), (g).
    fn finish(&mut self, certificate: &Certificate) -> Result<(), Reason> {
        self.explicit = self.explicit.saturating_sub(1);
        if certificate.extensions().policy_constraints.require_explicit == Some(0) {
            self.explicit = 0;
        }
        if self.explicit > 0 || self.has_acceptable() { Ok(()) } else { Err(Reason::Policies) }
    }

    /// Whether one of the last certificate's policies is acceptable, under the name that the anchor's side has for it.
    fn has_acceptable(&self) -> bool {
        let Some(last) = self.levels.last() else { return false };
        if self.acceptable.is_empty() || last.contains_key(&ANY) {
            return !last.is_empty();
        }
        let mut reached: BTreeSet<Oid> = last.keys().copied().collect();
        for level in self.levels.iter().rev() {
            let mut above = BTreeSet::new();
            for node in reached.iter().map(|policy| (policy, level.get(policy))) {
                match node {
                    // Below "any" stands the first name that an authority gave it.
                    (policy, Some(node)) if node.parents.contains(&ANY) && self.acceptable.contains(policy) => {
                        return true;
                    }
                    (_, Some(node)) => above.extend(node.parents.iter().filter(|parent| **parent != ANY)),
                    (_, None) => {}
                }
            }
            reached = above;
        }
        false
    }
}

fn bound(count: Option<u64>) -> usize {
    count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX))
}
