//! A parcel: what one recipient, or several of one domain treated alike, will
//! get. Its fields are private, and its makers check that what it promises can
//! be kept by what it holds.
//!
//! In the database a parcel stands as bytes with a tag (HMAC-SHA-256 under a
//! key of the organisation). A row that was edited, or moved to another
//! message, organisation or parcel, does not come back as a parcel.

use aws_lc_rs::{digest, hmac};
use mail::{Address, KeyFormat, KeySource, Level, MessageId, Method, Need, OrgId, ParcelId, Recipient, RecipientKeyId};
use serde::{Deserialize, Serialize};

use crate::edits::Edits;
use crate::sealing::{NotOpened, Opened, SealedCopy, Sealing, SigningOnly};

/// SHA-256 of the stored bytes of a message.
pub type BodyDigest = [u8; 32];

/// The key of an organisation's tags.
pub struct TagKey(hmac::Key);

impl TagKey {
    /// The key with these bytes, derived by the vault.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

/// What a parcel is for. It decides what may happen when it can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The sender's content. Rerouted when the need can't be met.
    Content,
    /// The portal's notice: a fixed template. Never rerouted.
    Notice,
    /// The portal's one-time code. Never rerouted; not sent below its need.
    Code,
    /// A word to the sender about a message: a DSN, a note about a hold; or to
    /// a recipient about a key.
    /// Never rerouted, never bounced.
    Dsn,
}

impl Kind {
    /// A number for the database's narrow row.
    pub const fn number(self) -> u8 {
        match self {
            Kind::Content => 0,
            Kind::Notice => 1,
            Kind::Code => 2,
            Kind::Dsn => 3,
        }
    }

    /// The word for it in receipts and events.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Content => "content",
            Kind::Notice => "notice",
            Kind::Code => "code",
            Kind::Dsn => "dsn",
        }
    }
}

/// What goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The stored original, whose digest this is, with these edits.
    Original {
        /// SHA-256 of the stored bytes.
        body_sha256: BodyDigest,
        /// What changes in the recipient's copy.
        edits: Edits,
    },
    /// The stored original, sealed for these keys when it is sent.
    EndToEnd {
        /// SHA-256 of the stored bytes.
        body_sha256: BodyDigest,
        /// What changes in the recipients' copy, inside what is sealed.
        edits: Edits,
        /// What changes in a copy that takes another method after all.
        open_edits: Edits,
        /// What stands in the Subject field outside, encoded for the wire.
        outer_subject: String,
        /// The key of each recipient, in their order.
        keys: Vec<ParcelKey>,
    },
    /// A text of the parcel's own, made from a fixed template: CRLF line ends.
    Template(String),
}

/// The key that one recipient's copy is sealed to. The tag binds it to the
/// recipient's address, so that no other key can take its place in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelKey {
    /// Where it is kept.
    pub key: RecipientKeyId,
    /// Its fingerprint, in upper-case hexadecimal digits.
    pub fingerprint: String,
    /// Where it came from.
    pub source: KeySource,
}

/// Why a copy is sealed as it is: what its receipt will cite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grounds {
    /// What policy needs for this copy; the parcel's own need is less where it
    /// is only a notice.
    pub need: Need,
    /// The rules that count.
    pub because: Vec<String>,
    /// The hash under which the policy is kept.
    pub policy_sha256: [u8; 32],
}

/// What the sender asked of TLS beside what the copy needs (RFC 8689). The tag
/// binds it, so that nobody can take it from a parcel in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsAsked {
    /// Nothing.
    #[default]
    AsUsual,
    /// REQUIRETLS: only to a host that is bound and verified, and promises the
    /// same for the rest of the way.
    OnTheWholeWay,
    /// REQUIRETLS wherever it is offered: a word about a message that came with
    /// it, which holds nothing of that message (RFC 8689 §5).
    WhereOffered,
    /// `TLS-Required: No`: what the recipient's domain asks for is not insisted
    /// on; what the copy needs is.
    NotInsisted,
}

impl TlsAsked {
    const fn is_usual(&self) -> bool {
        matches!(self, TlsAsked::AsUsual)
    }
}

/// Where a parcel belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The organisation that sends.
    pub org: OrgId,
    /// The message that it is about.
    pub message: MessageId,
    /// The parcel's own id.
    pub parcel: ParcelId,
}

/// Transit can't meet this need: such content goes by another method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("transport security can't meet the need {0}")]
pub struct NotTransit(pub Need);

/// A copy that is sealed so does not meet this need, or has not a key for each
/// recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a copy sealed with {1} does not meet the need {0}")]
pub struct NotEndToEnd(pub Need, pub Method);

/// The bytes are no parcel of this place: edited, moved, or of another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored parcel does not carry the tag of its place")]
pub struct Forged;

/// What one recipient, or several of one domain treated alike, will get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    stamp: Stamp,
    inner: Inner,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Inner {
    kind: Kind,
    recipients: Vec<Recipient>,
    method: Method,
    need: Need,
    grounds: Grounds,
    content: Content,
    #[serde(default, skip_serializing_if = "TlsAsked::is_usual")]
    tls: TlsAsked,
}

impl Parcel {
    /// The stored original for recipients of one domain, over a connection
    /// that proves what policy needs.
    pub fn original(
        stamp: Stamp,
        recipients: Vec<Recipient>,
        grounds: Grounds,
        body_sha256: BodyDigest,
        edits: Edits,
    ) -> Result<Self, NotTransit> {
        let need = grounds.need;
        if need.transit().is_none() {
            return Err(NotTransit(need));
        }
        let content = Content::Original { body_sha256, edits };
        Ok(Self {
            stamp,
            inner: Inner {
                kind: Kind::Content,
                recipients,
                method: Method::Tls,
                need,
                grounds,
                content,
                tls: TlsAsked::AsUsual,
            },
        })
    }

    /// The stored original for recipients of one domain, each with a key,
    /// sealed for them when it is sent. Its connection must prove `crossing`,
    /// which protects no more than the envelope.
    pub fn end_to_end(
        stamp: Stamp,
        recipients: Vec<(Recipient, ParcelKey)>,
        format: KeyFormat,
        crossing: Level,
        grounds: Grounds,
        copy: SealedCopy,
    ) -> Result<Self, NotEndToEnd> {
        let method = format.method();
        let is_met = match grounds.need {
            Need::None | Need::Portal => false,
            Need::Encrypted | Need::Verified | Need::Anchored | Need::EndToEnd => true,
            Need::OpenPgp => format == KeyFormat::OpenPgp,
            Need::Smime => format == KeyFormat::Smime,
        };
        if !is_met || recipients.is_empty() {
            return Err(NotEndToEnd(grounds.need, method));
        }
        let (recipients, keys) = recipients.into_iter().unzip();
        let SealedCopy { body_sha256, edits, open_edits, outer_subject } = copy;
        let content = Content::EndToEnd { body_sha256, edits, open_edits, outer_subject, keys };
        let need = crossing.need();
        let tls = TlsAsked::AsUsual;
        Ok(Self { stamp, inner: Inner { kind: Kind::Content, recipients, method, need, grounds, content, tls } })
    }

    /// A notice that something waits in the portal. It may cross in clear,
    /// since its template holds nothing of the message.
    pub fn notice(stamp: Stamp, recipient: Recipient, grounds: Grounds, template: String) -> Self {
        Self::template(stamp, Kind::Notice, recipient, Need::None, grounds, template)
    }

    /// A one-time code for the portal, which needs `level` of its connection.
    pub fn code(stamp: Stamp, recipient: Recipient, level: Level, grounds: Grounds, template: String) -> Self {
        Self::template(stamp, Kind::Code, recipient, level.need(), grounds, template)
    }

    /// A word to the sender, without content; it needs `encrypted`.
    pub fn dsn(stamp: Stamp, recipient: Recipient, template: String) -> Self {
        let grounds = Grounds { need: Need::Encrypted, because: vec!["dsn".to_owned()], policy_sha256: [0; 32] };
        Self::template(stamp, Kind::Dsn, recipient, Need::Encrypted, grounds, template)
    }

    /// A code for the sender, which needs `level` of its connection. It is no
    /// copy of anybody's.
    pub fn sender_code(stamp: Stamp, sender: Recipient, level: Level, template: String) -> Self {
        let need = level.need();
        let grounds = Grounds { need, because: vec!["code".to_owned()], policy_sha256: [0; 32] };
        Self::template(stamp, Kind::Dsn, sender, need, grounds, template)
    }

    /// A word to a recipient about a key: it must arrive, and crosses whatever
    /// connection there is, since its template holds nothing of any message.
    pub fn word(stamp: Stamp, recipient: Recipient, template: String) -> Self {
        let grounds = Grounds { need: Need::None, because: vec!["key".to_owned()], policy_sha256: [0; 32] };
        Self::template(stamp, Kind::Dsn, recipient, Need::None, grounds, template)
    }

    fn template(stamp: Stamp, kind: Kind, to: Recipient, need: Need, grounds: Grounds, text: String) -> Self {
        let method = match kind {
            Kind::Notice | Kind::Code => Method::Portal,
            Kind::Content | Kind::Dsn => Method::Tls,
        };
        let content = Content::Template(text);
        let tls = TlsAsked::AsUsual;
        Self { stamp, inner: Inner { kind, recipients: vec![to], method, need, grounds, content, tls } }
    }

    /// The same with what the sender asked of TLS.
    #[must_use]
    pub fn asking(mut self, tls: TlsAsked) -> Self {
        self.inner.tls = tls;
        self
    }

    /// The same promise for some of its recipients under an id of its own, for
    /// when the others are done with.
    pub fn for_rest(&self, parcel: ParcelId, keep: impl Fn(&Address) -> bool) -> Self {
        let mut rest = self.clone();
        rest.stamp.parcel = parcel;
        if let Content::EndToEnd { keys, .. } = &mut rest.inner.content {
            let mut kept = self.inner.recipients.iter().map(|recipient| keep(&recipient.address));
            keys.retain(|_| kept.next().unwrap_or(false));
        }
        rest.inner.recipients.retain(|recipient| keep(&recipient.address));
        rest
    }

    /// Where it belongs.
    pub const fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Its id.
    pub const fn id(&self) -> ParcelId {
        self.stamp.parcel
    }

    /// The organisation that sends.
    pub const fn org(&self) -> OrgId {
        self.stamp.org
    }

    /// The message that it is about.
    pub const fn message(&self) -> MessageId {
        self.stamp.message
    }

    /// What it is for.
    pub const fn kind(&self) -> Kind {
        self.inner.kind
    }

    /// Who gets it: at least one, all of one domain.
    pub fn recipients(&self) -> &[Recipient] {
        &self.inner.recipients
    }

    /// The method of protection.
    pub const fn method(&self) -> Method {
        self.inner.method
    }

    /// What the connection must prove.
    pub const fn need(&self) -> Need {
        self.inner.need
    }

    /// What the sender asked of TLS.
    pub const fn tls_asked(&self) -> TlsAsked {
        self.inner.tls
    }

    /// Why it is sealed as it is.
    pub const fn grounds(&self) -> &Grounds {
        &self.inner.grounds
    }

    /// What goes over the wire.
    pub const fn content(&self) -> &Content {
        &self.inner.content
    }

    /// The digest of the message that it is made from; none of a text of its own.
    pub fn body_sha256(&self) -> Option<&BodyDigest> {
        match &self.inner.content {
            Content::Original { body_sha256, .. } | Content::EndToEnd { body_sha256, .. } => Some(body_sha256),
            Content::Template(_) => None,
        }
    }

    /// The key of each recipient, in their order; none where it is not sealed
    /// end to end.
    pub fn keys(&self) -> &[ParcelKey] {
        match &self.inner.content {
            Content::EndToEnd { keys, .. } => keys,
            Content::Original { .. } | Content::Template(_) => &[],
        }
    }

    /// What a copy that is sealed end to end is made of, for one that takes
    /// another method.
    pub fn sealed_copy(&self) -> Option<SealedCopy> {
        match &self.inner.content {
            Content::EndToEnd { body_sha256, edits, open_edits, outer_subject, .. } => Some(SealedCopy {
                body_sha256: *body_sha256,
                edits: edits.clone(),
                open_edits: open_edits.clone(),
                outer_subject: outer_subject.clone(),
            }),
            Content::Original { .. } | Content::Template(_) => None,
        }
    }

    /// The bytes for the wire before DKIM. `stored` is the stored original,
    /// which is looked at only where the parcel refers to it, and must then be
    /// the very bytes that were judged. A parcel that is sealed end to end
    /// comes out sealed and in no other form; it needs `sealing`.
    pub fn open(&self, stored: &[u8], sealing: Option<&Sealing<'_>>) -> Result<Opened, NotOpened> {
        match &self.inner.content {
            Content::Original { body_sha256, edits } => {
                check(stored, body_sha256)?;
                Ok(Opened { bytes: edits.apply(stored), facts: None })
            }
            Content::EndToEnd { body_sha256, edits, outer_subject, keys, .. } => {
                check(stored, body_sha256)?;
                let sealing = sealing.ok_or(NotOpened::NoKeys)?;
                sealing.seal(stored, edits, outer_subject, keys)
            }
            Content::Template(text) => Ok(Opened { bytes: text.clone().into_bytes(), facts: None }),
        }
    }

    /// The original with the organisation's signature, before DKIM. What is
    /// sealed is signed by [`Parcel::open`], and a template is nobody's.
    pub fn open_signed(&self, stored: &[u8], signing: &SigningOnly<'_>) -> Result<Opened, NotOpened> {
        match &self.inner.content {
            Content::Original { body_sha256, edits } => {
                check(stored, body_sha256)?;
                signing.sign(stored, edits)
            }
            Content::EndToEnd { .. } | Content::Template(_) => Err(NotOpened::NoKeys),
        }
    }

    /// The form for the database: format, tag, content.
    pub fn to_bytes(&self, key: &TagKey) -> Vec<u8> {
        let inner = serde_json::to_vec(&self.inner).expect("a parcel has nothing that JSON can't hold");
        let tag = hmac::sign(&key.0, &bound(self.stamp, &inner));
        let mut bytes = Vec::with_capacity(1 + TAG_BYTES + inner.len());
        bytes.push(FORMAT);
        bytes.extend_from_slice(tag.as_ref());
        bytes.extend_from_slice(&inner);
        bytes
    }

    /// The parcel whose bytes these are, if they were made for this place.
    pub fn from_bytes(bytes: &[u8], key: &TagKey, stamp: Stamp) -> Result<Self, Forged> {
        let (format, rest) = bytes.split_first().ok_or(Forged)?;
        let (tag, inner) = rest.split_at_checked(TAG_BYTES).ok_or(Forged)?;
        if *format != FORMAT || hmac::verify(&key.0, &bound(stamp, inner), tag).is_err() {
            return Err(Forged);
        }
        let inner = serde_json::from_slice(inner).map_err(|_| Forged)?;
        Ok(Self { stamp, inner })
    }
}

const FORMAT: u8 = 1;
const TAG_BYTES: usize = 32;

/// The digest of a message's bytes, as parcels are bound to it.
pub fn body_digest(bytes: &[u8]) -> BodyDigest {
    let mut body_sha256 = [0; 32];
    body_sha256.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    body_sha256
}

/// The stored bytes must be those that were judged.
fn check(stored: &[u8], body_sha256: &BodyDigest) -> Result<(), Forged> {
    (body_digest(stored) == *body_sha256).then_some(()).ok_or(Forged)
}

/// What the tag covers: the place and everything in the parcel. The first
/// three have fixed lengths, so that no two places read alike.
fn bound(stamp: Stamp, inner: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(64 + inner.len());
    bound.extend_from_slice(b"sealpost parcel 1\n");
    bound.extend_from_slice(&stamp.org.0.to_be_bytes());
    bound.extend_from_slice(stamp.message.as_bytes());
    bound.extend_from_slice(stamp.parcel.as_bytes());
    bound.extend_from_slice(inner);
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(org: u32, message: u8, parcel: u8) -> Stamp {
        Stamp {
            org: OrgId(org),
            message: MessageId::from_bytes([message; 16]),
            parcel: ParcelId::from_bytes([parcel; 16]),
        }
    }

    fn recipient(text: &str) -> Recipient {
        Recipient::new(Address::parse(text).unwrap())
    }

    fn digest_of(bytes: &[u8]) -> BodyDigest {
        digest::digest(&digest::SHA256, bytes).as_ref().try_into().unwrap()
    }

    fn grounds(need: Need) -> Grounds {
        Grounds { need, because: vec!["default".into()], policy_sha256: [5; 32] }
    }

    fn sample() -> Parcel {
        let to = vec![recipient("a@x.example"), recipient("b@x.example")];
        Parcel::original(stamp(1, 2, 3), to, grounds(Need::Verified), digest_of(b"A: 1\r\n\r\nb"), Edits::default())
            .unwrap()
    }

    #[test]
    fn a_parcel_comes_back_as_it_was() {
        let key = TagKey::new(&[7; 32]);
        let parcel = sample();
        assert_eq!(Parcel::from_bytes(&parcel.to_bytes(&key), &key, parcel.stamp()), Ok(parcel));
    }

    #[test]
    fn an_edited_or_moved_row_is_refused() {
        let key = TagKey::new(&[7; 32]);
        let bytes = sample().to_bytes(&key);
        for place in [stamp(2, 2, 3), stamp(1, 3, 3), stamp(1, 2, 4)] {
            assert_eq!(Parcel::from_bytes(&bytes, &key, place), Err(Forged));
        }
        assert_eq!(Parcel::from_bytes(&bytes, &TagKey::new(&[8; 32]), stamp(1, 2, 3)), Err(Forged));
        for at in 0..bytes.len() {
            let mut edited = bytes.clone();
            edited[at] ^= 1;
            assert_eq!(Parcel::from_bytes(&edited, &key, stamp(1, 2, 3)), Err(Forged), "byte {at}");
            assert_eq!(Parcel::from_bytes(&bytes[..at], &key, stamp(1, 2, 3)), Err(Forged), "cut at {at}");
        }
    }

    #[test]
    fn content_is_never_sealed_for_transit_where_policy_needs_more() {
        for need in Need::ALL.into_iter().filter(|need| need.transit().is_none()) {
            let to = vec![recipient("a@x.example")];
            let made = Parcel::original(stamp(1, 2, 3), to, grounds(need), [0; 32], Edits::default());
            assert_eq!(made, Err(NotTransit(need)));
        }
    }

    #[test]
    fn other_bytes_than_those_judged_are_refused() {
        assert_eq!(sample().open(b"A: 1\r\n\r\nb", None).unwrap().bytes, b"A: 1\r\n\r\nb");
        assert_eq!(sample().open(b"A: 1\r\n\r\nc", None), Err(NotOpened::Forged(Forged)));
    }

    #[test]
    fn the_rest_keeps_the_promise() {
        let rest = sample().for_rest(ParcelId::from_bytes([9; 16]), |address| address.local() == "b");
        assert_eq!(rest.recipients().len(), 1);
        assert_eq!((rest.need(), rest.method(), rest.kind()), (Need::Verified, Method::Tls, Kind::Content));
    }
}
