//! Reports that come in by mail: looked for in what is accepted for the address
//! of reports, by one worker, after the message is durable. The message goes
//! its way to the mail system as any other.
//!
//! Anybody can send a report of anything, so it is kept whether its author is
//! proven, and what is about no domain of the organisation's own is left alone.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use identity::{Action, Forbidden, Principal, Resource, authorize};
use jiff::{SignedDuration, Timestamp};
use mail::{Domain, MessageId, OrgId};
use provenance::DmarcResult;
use reports::{DmarcReport, Found, TlsReport};
use serde::{Deserialize, Serialize};
use store::{ReportRow, StoreError, Transition, Write};
use tokio::sync::{Notify, watch};
use vault::{Label, VaultError};

use crate::journey::Journey;
use crate::manifest::Crossed;
use crate::opened::{NotOpened, Opened};
use crate::organisation::Organisation;

const VERSION: u8 = 1;
/// Messages that wait; who comes beyond brings no report.
const WAITING_MAX: usize = 1_000;
/// A larger message is not looked into.
const MESSAGE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Reports that are kept in a day, by one node.
const DAY_MAX: u32 = 2_000;
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
}

/// Messages that may bring reports.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<(OrgId, MessageId)>>,
    more: Notify,
    /// The day, and how many were kept in it.
    kept: Mutex<(i64, u32)>,
}

impl Queue {
    /// Leaves a message to be looked into; never waits.
    pub fn offer(&self, org: OrgId, message: MessageId) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < WAITING_MAX {
            waiting.push_back((org, message));
            self.more.notify_one();
        }
    }

    fn next(&self) -> Option<(OrgId, MessageId)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether one more may be kept today.
    fn admits(&self, now: Timestamp) -> bool {
        let day = super::sessions::day_of(now);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 != day {
            *kept = (day, 0);
        }
        kept.1 = kept.1.saturating_add(1);
        kept.1 <= DAY_MAX
    }
}

/// Looks into what was left, one message at a time, until `stop` holds true.
pub async fn run(journey: Arc<Journey>, mut stop: watch::Receiver<bool>) {
    loop {
        while let Some((org, message)) = journey.reports.next() {
            if *stop.borrow() {
                return;
            }
            if let Err(error) = keep(&journey, org, message).await {
                tracing::warn!(%message, %error, "a message could not be looked into for reports");
            }
        }
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            () = journey.reports.more.notified() => {}
        }
    }
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
    if opened.row.body.len() > MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let memory = journey.memory.lend(opened.row.body.len()).await;
    let sealed = journey.store.read_body(org, message, &opened.row.body).await?;
    let stored = opened.key.open_body_in_place(sealed)?;
    let found = tokio::task::spawn_blocking(move || reports::find(&stored)).await.unwrap_or_default();
    drop(memory);
    let now = journey.clock.now();
    let mut writes = Vec::new();
    for what in found.into_iter().filter_map(|found| what(&opened.organisation, found)) {
        if !journey.reports.admits(now) {
            tracing::warn!(%message, "too many reports came today: this one is not kept");
            return Ok(());
        }
        writes.push(Write::Report(row(journey, &opened, what, now)));
    }
    if writes.is_empty() {
        return Ok(());
    }
    writes.push(Write::ForgetReports { before: now.checked_sub(KEEP).unwrap_or(Timestamp::MIN) });
    Ok(journey.commit(Transition { org, writes, journal: None }).await?)
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
        What::Unread(_) => format!("unread\n{}", opened.row.message),
    };
    // A forged one must not stand in the way of the one that it imitates.
    let (from, is_proven) = (opened.manifest.from.first().map(|author| author.domain().clone()), is_proven(opened));
    let by = from.as_ref().map(Domain::as_str).unwrap_or_default();
    let mark = vault.once_hash(format!("report\n{is_proven}\n{by}\n{about}").as_bytes());
    let kept = Kept { v: VERSION, at: now, message: opened.row.message, from, is_proven, what };
    let bytes = serde_json::to_vec(&kept).expect("a report has nothing that JSON can't hold");
    let sealed = vault.seal(Label::Report, &mark, &bytes, journey.entropy.as_ref());
    ReportRow { mark, at: now, sealed }
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
