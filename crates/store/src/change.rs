//! Everything that changes the database, as one type, so that all of it goes
//! through the same group commit.

use mail::{MessageId, OrgId};

use crate::row::{OrgRow, RunRow};
use crate::transition::{Transition, Write};

/// A unit that happens whole or not at all.
#[derive(Debug)]
pub(crate) enum Change {
    Transition(Transition),
    EnsureOrg(OrgRow),
    RewrapOrg { org: OrgId, expected: Vec<u8>, wrapped_key: Vec<u8> },
    PutSecret { org: OrgId, name: String, sealed: Vec<u8> },
    KeepPolicy { org: OrgId, hash: [u8; 32], text: String },
    AppendRun { org: OrgId, run: RunRow },
    RewrapKeys { org: OrgId, keys: Vec<(MessageId, Vec<u8>, Vec<u8>)> },
    Probe,
}

/// What a unit gives when it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Count(usize),
}

impl Answer {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Done => 0,
            Self::Count(count) => count,
        }
    }
}

impl Change {
    /// The bodies that it brings.
    pub(crate) fn bodies_mut(&mut self) -> impl Iterator<Item = (OrgId, &mut crate::Acceptance)> {
        let (org, writes) = match self {
            Self::Transition(transition) => (transition.org, transition.writes.as_mut_slice()),
            _ => (OrgId(0), Default::default()),
        };
        writes.iter_mut().filter_map(move |write| match write {
            Write::Accept(acceptance) => Some((org, acceptance.as_mut())),
            _ => None,
        })
    }

    /// How many of those whom others may be waiting for it brings along: bodies
    /// that were open and parcels that were leased.
    pub(crate) fn arrivals(&self) -> usize {
        let Self::Transition(transition) = self else { return 0 };
        let arrives = |write: &&Write| {
            matches!(write, Write::Accept(_) | Write::Finish { .. } | Write::Retry { .. } | Write::PutOff { .. })
        };
        transition.writes.iter().filter(arrives).count()
    }

    /// How many bodies it brings.
    pub(crate) fn bodies(&self) -> usize {
        let Self::Transition(transition) = self else { return 0 };
        transition.writes.iter().filter(|write| matches!(write, Write::Accept(_))).count()
    }

    /// How many bytes of bodies it carries in memory.
    pub(crate) fn body_bytes(&self) -> usize {
        let Self::Transition(transition) = self else { return 0 };
        let bytes = |write: &Write| match write {
            Write::Accept(acceptance) => acceptance.body.in_memory(),
            _ => 0,
        };
        transition.writes.iter().map(bytes).sum()
    }
}
