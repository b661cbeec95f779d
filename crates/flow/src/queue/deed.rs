//! What an operator does to parcels, each deed in one transaction with what
//! the timeline and the receipts say of it.

use futures::future::join_all;
use ledger::{Event, ReceiptKind, Status, Verdict};
use mail::{OrgId, Recipient};
use seal::{Kind, Parcel};
use store::{ParcelRow, ParcelState, StoreError, Write};

use super::{Damaged, Deed, QueueError, Wanted, is_of_stream, opened_parcel, rows::Rows};
use crate::case::{Case, Changes, SENDER};
use crate::courier::open_links;
use crate::dsn::{self, Action, Told};
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};
use crate::receipts::{Fact, receipt};

/// So many parcels are changed at a time: their transactions share a sync.
const AT_ONCE: usize = 32;
/// So often it is tried again when a delivery or a visitor was first.
const CONFLICTS_MAX: usize = 16;

/// What came of a deed.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Parcels that it was done to.
    pub parcels: usize,
    /// What it could not be done to.
    pub damaged: Vec<Damaged>,
}

/// What came of one parcel.
enum One {
    Done,
    /// It left the queue meanwhile, or is not meant.
    Left,
    Damaged(Damaged),
}

/// A deed with who does it and why.
#[derive(Clone, Copy)]
struct Order<'a> {
    deed: Deed,
    by: &'a str,
    reason: &'a str,
    rehearse: bool,
}

/// Does it to all that fit and that it can be done to. What does not open is
/// passed over and told. With `rehearse` nothing is done.
///
/// # Errors
/// [`QueueError`] where the store does not answer; what was done until then is done.
pub async fn act(
    journey: &Journey,
    org: OrgId,
    wanted: &Wanted,
    deed: Deed,
    (by, reason): (&str, &str),
    rehearse: bool,
) -> Result<Done, QueueError> {
    let order = Order { deed, by, reason, rehearse };
    let mut done = Done::default();
    let mut rows = Rows::new(journey, org, wanted)?;
    while let Some(page) = rows.next().await? {
        let fitting: Vec<ParcelRow> = page.into_iter().filter(|row| fits(deed, row, journey)).collect();
        for some in fitting.chunks(AT_ONCE) {
            for one in join_all(some.iter().map(|row| act_on(journey, org, wanted, row, order))).await {
                match one? {
                    One::Done => done.parcels = done.parcels.saturating_add(1),
                    One::Left => {}
                    One::Damaged(damaged) => done.damaged.push(damaged),
                }
            }
        }
    }
    Ok(done)
}

fn fits(deed: Deed, row: &ParcelRow, journey: &Journey) -> bool {
    match (deed, row.state) {
        (Deed::Hold | Deed::Drop { .. }, ParcelState::Waiting) => true,
        (Deed::Release | Deed::Drop { .. }, ParcelState::Paused) => true,
        (Deed::Retry, ParcelState::Waiting) => row.due > journey.clock.now(),
        _ => false,
    }
}

async fn act_on(
    journey: &Journey,
    org: OrgId,
    wanted: &Wanted,
    row: &ParcelRow,
    order: Order<'_>,
) -> Result<One, QueueError> {
    let opened = match Opened::find(journey, org, row.message).await {
        Ok(opened) => opened,
        Err(NotOpened::Erased) => return Ok(One::Left),
        Err(NotOpened::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(One::Damaged(Damaged::new(row, &error))),
    };
    for _ in 0..CONFLICTS_MAX {
        let case = opened.case(journey, journey.clock.now());
        if !is_of_stream(&case, row, wanted) {
            return Ok(One::Left);
        }
        if order.rehearse {
            return Ok(One::Done);
        }
        match case.commit(changes(&case, row, order).await?).await {
            Ok(()) => return Ok(One::Done),
            // A visitor changed a link, or the parcel left the queue.
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let now = journey.store.parcels(org, row.message).await?;
        if !now.iter().any(|now| now.parcel == row.parcel && fits(order.deed, now, journey)) {
            return Ok(One::Left);
        }
    }
    Ok(One::Left)
}

async fn changes(case: &Case<'_>, row: &ParcelRow, order: Order<'_>) -> Result<Changes, StoreError> {
    let parcel = opened_parcel(case, row);
    let recipients = parcel.iter().flat_map(Parcel::recipients);
    let mut changes = Changes::default();
    changes.writes.push(write(order.deed, row, case));
    changes.event(Event::QueueChanged {
        parcel: row.parcel,
        recipients: recipients.map(|recipient| recipient.address.clone()).collect(),
        deed: order.deed.word().to_owned(),
        by: order.by.to_owned(),
        reason: order.reason.to_owned(),
    });
    if let (Deed::Drop { tells }, Some(parcel)) = (order.deed, &parcel) {
        end(case, parcel, order, &mut changes);
        if parcel.kind() == Kind::Notice {
            withdraw(case, parcel, &mut changes).await?;
        }
        if tells {
            bounce(case, parcel, order.reason, &mut changes);
        }
    }
    Ok(changes)
}

fn write(deed: Deed, row: &ParcelRow, case: &Case<'_>) -> Write {
    let (parcel, due) = (row.parcel, case.now);
    match deed {
        Deed::Hold => Write::Stop { parcel, state: ParcelState::Paused },
        Deed::Release => Write::Resume { parcel, due },
        Deed::Retry => Write::PutOff { parcel, due, wait: 0 },
        Deed::Drop { .. } => Write::Stop { parcel, state: ParcelState::Dropped },
    }
}

/// What is dropped ends there: an event and a receipt for each copy, as where
/// a person rejects one that is held.
fn end(case: &Case<'_>, parcel: &Parcel, order: Order<'_>, changes: &mut Changes) {
    let (by, reason) = (order.by.to_owned(), order.reason.to_owned());
    for recipient in parcel.recipients().iter().map(|recipient| &recipient.address) {
        let kind = match parcel.kind() {
            Kind::Content => ReceiptKind::Content,
            Kind::Notice => ReceiptKind::Notice,
            Kind::Code => {
                let because = format!("{by} took it out of the queue: {reason}");
                changes.event(Event::CodeWithheld { recipient: recipient.clone(), because });
                continue;
            }
            Kind::Dsn => {
                let because = format!("{by} took it out of the queue: {reason}");
                changes.event(Event::DsnFailed { parcel: Some(parcel.id()), recipient: recipient.clone(), because });
                continue;
            }
        };
        changes.event(Event::Rejected { recipient: recipient.clone(), by: by.clone(), reason: reason.clone() });
        let fact = Fact::stopped(parcel.grounds(), Verdict::Deliver, Status::Refused);
        let fact = Fact { method: parcel.method(), kind, ..fact };
        changes.record.receipts.push(receipt(case, recipient, &fact));
    }
}

/// Nobody reads in the portal what its notice never told of. Where an earlier
/// notice arrived, the message stays.
async fn withdraw(case: &Case<'_>, parcel: &Parcel, changes: &mut Changes) -> Result<(), StoreError> {
    let rows = case.journey.store.links(case.organisation.org, case.message).await?;
    let rows = rows.into_iter().filter(|row| row.recipient != SENDER).collect();
    let is_of_parcel = |recipient: &mail::Address| parcel.recipients().iter().any(|to| to.address == *recipient);
    for link in open_links(case, rows) {
        let is_dead = link.state.withdrawn_at().is_some();
        if is_dead || link.state.notified().is_some() || !is_of_parcel(&link.recipient) {
            continue;
        }
        let next = link.state.withdrawn(case.now);
        changes.writes.push(Write::LinkState {
            hash: link.hash,
            expected_version: link.version,
            sealed: case.seal_link(&link.hash, &next),
            expires_at: next.expires_at(),
        });
    }
    Ok(())
}

/// The word to the sender of what is dropped. Words to the sender and codes
/// have none to tell.
fn bounce(case: &Case<'_>, parcel: &Parcel, reason: &str, changes: &mut Changes) {
    if case.manifest.is_inbound() || !matches!(parcel.kind(), Kind::Content | Kind::Notice) {
        return;
    }
    let because = format!("An administrator of your organisation took it out of the queue: {reason}");
    let told = |recipient: &Recipient| Told {
        recipient: recipient.clone(),
        status: dsn::REFUSED,
        because: because.clone(),
        remote: None,
    };
    let told: Vec<Told> = parcel.recipients().iter().filter(|recipient| recipient.notify.failure).map(told).collect();
    case.tell(Action::Failed, &told, changes);
}
