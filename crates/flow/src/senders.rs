//! Senders: which transport carries a parcel. A stream may leave from sources
//! of its own, and never leaves from any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use mail::{Domain, ParcelId};
use store::Leased;
use transport::{Comer, Permit, PutOff, Transport};

use crate::streams::CODES;

/// All transports.
#[derive(Clone)]
pub struct Senders {
    default: Arc<Transport>,
    streams: BTreeMap<String, Vec<Arc<Transport>>>,
}

/// A parcel's turn at its destination.
pub(crate) struct Turn {
    /// What is to carry it.
    pub sender: Arc<Transport>,
    /// That it may.
    pub permit: Permit,
}

impl From<Arc<Transport>> for Senders {
    /// One for all.
    fn from(default: Arc<Transport>) -> Self {
        Self { default, streams: BTreeMap::new() }
    }
}

impl Senders {
    /// Lets a stream leave by these alone.
    #[must_use]
    pub fn with(mut self, stream: &str, senders: Vec<Arc<Transport>>) -> Self {
        if !senders.is_empty() {
            self.streams.insert(stream.to_owned(), senders);
        }
        self
    }

    /// What carries whatever leaves from no source.
    pub(crate) fn usual(&self) -> &Transport {
        &self.default
    }

    /// Takes leave on every idle connection and keeps none from now on.
    pub async fn close(&self) {
        self.default.close().await;
        for sender in self.streams.values().flatten() {
            sender.close().await;
        }
    }

    /// Comes to the destination of a domain with a parcel.
    ///
    /// Of several, a parcel prefers the same one each time: who greylists
    /// knows it by its address when it comes again. While that one may not send
    /// there, the next that may takes it: a new address has its small share in
    /// its first days, and what it can't send waits for nobody.
    pub(crate) async fn enter(&self, domain: &Domain, leased: &Leased) -> Result<Turn, PutOff> {
        let all = self.of(leased);
        let Some((preferred, others)) = all.split_first() else {
            return enter(self.default.clone(), domain, leased).await;
        };
        if !others.is_empty() && !is_free(preferred, domain, leased).await {
            for other in others {
                if is_free(other, domain, leased).await {
                    return enter((*other).clone(), domain, leased).await;
                }
            }
        }
        enter((*preferred).clone(), domain, leased).await
    }

    /// Those that a parcel may leave by, the preferred one first.
    fn of(&self, leased: &Leased) -> Vec<&Arc<Transport>> {
        // Two streams can have one number by chance: then it is as if they were one, which
        // the configuration refuses where they leave from different places.
        let own = self.streams.iter().find(|(stream, _)| leased.lane.is_of(stream));
        let mut all: Vec<&Arc<Transport>> = own.map(|(_, own)| own.iter().collect()).unwrap_or_default();
        let first = share(leased.parcel, all.len());
        all.rotate_left(first);
        all
    }
}

/// Which of so many a parcel prefers: each as many as the next.
fn share(parcel: ParcelId, of: usize) -> usize {
    let bytes = parcel.as_bytes();
    let number = bytes.iter().rev().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    (number as usize).checked_rem(of).unwrap_or_default()
}

async fn is_free(sender: &Transport, domain: &Domain, leased: &Leased) -> bool {
    let is_here = sender.source().is_none_or(|source| source.missing().next().is_none());
    let destination = sender.destination(domain).await;
    is_here && sender.shaper().is_free(&destination, leased.lane.priority())
}

async fn enter(sender: Arc<Transport>, domain: &Domain, leased: &Leased) -> Result<Turn, PutOff> {
    let destination = sender.destination(domain).await;
    let comer = Comer { priority: leased.lane.priority(), is_code: leased.lane.is_of(CODES) };
    let permit = sender.shaper().enter(&destination, comer).await?;
    Ok(Turn { sender, permit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_prefers_the_same_one_each_time_and_each_has_as_many() {
        let mut counts = [0_u32; 3];
        for number in 0..3_000_u64 {
            let mut bytes = [7; 16];
            bytes[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            let parcel = ParcelId::from_bytes(bytes);
            let preferred = share(parcel, 3);
            assert_eq!(share(parcel, 3), preferred);
            counts[preferred] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert_eq!((share(ParcelId::from_bytes([9; 16]), 1), share(ParcelId::from_bytes([9; 16]), 0)), (0, 0));
    }
}
