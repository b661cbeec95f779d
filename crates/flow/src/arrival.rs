//! The header block as it arrives: what it tells us is read, what must not be
//! stored is taken out, what RFC 6409 §8 lets a submission server add is added.
//!
//! The result is the header block that is stored, and that the archive keeps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use mail::header::{self, Field};
use mail::{Address, MessageId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::listener::Submission;

/// The most that a header block may hold.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;

/// What the `X-Sealpost-*` fields say. They never leave with the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instructions {
    /// `X-Sealpost-Stream`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// `X-Sealpost-Campaign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// `X-Sealpost-Tag`, repeated or parted by commas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `X-Sealpost-Field: name=value`, repeated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// `X-Sealpost-Language`: of the portal's notice, as `en` or `es`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// `X-Sealpost-Passphrase-Hint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A header block, read and made ready to be stored.
pub struct Arrival {
    /// The bytes to store, without the empty line.
    pub header: Vec<u8>,
    /// What the sender's system asks for.
    pub instructions: Instructions,
    /// `X-Sealpost-Passphrase`, which is never stored.
    pub passphrase: Option<Zeroizing<String>>,
    /// The addresses of From.
    pub from: Vec<Address>,
    /// The addresses of other fields that say who sent it: Sender, Resent-From
    /// and Resent-Sender (RFC 5322 §3.6.2, §3.6.6). None where one can't be read.
    pub senders: Option<Vec<Address>>,
    /// The subject, decoded.
    pub subject: String,
    /// The Message-ID field, as the sender wrote it or as it was added.
    pub message_id: Option<String>,
    /// `TLS-Required: No` (RFC 8689 §4.1).
    pub tls_required_no: bool,
}

/// What is known of the session that a header block came over.
pub struct Session<'a> {
    /// The id that the message was given.
    pub message: MessageId,
    /// The `Received` field of this hop, with its CRLF.
    pub received: &'a str,
    /// The present time.
    pub now: Timestamp,
    /// This server's name, for a Message-ID that is missing.
    pub hostname: &'a str,
}

/// Why a header block is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRefused {
    /// Without an author there is nobody to answer for the message.
    #[error("the message has no From field with an address")]
    NoFrom,
    /// Two From fields are read differently by different software.
    #[error("the message has more than one From field")]
    ManyFrom,
    /// Two subjects: the one that was judged might not be the one that is shown.
    #[error("the message has more than one Subject field")]
    ManySubjects,
    /// The block is larger than [`HEADER_BYTES_MAX`].
    #[error("the header block is too large")]
    TooLarge,
    /// A line of the block is no field (RFC 5322 §2.2).
    #[error("a line of the header block is no field")]
    NoField,
    /// An instruction is longer or more than reports can hold.
    #[error("an X-Sealpost field is too long, or there are too many of them")]
    Instruction,
    /// The message went round in a loop (RFC 5321 §6.3).
    #[error("the message has passed too many servers")]
    Loop,
}

/// RFC 5321 §6.3: a hundred `Received` fields are a loop.
const RECEIVED_MAX: usize = 100;
const WORD_CHARS_MAX: usize = 200;
/// A name of 64, an equals sign and a value.
const FIELD_CHARS_MAX: usize = 265;
const WORDS_MAX: usize = 50;

/// Reads `raw`, the header block without the empty line, with CRLF line ends.
pub fn read(raw: &[u8], session: &Session<'_>) -> Result<Arrival, HeaderRefused> {
    if raw.len() > HEADER_BYTES_MAX {
        return Err(HeaderRefused::TooLarge);
    }
    let fields: Vec<Field<'_>> = header::fields(raw).collect();
    refuse_ambiguous(&fields)?;
    let mut arrival = Arrival {
        header: Vec::with_capacity(raw.len() + 512),
        instructions: Instructions::default(),
        passphrase: None,
        from: from_addresses(&fields)?,
        senders: sender_addresses(&fields),
        subject: fields.iter().find(|field| field.is("Subject")).map(decoded).unwrap_or_default(),
        message_id: None,
        tls_required_no: asks_for_no_tls(&fields),
    };
    arrival.header.extend_from_slice(session.received.as_bytes());
    for field in &fields {
        take_instruction(field, &mut arrival)?;
        if !is_never_stored(field) {
            arrival.header.extend_from_slice(field.raw);
        }
    }
    if !raw.is_empty() && !raw.ends_with(b"\r\n") {
        arrival.header.extend_from_slice(b"\r\n");
    }
    add_missing(&fields, session, &mut arrival.header);
    arrival.message_id = header::first(&arrival.header, "Message-ID");
    Ok(arrival)
}

pub(crate) fn refuse_ambiguous(fields: &[Field<'_>]) -> Result<(), HeaderRefused> {
    let count = |name: &str| fields.iter().filter(|field| field.is(name)).count();
    let is_field = |field: &Field<'_>| {
        field.raw.contains(&b':')
            && !field.name.is_empty()
            && field.name.trim_ascii_end().iter().all(|byte| matches!(byte, b'!'..=b'~'))
    };
    if !fields.iter().all(is_field) {
        return Err(HeaderRefused::NoField);
    }
    if count("From") > 1 {
        return Err(HeaderRefused::ManyFrom);
    }
    if count("Subject") > 1 {
        return Err(HeaderRefused::ManySubjects);
    }
    if count("Received") > RECEIVED_MAX {
        return Err(HeaderRefused::Loop);
    }
    Ok(())
}

/// `No` is the only value that there is, and a field that stands twice says
/// nothing (RFC 8689 §4.1).
fn asks_for_no_tls(fields: &[Field<'_>]) -> bool {
    let mut asked = fields.iter().filter(|field| field.is("TLS-Required"));
    let first = asked.next().is_some_and(|field| field.value.trim_ascii().eq_ignore_ascii_case(b"no"));
    first && asked.next().is_none()
}

/// The addresses of From.
pub(crate) fn authors(raw: &[u8]) -> Result<Vec<Address>, HeaderRefused> {
    let fields: Vec<Field<'_>> = header::fields(raw).filter(|field| field.is("From")).collect();
    match fields.len() {
        0 | 1 => from_addresses(&fields),
        _ => Err(HeaderRefused::ManyFrom),
    }
}

/// Every address of From must be one that the sender may use, so all are read;
/// one that can't be read refuses the message.
fn from_addresses(fields: &[Field<'_>]) -> Result<Vec<Address>, HeaderRefused> {
    let from = fields.iter().find(|field| field.is("From")).ok_or(HeaderRefused::NoFrom)?;
    let parsed = mail_parser::MessageParser::new().parse(from.raw).ok_or(HeaderRefused::NoFrom)?;
    let listed: Option<Vec<Address>> = parsed
        .from()
        .ok_or(HeaderRefused::NoFrom)?
        .iter()
        .map(|entry| entry.address().and_then(|text| Address::parse(text).ok()))
        .collect();
    listed.filter(|addresses| !addresses.is_empty()).ok_or(HeaderRefused::NoFrom)
}

/// The addresses of the other fields that say who sent a message; none where one of them can't be read.
fn sender_addresses(fields: &[Field<'_>]) -> Option<Vec<Address>> {
    let is_one = |field: &&Field<'_>| ["Sender", "Resent-From", "Resent-Sender"].iter().any(|name| field.is(name));
    let mut all = Vec::new();
    for field in fields.iter().filter(is_one) {
        // Read as From is, whatever the field's own name.
        let as_from = [b"From:", field.value].concat();
        all.extend(from_addresses(&header::fields(&as_from).collect::<Vec<_>>()).ok()?);
    }
    Some(all)
}

fn is_never_stored(field: &Field<'_>) -> bool {
    field.is("X-Sealpost-Passphrase") || field.is("X-Sealpost-Passphrase-Hint") || field.is("Return-Path")
}

fn take_instruction(field: &Field<'_>, arrival: &mut Arrival) -> Result<(), HeaderRefused> {
    const PREFIX: &[u8] = b"X-Sealpost-";
    if !field.name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX)) {
        return Ok(());
    }
    let text = decoded(field);
    let chars_max = if field.is("X-Sealpost-Field") { FIELD_CHARS_MAX } else { WORD_CHARS_MAX };
    if text.chars().count() > chars_max {
        return Err(HeaderRefused::Instruction);
    }
    let wanted = &mut arrival.instructions;
    if field.is("X-Sealpost-Passphrase") {
        arrival.passphrase = Some(Zeroizing::new(text)).filter(|passphrase| !passphrase.is_empty());
    } else if field.is("X-Sealpost-Passphrase-Hint") {
        wanted.hint = Some(text);
    } else if field.is("X-Sealpost-Stream") {
        wanted.stream = Some(text).filter(|name| !name.is_empty());
    } else if field.is("X-Sealpost-Campaign") {
        wanted.campaign = Some(text);
    } else if field.is("X-Sealpost-Language") {
        wanted.language = Some(text);
    } else if field.is("X-Sealpost-Tag") || field.is("X-Sealpost-Tags") {
        wanted.tags.extend(text.split(',').map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()));
    } else if field.is("X-Sealpost-Field") {
        let (name, value) = text.split_once('=').ok_or(HeaderRefused::Instruction)?;
        wanted.fields.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    if wanted.tags.len() > WORDS_MAX || wanted.fields.len() > WORDS_MAX {
        return Err(HeaderRefused::Instruction);
    }
    Ok(())
}

/// The value with its encoded words undone (RFC 2047).
pub(crate) fn decoded(field: &Field<'_>) -> String {
    let mut raw = Vec::from(&b"Subject:"[..]);
    raw.extend_from_slice(field.value);
    let parsed = mail_parser::MessageParser::new().parse(&raw);
    parsed.and_then(|message| message.subject().map(|text| text.trim().to_owned())).unwrap_or_default()
}

/// RFC 6409 §8.1 and §8.3: a submission server adds what a message must have.
fn add_missing(fields: &[Field<'_>], session: &Session<'_>, header: &mut Vec<u8>) {
    let has = |name: &str| fields.iter().any(|field| field.is(name));
    if !has("Date") {
        header.extend_from_slice(format!("Date: {}\r\n", rfc5322_date(session.now)).as_bytes());
    }
    if !has("Message-ID") {
        let id = session.message.to_string().to_ascii_lowercase();
        header.extend_from_slice(format!("Message-ID: <{id}@{}>\r\n", session.hostname).as_bytes());
    }
}

/// RFC 5322 §3.3, in UTC.
pub fn rfc5322_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// The trace field of this hop (RFC 5321 §4.4). It names no recipient: a FOR
/// clause would tell one recipient of another.
pub(crate) fn received_field(submission: &Submission, message: MessageId, hostname: &str, now: Timestamp) -> String {
    let tls = submission
        .tls
        .as_ref()
        .map_or_else(String::new, |tls| format!("\r\n\t(version={} cipher={})", tls.version, tls.cipher));
    let helo: String = submission.helo.chars().filter(|c| c.is_ascii_alphanumeric() || ".-:[]_".contains(*c)).collect();
    format!(
        "Received: from {helo} ([{}])\r\n\tby {hostname} with {}{tls}\r\n\tid {message}; {}\r\n",
        submission.peer,
        submission.with,
        rfc5322_date(now)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(raw: &str) -> Result<Arrival, HeaderRefused> {
        let session = Session {
            message: MessageId::from_bytes([1; 16]),
            received: "Received: from x\r\n",
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            hostname: "secure.clinic.example",
        };
        read(raw.as_bytes(), &session)
    }

    fn stored(raw: &str) -> String {
        String::from_utf8(arrive(raw).ok().unwrap().header).unwrap()
    }

    #[test]
    fn whoever_else_is_said_to_have_sent_it_is_read() {
        let check = |fields: &str, expect: Option<&[&str]>| {
            let arrival = arrive(&format!("From: a@c.example\r\n{fields}")).ok().unwrap();
            let found = arrival.senders.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(found, expect.map(|all| all.iter().map(|one| (*one).to_owned()).collect()), "{fields}");
        };
        check("", Some(&[]));
        check("Sender: Ann <ann@c.example>\r\n", Some(&["ann@c.example"]));
        check(
            "sender: x@y.example\r\nResent-From: a@b.example,\r\n c@d.example\r\n",
            Some(&["x@y.example", "a@b.example", "c@d.example"]),
        );
        check("Resent-Sender: e@f.example\r\n", Some(&["e@f.example"]));
        check("Sender: nobody\r\n", None);
        check("Sender:\r\n", None);
    }

    #[test]
    fn the_passphrase_is_read_and_never_stored() {
        let arrival = arrive(
            "From: a@c.example\r\nX-Sealpost-Passphrase: blue\r\n heron\r\nX-Sealpost-Passphrase-Hint: the bird\r\n",
        )
        .ok()
        .unwrap();
        assert_eq!(arrival.passphrase.unwrap().as_str(), "blue heron");
        assert_eq!(arrival.instructions.hint.as_deref(), Some("the bird"));
        assert!(!String::from_utf8(arrival.header).unwrap().contains("heron"));
    }

    #[test]
    fn only_the_plain_word_asks_that_tls_be_not_insisted_on() {
        let asks = |raw: &str| arrive(&format!("From: a@c.example\r\n{raw}")).ok().unwrap().tls_required_no;
        assert!(asks("TLS-Required: No\r\n") && asks("tls-required:  no \r\n"));
        assert!(!asks("") && !asks("TLS-Required: Yes\r\n") && !asks("TLS-Required: No, really\r\n"));
        assert!(!asks("TLS-Required: No\r\nTLS-Required: Yes\r\n"));
    }

    #[test]
    fn what_is_missing_is_added_and_the_rest_stays() {
        assert_eq!(
            stored("From: a@c.example\r\nsubject:  x\r\n y\r\n"),
            "Received: from x\r\nFrom: a@c.example\r\nsubject:  x\r\n y\r\n\
             Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n\
             Message-ID: <msg_01040g2081040g2081040g2081@secure.clinic.example>\r\n"
        );
    }

    #[test]
    fn instructions_are_read() {
        let raw = "From: a@c.example\r\nX-Sealpost-Stream: refills\r\nX-Sealpost-Tag: a, b\r\nX-Sealpost-Tag: c\r\nX-Sealpost-Field: site = 12\r\n";
        let wanted = arrive(raw).ok().unwrap().instructions;
        assert_eq!(wanted.stream.as_deref(), Some("refills"));
        assert_eq!(wanted.tags, ["a", "b", "c"]);
        assert_eq!(wanted.fields["site"], "12");
    }

    fn check_refused(raw: &str, expect: HeaderRefused) {
        assert_eq!(arrive(raw).err(), Some(expect), "{raw}");
    }

    #[test]
    fn a_header_block_that_reads_two_ways_is_refused() {
        check_refused("Subject: x\r\n", HeaderRefused::NoFrom);
        check_refused("From: nobody\r\n", HeaderRefused::NoFrom);
        check_refused("From: a@c.example\r\nFrom: b@c.example\r\n", HeaderRefused::ManyFrom);
        check_refused("From: a@c.example\r\nSubject: 1\r\nsubject: 2\r\n", HeaderRefused::ManySubjects);
        check_refused("From: a@c.example\r\nno field\r\n", HeaderRefused::NoField);
        check_refused(
            &format!("From: a@c.example\r\nX-Sealpost-Stream: {}\r\n", "x".repeat(201)),
            HeaderRefused::Instruction,
        );
        check_refused(&format!("From: a@c.example\r\n{}", "Received: x\r\n".repeat(101)), HeaderRefused::Loop);
    }

    #[test]
    fn every_address_of_from_is_found() {
        let from = arrive("From: \"A, B\" <a@c.example>, b@c.example\r\n").ok().unwrap().from;
        assert_eq!(from.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a@c.example", "b@c.example"]);
    }
}
