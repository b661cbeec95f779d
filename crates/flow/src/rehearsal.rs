//! A rehearsal: the delivery of a message that was handed in with a test key.
//! Nothing leaves the machine; the local part of each recipient says what comes
//! of its copy, and everything else of the journey is as it would be.
//!
//! | local part | what comes of it |
//! | --- | --- |
//! | `delivered`, and any other | delivered over verified TLS |
//! | `bounce-hard` | refused: 550 5.1.1 |
//! | `bounce-soft` | deferred: 451 4.2.2 |
//! | `no-tls`, `portal` | the host can't do TLS: rerouted to the portal |

use std::net::{IpAddr, Ipv6Addr};

use mail::{Address, EnhancedCode, Level, MessageId, MxLookup, OrgId, Recipient, Reply};
use seal::{Kind, Parcel};
use store::{MessageRow, StoreError};
use transport::{Attempt, Cause, Delivery, Fate, Inability, Judgement, Proof, Stage, TlsProof, Tried};

use crate::journey::Journey;
use crate::opened;

/// Whether a message was handed in with a test key. What does not open, or is
/// erased, was not: a test key sees nothing of it.
pub async fn is_rehearsal(journey: &Journey, org: OrgId, message: MessageId) -> Result<bool, StoreError> {
    let row = journey.store.message(org, message).await?;
    Ok(row.is_some_and(|row| is_of_rehearsal(journey, org, &row)))
}

/// The same of a row.
pub(crate) fn is_of_rehearsal(journey: &Journey, org: OrgId, row: &MessageRow) -> bool {
    let opened = journey.organisations.find(org).and_then(|organisation| opened::open(organisation, row).ok());
    opened.is_some_and(|(_, manifest)| manifest.test)
}

/// A host that nobody has (RFC 6761 §6.4).
const MX: &str = "rehearsal.invalid";

/// What would have come of it.
pub(crate) fn delivery(parcel: &Parcel) -> Delivery {
    let fates: Vec<(Address, Fate)> =
        parcel.recipients().iter().map(|one| (one.address.clone(), fate(parcel.kind(), one))).collect();
    let attempts = fates.iter().map(|(_, fate)| attempt(fate)).collect();
    Delivery { recipients: fates, attempts, sts_trouble: None }
}

fn fate(kind: Kind, recipient: &Recipient) -> Fate {
    let is_content = match kind {
        Kind::Content => true,
        Kind::Notice | Kind::Code | Kind::Dsn => false,
    };
    match recipient.address.local() {
        "bounce-hard" if is_content => Fate::Refused {
            cause: Cause::Replied(Stage::Recipient, Reply::new(550, EnhancedCode(5, 1, 1), "no such mailbox")),
            proof: None,
        },
        "bounce-soft" if is_content => Fate::Deferred(Cause::Replied(
            Stage::Recipient,
            Reply::new(451, EnhancedCode(4, 2, 2), "the mailbox is full"),
        )),
        "no-tls" | "portal" if is_content => Fate::CannotMeet,
        _ => {
            let reply = Reply::new(250, EnhancedCode(2, 0, 0), "rehearsed: nothing was sent");
            Fate::Delivered { reply, proof: proof() }
        }
    }
}

fn attempt(fate: &Fate) -> Attempt {
    let (proof, result) = match fate {
        Fate::Delivered { proof, .. } => (Some(proof.clone()), Tried::Sent),
        Fate::Deferred(cause) | Fate::Refused { cause, .. } => (None, Tried::Failed(cause.clone())),
        Fate::CannotMeet => (None, Tried::Unable(Inability::NotOffered)),
    };
    Attempt { mx: MX.to_owned(), address: None, proof, policy: None, result }
}

fn proof() -> Proof {
    Proof {
        level: Level::Verified,
        mx: MX.to_owned(),
        address: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        mx_lookup: MxLookup::Pinned,
        tls: Some(TlsProof {
            version: "TLSv1.3".to_owned(),
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            certificate_sha256: [0; 32],
            judgement: Judgement::Verified { name: MX.to_owned() },
            resumed: false,
        }),
        requiretls: false,
    }
}
