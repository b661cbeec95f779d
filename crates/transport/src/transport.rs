//! Delivery of a parcel: the hosts in order, one fate for each recipient.

use std::sync::Arc;

use mail::{Clock, Entropy};
use seal::Parcel;

use crate::cause::Cause;
use crate::config::TransportConfig;
use crate::delivery::{Delivery, Fate, Wire};
use crate::network::Network;
use crate::resolver::Resolver;

/// What delivers parcels.
pub struct Transport {
    _config: TransportConfig,
    _network: Arc<dyn Network>,
    _resolver: Arc<dyn Resolver>,
    _clock: Arc<dyn Clock>,
    _entropy: Arc<dyn Entropy>,
}

impl Transport {
    /// A transport over these seams.
    pub fn new(
        config: TransportConfig,
        network: Arc<dyn Network>,
        resolver: Arc<dyn Resolver>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { _config: config, _network: network, _resolver: resolver, _clock: clock, _entropy: entropy }
    }

    /// Delivers a parcel to its recipients, who share a domain.
    pub async fn deliver(&self, parcel: &Parcel, _wire: &dyn Wire) -> Delivery {
        let fate = |recipient: &mail::Recipient| (recipient.address.clone(), Fate::Deferred(Cause::Unavailable));
        Delivery { recipients: parcel.recipients().iter().map(fate).collect(), attempts: Vec::new() }
    }
}
