//! Reports that come in by mail: looked for in what is accepted for the address
//! of reports, by one worker, after the message is durable. The message goes
//! its way to the mail system as any other.
//!
//! Anybody can send a report of anything, so it is kept whether its author is
//! proven, and what is about no domain of the organisation's own is left alone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use identity::{Action, Forbidden, Principal, Resource, authorize};
use jiff::{SignedDuration, Timestamp};
use mail::seam::random;
use mail::{Domain, MessageId, OrgId};
use provenance::DmarcResult;
use reports::{DmarcReport, Found, TlsReport};
use serde::{Deserialize, Serialize};
use store::{ReportRow, StoreError, Transition, Write};
use tokio::sync::{Notify, watch};
use vault::{Label, OrgVault, VaultError};

use super::budget::{Budget, Dropped};
use super::sessions::day_of;
use crate::journey::Journey;
use crate::manifest::Crossed;
use crate::opened::{NotOpened, Opened};
use crate::organisation::Organisation;

const VERSION: u8 = 1;
/// Messages that wait; who comes beyond brings no report.
const WAITING_MAX: usize = 1_000;
/// A larger message is not looked into.
const MESSAGE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// An unpacked report of somebody unproven has at most this: a day of a large
/// reporter has some hundred kilobytes.
const UNPROVEN_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How long a report is kept.
const KEEP: SignedDuration = SignedDuration::from_hours(24 * 400);

/// Why reports can't be sent, kept or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportTrouble {
    /// The principal may not.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The message that brought it does not open.
    #[error(transparent)]
    Message(#[from] NotOpened),
    /// What is stored is no report.
    #[error("what is stored is no report")]
    Format,
}

/// A report that came in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    v: u8,
    /// When it came.
    pub at: Timestamp,
    /// The message that it came in.
    pub message: MessageId,
    /// The domain of that message's author.
    pub from: Option<Domain>,
    /// Whether that author is proven (DMARC).
    pub is_proven: bool,
    /// What it says.
    pub what: What,
}

/// What a report says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Of TLS (RFC 8460).
    Tls(Box<TlsReport>),
    /// Of DMARC (RFC 7489).
    Dmarc(Box<DmarcReport>),
    /// It could not be read, and why.
    Unread(String),
    /// No report: what one node turned away in a day (since 1970, UTC), for it
    /// was more than is read or kept.
    Dropped {
        /// The day.
        day: i64,
        /// Tells nodes, and their starts, from each other.
        node: [u8; 8],
        /// At least so much.
        what: Dropped,
    },
}

/// Messages that may bring reports.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<(OrgId, MessageId)>>,
    more: Notify,
    budget: Mutex<Budget>,
}

impl Queue {
    /// Leaves a message to be looked into; never waits.
    pub fn offer(&self, org: OrgId, message: MessageId, now: Timestamp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push_back((org, message));
            self.more.notify_one();
        } else {
            self.budget(|budget| budget.turn_away(day_of(now), false, 0));
        }
    }

    fn next(&self) -> Option<(OrgId, MessageId)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn budget<T>(&self, of: impl FnOnce(&mut Budget) -> T) -> T {
        of(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks into what was left, one message at a time, until `stop` holds true.
pub async fn run(journey: Arc<Journey>, mut stop: watch::Receiver<bool>) {
    let node: [u8; 8] = random(journey.entropy.as_ref());
    loop {
        while let Some((org, message)) = journey.reports.next() {
            if *stop.borrow() {
                return;
            }
            if let Err(error) = keep(&journey, org, message).await {
                tracing::warn!(%message, %error, "a message could not be looked into for reports");
            }
            if let Err(error) = tell(&journey, (org, message), node).await {
                tracing::warn!(%error, "reports were turned away, and that could not be kept");
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.reports.more.notified() => {}
        }
    }
}

/// The most that is told of each day and node that turned reports away, by day,
/// the newest first.
pub fn dropped(kept: &[Kept]) -> BTreeMap<Reverse<i64>, Dropped> {
    let mut by_node: BTreeMap<(i64, [u8; 8]), Dropped> = BTreeMap::new();
    for one in kept {
        if let What::Dropped { day, node, what } = one.what {
            let most = by_node.entry((day, node)).or_default();
            *most = if what.count > most.count { what } else { *most };
        }
    }
    let mut by_day: BTreeMap<Reverse<i64>, Dropped> = BTreeMap::new();
    for ((day, _), what) in by_node {
        let sum = by_day.entry(Reverse(day)).or_default();
        sum.count = sum.count.saturating_add(what.count);
        sum.unproven = sum.unproven.saturating_add(what.unproven);
        sum.bytes = sum.bytes.saturating_add(what.bytes);
    }
    by_day
}

/// The reports that came in, the newest first.
///
/// # Errors
/// [`ReportTrouble`] as it says.
pub async fn received(
    journey: &Journey,
    organisation: &Organisation,
    limit: usize,
) -> Result<Vec<Kept>, ReportTrouble> {
    let rows = journey.store.reports(organisation.org, limit).await?;
    let open = |row: &ReportRow| {
        let bytes = organisation.vault.open(Label::Report, &row.mark, &row.sealed)?;
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| ReportTrouble::Format)?;
        if kept.v == VERSION { Ok(kept) } else { Err(ReportTrouble::Format) }
    };
    rows.iter().map(open).collect()
}

async fn keep(journey: &Journey, org: OrgId, message: MessageId) -> Result<(), ReportTrouble> {
    authorize(&Principal::System { org }, Action::KeepReports, &Resource::Organisation(org))?;
    let opened = Opened::find(journey, org, message).await?;
    let (day, bytes) = (day_of(journey.clock.now()), opened.row.body.len());
    let author = opened.manifest.from.first().map(|author| author.domain());
    let proven = author.filter(|_| is_proven(&opened));
    let may_read = |budget: &mut Budget| match bytes > MESSAGE_BYTES_MAX {
        true => budget.turn_away(day, proven.is_some(), bytes),
        false => budget.may_read(day, proven, bytes),
    };
    if !journey.reports.budget(may_read) {
        return Ok(());
    }
    let bound = if proven.is_some() { reports::UNPACKED_BYTES_MAX } else { UNPROVEN_BYTES_MAX };
    let memory = journey.memory.lend(bytes.saturating_add(bound as u64)).await;
    let sealed = journey.store.read_body(org, message, &opened.row.body).await?;
    let stored = opened.key.open_body_in_place(sealed)?;
    let found = tokio::task::spawn_blocking(move || reports::find_within(&stored, bound)).await.unwrap_or_default();
    drop(memory);
    let now = journey.clock.now();
    let mut writes = Vec::new();
    for what in found.into_iter().filter_map(|found| what(&opened.organisation, found)) {
        let row = row(journey, &opened, what, now);
        if journey.reports.budget(|budget| budget.may_keep(day, proven, row.sealed.len() as u64)) {
            writes.push(Write::Report(row));
        }
    }
    if writes.is_empty() {
        return Ok(());
    }
    writes.push(Write::ForgetReports { before: now.checked_sub(KEEP).unwrap_or(Timestamp::MIN) });
    Ok(journey.commit(Transition { org, writes, journal: None }).await?)
}

/// Keeps what was turned away, where that has doubled since it was kept last.
async fn tell(journey: &Journey, (org, message): (OrgId, MessageId), node: [u8; 8]) -> Result<(), ReportTrouble> {
    let Some((day, what)) = journey.reports.budget(Budget::untold) else { return Ok(()) };
    tracing::warn!(count = what.count, bytes = what.bytes, "more reports came than are read and kept in a day");
    let Some(organisation) = journey.organisations.find(org) else { return Ok(()) };
    let now = journey.clock.now();
    let about = format!("dropped\n{day}\n{node:?}\n{}", what.count);
    let what = What::Dropped { day, node, what };
    let kept = Kept { v: VERSION, at: now, message, from: None, is_proven: false, what };
    let write = Write::Report(sealed(journey, &organisation.vault, &kept, &about));
    Ok(journey.commit(Transition { org, writes: vec![write], journal: None }).await?)
}

/// What is kept of a part that is said to be a report; nothing of one about a
/// domain of somebody else's.
fn what(organisation: &Organisation, found: Found) -> Option<What> {
    let is_own = |domain: &str| {
        let domain = Domain::parse(domain).ok();
        domain.is_some_and(|domain| organisation.profile.domains.iter().any(|own| domain.is_within(own)))
    };
    Some(match found {
        Found::Tls(report) => {
            let is_about_us = report.policies.iter().any(|of| is_own(&of.policy.policy_domain));
            return is_about_us.then_some(What::Tls(report));
        }
        Found::Dmarc(report) => return is_own(&report.domain).then_some(What::Dmarc(report)),
        Found::Packed(why) => What::Unread(why.to_string()),
        Found::NotTls(why) => What::Unread(why.to_string()),
        Found::NotDmarc(why) => What::Unread(why.to_string()),
    })
}

fn row(journey: &Journey, opened: &Opened, what: What, now: Timestamp) -> ReportRow {
    let vault = &opened.organisation.vault;
    // Who reports the same again, under the same name, is kept once.
    let about = match &what {
        What::Tls(report) => format!("tls\n{}\n{}", report.organization_name, report.report_id),
        What::Dmarc(report) => format!("dmarc\n{}\n{}\n{}", report.reporter, report.report_id, report.domain),
        What::Unread(_) | What::Dropped { .. } => format!("unread\n{}", opened.row.message),
    };
    // A forged one must not stand in the way of the one that it imitates.
    let (from, is_proven) = (opened.manifest.from.first().map(|author| author.domain().clone()), is_proven(opened));
    let by = from.as_ref().map(Domain::as_str).unwrap_or_default();
    let about = format!("{is_proven}\n{by}\n{about}");
    let kept = Kept { v: VERSION, at: now, message: opened.row.message, from, is_proven, what };
    sealed(journey, vault, &kept, &about)
}

fn sealed(journey: &Journey, vault: &OrgVault, kept: &Kept, about: &str) -> ReportRow {
    let mark = vault.once_hash(format!("report\n{about}").as_bytes());
    let bytes = serde_json::to_vec(kept).expect("a report has nothing that JSON can't hold");
    let sealed = vault.seal(Label::Report, &mark, &bytes, journey.entropy.as_ref());
    ReportRow { mark, at: kept.at, sealed }
}

fn is_proven(opened: &Opened) -> bool {
    match &opened.manifest.crossed {
        Some(Crossed::Inbound { verdicts, .. }) => verdicts.dmarc.result == DmarcResult::Pass,
        Some(Crossed::Outbound { .. } | Crossed::Replied { .. }) | None => false,
    }
}

/// Whether a message for this recipient may bring reports.
pub(crate) fn is_for_reports(journey: &Journey, recipients: &[mail::Recipient]) -> bool {
    let wanted = journey.settings.reports_address.as_ref();
    wanted.is_some_and(|wanted| recipients.iter().any(|to| to.address == *wanted))
}
