//! The mailboxes of which something may be suppressed, as parts of their keyed
//! indexes in memory. Mail to anybody else costs one look here and nothing of
//! the store, and where nobody is suppressed not even that.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use jiff::Timestamp;
use mail::OrgId;
use store::{Transition, Write};

/// Clocks of nodes may differ, and a row is dated before it is durable.
const OVERLAP: Duration = Duration::from_secs(600);

/// The mailboxes of which something may be suppressed. One whose suppression
/// was taken back stays until the next start: then the store has nothing for it.
#[derive(Default)]
pub(crate) struct Filter(RwLock<HashMap<OrgId, Known>>);

#[derive(Default)]
struct Known {
    /// Half of an index: who is there by chance costs one question.
    mailboxes: HashSet<u64>,
    read_at: Option<Timestamp>,
}

impl Filter {
    /// Whether nothing of an organisation's is suppressed. Before the store
    /// was read, nobody knows.
    pub fn is_empty(&self, org: OrgId) -> bool {
        self.known().get(&org).is_some_and(|known| known.read_at.is_some() && known.mailboxes.is_empty())
    }

    /// Whether something may be suppressed for a mailbox.
    pub fn may_have(&self, org: OrgId, mailbox: &[u8; 16]) -> bool {
        let all = self.known();
        all.get(&org).is_none_or(|known| known.read_at.is_none() || known.mailboxes.contains(&half(mailbox)))
    }

    /// The time since which changes have not been read.
    pub fn since(&self, org: OrgId) -> Timestamp {
        let read_at = self.known().get(&org).and_then(|known| known.read_at);
        read_at.and_then(|at| at.checked_sub(OVERLAP).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Adds what changed until `read_at`.
    pub fn add(&self, org: OrgId, mailboxes: &[[u8; 16]], read_at: Timestamp) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(org).or_default();
        known.mailboxes.extend(mailboxes.iter().map(half));
        known.read_at = Some(read_at);
    }

    /// Notes what this process is about to keep. If it is not kept after all,
    /// the store has nothing for it.
    pub fn note(&self, transition: &Transition) {
        for write in &transition.writes {
            if let Write::Suppress { row, .. } = write {
                let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
                all.entry(transition.org).or_default().mailboxes.insert(half(&row.mailbox));
            }
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, HashMap<OrgId, Known>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn half(mailbox: &[u8; 16]) -> u64 {
    u64::from_be_bytes(std::array::from_fn(|at| mailbox[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::SuppressionId;
    use store::SuppressionRow;

    const ORG: OrgId = OrgId(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn before_the_store_was_read_anybody_may_be_suppressed() {
        let filter = Filter::default();
        assert!(!filter.is_empty(ORG) && filter.may_have(ORG, &[1; 16]));
        assert_eq!(filter.since(ORG), Timestamp::UNIX_EPOCH);
        filter.add(ORG, &[], at(0));
        assert!(filter.is_empty(ORG) && !filter.may_have(ORG, &[1; 16]));
        assert!(filter.may_have(OrgId(2), &[1; 16]), "that one was not read");
    }

    #[test]
    fn what_is_kept_here_counts_at_once() {
        let filter = Filter::default();
        filter.add(ORG, &[], at(0));
        let row = SuppressionRow {
            suppression: SuppressionId::from_bytes([9; 16]),
            mailbox: [1; 16],
            stream: String::new(),
            reason: 1,
            at: at(1),
            sealed: Vec::new(),
        };
        let writes = vec![Write::Suppress { row: Box::new(row), new: false }];
        filter.note(&Transition { org: ORG, writes, journal: None });
        assert!(filter.may_have(ORG, &[1; 16]) && !filter.may_have(ORG, &[2; 16]));
        filter.add(ORG, &[[2; 16]], at(1_000));
        assert!(filter.may_have(ORG, &[1; 16]) && filter.may_have(ORG, &[2; 16]));
        assert_eq!(filter.since(ORG), at(400), "clocks differ");
    }
}
