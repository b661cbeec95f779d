//! The journey's side of the listeners' desk: who may hand in mail, and where
//! it goes from there.

use std::sync::Arc;

use identity::{Action, Resource, Sender, Submitter, authorize};
use mail::{Address, Reply};

use crate::accept::Arriving;
use crate::credentials;
use crate::gateway::{Crossing, Passage};
use crate::journey::Journey;
use crate::listener::{Answer, Attempt, AuthRefused, Desk, Intake, Submission};
use crate::reply;

/// The desk over the journey.
pub struct SubmissionDesk {
    journey: Arc<Journey>,
}

impl SubmissionDesk {
    /// A desk over this journey.
    pub fn new(journey: Arc<Journey>) -> Self {
        Self { journey }
    }

    async fn check(&self, attempt: Attempt) -> Result<Sender, AuthRefused> {
        let credential = match credentials::find_anywhere(&self.journey, &attempt.login).await {
            Ok(credential) => credential,
            Err(error) => {
                tracing::error!(%error, "a login could not be looked up");
                return Err(AuthRefused::Unavailable);
            }
        };
        let now = self.journey.clock.now();
        self.journey.logins.check(credential.as_ref(), attempt.password, attempt.peer, now).await
    }

    /// Access that was ended is ended in sessions that are open, too.
    async fn is_still_allowed(&self, sender: &Sender) -> Result<(), Reply> {
        let Submitter::Credential(login) = &sender.by else {
            return Ok(());
        };
        let organisation = self.journey.organisations.find(sender.org).ok_or_else(reply::not_served)?;
        match credentials::find(&self.journey, organisation, login).await {
            Ok(Some(credential)) if credential.revoked.is_none() => Ok(()),
            Ok(_) => Err(reply::access_ended()),
            Err(_) => Err(reply::try_again()),
        }
    }
}

impl Desk for SubmissionDesk {
    fn authenticate(&self, attempt: Attempt) -> Answer<'_, Result<Sender, AuthRefused>> {
        Box::pin(self.check(attempt))
    }

    fn allows<'a>(&'a self, sender: &'a Sender, _from: Option<&'a Address>) -> Answer<'a, Result<(), Reply>> {
        Box::pin(self.is_still_allowed(sender))
    }

    fn begin(&self, submission: Submission) -> Answer<'_, Result<Box<dyn Intake>, Reply>> {
        Box::pin(async move {
            let org = submission.sender.org;
            authorize(&submission.sender.principal(), Action::Submit, &Resource::Organisation(org))
                .map_err(|_| reply::not_served())?;
            let organisation = self.journey.organisations.find(org).ok_or_else(reply::not_served)?;
            let journey = self.journey.clone();
            Ok(match &submission.passage {
                Passage::Outbound(connectors) => {
                    Box::new(Crossing::begin(journey, connectors.clone(), submission)) as Box<dyn Intake>
                }
                Passage::Submitted | Passage::Known { .. } | Passage::Inbound(_) => {
                    Box::new(Arriving::begin(journey, organisation.clone(), submission))
                }
            })
        })
    }
}
