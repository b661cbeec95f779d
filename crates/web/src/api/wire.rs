//! The API's own types: what stands in requests and answers, converted here
//! and nowhere else.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow::application::{Attachment, Correspondent, Letter};
use flow::suppression::Suppression;
use jiff::Timestamp;
use mail::Address;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::forms;
use super::problem::Problem;

/// A mailbox: an address, or an address with a name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum MailboxIn {
    /// `p@example.com`
    Address(String),
    /// An address with a name.
    Named(NamedMailbox),
}

/// An address with a name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedMailbox {
    /// The address.
    pub address: String,
    /// The name that people see.
    #[serde(default)]
    pub name: Option<String>,
}

/// A file.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentIn {
    /// Its name.
    pub name: String,
    /// Its media type.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Its bytes in base 64 (RFC 4648 §4).
    pub content: String,
    /// With this it is shown in the HTML as `cid:…`.
    #[serde(default)]
    pub content_id: Option<String>,
}

/// A message to be sent.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageIn {
    /// The author; the key must be allowed to send as this address.
    pub from: MailboxIn,
    /// Where answers go.
    #[serde(default)]
    pub reply_to: Vec<MailboxIn>,
    /// Recipients.
    #[serde(default)]
    pub to: Vec<MailboxIn>,
    /// Recipients of a copy.
    #[serde(default)]
    pub cc: Vec<MailboxIn>,
    /// Recipients whom nobody else sees.
    #[serde(default)]
    pub bcc: Vec<MailboxIn>,
    /// The subject. Health information in it is replaced as policy says.
    #[serde(default)]
    pub subject: String,
    /// The body as plain text.
    #[serde(default)]
    pub text: Option<String>,
    /// The body as HTML.
    #[serde(default)]
    pub html: Option<String>,
    /// Files.
    #[serde(default)]
    pub attachments: Vec<AttachmentIn>,
    /// More fields of the message.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The stream, for reports.
    #[serde(default)]
    pub stream: Option<String>,
    /// The campaign, for reports.
    #[serde(default)]
    pub campaign: Option<String>,
    /// Tags, for reports.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Fields of your own, for reports.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The least protection: `verified`, `end_to_end`, `portal` …; policy may ask for more.
    #[serde(default)]
    pub protect: Option<String>,
    /// The language of the portal's notice: `en`, `es`.
    #[serde(default)]
    pub language: Option<String>,
    /// A passphrase that the recipient knows, for the portal. It is never stored.
    #[serde(default)]
    pub passphrase: Option<String>,
    /// What reminds the recipient of the passphrase.
    #[serde(default)]
    pub passphrase_hint: Option<String>,
}

/// A message that was taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageTaken {
    /// Its id: `msg_…`.
    pub id: String,
    /// `queued`.
    pub status: &'static str,
    /// Where its events are.
    pub timeline: String,
    /// Whether an earlier request with the same `Idempotency-Key` handed it in.
    pub replayed: bool,
}

/// A message as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessageOut {
    /// Its id.
    pub id: String,
    /// `accepted`, `decided`, `held`, `refused`, `erased`.
    pub state: String,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// The stream.
    pub stream: String,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its size.
    pub body_bytes: u64,
}

/// A page of messages, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MessagesOut {
    /// The messages.
    pub items: Vec<MessageOut>,
    /// Give this as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The events of a message, oldest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EventsOut {
    /// The message.
    pub id: String,
    /// Where it stands.
    pub state: String,
    /// What happened: each has `event` and `at`, and what is known of it.
    #[schema(value_type = Vec<Object>)]
    pub events: Vec<serde_json::Value>,
}

/// Why a held message is judged so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgementIn {
    /// Why, for the ledger; for a rejection also for the sender.
    pub reason: String,
}

/// A held message that was judged.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Judged {
    /// The message.
    pub id: String,
    /// `released` or `rejected`.
    pub status: &'static str,
    /// The copies that stay held, because policy refuses them now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stays: Vec<StayingCopy>,
}

/// A copy that was not let go with the others.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StayingCopy {
    /// Whose copy.
    pub recipient: String,
    /// The rules of policy that refuse it.
    pub because: String,
}

/// What became of the copies of a message that was recalled.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecalledOut {
    /// The message.
    pub id: String,
    /// Each recipient.
    pub recipients: Vec<RecalledCopy>,
}

/// What became of one recipient's copy.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RecalledCopy {
    /// The recipient.
    pub recipient: String,
    /// `withdrawn` from the portal, `stopped` before it was sent, `delivered`
    /// and so beyond recall, or `never_sent`.
    pub outcome: &'static str,
    /// When the recipient's server took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered_at: Option<Timestamp>,
}

/// An address that is to get nothing more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionIn {
    /// The address.
    pub address: String,
    /// The stream that it is for; without it, every one.
    #[serde(default)]
    pub stream: Option<String>,
    /// Why: `manual` where nothing is said.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Whose suppressions are looked for.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionSearch {
    /// The address.
    pub address: String,
}

/// An address that gets nothing more, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SuppressionOut {
    /// Its id.
    pub id: String,
    /// The address.
    pub address: String,
    /// The stream that it is for; without it, every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// `hard_bounce`, `complaint`, `unsubscribe`, `manual`.
    pub reason: &'static str,
    /// Where it came from, in words.
    pub origin: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A page of suppressions.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SuppressionsOut {
    /// The suppressions, oldest first.
    pub items: Vec<SuppressionOut>,
    /// The cursor of the next page, if there may be more.
    pub next: Option<String>,
}

impl From<Suppression> for SuppressionOut {
    fn from(one: Suppression) -> Self {
        Self {
            id: one.id.to_string(),
            address: one.address.to_string(),
            stream: one.stream,
            reason: one.reason.word(),
            origin: one.origin.to_string(),
            since: one.at,
        }
    }
}

impl MessageIn {
    /// The letter that it is; passphrases go as fields that are never stored.
    pub fn letter(self) -> Result<Letter, Problem> {
        let instructions = self.instructions()?;
        let text = |pointer, text: Option<String>| text.map(|text| forms::TEXT.check(pointer, text)).transpose();
        at_most("/attachments", &self.attachments, forms::ATTACHMENTS_MAX)?;
        Ok(Letter {
            from: correspondent("/from", self.from)?,
            reply_to: correspondents("/reply_to", self.reply_to)?,
            to: correspondents("/to", self.to)?,
            cc: correspondents("/cc", self.cc)?,
            bcc: correspondents("/bcc", self.bcc)?,
            subject: forms::SUBJECT.check("/subject", self.subject)?,
            text: text("/text", self.text)?,
            html: text("/html", self.html)?,
            attachments: self.attachments.into_iter().enumerate().map(attachment).collect::<Result<_, _>>()?,
            headers: self.headers,
            instructions,
        })
    }

    fn instructions(&self) -> Result<Vec<(&'static str, String)>, Problem> {
        let mut found = Vec::new();
        let single = [
            ("X-Sealpost-Stream", "/stream", &self.stream, &forms::WORD),
            ("X-Sealpost-Campaign", "/campaign", &self.campaign, &forms::WORD),
            ("X-Sealpost-Protect", "/protect", &self.protect, &forms::PROTECT),
            ("X-Sealpost-Language", "/language", &self.language, &forms::LANGUAGE),
            ("X-Sealpost-Passphrase", "/passphrase", &self.passphrase, &forms::PASSPHRASE),
            ("X-Sealpost-Passphrase-Hint", "/passphrase_hint", &self.passphrase_hint, &forms::LINE),
        ];
        for (field, pointer, value, form) in single {
            if let Some(value) = value {
                found.push((field, form.check(pointer, value.clone())?));
            }
        }
        at_most("/tags", &self.tags, forms::TAGS_MAX)?;
        for (at, tag) in self.tags.iter().enumerate() {
            found.push(("X-Sealpost-Tag", forms::TAG.check(&format!("/tags/{at}"), tag.clone())?));
        }
        if self.fields.len() > forms::TAGS_MAX {
            return Err(Problem::field("/fields", format!("at most {}", forms::TAGS_MAX)));
        }
        for (name, value) in &self.fields {
            let name = forms::FIELD_NAME.check("/fields", name.clone())?;
            let value = forms::LINE.check("/fields", value.clone())?;
            found.push(("X-Sealpost-Field", format!("{name}={value}")));
        }
        Ok(found)
    }
}

fn at_most<T>(pointer: &str, all: &[T], most: usize) -> Result<(), Problem> {
    match all.len() <= most {
        true => Ok(()),
        false => Err(Problem::field(pointer, format!("at most {most}"))),
    }
}

/// An address of a request.
pub(super) fn address(pointer: &str, text: &str) -> Result<Address, Problem> {
    if text.chars().take(forms::ADDRESS_CHARS_MAX.saturating_add(1)).count() > forms::ADDRESS_CHARS_MAX {
        return Err(Problem::field(pointer, format!("at most {} characters", forms::ADDRESS_CHARS_MAX)));
    }
    Address::parse(text).map_err(|why| Problem::field(pointer, why.to_string()))
}

fn correspondents(pointer: &str, all: Vec<MailboxIn>) -> Result<Vec<Correspondent>, Problem> {
    at_most(pointer, &all, forms::RECIPIENTS_MAX)?;
    all.into_iter().enumerate().map(|(at, one)| correspondent(&format!("{pointer}/{at}"), one)).collect()
}

fn correspondent(pointer: &str, one: MailboxIn) -> Result<Correspondent, Problem> {
    let (address, name) = match one {
        MailboxIn::Address(address) => (address, None),
        MailboxIn::Named(NamedMailbox { address, name }) => (address, name),
    };
    let address = self::address(pointer, &address)?;
    let name = name.map(|name| forms::LINE.check(pointer, name)).transpose()?.filter(|name| !name.trim().is_empty());
    Ok(Correspondent { name, address })
}

fn attachment((at, one): (usize, AttachmentIn)) -> Result<Attachment, Problem> {
    let pointer = |field: &str| format!("/attachments/{at}/{field}");
    let content = STANDARD.decode(one.content.as_bytes());
    let content_type = one.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let content_id = one.content_id.map(|id| forms::CONTENT_ID.check(&pointer("content_id"), id)).transpose()?;
    Ok(Attachment {
        name: forms::LINE.check(&pointer("name"), one.name)?,
        content_type: forms::MEDIA_TYPE.check(&pointer("content_type"), content_type)?,
        content_id,
        content: content.map_err(|_| Problem::field(pointer("content"), "no base 64"))?,
    })
}
