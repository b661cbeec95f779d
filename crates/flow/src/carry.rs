//! Carry: a leased parcel is opened, sealed where it is end to end, and handed
//! to transport.

use jiff::Timestamp;
use ledger::Signing;
use mail::{Address, Level};
use seal::protect::Facts;
use seal::{Content, Kind, Parcel};
use store::Leased;
use transport::{Cause, Delivery, Fate, Permit, Transport};

use crate::case::Case;
use crate::courier::NotCarried;
use crate::inbound;
use crate::keys::{self, Next, SealedParcel, Unusable};
use crate::memory::{Lent, Memory, NoneSoon};
use crate::org_keys::{self, Original};
use crate::queue::Reason;
use crate::rehearsal;
use crate::return_path;
use crate::rounds::Passed;
use crate::suppression::Stopped;
use crate::unsubscribe::Fields;
use crate::wire::OpenParcel;

/// What came of carrying a parcel.
pub(crate) struct Carried {
    /// What came of it for those whom it was carried for.
    pub delivery: Delivery,
    /// How their copy was sealed, with them in its order, if it was.
    pub facts: Option<Facts>,
    /// Who signed it, or why nobody did.
    pub signing: Option<Signing>,
    /// Those whose keys can't be used any more: it was not carried for them.
    pub unusable: Vec<Unusable>,
    /// Those who were suppressed while it waited: it was not carried for them.
    pub stopped: Vec<Stopped>,
    /// When its turn comes, and what keeps it, where nothing was tried.
    pub turn: Option<(Timestamp, Reason)>,
    /// Whether nothing was tried because the store did not give it.
    pub is_store_asked_again: bool,
}

/// How a parcel goes.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub transport: &'a Transport,
    /// No connection is good enough that proves less.
    pub least: Level,
    /// Its turn at its destination.
    pub turn: Option<&'a Permit>,
}

/// The memory that carrying a parcel takes, if it takes any.
pub(crate) async fn lend(memory: &Memory, leased: &Leased, parcel: &Parcel) -> Result<Option<Lent>, NoneSoon> {
    match parcel.content() {
        Content::Template(_) => Ok(None),
        Content::Original { .. } => memory.lend_soon(leased.body.len()).await.map(Some),
        Content::EndToEnd { .. } => memory.lend_soon_to_seal(leased.body.len()).await.map(Some),
    }
}

/// Carries a parcel for all of its recipients to whom it may be sent and for whom
/// it can be opened, with the memory that it was lent.
pub(crate) async fn carry(
    case: &Case<'_>,
    leased: &Leased,
    parcel: &Parcel,
    way: Way<'_>,
    lent: Option<Lent>,
) -> Result<Carried, NotCarried> {
    let stopped = match parcel.kind() {
        Kind::Content | Kind::Notice => Stopped::of(case, parcel.recipients()).await?,
        // The page that asked for a code waits for it; a word to the sender is nobody's copy.
        Kind::Code | Kind::Dsn => Vec::new(),
    };
    if stopped.is_empty() {
        return open(case, leased, parcel, way, lent).await;
    }
    let is_sent = |address: &Address| !stopped.iter().any(|stopped| stopped.recipient == *address);
    let rest = parcel.for_rest(parcel.id(), is_sent);
    let carried = match rest.recipients().is_empty() {
        true => Carried::nothing(),
        false => open(case, leased, &rest, way, lent).await?,
    };
    Ok(Carried { stopped, ..carried })
}

/// The same for all of these recipients.
async fn open(
    case: &Case<'_>,
    leased: &Leased,
    parcel: &Parcel,
    way: Way<'_>,
    mut lent: Option<Lent>,
) -> Result<Carried, NotCarried> {
    let carried = match parcel.content() {
        Content::Template(_) => deliver(case, parcel, Vec::new(), None, way).await,
        Content::Original { .. } => original(case, leased, parcel, way).await?,
        Content::EndToEnd { .. } => {
            let stored = stored(case, leased, parcel).await?;
            let SealedParcel { sealed, signing, unusable } = keys::seal(case, parcel, stored).await?;
            lent.iter_mut().for_each(Lent::halve);
            let carried = match sealed {
                Some((rest, opened)) => {
                    let carried = deliver(case, &rest, Vec::new(), Some(opened.bytes), way).await;
                    Carried { facts: opened.facts, ..carried }
                }
                None => Carried::nothing(),
            };
            Carried { signing, unusable, ..carried }
        }
    };
    drop(lent);
    Ok(carried)
}

/// The original, signed where policy wants that. Where nobody can sign what
/// must be signed, the copies take the next method.
async fn original(case: &Case<'_>, leased: &Leased, parcel: &Parcel, way: Way<'_>) -> Result<Carried, NotCarried> {
    let carried = match org_keys::sign_original(case, parcel, stored(case, leased, parcel).await?).await {
        Ok(Original::Plain(stored, signing)) => Carried { signing, ..deliver(case, parcel, stored, None, way).await },
        Ok(Original::Signed(opened, signing)) => {
            let carried = deliver(case, parcel, Vec::new(), Some(opened.bytes), way).await;
            Carried { signing, facts: opened.facts, ..carried }
        }
        Err(missing) => {
            let because = missing.to_string();
            let to_portal = |recipient: &mail::Recipient| Unusable {
                recipient: recipient.address.clone(),
                because: because.clone(),
                next: Next::Portal,
            };
            Carried { unusable: parcel.recipients().iter().map(to_portal).collect(), ..Carried::nothing() }
        }
    };
    Ok(carried)
}

async fn stored(case: &Case<'_>, leased: &Leased, parcel: &Parcel) -> Result<Vec<u8>, NotCarried> {
    let sealed = case.journey.store.read_body(leased.org, leased.message, &leased.body).await?;
    let stored = case.key.open_body_in_place(sealed)?;
    if parcel.body_sha256() == Some(&case.manifest.body_sha256) {
        return Ok(stored);
    }
    if !seal::opening::may_be_protected(&stored) {
        // Neither: the parcel will not open.
        return Ok(stored);
    }
    // It was judged as what was inside, when it came sealed to the organisation.
    let inside = org_keys::inside(case, &stored).await;
    let is_judged = |inside: &Vec<u8>| parcel.body_sha256() == Some(&seal::body_digest(inside));
    inside.filter(is_judged).ok_or(NotCarried::NotOpenedNow)
}

async fn deliver(case: &Case<'_>, parcel: &Parcel, stored: Vec<u8>, sealed: Option<Vec<u8>>, way: Way<'_>) -> Carried {
    let (organisation, manifest) = (case.organisation, case.manifest);
    let results = inbound::results(case);
    let (token, return_path) = return_path(case, parcel);
    let autocrypt = match (parcel.content(), &sealed) {
        (Content::Original { .. }, None) => org_keys::autocrypt_field(case, &stored),
        _ => String::new(),
    };
    let list = Fields::of(case, parcel);
    let passages = [autocrypt.as_str(), list.above(), &passages(case, parcel)].concat();
    // Not by making room in what is there: that doubles it.
    let sealed = sealed.map(|sealed| [passages.as_bytes(), &list.replace_in(&sealed)].concat());
    let wire = OpenParcel {
        parcel,
        passages,
        list,
        stored,
        sealed,
        sender: manifest.envelope.sender.clone(),
        envid: manifest.envelope.envid.clone().or(token),
        return_path,
        dkim: manifest.signer(organisation),
        arc: inbound::arc(case, parcel, &results),
        now: case.now,
    };
    let delivery = match manifest.test {
        true => rehearsal::delivery(parcel),
        false => way.transport.deliver_at(parcel, &wire, way.least, way.turn).await,
    };
    Carried { delivery, ..Carried::nothing() }
}

/// What bounces of an outbound copy come back with: as their envelope id, and
/// where a domain for it is configured, as the address that they come to.
fn return_path(case: &Case<'_>, parcel: &Parcel) -> (Option<String>, Option<Address>) {
    let envelope = &case.manifest.envelope;
    if envelope.sender.0.is_none() || case.manifest.is_inbound() {
        return (None, None);
    }
    let vault = &case.organisation.vault;
    let token = return_path::token(vault, case.message, &envelope.recipients, parcel.recipients());
    let domain = case.journey.settings.return_path.as_ref();
    let address = domain.and_then(|domain| return_path::address(&token, domain));
    (Some(token), address)
}

/// The fields of this passage and, in a copy of the message itself, of those
/// before it.
fn passages(case: &Case<'_>, parcel: &Parcel) -> String {
    let own = Passed::field(&case.organisation.vault, case.message, parcel.recipients());
    let earlier = case.manifest.passages.iter().map(String::as_str).filter(|_| parcel.kind() == Kind::Content);
    std::iter::once(own.as_str()).chain(earlier).collect()
}

impl Carried {
    fn nothing() -> Self {
        let delivery = Delivery { recipients: Vec::new(), attempts: Vec::new(), sts_trouble: None };
        Self {
            delivery,
            facts: None,
            signing: None,
            unusable: Vec::new(),
            stopped: Vec::new(),
            turn: None,
            is_store_asked_again: false,
        }
    }

    /// It could not be tried, for this reason.
    pub fn deferred(parcel: &Parcel, cause: &Cause) -> Self {
        let deferred = |to: &mail::Recipient| (to.address.clone(), Fate::Deferred(cause.clone()));
        let recipients = parcel.recipients().iter().map(deferred).collect();
        let is_store_asked_again = *cause == Cause::Unavailable;
        let delivery = Delivery { recipients, attempts: Vec::new(), sts_trouble: None };
        Self { delivery, is_store_asked_again, ..Self::nothing() }
    }
}
