//! What a message's recipients hold: read once, before its plan.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use keyring::{Candidates, Known, candidates};
use mail::{Address, Need, Recipient};
use seal::hidden;
use store::StoreError;

use super::book;
use crate::journey::Journey;
use crate::organisation::Organisation;

/// The keys of a message's recipients. Nothing for nearly every message.
#[derive(Default)]
pub(crate) struct AtHand {
    known: HashMap<Address, Vec<Known>>,
    /// Recipients that the message does not name: a copy that is sealed for
    /// others too would tell of them.
    hidden: HashSet<Address>,
}

impl AtHand {
    /// The keys of these recipients of a message with this header block.
    pub async fn of(
        journey: &Journey,
        organisation: &Organisation,
        recipients: &[Recipient],
        header: &[u8],
    ) -> Result<Self, StoreError> {
        let mut at_hand = Self::default();
        if journey.keys.is_empty(organisation.org) {
            return Ok(at_hand);
        }
        for recipient in recipients {
            let index = organisation.vault.address_index(&recipient.address.folded());
            if journey.keys.may_have(organisation.org, &index) {
                at_hand.read(journey, organisation, &recipient.address, index).await?;
            }
        }
        if !at_hand.known.is_empty() {
            let hidden = hidden(header, recipients).into_iter();
            at_hand.hidden = hidden.map(|recipient| recipient.address.clone()).collect();
        }
        Ok(at_hand)
    }

    async fn read(
        &mut self,
        journey: &Journey,
        organisation: &Organisation,
        recipient: &Address,
        index: [u8; 16],
    ) -> Result<(), StoreError> {
        let rows = journey.store.recipient_keys_of(organisation.org, vec![index]).await?;
        for row in rows {
            match book::open(organisation, &row) {
                Ok(kept) => self.known.entry(recipient.clone()).or_default().push(kept.known),
                // One damaged row must not stop mail: without a key there is the portal.
                Err(error) => tracing::error!(key = %row.key, %error, "a recipient's key can't be read"),
            }
        }
        Ok(())
    }

    /// What counts for a recipient's copy.
    pub fn candidates(
        &self,
        organisation: &Organisation,
        recipient: &Address,
        need: Need,
        now: Timestamp,
    ) -> Candidates {
        match self.known.get(recipient) {
            Some(known) => candidates(known, recipient, need, &organisation.policy.keys, &organisation.trust, now),
            None => Candidates::default(),
        }
    }

    /// Every key of the recipients.
    pub fn all(&self) -> impl Iterator<Item = &Known> {
        self.known.values().flatten()
    }

    /// Whether other recipients must not learn of this one.
    pub fn is_hidden(&self, recipient: &Address) -> bool {
        self.hidden.contains(recipient)
    }
}
