//! The journey's side of the listeners' desk: who may hand in mail, and where
//! it goes from there.

use std::sync::Arc;

use identity::Sender;
use mail::{Address, Reply};

use crate::accept::Arriving;
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
}

impl Desk for SubmissionDesk {
    fn authenticate(&self, _attempt: Attempt) -> Answer<'_, Result<Sender, AuthRefused>> {
        Box::pin(async move { Err(AuthRefused::Unavailable) })
    }

    fn allows<'a>(&'a self, _sender: &'a Sender, _from: Option<&'a Address>) -> Answer<'a, Result<(), Reply>> {
        Box::pin(async move { Ok(()) })
    }

    fn begin(&self, submission: Submission) -> Answer<'_, Result<Box<dyn Intake>, Reply>> {
        Box::pin(async move {
            let organisation = self.journey.organisations.find(submission.sender.org).ok_or_else(reply::not_served)?;
            let arriving = Arriving::begin(self.journey.clone(), organisation.clone(), submission);
            Ok(Box::new(arriving) as Box<dyn Intake>)
        })
    }
}
