//! What the disk knew at each kill. A delivery whose record is there is never
//! begun again: a copy may come twice only where the record was lost.

use std::collections::BTreeMap;

use ledger::Event;

use crate::check::{self, copies};
use crate::clinic::{Acknowledged, Clinic};

/// For the content and the recipient of each recorded delivery: how often it had come when the process died.
#[derive(Default)]
pub struct Kills {
    recorded: BTreeMap<(String, String), usize>,
}

impl Kills {
    /// The process is gone: reads what it left.
    pub async fn note(&mut self, clinic: &Clinic, acknowledged: &[Acknowledged]) {
        let journey = clinic.journey(clinic.store());
        for message in acknowledged {
            let events = check::timeline_of(&journey, message).await.events;
            for recipient in &message.recipients {
                let is_delivery = |event: &Event| matches!(event, Event::Delivered { recipient: to, .. } if to.to_string() == *recipient);
                if events.iter().any(|(_, event)| is_delivery(event)) {
                    let known = (message.token.clone(), recipient.clone());
                    let came = copies(clinic, &message.token, recipient).len();
                    self.recorded.entry(known).or_insert(came);
                }
            }
        }
    }

    /// Nothing of that came again.
    pub fn check(&self, clinic: &Clinic) {
        for ((token, recipient), before) in &self.recorded {
            let now = copies(clinic, token, recipient).len();
            assert!(
                now <= *before,
                "{token} came to {recipient} again after its delivery was recorded: {before}, {now}"
            );
        }
    }
}
