//! How many clients are served at a time, in all and from one address, how
//! often an address may come, and how much one sender may send.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use identity::{Sender, Submitter, block_of};
use mail::OrgId;
use smtp::server::reply::{self, Fixed};

use super::ClientLimits;

/// Counts clients. A client of many addresses is one: IPv6 counts by /56.
pub(super) struct Gate {
    connections_max: usize,
    per_address_max: usize,
    per_minute_max: u32,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    connections: usize,
    addresses: HashMap<IpAddr, Visits>,
    /// When addresses without a connection were last forgotten.
    swept: Option<Instant>,
}

struct Visits {
    connections: usize,
    minute: Minute,
}

/// What happened in the minute that began then.
struct Minute {
    began: Instant,
    count: u32,
}

/// A client's place, given back when dropped.
pub(super) struct Pass {
    gate: Arc<Gate>,
    address: IpAddr,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Gate {
    pub(super) fn new(limits: &ClientLimits) -> Arc<Self> {
        Arc::new(Self {
            connections_max: limits.connections_max,
            per_address_max: limits.connections_per_address_max,
            per_minute_max: limits.connections_per_minute_max,
            counts: Mutex::default(),
        })
    }

    /// A place for a client from `peer`, or the reply that sends it away.
    /// A named network is not asked how often it comes.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr, named: bool, now: Instant) -> Result<Pass, Fixed> {
        let address = block_of(peer);
        let counts = &mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.sweep(now);
        if counts.connections >= self.connections_max {
            return Err(reply::TOO_MANY_CLIENTS);
        }
        let visits = counts.addresses.entry(address).or_insert(Visits { connections: 0, minute: Minute::new(now) });
        let too_often = !visits.minute.allows(self.per_minute_max, now) && !named;
        if too_often || visits.connections >= self.per_address_max {
            return Err(reply::TOO_MANY_FROM_ADDRESS);
        }
        visits.connections += 1;
        counts.connections += 1;
        Ok(Pass { gate: self.clone(), address })
    }
}

impl Minute {
    fn new(now: Instant) -> Self {
        Self { began: now, count: 0 }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= MINUTE
    }

    /// Counts once more; whether that is not more than `max`.
    fn allows(&mut self, max: u32, now: Instant) -> bool {
        if self.is_over(now) {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count <= max
    }
}

/// Counts messages of a sender, over all of its connections.
pub(super) struct Meter {
    per_minute_max: u32,
    senders: Mutex<HashMap<OrgId, HashMap<Submitter, Minute>>>,
    strangers: Mutex<Strangers>,
}

/// Strangers are told apart by where they come from.
#[derive(Default)]
struct Strangers {
    addresses: HashMap<IpAddr, Minute>,
    swept: Option<Instant>,
}

impl Meter {
    pub(super) fn new(limits: &ClientLimits) -> Self {
        Self { per_minute_max: limits.messages_per_minute_max, senders: Mutex::default(), strangers: Mutex::default() }
    }

    /// Whether the sender may send one more now from `peer`. As many are
    /// remembered as there are credentials, named networks and connectors, and
    /// of strangers those of the last minutes.
    pub(super) fn allows(&self, sender: &Sender, peer: IpAddr, now: Instant) -> bool {
        if sender.by == Submitter::Stranger {
            let strangers = &mut *self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
            strangers.sweep(now);
            let minute = strangers.addresses.entry(block_of(peer)).or_insert(Minute::new(now));
            return minute.allows(self.per_minute_max, now);
        }
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let known = senders.entry(sender.org).or_default();
        match known.get_mut(&sender.by) {
            Some(minute) => minute.allows(self.per_minute_max, now),
            None => known.entry(sender.by.clone()).or_insert(Minute::new(now)).allows(self.per_minute_max, now),
        }
    }
}

impl Strangers {
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < MINUTE) {
            return;
        }
        self.swept = Some(now);
        self.addresses.retain(|_, minute| !minute.is_over(now));
    }
}

impl Counts {
    /// Once a minute: an address that is gone for a minute is forgotten.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < MINUTE) {
            return;
        }
        self.swept = Some(now);
        let is_recent = |visits: &Visits| !visits.minute.is_over(now);
        self.addresses.retain(|_, visits| visits.connections > 0 || is_recent(visits));
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.gate.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.connections = counts.connections.saturating_sub(1);
        if let Some(visits) = counts.addresses.get_mut(&self.address) {
            visits.connections = visits.connections.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections: usize, per_address: usize, per_minute: u32) -> Arc<Gate> {
        Gate::new(&ClientLimits {
            connections_max: connections,
            connections_per_address_max: per_address,
            connections_per_minute_max: per_minute,
            ..ClientLimits::default()
        })
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_given_back() {
        let gate = gate(2, 2, 100);
        let now = Instant::now();
        let first = gate.enter(ip("192.0.2.1"), false, now).unwrap_or_else(|_| panic!());
        let _second = gate.enter(ip("192.0.2.2"), false, now).unwrap_or_else(|_| panic!());
        assert!(gate.enter(ip("192.0.2.3"), false, now).is_err());
        drop(first);
        assert!(gate.enter(ip("192.0.2.3"), false, now).is_ok());
    }

    #[test]
    fn an_address_has_its_share_and_a_customer_of_ipv6_is_one_address() {
        let gate = gate(10, 1, 100);
        let now = Instant::now();
        let _first = gate.enter(ip("2001:db8::1"), false, now);
        assert!(gate.enter(ip("2001:db8::2"), false, now).is_err());
        assert!(gate.enter(ip("2001:db8:0:100::2"), false, now).is_ok());
        let _mapped = gate.enter(ip("::ffff:192.0.2.1"), false, now);
        assert!(gate.enter(ip("192.0.2.1"), false, now).is_err());
    }

    #[test]
    fn an_address_may_come_so_often_a_minute() {
        let gate = gate(10, 10, 2);
        let now = Instant::now();
        let peer = ip("192.0.2.1");
        assert!(gate.enter(peer, false, now).is_ok() && gate.enter(peer, false, now).is_ok());
        assert!(gate.enter(peer, false, now).is_err());
        assert!(gate.enter(peer, true, now).is_ok(), "a named network comes as often as it likes");
        assert!(gate.enter(peer, false, now + MINUTE).is_ok());
    }

    #[test]
    fn a_sender_may_send_so_much_a_minute() {
        let meter = Meter::new(&ClientLimits { messages_per_minute_max: 2, ..ClientLimits::default() });
        let sender = |org, login: &str| Sender {
            org: OrgId(org),
            by: Submitter::Credential(login.to_owned()),
            senders: Vec::new(),
        };
        let now = Instant::now();
        let ward = ip("192.0.2.1");
        assert!(meter.allows(&sender(1, "ehr"), ward, now) && meter.allows(&sender(1, "ehr"), ip("192.0.2.2"), now));
        assert!(!meter.allows(&sender(1, "ehr"), ward, now));
        assert!(meter.allows(&sender(1, "desk"), ward, now) && meter.allows(&sender(2, "ehr"), ward, now));
        assert!(meter.allows(&sender(1, "ehr"), ward, now + MINUTE));
    }

    #[test]
    fn strangers_are_told_apart_by_their_address() {
        let meter = Meter::new(&ClientLimits { messages_per_minute_max: 1, ..ClientLimits::default() });
        let stranger = Sender { org: OrgId(1), by: Submitter::Stranger, senders: Vec::new() };
        let now = Instant::now();
        assert!(meter.allows(&stranger, ip("192.0.2.1"), now));
        assert!(!meter.allows(&stranger, ip("192.0.2.1"), now));
        assert!(meter.allows(&stranger, ip("192.0.2.2"), now));
        assert!(meter.allows(&stranger, ip("192.0.2.1"), now + MINUTE * 2));
        assert_eq!(meter.strangers.lock().unwrap().addresses.len(), 1, "who is gone is forgotten");
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let gate = gate(10, 10, 10);
        let now = Instant::now();
        for last in 0..200u8 {
            let _ = gate.enter(IpAddr::from([192, 0, 2, last]), false, now);
        }
        let _ = gate.enter(ip("198.51.100.1"), false, now + MINUTE * 2);
        assert_eq!(gate.counts.lock().unwrap().addresses.len(), 1);
    }
}
