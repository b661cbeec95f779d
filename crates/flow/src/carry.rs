//! Carry: a leased parcel is opened, sealed where it is end to end, and handed
//! to transport.

use seal::protect::Facts;
use seal::{Content, Parcel};
use store::Leased;
use transport::{Delivery, Transport};

use crate::case::Case;
use crate::courier::NotCarried;
use crate::keys::{self, SealedParcel, Unusable};
use crate::rehearsal;
use crate::wire::OpenParcel;

/// What came of carrying a parcel.
pub(crate) struct Carried {
    /// What came of it for those whom it was carried for.
    pub delivery: Delivery,
    /// How their copy was sealed, with them in its order, if it was.
    pub facts: Option<Facts>,
    /// Those whose keys can't be used any more: it was not carried for them.
    pub unusable: Vec<Unusable>,
}

/// Carries a parcel for all of its recipients for whom it can be opened.
pub(crate) async fn carry(
    case: &Case<'_>,
    leased: &Leased,
    parcel: &Parcel,
    transport: &Transport,
) -> Result<Carried, NotCarried> {
    let memory = match parcel.content() {
        Content::Template(_) => None,
        Content::Original { .. } | Content::EndToEnd { .. } => Some(case.journey.memory.lend(leased.body.len()).await),
    };
    let carried = match parcel.content() {
        Content::Template(_) => deliver(case, parcel, Vec::new(), None, transport).await,
        Content::Original { .. } => deliver(case, parcel, stored(case, leased).await?, None, transport).await,
        Content::EndToEnd { .. } => {
            let SealedParcel { sealed, unusable } = keys::seal(case, parcel, stored(case, leased).await?).await?;
            let carried = match sealed {
                Some((rest, opened)) => {
                    let carried = deliver(case, &rest, Vec::new(), Some(opened.bytes), transport).await;
                    Carried { facts: opened.facts, ..carried }
                }
                None => Carried::nothing(),
            };
            Carried { unusable, ..carried }
        }
    };
    drop(memory);
    Ok(carried)
}

async fn stored(case: &Case<'_>, leased: &Leased) -> Result<Vec<u8>, NotCarried> {
    let sealed = case.journey.store.read_body(leased.org, leased.message, &leased.body).await?;
    Ok(case.key.open_body_in_place(sealed)?)
}

async fn deliver(
    case: &Case<'_>,
    parcel: &Parcel,
    stored: Vec<u8>,
    sealed: Option<Vec<u8>>,
    transport: &Transport,
) -> Carried {
    let (organisation, manifest) = (case.organisation, case.manifest);
    let wire = OpenParcel {
        parcel,
        stored,
        sealed,
        sender: manifest.envelope.sender.clone(),
        envid: manifest.envelope.envid.clone(),
        dkim: manifest.signer(organisation),
        now: case.now,
    };
    let delivery = match manifest.test {
        true => rehearsal::delivery(parcel),
        false => transport.deliver(parcel, &wire).await,
    };
    Carried { delivery, ..Carried::nothing() }
}

impl Carried {
    fn nothing() -> Self {
        let delivery = Delivery { recipients: Vec::new(), attempts: Vec::new() };
        Self { delivery, facts: None, unusable: Vec::new() }
    }
}
