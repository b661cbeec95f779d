//! Why something waits, in one line: from the parcel's row, and from what the
//! message's journal says of it.

use jiff::Timestamp;
use ledger::Event;
use mail::{Address, ParcelId};
use seal::Parcel;
use store::{ParcelRow, ParcelState, StoreError};
use transport::Wait;

use crate::case::Case;

/// Something that was due for so long is late: the server may not run.
const LATE: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// Why a parcel that was not tried has to wait: a number in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its destination is sent as much as its rate allows.
    Rate,
    /// As many deliveries to its destination are under way as may be.
    Busy,
    /// Its destination said that it is too much.
    Peace,
    /// Its organisation is not served, or not by whoever leased it.
    NotServed,
    /// What it came sealed in does not open now.
    NotOpened,
    /// The database did not answer in time.
    Store,
    /// There is no memory for it.
    Memory,
}

impl Reason {
    const ALL: [Self; 7] =
        [Self::Rate, Self::Busy, Self::Peace, Self::NotServed, Self::NotOpened, Self::Store, Self::Memory];

    /// The number in the row; 0 is none of them.
    pub const fn number(self) -> u8 {
        match self {
            Reason::Rate => 1,
            Reason::Busy => 2,
            Reason::Peace => 3,
            Reason::NotServed => 4,
            Reason::NotOpened => 5,
            Reason::Store => 6,
            Reason::Memory => 7,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.number() == number)
    }

    const fn words(self) -> &'static str {
        match self {
            Reason::Rate => "its destination is sent as much as it may be",
            Reason::Busy => "as many deliveries to its destination are under way as may be",
            Reason::Peace => "its destination said that it is sent too much, and is left in peace",
            Reason::NotServed => "the server that had it does not serve its organisation",
            Reason::NotOpened => "the key of your organisation that opens it does not answer",
            Reason::Store => "the database did not answer in time",
            Reason::Memory => "there is no memory for it just now",
        }
    }
}

impl From<Wait> for Reason {
    fn from(wait: Wait) -> Self {
        match wait {
            Wait::Rate => Reason::Rate,
            Wait::Busy => Reason::Busy,
            Wait::Peace => Reason::Peace,
        }
    }
}

/// What a message's journal says of what waits.
#[derive(Default)]
pub(super) struct Told {
    deferrals: Vec<Deferral>,
    /// Who held a parcel back, when and why.
    holds: Vec<(ParcelId, Timestamp, String, String)>,
}

struct Deferral {
    parcel: ParcelId,
    recipient: Address,
    because: String,
    until: Timestamp,
}

impl Told {
    pub async fn read(case: &Case<'_>) -> Result<Self, StoreError> {
        let mut told = Self::default();
        for row in case.journey.store.journal(case.organisation.org, case.message).await? {
            // A row that does not open says nothing.
            for event in case.record_of(&row).into_iter().flat_map(|record| record.events) {
                told.add(row.at, event);
            }
        }
        Ok(told)
    }

    fn add(&mut self, at: Timestamp, event: Event) {
        match event {
            Event::Deferred { parcel, recipient, because, reply, until } => {
                let reply = reply.map(|reply| format!(" ({reply})")).unwrap_or_default();
                let because = format!("{because}{reply}");
                self.deferrals.push(Deferral { parcel, recipient, because, until });
            }
            Event::QueueChanged { parcel, deed, by, reason, .. } if deed == "hold" => {
                self.holds.push((parcel, at, by, reason));
            }
            _ => {}
        }
    }

    /// The deferral that the parcel's due time is of. What is left of a parcel
    /// has an id of its own, and waits for what the whole one was told.
    fn deferral(&self, row: &ParcelRow, parcel: Option<&Parcel>) -> Option<&Deferral> {
        let is_of = |one: &&Deferral| {
            let recipients = || parcel.iter().flat_map(|parcel| parcel.recipients());
            one.parcel == row.parcel || recipients().any(|to| to.address == one.recipient)
        };
        let is_due = |one: &&Deferral| one.until.as_microsecond() == row.due.as_microsecond();
        self.deferrals.iter().rev().filter(is_due).find(is_of)
    }
}

/// Why a parcel waits.
pub(super) fn why(now: Timestamp, row: &ParcelRow, parcel: Option<&Parcel>, stream: &str, told: &Told) -> String {
    let due = row.due.strftime("%Y-%m-%d %H:%M:%SZ");
    match row.state {
        ParcelState::Paused => return held_back(row, told),
        ParcelState::Held => {
            return "it is out of the queue, for it does not open: the message, its body or the parcel is damaged"
                .to_owned();
        }
        _ => {}
    }
    if let Some(deferral) = told.deferral(row, parcel) {
        let again = if row.due > now { "again at" } else { "due again since" };
        // What was left of a parcel counts its attempts anew, and what is late may never have been tried.
        if row.attempts == 0 && row.wait != 0 {
            return format!("late and not tried yet: {}; {again} {due}", deferral.because);
        }
        return format!("deferred at attempt {}: {}; {again} {due}", row.attempts.max(1), deferral.because);
    }
    if row.due > now {
        return match Reason::from_number(row.wait) {
            Some(reason) => format!("{}; its turn comes at {due}", reason.words()),
            None => format!("it is due at {due}"),
        };
    }
    let hint = if now.duration_since(row.due) > LATE { "; that is late: is the server running?" } else { "" };
    let priority = row.lane.priority();
    format!(
        "due since {due}: it is being delivered, or waits for a place or memory among {priority} mail, \
         stream {stream}{hint}"
    )
}

fn held_back(row: &ParcelRow, told: &Told) -> String {
    match told.holds.iter().rev().find(|(parcel, ..)| *parcel == row.parcel) {
        Some((_, at, by, reason)) => {
            let at = at.strftime("%Y-%m-%d %H:%M:%SZ");
            format!("an operator holds it back: {by} since {at}, {reason}; it waits for sealpost queue release")
        }
        None => "an operator holds it back; it waits for sealpost queue release".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::{MessageId, OrgId, Priority};
    use store::Lane;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn row(due: i64, wait: u8) -> ParcelRow {
        ParcelRow {
            parcel: ParcelId::from_bytes([1; 16]),
            message: MessageId::from_bytes([2; 16]),
            kind: 0,
            state: ParcelState::Waiting,
            due: at(due),
            attempts: 0,
            created_at: at(0),
            sealed: Vec::new(),
            lane: Lane::new(Priority::Operational, OrgId(1), "default", "x"),
            destination: None,
            wait,
        }
    }

    fn check(row: &ParcelRow, told: &Told, expect: &str) {
        let line = why(at(100), row, None, "default", told);
        assert!(line.contains(expect), "{line}");
        assert!(!line.contains('\n'));
    }

    #[test]
    fn each_reason_is_told_as_what_it_is() {
        let nothing = Told::default();
        for reason in Reason::ALL {
            check(&row(200, reason.number()), &nothing, reason.words());
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
        }
        check(&row(200, 0), &nothing, "it is due at 1970-01-01 00:03:20Z");
        check(&row(90, Reason::Rate.number()), &nothing, "due since 1970-01-01 00:01:30Z: it is being delivered");
        check(&ParcelRow { state: ParcelState::Held, ..row(90, 0) }, &nothing, "does not open");
        let late = why(at(10_000), &row(90, 0), None, "default", &nothing);
        assert!(late.contains("is the server running?"), "{late}");
    }

    #[test]
    fn what_a_server_said_and_what_an_operator_did_is_told() {
        let mut told = Told::default();
        let (parcel, recipient) = (ParcelId::from_bytes([1; 16]), Address::parse("p@x.example").unwrap());
        let because = "the server said: not yet".to_owned();
        let until = at(200);
        told.add(at(50), Event::Deferred { parcel, recipient: recipient.clone(), because, reply: None, until });
        check(&row(200, 0), &told, "deferred at attempt 1: the server said: not yet; again at");
        check(&row(200, Reason::Rate.number()), &told, "late and not tried yet: the server said: not yet; again at");
        check(&row(300, Reason::Rate.number()), &told, "sent as much as it may be");
        told.add(
            at(60),
            Event::QueueChanged {
                parcel,
                recipients: vec![recipient],
                deed: "hold".to_owned(),
                by: "operator:ada".to_owned(),
                reason: "a wrong list".to_owned(),
            },
        );
        let paused = ParcelRow { state: ParcelState::Paused, ..row(200, 0) };
        check(&paused, &told, "operator:ada since 1970-01-01 00:01:00Z, a wrong list");
    }
}
