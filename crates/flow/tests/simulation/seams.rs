//! What the seed decides: time, randomness, names and connections.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use mail::{Clock, Domain, Entropy, MxLookup};
use tokio::time::Instant;
use transport::{Exchange, Exchanges, Network, Pending, ResolveError, Resolver, Stream};

use crate::mx::Host;

/// SplitMix64: small, and the same everywhere.
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5ea1_9057)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Randomness from the seed.
pub struct SeededEntropy(pub Mutex<Dice>);

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut dice = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            let word = dice.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

/// The runtime's paused time, counted from a fixed day.
pub struct SimulatedClock(pub Instant);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let day = Timestamp::from_second(1_800_000_000).unwrap();
        day.checked_add(Instant::now().duration_since(self.0)).unwrap()
    }
}

/// The names and hosts outside.
pub struct World {
    pub hosts: HashMap<IpAddr, Arc<Host>>,
    pub domains: Vec<(Domain, IpAddr)>,
    dice: Mutex<Dice>,
    healed: Mutex<bool>,
}

impl World {
    pub fn new(seed: u64, hosts: Vec<(Domain, Arc<Host>)>) -> Self {
        let address = |at: usize| IpAddr::V4(Ipv4Addr::new(192, 0, 2, u8::try_from(at).unwrap() + 1));
        Self {
            domains: hosts.iter().enumerate().map(|(at, (domain, _))| (domain.clone(), address(at))).collect(),
            hosts: hosts.into_iter().enumerate().map(|(at, (_, host))| (address(at), host)).collect(),
            dice: Mutex::new(Dice::new(seed ^ 0xd15)),
            healed: Mutex::new(false),
        }
    }

    /// From now on nothing fails that did not fail from the start.
    pub fn heal(&self) {
        *self.healed.lock().unwrap() = true;
        self.hosts.values().for_each(|host| host.heal());
    }

    fn fails(&self, one_in: u64) -> bool {
        !*self.healed.lock().unwrap() && self.dice.lock().unwrap().one_in(one_in)
    }
}

/// The DNS, which sometimes does not answer.
pub struct SimulatedDns(pub Arc<World>);

impl Resolver for SimulatedDns {
    fn exchanges<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        Box::pin(async move {
            if self.0.fails(10) {
                return Err(ResolveError::Failed);
            }
            self.0.domains.iter().find(|(known, _)| known == domain).ok_or(ResolveError::NoSuchName)?;
            let host = Domain::parse(&format!("mx.{domain}")).unwrap();
            Ok(Exchanges { hosts: vec![Exchange { preference: 10, host }], lookup: MxLookup::Insecure })
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            let domain = host.as_str().trim_start_matches("mx.");
            let known = self.0.domains.iter().find(|(known, _)| known.as_str() == domain);
            known.map(|(_, address)| vec![*address]).ok_or(ResolveError::NoSuchName)
        })
    }
}

/// The network, on which connections are sometimes refused.
pub struct SimulatedNetwork(pub Arc<World>);

impl Network for SimulatedNetwork {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let host = self.0.hosts.get(&to.ip()).cloned().ok_or(io::ErrorKind::ConnectionRefused)?;
            if self.0.fails(12) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = tokio::io::duplex(16 * 1024);
            tokio::spawn(host.serve(theirs));
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}
