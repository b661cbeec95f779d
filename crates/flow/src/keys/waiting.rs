//! Lookups that are under way, and the messages that wait for them: whoever
//! looks at what is undecided passes over a message until its last lookup has
//! ended, instead of reading and judging it again at each.

use std::collections::{HashMap, HashSet};

use mail::{MessageId, OrgId};

/// Whose key is looked for.
pub(super) type Subject = (OrgId, [u8; 16]);

/// Lookups under way and waiting for a slot; who comes beyond is begun at the next look.
const SUBJECTS_MAX: usize = 10_000;

/// What is under way, and who waits.
#[derive(Default)]
pub(super) struct Waiting {
    under_way: HashSet<Subject>,
    messages: HashMap<MessageId, Vec<Subject>>,
}

impl Waiting {
    /// Notes that a message waits for this; gives whether it is to be begun.
    pub fn begin(&mut self, message: MessageId, subject: Subject) -> bool {
        let is_new = !self.under_way.contains(&subject);
        if is_new && self.under_way.len() >= SUBJECTS_MAX {
            return false;
        }
        self.under_way.insert(subject);
        let subjects = self.messages.entry(message).or_default();
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
        is_new
    }

    /// A lookup has ended.
    pub fn end(&mut self, subject: &Subject) {
        self.under_way.remove(subject);
        let under_way = &self.under_way;
        self.messages.retain(|_, subjects| subjects.iter().any(|subject| under_way.contains(subject)));
    }

    /// Whether a lookup that the message waits for is under way.
    pub fn holds(&self, message: MessageId) -> bool {
        self.messages.contains_key(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn message(number: u8) -> MessageId {
        MessageId::from_bytes([number; 16])
    }

    const fn subject(number: u8) -> Subject {
        (OrgId(1), [number; 16])
    }

    #[test]
    fn a_message_waits_until_its_last_lookup_has_ended() {
        let mut waiting = Waiting::default();
        assert!(waiting.begin(message(1), subject(1)));
        assert!(waiting.begin(message(1), subject(2)));
        assert!(!waiting.begin(message(2), subject(2)), "it is under way already");
        waiting.end(&subject(1));
        assert!(waiting.holds(message(1)) && waiting.holds(message(2)) && !waiting.holds(message(3)));
        waiting.end(&subject(2));
        assert!(!waiting.holds(message(1)) && !waiting.holds(message(2)));
        assert!(waiting.begin(message(1), subject(2)), "it may be begun again");
    }

    #[test]
    fn what_is_beyond_the_bound_holds_nobody_up() {
        let mut waiting = Waiting::default();
        let number = |at: usize| (OrgId(1), (at as u128).to_be_bytes());
        let begun = (0..=SUBJECTS_MAX).filter(|at| waiting.begin(message(1), number(*at))).count();
        assert_eq!(begun, SUBJECTS_MAX);
        assert!(!waiting.begin(message(2), number(SUBJECTS_MAX)) && !waiting.holds(message(2)));
    }
}
