//! Unsubscribing: what stands in the header of copies of such streams (RFC 2369,
//! RFC 2919, RFC 8058), and what becomes of who takes it up: by one click, by
//! the page, or by a mail. It names its recipient by a signed token, so each
//! recipient has a copy of their own.
//!
//! **Invariant**: an address gets into the list only by a token that this
//! organisation wrote into that address's copy, and looking at the page changes
//! nothing: link scanners fetch links.

use std::borrow::Cow;
use std::sync::Arc;

use mail::header;
use mail::suppression::Reason;
use mail::{Address, OrgId};
use seal::{Kind, Parcel};
use store::Transition;
use vault::OrgVault;

use crate::case::{Case, Changes};
use crate::journey::Journey;
use crate::opened::{NotOpened, Opened};
use crate::return_path::{self, Purpose, Returned};
use crate::streams::Stream;
use crate::suppression::{self, NewSuppression, NotSuppressed, Origin, suppress};

const UNSUBSCRIBE: &str = "List-Unsubscribe";
const POST: &str = "List-Unsubscribe-Post";
const LIST_ID: &str = "List-Id";
const FEEDBACK_ID: &str = "Feedback-ID";

/// Whether each recipient of the message can unsubscribe from its stream, and
/// so gets a copy of their own.
pub(crate) fn is_offered(case: &Case<'_>) -> bool {
    !case.manifest.is_inbound() && case.stream(Kind::Content).unsubscribe
}

/// The fields that its stream puts above a copy, each with its CRLF; none where
/// there are none. What the sender wrote into fields of these names is out of it.
pub(crate) struct Fields {
    above: String,
    replaced: Vec<&'static str>,
}

impl Fields {
    pub(crate) fn of(case: &Case<'_>, parcel: &Parcel) -> Self {
        let mut fields = Self { above: String::new(), replaced: Vec::new() };
        let is_copy = matches!(parcel.kind(), Kind::Content | Kind::Notice);
        if case.manifest.is_inbound() || !is_copy {
            return fields;
        }
        let stream = case.stream(Kind::Content);
        let envelope = &case.manifest.envelope.recipients;
        let token = || {
            let vault = &case.organisation.vault;
            return_path::unsubscribe_token(vault, case.message, envelope, parcel.recipients())
        };
        if let Some(token) = Some(stream.unsubscribe).filter(|offered| *offered).and_then(|_| token()) {
            fields.unsubscribe(case, &token);
        }
        if let Some(id) = &stream.list_id {
            fields.put(LIST_ID, &format!("<{id}>"));
        }
        if let Some(sender) = &stream.feedback_id {
            fields.put(FEEDBACK_ID, &feedback(stream, &case.organisation.profile.slug, sender));
        }
        fields
    }

    fn unsubscribe(&mut self, case: &Case<'_>, token: &str) {
        let origin = &case.organisation.profile.portal_url;
        let mail = case.journey.settings.return_path.as_ref();
        let mail = mail.map(|domain| format!(",\r\n\t<mailto:{token}@{domain}?subject=unsubscribe>"));
        self.put(UNSUBSCRIBE, &format!("<{origin}/u/{token}>{}", mail.unwrap_or_default()));
        // RFC 8058 §3.1: one click is by HTTPS or not at all.
        self.replaced.push(POST);
        if origin.starts_with("https://") {
            self.put(POST, "List-Unsubscribe=One-Click");
        }
    }

    fn put(&mut self, name: &'static str, value: &str) {
        self.above += &format!("{name}: {value}\r\n");
        self.replaced.push(name);
    }

    /// The fields as text.
    pub(crate) fn above(&self) -> &str {
        &self.above
    }

    /// The message without the sender's own fields of these names: whoever
    /// takes up one of those would not be known here.
    pub(crate) fn replace_in<'m>(&self, message: &'m [u8]) -> Cow<'m, [u8]> {
        let split = header::split(message);
        let is_replaced = |field: &header::Field<'_>| self.replaced.iter().any(|name| field.is(name));
        if self.replaced.is_empty() || !header::fields(split.header).any(|field| is_replaced(&field)) {
            return Cow::Borrowed(message);
        }
        let kept = header::fields(split.header).filter(|field| !is_replaced(field));
        let mut without: Vec<u8> = kept.flat_map(|field| field.raw).copied().collect();
        without.extend_from_slice(message.get(split.header.len()..).unwrap_or_default());
        Cow::Owned(without)
    }
}

/// Gmail's form: what of, whose, what kind, and last who sends all of it.
fn feedback(stream: &Stream, slug: &str, sender: &str) -> String {
    format!("{}:{slug}:{}:{sender}", stream.name, stream.priority)
}

/// Whose an address is at which somebody unsubscribes by mail.
pub(crate) fn owner<'v>(vaults: impl Iterator<Item = &'v OrgVault>, to: &Address) -> Option<OrgId> {
    Some(return_path::read_for(Purpose::Unsubscribe, vaults, to.local())?.org)
}

/// Whether mail to this address unsubscribes somebody.
pub(crate) fn is_at(case: &Case<'_>, to: &Address) -> bool {
    let domain = case.journey.settings.return_path.as_ref();
    domain == Some(to.domain()) && owner(std::iter::once(case.organisation.vault.as_ref()), to).is_some()
}

/// What a mail that unsubscribes somebody changes, in the timeline of the
/// message that it is about. A mail server's own words unsubscribe nobody: who
/// is away, or whose mailbox is full, did not write them.
pub(crate) async fn by_mail(case: &Case<'_>) -> Option<Transition> {
    if !case.manifest.is_inbound() || case.manifest.envelope.sender.0.is_none() {
        return None;
    }
    let to = case.manifest.envelope.recipients.iter().map(|to| &to.address).find(|to| is_at(case, to))?;
    let own = std::iter::once(case.organisation.vault.as_ref());
    let ticket = return_path::read_for(Purpose::Unsubscribe, own, to.local())?;
    let opened = Opened::find(case.journey, ticket.org, ticket.message).await.ok()?;
    let about = opened.case(case.journey, case.now);
    let address = address_of(&opened, ticket)?;
    let new = new(&opened, address);
    // What can't be looked at is entered once more, which changes nothing.
    let kept = suppression::of_address(case.journey, &opened.organisation, address).await.unwrap_or_default();
    if kept.iter().any(|one| one.reason == new.reason && one.stream.as_deref() == new.stream) {
        return None;
    }
    let mut changes = Changes::default();
    suppression::enter(&about, &new, &mut changes);
    Some(about.transition(changes))
}

/// What unsubscribes whoever holds a token, for the web.
pub struct Unsubscribing(Arc<Journey>);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsubscribed {
    /// Nothing more of that stream is sent to the address, now or already.
    Done,
    /// It is no token, or nobody's any more.
    NoSuch,
}

/// Why it can't be told now.
#[derive(Debug, thiserror::Error)]
pub enum NotUnsubscribed {
    /// The message that the token is about does not open.
    #[error(transparent)]
    Opened(#[from] NotOpened),
    /// The list can't be read or written.
    #[error(transparent)]
    Suppressed(#[from] NotSuppressed),
}

impl Unsubscribing {
    /// Of everybody whom this journey sends to.
    pub fn new(journey: Arc<Journey>) -> Self {
        Self(journey)
    }

    /// Whether an organisation here wrote that token. Nothing is looked up for it.
    pub fn knows(&self, token: &str) -> bool {
        self.read(token).is_some()
    }

    /// Takes the holder of a token out of its stream. It is durable when this
    /// returns; once more changes nothing.
    pub async fn unsubscribe(&self, token: &str) -> Result<Unsubscribed, NotUnsubscribed> {
        let Some(ticket) = self.read(token) else { return Ok(Unsubscribed::NoSuch) };
        let opened = match Opened::find(&self.0, ticket.org, ticket.message).await {
            Err(NotOpened::NoSuchMessage | NotOpened::Erased) => return Ok(Unsubscribed::NoSuch),
            opened => opened?,
        };
        let Some(address) = address_of(&opened, ticket) else { return Ok(Unsubscribed::NoSuch) };
        suppress(&self.0, ticket.org, new(&opened, address)).await?;
        Ok(Unsubscribed::Done)
    }

    fn read(&self, token: &str) -> Option<Returned> {
        let vaults = self.0.organisations.iter().map(|organisation| organisation.vault.as_ref());
        return_path::read_for(Purpose::Unsubscribe, vaults, token)
    }
}

/// Whom a token is of.
fn address_of(opened: &Opened, ticket: Returned) -> Option<&Address> {
    let recipient = opened.manifest.envelope.recipients.get(usize::from(ticket.place?))?;
    Some(&recipient.address)
}

fn new<'o>(opened: &'o Opened, address: &'o Address) -> NewSuppression<'o> {
    let origin = Origin::Recipient { message: Some(opened.row.message) };
    NewSuppression { address, stream: Some(&opened.manifest.stream), reason: Reason::Unsubscribe, origin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Priority;

    #[test]
    fn fields_of_the_senders_own_are_out_of_a_copy_that_has_ours() {
        let fields = Fields { above: String::new(), replaced: vec![UNSUBSCRIBE, POST] };
        let message = b"A: 1\r\nlist-unsubscribe: <https://elsewhere.example/x>,\r\n <mailto:y@z.example>\r\n\
            LIST-UNSUBSCRIBE-POST: List-Unsubscribe=One-Click\r\nList-Help: <h>\r\n\r\nList-Unsubscribe: body\r\n";
        let expect = "A: 1\r\nList-Help: <h>\r\n\r\nList-Unsubscribe: body\r\n";
        assert_eq!(String::from_utf8(fields.replace_in(message).into_owned()).unwrap(), expect);
        let plain = b"A: 1\r\n\r\nb";
        assert!(matches!(fields.replace_in(plain), Cow::Borrowed(_)), "nothing is copied for nothing");
        let none = Fields { above: String::new(), replaced: Vec::new() };
        assert_eq!(none.replace_in(message).as_ref(), message);
    }

    #[test]
    fn feedback_is_told_of_stream_and_organisation() {
        let stream = Stream::new("recall-visits", Priority::Marketing);
        assert_eq!(feedback(&stream, "lakeside", "lakesidemail"), "recall-visits:lakeside:marketing:lakesidemail");
    }
}
