//! What is written on that day: who to whom, in which form, and what must
//! become of it.

use serde_json::{Value, json};

use crate::clinic::MARKER;
use crate::markers::{base64, base64_lines};

use super::accounts::Fate;
use super::town::{ANN, KEYED, Town};

/// The word in what patients chose to get in clear.
pub const CHOSEN: &str = "Plain-by-choice-marker";

/// Where it is handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The clinic's mail system, and the gateway behind it.
    Office,
    /// Submission, with a login.
    Ehr,
    /// An application.
    Rest,
    /// Somebody's mail host, and the gateway behind it.
    World,
}

/// What staff do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Release,
    Reject,
    RecallWaiting,
    RecallFromPortal,
}

impl Act {
    /// Where it must be before.
    pub fn before(self) -> Fate {
        match self {
            Act::Release | Act::Reject => Fate::Held,
            Act::RecallWaiting => Fate::Queued,
            Act::RecallFromPortal => Fate::Portal,
        }
    }
}

/// Who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Patient,
    Staff,
    Weak,
    PatientAndWeak,
    Clear,
    Choice,
    Nobody,
    Late,
    BouncedLater,
    Keyed,
    SealedToStaff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Html,
    Bill,
    Spanish,
    Calendar,
    Quoted,
    OutOfOffice,
    Secure,
    /// Policy holds it.
    Quarter,
    Passphrase,
    Sealed,
    Signed,
}

/// A message.
pub struct Letter {
    pub number: usize,
    pub door: Door,
    pub from: String,
    pub to: Vec<(String, Fate)>,
    pub act: Option<Act>,
    pub is_read: bool,
    pub is_sealed: bool,
    pub bounces_later: bool,
    /// For SMTP.
    pub message: String,
    /// For REST.
    pub json: Value,
    kind: (To, Form),
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?} {:?} to {:?}", self.number, self.door, self.kind, self.to)
    }
}

impl Letter {
    /// The word that tells its content.
    pub fn marker(&self) -> &'static str {
        marker(self.kind.0)
    }
}

fn marker(to: To) -> &'static str {
    if to == To::Choice { CHOSEN } else { MARKER }
}

type Row = (Door, To, Form, usize, Option<Act>);

/// 490 messages; ten patients' replies come to them.
const ROWS: &[Row] = &[
    (Door::Office, To::Patient, Form::Plain, 30, None),
    (Door::Office, To::Patient, Form::Html, 20, None),
    (Door::Office, To::Patient, Form::Bill, 20, None),
    (Door::Office, To::Patient, Form::Spanish, 15, None),
    (Door::Office, To::Patient, Form::Calendar, 15, None),
    (Door::Office, To::PatientAndWeak, Form::Quoted, 10, None),
    (Door::Office, To::Patient, Form::Secure, 10, None),
    (Door::Office, To::Patient, Form::OutOfOffice, 10, None),
    (Door::Office, To::Nobody, Form::Plain, 6, None),
    (Door::Office, To::Late, Form::Plain, 4, None),
    (Door::Office, To::Patient, Form::Quarter, 5, None),
    (Door::Office, To::Choice, Form::Plain, 5, None),
    (Door::Ehr, To::Patient, Form::Plain, 48, None),
    (Door::Ehr, To::Patient, Form::Bill, 25, None),
    (Door::Ehr, To::Weak, Form::Html, 12, None),
    (Door::Ehr, To::Weak, Form::Html, 3, Some(Act::RecallFromPortal)),
    (Door::Ehr, To::Weak, Form::Spanish, 10, None),
    (Door::Ehr, To::Patient, Form::Quoted, 15, None),
    (Door::Ehr, To::Nobody, Form::Plain, 5, None),
    (Door::Ehr, To::Late, Form::Plain, 2, None),
    (Door::Ehr, To::Late, Form::Plain, 3, Some(Act::RecallWaiting)),
    (Door::Ehr, To::Patient, Form::Quarter, 2, None),
    (Door::Ehr, To::Clear, Form::Passphrase, 5, None),
    (Door::Ehr, To::Clear, Form::Plain, 3, None),
    (Door::Ehr, To::BouncedLater, Form::Plain, 5, None),
    (Door::Ehr, To::Keyed, Form::Plain, 1, None),
    (Door::Rest, To::Patient, Form::Plain, 40, None),
    (Door::Rest, To::Patient, Form::Bill, 15, None),
    (Door::Rest, To::Weak, Form::Plain, 10, None),
    (Door::Rest, To::Patient, Form::Quarter, 3, Some(Act::Release)),
    (Door::Rest, To::Patient, Form::Quarter, 3, Some(Act::Reject)),
    (Door::World, To::Staff, Form::Plain, 45, None),
    (Door::World, To::Staff, Form::Html, 20, None),
    (Door::World, To::Staff, Form::Bill, 20, None),
    (Door::World, To::Staff, Form::Spanish, 15, None),
    (Door::World, To::Staff, Form::Calendar, 10, None),
    (Door::World, To::Staff, Form::Quoted, 10, None),
    (Door::World, To::Staff, Form::OutOfOffice, 5, None),
    (Door::World, To::Staff, Form::Signed, 4, None),
    (Door::World, To::SealedToStaff, Form::Sealed, 1, None),
];

pub fn all(town: &Town) -> Vec<Letter> {
    let rows = ROWS.iter().flat_map(|row| std::iter::repeat_n(row, row.3));
    let letters: Vec<Letter> = rows.enumerate().map(|(number, row)| letter(town, number, row)).collect();
    assert_eq!(letters.len(), 490);
    letters
}

fn letter(town: &Town, number: usize, row: &Row) -> Letter {
    let &(door, to, form, _, act) = row;
    let from = match (door, form) {
        (Door::Office, _) => format!("staff{number}@clinic.example"),
        (Door::Ehr, _) => "ehr@clinic.example".to_owned(),
        (Door::Rest, _) => "refills@clinic.example".to_owned(),
        (Door::World, Form::Sealed | Form::Signed) => ANN.to_owned(),
        (Door::World, _) => format!("patient{number}@good.day.example"),
    };
    let recipients = recipients(town, number, row);
    let names: Vec<&str> = recipients.iter().map(|(address, _)| address.as_str()).collect();
    let fields = format!(
        "From: <{from}>\nTo: {}\nDate: Mon, 5 Jan 2026 10:00:00 +0000\nMessage-ID: <day{number}@letters.example>\n\
         Subject: {}\n",
        names.join(", "),
        subject(form)
    );
    Letter {
        message: message(town, form, &fields, marker(to)).replace("\r\n", "\n").replace('\n', "\r\n"),
        json: as_json(&from, &names, form),
        number,
        door,
        from: if form == Form::OutOfOffice { String::new() } else { from },
        to: recipients,
        act,
        is_read: (door, to, form) == (Door::Rest, To::Weak, Form::Plain),
        is_sealed: to == To::Keyed,
        bounces_later: to == To::BouncedLater,
        kind: (to, form),
    }
}

fn recipients(town: &Town, number: usize, &(_, to, form, _, act): &Row) -> Vec<(String, Fate)> {
    let good = |name: &str| format!("{name}{number}@good.day.example");
    let weak = (format!("w{number}@weak.day.example"), Fate::Portal);
    let one = match (to, form, act) {
        (To::Patient, Form::Quarter, Some(Act::Release)) => (good("q"), Fate::Delivered),
        (To::Patient, Form::Quarter, Some(_)) => (good("q"), Fate::Rejected),
        (To::Patient, Form::Quarter, None) => (good("q"), Fate::Held),
        (To::Patient, Form::Secure, _) => (good("s"), Fate::Portal),
        (To::Patient | To::PatientAndWeak, ..) => (good("p"), Fate::Delivered),
        (To::Weak, _, Some(_)) => (weak.0.clone(), Fate::Recalled),
        (To::Weak, ..) => weak.clone(),
        (To::Staff, ..) => (format!("desk{number}@clinic.example"), Fate::Delivered),
        (To::SealedToStaff, ..) => ("sealed@clinic.example".to_owned(), Fate::Delivered),
        (To::Clear, Form::Passphrase, _) => (format!("c{number}@clear.day.example"), Fate::Portal),
        (To::Clear, ..) => (format!("c{number}@clear.day.example"), Fate::Held),
        (To::Choice, ..) => (format!("o{number}@choice.day.example"), Fate::Delivered),
        (To::Nobody, ..) => (format!("nobody@{}", town.domain(&format!("n{number}"), false)), Fate::Bounced),
        (To::Late, _, Some(_)) => (format!("late@{}", town.domain(&format!("l{number}"), false)), Fate::Recalled),
        (To::Late, ..) => (format!("late@{}", town.domain(&format!("l{number}"), false)), Fate::Queued),
        (To::BouncedLater, ..) => (format!("nobody@{}", town.domain(&format!("b{number}"), true)), Fate::Delivered),
        (To::Keyed, ..) => (KEYED.to_owned(), Fate::Delivered),
    };
    if to == To::PatientAndWeak { vec![one, weak] } else { vec![one] }
}

fn subject(form: Form) -> &'static str {
    match form {
        Form::Secure => "[secure] Your visit",
        Form::Quarter => "The figures of the quarter",
        Form::Spanish => "=?utf-8?q?Su_cita_de_ma=C3=B1ana?=",
        Form::OutOfOffice => "Automatic reply: I am away",
        Form::Sealed => "...",
        _ => "Your visit",
    }
}

fn message(town: &Town, form: Form, fields: &str, marker: &str) -> String {
    let typed = |more: &str, body: &str| format!("{fields}MIME-Version: 1.0\n{more}\n{body}\n");
    let mixed = |kind: &str, first: &str, second: &str| {
        typed(&format!("Content-Type: multipart/{kind}; boundary=b\n"), &format!("--b\n{first}\n--b\n{second}\n--b--"))
    };
    let text = format!("Content-Type: text/plain\n\n{marker} is fine. See you on Tuesday.\n");
    match form {
        Form::Plain | Form::Secure | Form::Quarter => format!("{fields}\n{marker} is fine. See you on Tuesday.\n"),
        Form::Passphrase => format!("{fields}X-Sealpost-Passphrase: blue bicycle in the rain\n\n{marker} is fine.\n"),
        Form::OutOfOffice => format!("{fields}Auto-Submitted: auto-replied\n\nI am away; {marker} has to wait.\n"),
        Form::Html => {
            mixed("alternative", &text, &format!("Content-Type: text/html\n\n<p>{marker} is <b>fine</b>.</p>"))
        }
        Form::Bill => {
            let bill =
                base64_lines(format!("%PDF-1.4 {} {marker} {}", "a bill ".repeat(300), "x".repeat(9)).as_bytes());
            let part = "Content-Type: application/pdf; name=bill.pdf\nContent-Disposition: attachment; filename=bill.pdf\n\
                        Content-Transfer-Encoding: base64\n\n";
            mixed("mixed", "Content-Type: text/plain\n\nYour bill.", &format!("{part}{bill}"))
        }
        Form::Spanish => {
            let fields = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
            typed(fields, &format!("Señora, su cita es mañana. {marker} está bien."))
        }
        Form::Calendar => {
            let event = format!(
                "BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:1\nSUMMARY:Visit\nDESCRIPTION:{marker}\n\
                 DTSTART:20260106T100000Z\nEND:VEVENT\nEND:VCALENDAR"
            );
            mixed("alternative", &text, &format!("Content-Type: text/calendar; method=REQUEST\n\n{event}"))
        }
        Form::Quoted => {
            let fields = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n";
            typed(fields, &format!("The visit costs 20=E2=82=AC; {} is fi=\nne.", marker.replace('-', "=2D")))
        }
        Form::Sealed => town.sealed(fields, &inside(marker)),
        Form::Signed => town.signed(fields, &inside(marker)),
    }
}

fn inside(marker: &str) -> String {
    format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{marker} is fine.\r\n")
}

fn as_json(from: &str, to: &[&str], form: Form) -> Value {
    let mut message = json!({
        "from": from, "to": to, "subject": subject(form), "text": format!("{MARKER} is fine. See you on Tuesday."),
    });
    if form == Form::Bill {
        message["html"] = json!(format!("<p>{MARKER} is <b>fine</b>.</p>"));
        let bill = base64(format!("%PDF-1.4 {MARKER}").as_bytes());
        message["attachments"] = json!([{ "name": "bill.pdf", "content_type": "application/pdf", "content": bill }]);
    }
    message
}
