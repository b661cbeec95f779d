//! Meters: counts and durations for whoever watches the system, made from the
//! same events as the timeline, after they are durable.
//!
//! A label is a word of a closed list, never an address, a domain or anything
//! else that came from outside.

use std::time::Duration;

use jiff::Timestamp;
use ledger::{Door, Event};
use metrics::{counter, histogram};
use seal::{Kind, Parcel};

/// How a meter is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Only grows.
    Counter,
    /// Stands where it stands.
    Gauge,
    /// Durations in seconds, in buckets.
    Histogram,
}

/// Every meter: its name, how it is read, and what it tells.
pub const METERS: &[(&str, Reading, &str)] = &[
    (ACCEPTED, Reading::Counter, "Messages that were taken, by door"),
    (DECISIONS, Reading::Counter, "Decisions about recipients' copies, by verdict and need"),
    (
        DELIVERIES,
        Reading::Counter,
        "What came of recipients' copies and of the portal's own mails, by method and result",
    ),
    (DURATION, Reading::Histogram, "From the acceptance of a message to its delivery, by method"),
    (TLS, Reading::Counter, "Connections with TLS, by direction, version and whether the certificate was verified"),
    (SUPPRESSIONS, Reading::Counter, "Addresses that were suppressed, by reason"),
    (COMPLAINTS, Reading::Counter, "Complaints about messages, by reports that are shown to be about one"),
    (PORTAL, Reading::Counter, "Steps of recipients in the portal, by result"),
    (QUEUE_WAITING, Reading::Gauge, "Parcels that wait in the queue"),
    (QUEUE_OVERDUE, Reading::Gauge, "How long the most overdue parcel of the queue has been due; alert on this"),
    (QUEUE_PAUSED, Reading::Gauge, "Parcels that operators hold back"),
    (QUEUE_PAUSED_AGE, Reading::Gauge, "How old the oldest parcel is that an operator holds back; alert on this"),
    (HELD, Reading::Gauge, "Messages that wait for a person"),
    (WATCH_ROUNDS, Reading::Counter, "Rounds of the watch list that this node made, by result"),
    (WATCH_FALLEN, Reading::Gauge, "Domains of the watch list that protect mail less than they did; alert on this"),
    (CERTIFICATE_ORDERS, Reading::Counter, "Certificates that this node ordered by ACME, by result"),
    (CERTIFICATE_ENDS, Reading::Gauge, "When the certificate that was had by ACME ends; alert when it is near"),
    (ORG_KEYS_EXPIRING, Reading::Gauge, "Keys of the organisation's own that end soon or have ended; alert on this"),
];

const ACCEPTED: &str = "sealpost_messages_accepted_total";
const DECISIONS: &str = "sealpost_decisions_total";
const DELIVERIES: &str = "sealpost_deliveries_total";
const DURATION: &str = "sealpost_delivery_duration_seconds";
const TLS: &str = "sealpost_tls_sessions_total";
const SUPPRESSIONS: &str = "sealpost_suppressions_total";
const COMPLAINTS: &str = "sealpost_complaints_total";
const PORTAL: &str = "sealpost_portal_auth_total";
/// Parcels that wait in the queue.
pub const QUEUE_WAITING: &str = "sealpost_queue_waiting";
/// How long the most overdue parcel has been due, in seconds.
pub const QUEUE_OVERDUE: &str = "sealpost_queue_oldest_age_seconds";
/// Parcels that operators hold back.
pub const QUEUE_PAUSED: &str = "sealpost_queue_paused";
/// How old the oldest of those is, in seconds.
pub const QUEUE_PAUSED_AGE: &str = "sealpost_queue_oldest_paused_age_seconds";
/// Messages that wait for a person.
pub const HELD: &str = "sealpost_messages_held";
/// Rounds of the watch list that this node made.
pub(crate) const WATCH_ROUNDS: &str = "sealpost_watch_rounds_total";
/// Domains of the watch list that are fallen.
pub(crate) const WATCH_FALLEN: &str = "sealpost_watch_fallen_domains";

/// Certificates that were ordered by ACME.
pub(crate) const CERTIFICATE_ORDERS: &str = "sealpost_certificate_orders_total";
/// When the certificate that was had by ACME ends, as seconds since 1970.
pub(crate) const CERTIFICATE_ENDS: &str = "sealpost_certificate_expiry_timestamp_seconds";

/// Keys of the organisation's own that sign and end soon, or have ended.
pub const ORG_KEYS_EXPIRING: &str = "sealpost_own_keys_expiring";

/// What some events will count for once they are durable.
#[derive(Default)]
pub(crate) struct Tally(Vec<Count>);

enum Count {
    Accepted(&'static str),
    Decided(&'static str, &'static str),
    Result(&'static str, &'static str),
    Took(&'static str, Duration),
    Tls(&'static str, &'static str, &'static str),
    Portal(&'static str),
    Suppression(&'static str),
    Complaint,
}

impl Tally {
    /// What these events count for; `about` is the parcel that they are about,
    /// where they are about one, and when its message was accepted.
    pub fn of(events: &[Event], about: Option<(&Parcel, Timestamp)>, now: Timestamp) -> Self {
        let mut tally = Self::default();
        let method = about.map_or("none", |(parcel, _)| label(parcel));
        for event in events {
            tally.add(event, method);
            if let (Event::Delivered { .. }, Some((_, accepted))) = (event, about) {
                let took = Duration::try_from(now.duration_since(accepted)).unwrap_or_default();
                tally.0.push(Count::Took(method, took));
            }
        }
        tally
    }

    /// Counts it.
    pub fn count(self) {
        for count in self.0 {
            match count {
                Count::Accepted(door) => counter!(ACCEPTED, "door" => door).increment(1),
                Count::Decided(verdict, need) => counter!(DECISIONS, "verdict" => verdict, "need" => need).increment(1),
                Count::Result(method, result) => {
                    counter!(DELIVERIES, "method" => method, "result" => result).increment(1);
                }
                Count::Took(method, took) => histogram!(DURATION, "method" => method).record(took.as_secs_f64()),
                Count::Tls(direction, version, verified) => {
                    counter!(TLS, "direction" => direction, "version" => version, "verified" => verified).increment(1);
                }
                Count::Suppression(reason) => counter!(SUPPRESSIONS, "reason" => reason).increment(1),
                Count::Complaint => counter!(COMPLAINTS).increment(1),
                Count::Portal(result) => counter!(PORTAL, "result" => result).increment(1),
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm an event, so that a new one is not forgotten")]
    fn add(&mut self, event: &Event, method: &'static str) {
        match event {
            Event::Accepted { door, tls, .. } => {
                self.0.push(Count::Accepted(door_word(*door)));
                self.0.extend(tls.as_ref().map(|(version, _)| Count::Tls("in", version_word(version), "no")));
            }
            Event::Decided { decision, needs, .. } => {
                self.0.push(Count::Decided(decision.word(), needs.map_or("none", mail::Need::word)));
            }
            Event::Attempted { tls: Some(tls), level, .. } => {
                self.0.push(Count::Tls("out", version_word(&tls.version), verified_word(*level)));
            }
            Event::Delivered { .. } | Event::Notified { .. } | Event::DsnSent { .. } => {
                self.result(method, "delivered")
            }
            Event::Deferred { .. } => self.result(method, "deferred"),
            Event::Rerouted { .. } => self.result(method, "rerouted"),
            Event::Refused { .. } | Event::Rejected { .. } => self.result(method, "refused"),
            Event::Suppressed { .. } => self.result(method, "suppressed"),
            Event::SuppressionAdded { reason, .. } => self.0.push(Count::Suppression(reason.word())),
            Event::Complained { .. } => self.0.push(Count::Complaint),
            Event::Held { .. } => self.result(method, "held"),
            Event::Bounced { .. } | Event::DsnFailed { .. } => self.result(method, "bounced"),
            Event::Expired { .. } => self.result(method, "expired"),
            Event::Looped { .. } => self.result(method, "looped"),
            Event::CodeSent { .. } => self.portal("code_sent"),
            Event::CodeWithheld { .. } => self.portal("code_withheld"),
            Event::CodeWrong { .. } => self.portal("code_wrong"),
            Event::CodeAccepted { .. } => self.portal("code_accepted"),
            Event::PassphraseWrong { .. } => self.portal("passphrase_wrong"),
            Event::PassphraseMissing { .. } => self.portal("passphrase_missing"),
            Event::Opened { .. } => self.portal("opened"),
            Event::Replied { .. } => self.portal("replied"),
            // What says nothing about flow or safety beyond the events above.
            Event::Attempted { tls: None, .. }
            | Event::Authenticated { .. }
            | Event::TlsRequiredNo { .. }
            | Event::Sealed { .. }
            | Event::Queued { .. }
            | Event::Released { .. }
            | Event::ResendAsked { .. }
            | Event::Recalled { .. }
            | Event::QueueChanged { .. }
            | Event::CredentialMade { .. }
            | Event::CredentialRevoked { .. }
            | Event::ApiKeyMade { .. }
            | Event::ApiKeyRevoked { .. }
            | Event::KeySought { .. }
            | Event::KeyLearned { .. }
            | Event::KeyHeld { .. }
            | Event::KeyUpdated { .. }
            | Event::KeyAccepted { .. }
            | Event::KeyReplaced { .. }
            | Event::KeyRejected { .. }
            | Event::KeyWithdrawn { .. }
            | Event::KeyUnwanted { .. }
            | Event::Traced { .. }
            | Event::PostureFell { .. }
            | Event::CertificateIssued { .. }
            | Event::CertificateFailed { .. }
            | Event::PostureRecovered { .. }
            | Event::KeyRemoved { .. }
            | Event::KeyOffered { .. }
            | Event::KeyProofWrong { .. }
            | Event::KeyProven { .. }
            | Event::Proven { .. }
            | Event::OrgKeyMade { .. }
            | Event::OrgKeyRetired { .. }
            | Event::OrgKeyPublished { .. }
            | Event::OrgKeyWithdrawn { .. }
            | Event::OrgKeyExpiring { .. }
            | Event::OrgKeyRevoked { .. }
            | Event::ConnectorSecret { .. }
            | Event::DsnReceived { .. }
            | Event::SuppressionRemoved { .. }
            | Event::Erased { .. } => {}
        }
    }

    fn result(&mut self, method: &'static str, result: &'static str) {
        self.0.push(Count::Result(method, result));
    }

    fn portal(&mut self, result: &'static str) {
        self.0.push(Count::Portal(result));
    }
}

fn verified_word(level: Option<mail::Level>) -> &'static str {
    if level.is_some_and(|level| level >= mail::Level::Verified) { "yes" } else { "no" }
}

/// The method, or what the parcel is for where it is no content.
fn label(parcel: &Parcel) -> &'static str {
    match parcel.kind() {
        Kind::Content => parcel.method().word(),
        kind @ (Kind::Notice | Kind::Code | Kind::Dsn) => kind.word(),
    }
}

const fn door_word(door: Door) -> &'static str {
    match door {
        Door::Smtp => "smtp",
        Door::Network => "network",
        Door::Rest => "rest",
        Door::Gateway => "gateway",
        Door::Inbound => "inbound",
        Door::Portal => "portal",
        Door::Reports => "reports",
        Door::Command => "command",
    }
}

/// What a peer says may become no label unless it is a word of ours.
fn version_word(version: &str) -> &'static str {
    match version {
        "TLSv1.3" | "TLS 1.3" => "1.3",
        "TLSv1.2" | "TLS 1.2" => "1.2",
        _ => "other",
    }
}
