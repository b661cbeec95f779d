//! What stops copies of one message: read once, before its plan, and again when
//! a copy leaves the queue.

use jiff::Timestamp;
use ledger::{Event, Status, Verdict};
use mail::suppression::{Reason, stops};
use mail::{Address, EnhancedCode, Priority, Recipient, SuppressionId};
use seal::{Grounds, Kind};
use store::{StoreError, SuppressionRow};

use super::book;
use crate::case::{Case, Changes};
use crate::dsn::{self, Told};
use crate::receipts::{Fact, receipt};

/// The suppression that stops one recipient's copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub recipient: Address,
    suppression: SuppressionId,
    reason: Reason,
    stream: Option<String>,
    since: Timestamp,
}

impl Stopped {
    /// Whose copies of a message are stopped. Nobody's for nearly every message,
    /// and then nothing is asked.
    ///
    /// It is decided by the columns of a row: whether its sealed part opens
    /// makes nobody be sent what they don't want.
    pub async fn of(case: &Case<'_>, recipients: &[Recipient]) -> Result<Vec<Self>, StoreError> {
        let (filter, organisation) = (&case.journey.suppressed, case.organisation);
        let org = organisation.org;
        if case.manifest.is_inbound() || filter.is_empty(org) {
            return Ok(Vec::new());
        }
        let index = |to: &Recipient| (to.address.clone(), book::index(organisation, &to.address));
        let may_have = |(_, index): &(Address, [u8; 16])| filter.may_have(org, index);
        let looked: Vec<(Address, [u8; 16])> = recipients.iter().map(index).filter(may_have).collect();
        if looked.is_empty() {
            return Ok(Vec::new());
        }
        let rows = case.journey.store.suppressions_of(org, looked.iter().map(|(_, index)| *index).collect()).await?;
        let stopped = |(address, index): &(Address, [u8; 16])| {
            weightiest(rows.iter().filter(|row| row.mailbox == *index), case).map(|(reason, row)| Self {
                recipient: address.clone(),
                suppression: row.suppression,
                reason,
                stream: book::stream_of(row),
                since: row.at,
            })
        };
        Ok(looked.iter().filter_map(stopped).collect())
    }

    pub fn event(&self) -> Event {
        Event::Suppressed {
            recipient: self.recipient.clone(),
            suppression: self.suppression,
            reason: self.reason,
            stream: self.stream.clone(),
            since: self.since,
        }
    }

    /// For the receipt, which names nobody.
    pub fn rule(&self) -> String {
        format!("suppressed: {}", self.reason)
    }

    /// RFC 3463 §3.2: a bad mailbox, or delivery that is not authorised.
    pub const fn status(&self) -> EnhancedCode {
        match self.reason {
            Reason::HardBounce => EnhancedCode(5, 1, 1),
            Reason::Complaint | Reason::Unsubscribe | Reason::Manual => dsn::REFUSED,
        }
    }

    /// For the sender.
    pub fn because(&self) -> String {
        let since = self.since.strftime("%Y-%m-%d");
        let why = match self.reason {
            Reason::HardBounce => "its mail server said that there is no such mailbox",
            Reason::Complaint => "its holder complained about a message",
            Reason::Unsubscribe => "its holder unsubscribed",
            Reason::Manual => "your organisation said so",
        };
        format!(
            "Nothing was sent: this address is suppressed since {since}, because {why}. If that is wrong, ask your \
             administrator to run: sealpost suppression remove {}",
            self.suppression
        )
    }

    /// Whether the sender is told by mail: whoever sends to many reads of it in
    /// reports, as often as they like.
    pub fn is_told(case: &Case<'_>) -> bool {
        case.stream(Kind::Content).priority != Priority::Marketing
    }
}

/// Of the rows that stop a copy of this message, the one that counts.
fn weightiest<'r>(
    rows: impl Iterator<Item = &'r SuppressionRow>,
    case: &Case<'_>,
) -> Option<(Reason, &'r SuppressionRow)> {
    let priority = case.stream(Kind::Content).priority;
    let stopping = rows.filter_map(|row| {
        let reason = Reason::from_number(row.reason)?;
        let named = (!row.stream.is_empty()).then_some(row.stream.as_str());
        stops(reason, named, &case.manifest.stream, priority).then_some((reason, row))
    });
    let weight = |reason: Reason| Reason::ALL.iter().position(|one| *one == reason);
    stopping.min_by_key(|(reason, row)| (weight(*reason), row.suppression))
}

impl Case<'_> {
    /// Copies that are not sent: told in the timeline, by a receipt, and to the
    /// sender.
    pub fn stop_suppressed<'s>(
        &self,
        copies: impl Iterator<Item = (&'s Recipient, &'s Grounds, &'s Stopped)>,
        changes: &mut Changes,
    ) {
        let mut told = Vec::new();
        for (recipient, grounds, stopped) in copies {
            changes.event(stopped.event());
            let mut grounds = grounds.clone();
            grounds.because.push(stopped.rule());
            let fact = Fact::stopped(&grounds, Verdict::Deliver, Status::Refused);
            changes.record.receipts.push(receipt(self, &recipient.address, &fact));
            if recipient.notify.failure && Stopped::is_told(self) {
                let (status, because) = (stopped.status(), stopped.because());
                told.push(Told { recipient: recipient.clone(), status, because, remote: None });
            }
        }
        self.tell(dsn::Action::Failed, &told, changes);
    }
}
