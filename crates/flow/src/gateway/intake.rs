//! Outbound mail of a mail system, until its header block has told whose it
//! is: the author's domain finds the connector, and the connector says how the
//! tenant must be proven.
//!
//! Nothing is stored before that. The field with the secret is cut here and
//! goes no further.

use std::sync::Arc;

use mail::header;
use mail::{Address, OrgId, Reply};

use super::probe::Probe;
use super::{Connector, Passage};
use crate::accept::{Arriving, header_end};
use crate::arrival::{self, HEADER_BYTES_MAX, HeaderRefused};
use crate::journey::Journey;
use crate::listener::{Answer, Intake, Submission};
use crate::reply;

/// A message that crosses outwards.
pub struct Crossing {
    journey: Arc<Journey>,
    connectors: Vec<Arc<Connector>>,
    submission: Submission,
    state: State,
}

enum State {
    Reading(Vec<u8>),
    Arriving(Box<Arriving>),
}

impl Crossing {
    /// A message of one of these connectors.
    pub fn begin(journey: Arc<Journey>, connectors: Vec<Arc<Connector>>, submission: Submission) -> Self {
        Self { journey, connectors, submission, state: State::Reading(Vec::with_capacity(4096)) }
    }

    async fn take(&mut self, content: &[u8]) -> Result<(), Reply> {
        match &mut self.state {
            State::Arriving(arriving) => arriving.push(content).await,
            State::Reading(header) => {
                let searched = header.len().saturating_sub(3);
                header.extend_from_slice(content);
                match header_end(header, searched) {
                    Some(end) => self.decide(end).await,
                    None if header.len() > HEADER_BYTES_MAX => Err(reply::header_refused(HeaderRefused::TooLarge)),
                    None => Ok(()),
                }
            }
        }
    }

    /// The header block is whole: the message is somebody's, or nobody's.
    async fn decide(&mut self, end: usize) -> Result<(), Reply> {
        let State::Reading(raw) = &mut self.state else { return Ok(()) };
        let raw = std::mem::take(raw);
        let (header, rest) = raw.split_at(end.min(raw.len()));
        let (connector, by_dkim) = match self.connector(header) {
            Ok(known) => known,
            Err(refusal) => {
                tell_probe(self.journey.clone(), self.connectors.clone(), header).await;
                return Err(refusal);
            }
        };
        let (sender, passage) = (connector.sender(), Passage::Known { connector, by_dkim });
        let submission = Submission { sender, passage, ..self.submission.clone() };
        let organisation = self.journey.organisations.find(submission.sender.org).ok_or_else(reply::not_served)?;
        let mut arriving = Arriving::begin(self.journey.clone(), organisation.clone(), submission);
        arriving.push(&self.without_secrets(header)).await?;
        if !rest.is_empty() {
            arriving.push(rest).await?;
        }
        self.state = State::Arriving(Box::new(arriving));
        Ok(())
    }

    /// The connector whose domains every author is of, and whose tenant is
    /// proven or can still be, by the whole message.
    fn connector(&self, header: &[u8]) -> Result<(Arc<Connector>, bool), Reply> {
        let authors = arrival::authors(header).map_err(reply::header_refused)?;
        let owns = |connector: &&Arc<Connector>| authors.iter().all(|author: &Address| connector.owns(author.domain()));
        let own: Vec<&Arc<Connector>> = self.connectors.iter().filter(owns).collect();
        if own.is_empty() {
            return Err(reply::author_not_own());
        }
        let proven = own.iter().find(|connector| {
            let proof = &connector.proof;
            proof.is_none() || proof.secret.as_ref().is_some_and(|secret| secret.is_shown_by(header))
        });
        match (proven, own.iter().find(|connector| connector.proof.dkim)) {
            (Some(connector), _) => Ok(((*connector).clone(), false)),
            (None, Some(connector)) => Ok(((*connector).clone(), true)),
            (None, None) => Err(reply::tenant_not_proven()),
        }
    }

    fn without_secrets(&self, header: &[u8]) -> Vec<u8> {
        let is_secret = |field: &header::Field<'_>| {
            let mut secrets = self.connectors.iter().filter_map(|connector| connector.proof.secret.as_ref());
            secrets.any(|secret| secret.is_field(field))
        };
        header::fields(header).filter(|field| !is_secret(field)).flat_map(|field| field.raw).copied().collect()
    }

    async fn complete(mut self) -> Result<Reply, Reply> {
        if let State::Reading(header) = &self.state {
            let end = header.len();
            self.decide(end).await?;
        }
        match self.state {
            State::Arriving(arriving) => Ok(arriving.finish().await),
            State::Reading(_) => Err(reply::try_again()),
        }
    }
}

/// The administrator is told that a probe came without proof: its silence
/// would say less.
async fn tell_probe(journey: Arc<Journey>, connectors: Vec<Arc<Connector>>, header: &[u8]) {
    let mut owners: Vec<OrgId> = connectors.iter().map(|connector| connector.org).collect();
    owners.dedup();
    for owner in owners.into_iter().filter_map(|org| journey.organisations.find(org)) {
        if let Some(probe) = Probe::read(&owner.vault, header, journey.clock.now()) {
            probe.arrived(&journey, owner, None).await;
        }
    }
}

impl Intake for Crossing {
    fn push<'a>(&'a mut self, content: &'a [u8]) -> Answer<'a, Result<(), Reply>> {
        Box::pin(self.take(content))
    }

    fn finish(self: Box<Self>) -> Answer<'static, Reply> {
        Box::pin(async move {
            match self.complete().await {
                Ok(reply) | Err(reply) => reply,
            }
        })
    }
}
