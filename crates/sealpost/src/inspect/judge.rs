//! One message judged: its hops, the other evidence, and what a receipt adds.

use trace::evidence::dkim::Checked;
use trace::evidence::{Evidence, Item, Kind, Weight, gather};
use trace::{Because, Block, Trace, Trust, Verdict, trace};

use super::reading::{Batch, LIMITS, Message};
use super::receipt::{Given, Proof};

/// What messages are judged by.
pub struct Judge<'j> {
    /// The facts, and what the reader states.
    pub trust: &'j Trust,
    /// A receipt that was handed in.
    pub receipt: Option<&'j Given>,
}

impl Judge<'_> {
    /// Judges a message and gives what there is to `tell`; an error where it
    /// is none.
    pub fn judge<T>(
        &self,
        batch: &Batch,
        message: &Message,
        tell: impl FnOnce(&Block<'_>, &Trace<'_>, &Evidence) -> T,
    ) -> Result<T, String> {
        let block = Block::read(batch.header(message), &LIMITS).map_err(|error| error.to_string())?;
        if !block.is_message() {
            return Err("not a message: it does not begin with header fields".to_owned());
        }
        let mut judged = trace(&block, self.trust);
        let unchecked = Checked::default();
        let checked = message.checked.as_deref().unwrap_or(&unchecked);
        let mut evidence = gather(&block, &judged, batch.body_start(message), checked);
        if let (Some(given), Some(proof)) = (self.receipt, message.proof) {
            evidence.items.extend(with_receipt(given, proof, &mut judged));
        }
        Ok(tell(&block, &judged, &evidence))
    }
}

/// What the receipt says of the hop right after Sealpost's own. Where the salt
/// shows that it is about this content, it decides that hop.
fn with_receipt<'a>(given: &'a Given, proof: Proof, trace: &mut Trace<'a>) -> Option<Item> {
    let own = trace.hops.iter().position(|hop| hop.id.is_some_and(|id| id == given.id()))?;
    let receipt = given.receipt();
    let source = format!("receipt of {}", receipt.organisation);
    let item = |says: String, weight, hop, tls| {
        Some(Item { kind: Kind::Receipt, source: source.clone(), says, weight, tls, hop })
    };
    if proof == Proof::OtherContent {
        return item("the content is another than the one that it is about".to_owned(), Weight::Refuted, None, None);
    }
    let hop = own.checked_sub(1);
    let mx = receipt.mx.as_deref().unwrap_or("no server");
    let says = match &receipt.tls {
        Some(tls) => {
            format!("handed to {mx} over {} {}, certificate judged: {}", tls.version, tls.cipher, tls.verified)
        }
        None if receipt.mx.is_some() => format!("handed to {mx} without TLS"),
        None => "nothing was handed to a server".to_owned(),
    };
    let used = receipt.mx.is_some().then_some(receipt.tls.is_some());
    if proof == Proof::Unchecked {
        let says = format!("{says}; without its salt nothing shows that it is about this content");
        return item(says, Weight::Claimed, hop, used);
    }
    if let (Some(hop), Some(true)) = (hop.and_then(|hop| trace.hops.get_mut(hop)), used) {
        hop.verdict = Verdict::Encrypted;
        hop.because = Because::Proved("a receipt of the sending server says so, and it was verified here");
        trace.conclude();
    }
    item(says, Weight::Proved, hop, used)
}
