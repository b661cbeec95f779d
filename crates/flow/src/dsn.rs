//! Words to the sender about a message: delivery status notifications
//! (RFC 3464) and notes about held mail. The one place for their text.
//!
//! They hold the message's id and recipients and nothing of its content:
//! `RET=FULL` (RFC 3461 §4.3) changes nothing.

use std::borrow::Cow;

use jiff::Timestamp;
use mail::header::encoded;
use mail::{Address, EnhancedCode, KeyFormat, MessageId, Recipient, RecipientKeyId, Reply};

use crate::arrival::rfc5322_date;
use crate::portal::Language;
use crate::portal::mime::quoted_printable;
use crate::portal::notice::words;

/// Policy keeps it back (RFC 3463 §3.8).
pub const HELD: EnhancedCode = EnhancedCode(4, 7, 1);
/// Policy refuses it.
pub const REFUSED: EnhancedCode = EnhancedCode(5, 7, 1);
/// No server of the recipient's offers REQUIRETLS (RFC 8689 §4.2.1).
pub const NO_REQUIRETLS: EnhancedCode = EnhancedCode(5, 7, 30);
/// None can be reached as REQUIRETLS demands.
pub const NEEDS_TLS: EnhancedCode = EnhancedCode(5, 7, 10);
/// It was tried for as long as it may be (RFC 3463 §3.5).
pub const EXPIRED: EnhancedCode = EnhancedCode(5, 4, 7);
/// It is late.
pub const LATE: EnhancedCode = EnhancedCode(4, 4, 7);

/// How a sender gives the passphrase that a message waits for.
pub fn needs_passphrase(language: Language, message: MessageId) -> String {
    words(language).text_with("held-passphrase", &[("message", &message.to_string())])
}

/// Which rules hold or refuse a copy.
pub fn by_rules(language: Language, rules: &[String]) -> String {
    words(language).text_with("held-rules", &[("rules", &rules.join(", "))])
}

/// What became of a recipient, as RFC 3464 §2.3.3 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It can't be delivered and won't be tried again.
    Failed,
    /// It is late and still tried.
    Delayed,
    /// It was handed to the recipient's server.
    Delivered,
    /// It waits for the sender: nothing was sent.
    Held,
    /// Its recipient came too late, and asks for it again.
    AskedAgain,
}

impl Action {
    /// RFC 3464 has no word for held mail; it is late.
    const fn word(self) -> &'static str {
        match self {
            Action::Failed | Action::AskedAgain => "failed",
            Action::Delayed | Action::Held => "delayed",
            Action::Delivered => "delivered",
        }
    }

    fn subject(self, language: Language) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Action::Failed => "Not delivered: your message",
            Action::Delayed => "Delayed: your message",
            Action::Delivered => "Delivered: your message",
            Action::AskedAgain => "Please send again: your message",
            Action::Held => return words(language).text("held-subject"),
        })
    }

    /// Notes about held mail are in the organisation's language, for they ask
    /// its people to do something; reports as all mail systems have them are not.
    fn sentence(self, language: Language) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Action::Failed => {
                "Your message could not be delivered to the recipients below. It will not be tried again."
            }
            Action::Delayed => {
                "Your message has not been delivered to the recipients below yet. It is still being tried; you need do nothing."
            }
            Action::Delivered => "Your message was handed to the mail servers of the recipients below.",
            Action::AskedAgain => {
                "The recipients below could not read your message in the portal and ask you to send it again."
            }
            Action::Held => return words(language).text("held-lead"),
        })
    }
}

/// One recipient and what became of its copy.
#[derive(Clone, Debug)]
pub struct Told {
    /// The recipient with the DSN parameters of its submission.
    pub recipient: Recipient,
    /// RFC 3463.
    pub status: EnhancedCode,
    /// Why, in a sentence for the sender.
    pub because: String,
    /// The remote server's name and reply, if it was one that decided.
    pub remote: Option<(String, Reply)>,
}

/// A word to the sender about one message.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// The message that it is about.
    pub message: MessageId,
    /// The Message-ID field of that message.
    pub message_id: Option<&'a str>,
    /// When that message was accepted.
    pub received_at: Timestamp,
    /// ENVID of the submission.
    pub envid: Option<&'a str>,
    /// The sender, who gets this.
    pub sender: &'a Address,
    /// This server.
    pub hostname: &'a str,
    /// Who sends it, for the From field.
    pub from: &'a str,
    /// The organisation's language.
    pub language: Language,
    /// What became of the recipients below.
    pub action: Action,
    /// At least one.
    pub told: &'a [Told],
    /// A page where the sender can do something about it.
    pub page: Option<&'a str>,
    /// The present time.
    pub now: Timestamp,
    /// A unique word for the Message-ID and the boundary.
    pub unique: &'a str,
}

/// A key that a recipient wants used no more, and that others stand for.
#[derive(Clone, Copy, Debug)]
pub struct UnwantedKey<'a> {
    /// Its id.
    pub id: RecipientKeyId,
    /// Whose it is.
    pub recipient: &'a Address,
    /// Its format.
    pub format: KeyFormat,
    /// Its fingerprint.
    pub fingerprint: &'a str,
}

/// The word to the sender that a recipient said this on the message's page. It
/// is no report of a delivery, which it does not change.
pub struct KeyWord<'a> {
    /// The key.
    pub key: &'a UnwantedKey<'a>,
    /// On the page of which message.
    pub message: MessageId,
    /// Who gets this.
    pub sender: &'a Address,
    /// Who sends it, for the From field.
    pub from: &'a str,
    /// The present time.
    pub now: Timestamp,
    /// `id@domain`, without angle brackets.
    pub message_id: &'a str,
}

impl KeyWord<'_> {
    /// As a message with CRLF line ends.
    pub fn render(&self) -> String {
        let Self { key, message, sender, from, now, message_id } = self;
        let UnwantedKey { id, recipient, format, fingerprint } = key;
        [
            format!("From: {from}"),
            format!("To: <{sender}>"),
            format!("Subject: Needs a decision: a recipient's key, your message {message}"),
            format!("Date: {}", rfc5322_date(*now)),
            format!("Message-ID: <{message_id}>"),
            "Auto-Submitted: auto-replied".to_owned(),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
            String::new(),
            "On the page of your message, the recipient below asked that mail no longer be sealed to this key."
                .to_owned(),
            "Somebody of your organisation gave or accepted it, or it was found elsewhere, so the recipient".to_owned(),
            "can't take it back alone. Until somebody decides, mail is sealed to it as before.".to_owned(),
            String::new(),
            format!("  {recipient}"),
            format!("    {format} {fingerprint}"),
            String::new(),
            "Please ask the recipient by another way, such as a call, and have an administrator run one of".to_owned(),
            String::new(),
            format!("  sealpost key reject {id}"),
            format!("  sealpost key accept {id}"),
            String::new(),
        ]
        .join("\r\n")
    }
}

impl Report<'_> {
    /// The report as a message with CRLF line ends, in seven bits wherever the
    /// addresses are.
    pub fn render(&self) -> String {
        let Report { sender, hostname, from, unique, .. } = self;
        let boundary = format!("report-{unique}");
        let header = [
            format!("From: {from}"),
            format!("To: <{sender}>"),
            format!("Subject: {} {}", encoded(&self.action.subject(self.language)), self.message),
            format!("Date: {}", rfc5322_date(self.now)),
            format!("Message-ID: <{unique}@{hostname}>"),
            "Auto-Submitted: auto-replied".to_owned(),
            "MIME-Version: 1.0".to_owned(),
            format!("Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{boundary}\""),
        ];
        let parts = [
            self.text(),
            format!("Content-Type: message/delivery-status\r\n\r\n{}", self.for_machines()),
            format!("Content-Type: text/rfc822-headers\r\n\r\n{}", self.original()),
        ];
        let body: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}\r\n")).collect();
        format!("{}\r\n\r\n{body}--{boundary}--\r\n", header.join("\r\n"))
    }

    /// The part for people, in seven bits: no server on the way need take more.
    fn text(&self) -> String {
        let (text, kind) = (self.for_people(), "Content-Type: text/plain; charset=utf-8");
        if text.is_ascii() {
            return format!("{kind}\r\n\r\n{text}");
        }
        let mut part = format!("{kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
        quoted_printable(&text, &mut part);
        part
    }

    fn for_people(&self) -> String {
        let mut text = format!("{}\r\n\r\n", self.action.sentence(self.language));
        for told in self.told {
            text.push_str(&format!("  {}\r\n    {}\r\n", told.recipient.address, one_line(&told.because)));
            if let Some((host, reply)) = &told.remote {
                text.push_str(&format!("    {host} said: {}\r\n", one_line(&reply.to_string())));
            }
        }
        let words = words(if self.action == Action::Held { self.language } else { Language::En });
        if let Some(page) = self.page {
            let (lead, life) = (words.text("held-page"), words.text("held-page-life"));
            text.push_str(&format!("\r\n{lead}\r\n\r\n  {page}\r\n\r\n{life}\r\n"));
        }
        let id = words.text_with("held-message", &[("message", &self.message.to_string())]);
        text.push_str(&format!("\r\n{id}\r\n{}\r\n", words.text("held-nothing")));
        text
    }

    fn for_machines(&self) -> String {
        let mut text = format!("Reporting-MTA: dns; {}\r\n", self.hostname);
        if let Some(envid) = self.envid {
            text.push_str(&format!("Original-Envelope-Id: {}\r\n", xtext(envid)));
        }
        text.push_str(&format!("Arrival-Date: {}\r\n", rfc5322_date(self.received_at)));
        for told in self.told {
            text.push_str("\r\n");
            if let Some(orcpt) = &told.recipient.orcpt {
                text.push_str(&format!("Original-Recipient: {}\r\n", one_line(orcpt)));
            }
            // RFC 6533 §3: an address beyond ASCII is of another type.
            let kind = if told.recipient.address.is_ascii() { "rfc822" } else { "utf-8" };
            text.push_str(&format!("Final-Recipient: {kind}; {}\r\n", told.recipient.address));
            text.push_str(&format!("Action: {}\r\nStatus: {}\r\n", self.action.word(), told.status));
            if let Some((host, reply)) = &told.remote {
                text.push_str(&format!("Remote-MTA: dns; {}\r\n", one_line(host)));
                text.push_str(&format!("Diagnostic-Code: smtp; {}\r\n", one_line(&reply.to_string())));
            }
        }
        text
    }

    /// Only what ties the report to the message in the sender's mail program.
    fn original(&self) -> String {
        match self.message_id {
            Some(id) => format!("Message-ID: {}\r\n", one_line(id)),
            None => format!("X-Sealpost-Message: {}\r\n", self.message),
        }
    }
}

/// A remote server's words can't add a line or a field to ours. Letters beyond
/// ASCII are masked so that the report crosses any server.
fn one_line(text: &str) -> String {
    const LINE_MAX: usize = 600;
    let is_plain = |c: char| matches!(c, ' '..='~');
    text.chars().map(|c| if is_plain(c) || c.is_alphanumeric() { c } else { ' ' }).take(LINE_MAX).collect()
}

/// RFC 3461 §4.
fn xtext(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => char::from(byte).to_string(),
            _ => format!("+{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(action: Action, reply: &str) -> String {
        let sender = Address::parse("nurse@clinic.example").unwrap();
        let told = [Told {
            recipient: Recipient::new(Address::parse("p@x.example").unwrap()),
            status: EnhancedCode(5, 1, 1),
            because: "The mailbox does not exist.".into(),
            remote: Some(("mx.x.example".into(), Reply::new(550, EnhancedCode(5, 1, 1), reply))),
        }];
        Report {
            page: None,
            message: MessageId::from_bytes([1; 16]),
            message_id: Some("<1@clinic.example>"),
            received_at: Timestamp::from_second(1_700_000_000).unwrap(),
            envid: Some("a+b"),
            sender: &sender,
            hostname: "secure.clinic.example",
            from: "Lakeside <postmaster@clinic.example>",
            language: Language::Es,
            action,
            told: &told,
            now: Timestamp::from_second(1_700_000_100).unwrap(),
            unique: "u1",
        }
        .render()
    }

    #[test]
    fn another_library_reads_the_report() {
        let text = report(Action::Failed, "no such user");
        let message = mail_parser::MessageParser::new().parse(text.as_bytes()).unwrap();
        assert_eq!(message.parts.len(), 4);
        assert!(message.subject().unwrap().starts_with("Not delivered"));
        assert!(text.contains("Final-Recipient: rfc822; p@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"));
        assert!(text.contains("Original-Envelope-Id: a+2Bb\r\n"));
        assert!(text.contains("Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"));
    }

    #[test]
    fn a_note_about_held_mail_is_in_the_language_of_the_house_and_in_seven_bits() {
        let text = report(Action::Held, "no such user");
        assert!(text.is_ascii(), "{text}");
        let message = mail_parser::MessageParser::new().parse(text.as_bytes()).unwrap();
        assert!(
            message.subject().unwrap().starts_with("Retenido, se le necesita: su mensaje"),
            "{:?}",
            message.subject()
        );
        let body = message.body_text(0).unwrap();
        assert!(body.contains("está retenido") && body.contains("p@x.example"), "{body}");
        assert!(!body.contains("Your message") && !body.contains("This note"), "{body}");
        assert!(report(Action::Failed, "no such user").contains("This note holds nothing of what you wrote."));
    }

    #[test]
    fn a_reply_cannot_add_a_field() {
        let text = report(Action::Delayed, "x\r\nStatus: 2.0.0\nBcc: evil@x.example");
        assert!(!text.contains("\nStatus: 2.0.0") && !text.contains("\nBcc:"));
    }
}
