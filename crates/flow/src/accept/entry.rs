//! A message that has arrived whole enters: it is judged, and made durable
//! with all that was decided about it in one synced transaction.

use std::sync::Arc;

use identity::Submitter;
use ledger::{Door, Event};
use mail::reading::ReadingError;
use mail::{Envelope, MessageId, Reply};
use store::{Acceptance, MessageState, SpooledBody, StoreError, Write};
use vault::{Label, MessageKey};

use super::Clear;
use crate::bounces;
use crate::case::{Case, Changes};
use crate::crossing::taken_as;
use crate::harvest::Ground;
use crate::journey::Journey;
use crate::judge;
use crate::keys;
use crate::listener::Submission;
use crate::manifest::Manifest;
use crate::mark::Mark;
use crate::org_keys;
use crate::organisation::Organisation;
use crate::plan::{Planned, plan};
use crate::prepared::Prepared;
use crate::replies::Answered;
use crate::reply;
use crate::reports;
use crate::unsubscribe;

/// A message that has arrived whole and is sealed, but not yet durable.
pub(super) struct Arrived {
    pub(super) traced: Option<Event>,
    pub(super) journey: Arc<Journey>,
    pub(super) organisation: Arc<Organisation>,
    pub(super) submission: Submission,
    pub(super) manifest: Manifest,
    pub(super) message: MessageId,
    pub(super) key: MessageKey,
    pub(super) wrapped_key: Vec<u8>,
    pub(super) subject: String,
    pub(super) clear: Clear,
    pub(super) bytes: u64,
    pub(super) mark: Option<Mark>,
    pub(super) proofs: Vec<Mark>,
    pub(super) shown: Option<Event>,
    pub(super) harvest: Option<Ground>,
    pub(super) answered: Option<Answered>,
}

impl Arrived {
    /// Makes it durable, with whatever was decided about it.
    pub(super) async fn enter(mut self, body: SpooledBody) -> Result<Reply, Reply> {
        let now = self.journey.clock.now();
        let (proofs, shown) = (std::mem::take(&mut self.proofs), self.shown.take());
        let case = Case {
            journey: &self.journey,
            organisation: &self.organisation,
            manifest: &self.manifest,
            message: self.message,
            key: &self.key,
            received_at: now,
            now,
        };
        let mut changes = Changes::default();
        changes.event(self.accepted());
        self.traced.iter().for_each(|traced| changes.event(traced.clone()));
        changes.record.events.extend(shown);
        changes.writes.extend(proofs.iter().map(Mark::write));
        let state = self.decide(&case, &mut changes).await?;
        changes.writes.insert(0, Write::Accept(Box::new(self.acceptance(&case, body, state))));
        changes.writes.extend(self.mark.as_ref().map(Mark::write));
        changes.writes.extend(self.answered.as_ref().map(|answered| answered.tell(&case)));
        match case.commit(changes).await {
            Ok(()) => {}
            Err(StoreError::Conflict) if !proofs.is_empty() => {
                let first = taken_as(&self.journey, self.organisation.org, &proofs).await;
                return first.map(reply::accepted).ok_or_else(reply::taken_before);
            }
            Err(why) => return Err(reply::not_stored(&why)),
        }
        if let Some(ground) = self.harvest {
            self.journey.harvest.offer(self.organisation.org, self.message, ground);
        }
        if self.manifest.is_inbound() && reports::is_for_reports(&self.journey, &self.manifest.envelope.recipients) {
            self.journey.reports.offer(self.organisation.org, self.message, self.journey.clock.now());
        }
        match state {
            MessageState::Accepted => self.journey.undecided.notify_one(),
            MessageState::Decided | MessageState::Held => self.journey.queued.notify_one(),
            MessageState::Refused | MessageState::Erased => {}
        }
        Ok(reply::accepted(self.message))
    }

    /// Judges it now, or leaves it `Accepted` for when there is memory.
    async fn decide(&self, case: &Case<'_>, changes: &mut Changes) -> Result<MessageState, Reply> {
        let Clear::Kept(kept) = &self.clear else {
            return Ok(MessageState::Accepted);
        };
        let looked = org_keys::look(case, kept.bytes()).await;
        let judged = judge::view(case, looked.content(kept.bytes()));
        changes.beside.extend(bounces::tie(case, &judged).await);
        changes.beside.extend(unsubscribe::by_mail(case).await);
        let read = judge::read(&judged, &self.journey.settings.mime);
        if let Err(why @ (ReadingError::Depth(_) | ReadingError::Parts(_))) = &read {
            return Err(reply::unreadable(why));
        }
        let verdict = judge::judge(&self.organisation, &self.manifest, &judged, &read);
        let prepared = Prepared::new(case, verdict, &judged, &looked).await;
        let prepared = prepared.map_err(|why| reply::not_stored(&why))?;
        // Its client should not wait for a directory.
        if !keys::wanted(case, &prepared).await.map_err(|why| reply::not_stored(&why))?.is_empty() {
            return Ok(MessageState::Accepted);
        }
        prepared.proven.iter().for_each(|proven| changes.event(proven.event()));
        match plan(case, &prepared, changes) {
            Planned::Goes(state) => Ok(state),
            Planned::RefusedForAll(rules) => Err(reply::refused_by_policy(&rules)),
        }
    }

    fn acceptance(&self, case: &Case<'_>, body: SpooledBody, state: MessageState) -> Acceptance {
        let entropy = self.journey.entropy.as_ref();
        Acceptance {
            message: self.message,
            received_at: case.now,
            state,
            body,
            wrapped_key: self.wrapped_key.clone(),
            envelope: self.key.seal(Label::Envelope, &[], &self.manifest.to_bytes(), entropy),
            dimensions: self.organisation.dimensions(&self.manifest, &self.subject, self.bytes),
        }
    }

    fn accepted(&self) -> Event {
        let door = match self.submission.sender.by {
            Submitter::Credential(_) => Door::Smtp,
            Submitter::Network(_) => Door::Network,
            Submitter::ApiKey(_) => Door::Rest,
            Submitter::Connector(_) => Door::Gateway,
            Submitter::Stranger => Door::Inbound,
            Submitter::Portal(_) => Door::Portal,
            Submitter::Operator(_) => Door::Command,
        };
        Event::Accepted {
            door,
            submitter: self.manifest.submitter.clone(),
            peer: self.manifest.peer,
            tls: self.manifest.tls.clone(),
            sender: self.manifest.envelope.sender.clone(),
            recipients: self.manifest.envelope.recipients.iter().map(|to| to.address.clone()).collect(),
            body_bytes: self.bytes,
            stream: Some(self.manifest.stream.clone()),
        }
    }
}

impl Organisation {
    /// What reports will split the message by.
    fn dimensions(&self, manifest: &Manifest, subject: &str, body_bytes: u64) -> store::Dimensions {
        let wanted = &manifest.instructions;
        store::Dimensions {
            stream: manifest.stream.clone(),
            campaign: wanted.campaign.clone(),
            tags: wanted.tags.clone(),
            fields: wanted.fields.clone(),
            subject_index: self.vault.subject_index(subject),
            recipient_domains: self.domain_indexes(&manifest.envelope),
            body_bytes,
        }
    }

    fn domain_indexes(&self, envelope: &Envelope) -> Vec<[u8; 16]> {
        let mut indexes: Vec<[u8; 16]> =
            envelope.recipients.iter().map(|recipient| self.vault.domain_index(recipient.address.domain())).collect();
        indexes.sort_unstable();
        indexes.dedup();
        indexes
    }
}
