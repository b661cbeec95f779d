//! Keyed indexes and hashes: what lets the database find a row, and a reader
//! of logs follow an address, without either holding it.
//!
//! Every use has an HMAC-SHA256 key of its own, derived from an index secret
//! that rotation keeps: an index that changed would find nothing.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use mail::{Address, Domain};

use crate::secret::Secret;

/// What a tag that leaves this system, and is known again when it comes back,
/// is for. Each has a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagFor {
    /// A message that went out to somebody.
    Round,
    /// A return path.
    Return,
    /// A probe of the administrator's.
    Probe,
    /// What a recipient unsubscribes by.
    Unsubscribe,
}

pub(crate) struct Indexes {
    address: Key,
    domain: Key,
    fingerprint: Key,
    subject: Key,
    suppression: Key,
    login: Key,
    link: Key,
    once: Key,
    log: Key,
    round: Key,
    returned: Key,
    probe: Key,
    unsubscribe: Key,
}

impl Indexes {
    pub(crate) fn new(secret: &Secret, org: &[u8; 4]) -> Self {
        let key = |purpose| Key::new(HMAC_SHA256, secret.derive(purpose, org).bytes());
        Self {
            address: key("index address"),
            domain: key("index domain"),
            fingerprint: key("index fingerprint"),
            subject: key("index subject"),
            suppression: key("index suppression"),
            login: key("index login"),
            link: key("index link"),
            once: key("index once"),
            log: key("index log"),
            round: key("tag round"),
            returned: key("tag return"),
            probe: key("tag probe"),
            unsubscribe: key("tag unsubscribe"),
        }
    }

    pub(crate) fn address(&self, address: &Address) -> [u8; 16] {
        first(mac(&self.address, address.to_string().as_bytes()))
    }

    pub(crate) fn domain(&self, domain: &Domain) -> [u8; 16] {
        first(mac(&self.domain, domain.as_str().as_bytes()))
    }

    pub(crate) fn fingerprint(&self, fingerprint: &[u8]) -> [u8; 16] {
        first(mac(&self.fingerprint, fingerprint))
    }

    pub(crate) fn subject(&self, subject: &str) -> [u8; 16] {
        first(mac(&self.subject, subject.as_bytes()))
    }

    pub(crate) fn suppression(&self, mailbox: &str) -> [u8; 16] {
        first(mac(&self.suppression, mailbox.as_bytes()))
    }

    pub(crate) fn login(&self, login: &str) -> [u8; 32] {
        mac(&self.login, login.as_bytes())
    }

    pub(crate) fn link(&self, link: &[u8; 16]) -> [u8; 32] {
        mac(&self.link, link)
    }

    pub(crate) fn once(&self, what: &[u8]) -> [u8; 32] {
        mac(&self.once, what)
    }

    pub(crate) fn tag(&self, purpose: TagFor, what: &[u8]) -> [u8; 32] {
        match purpose {
            TagFor::Round => mac(&self.round, what),
            TagFor::Return => mac(&self.returned, what),
            TagFor::Probe => mac(&self.probe, what),
            TagFor::Unsubscribe => mac(&self.unsubscribe, what),
        }
    }

    pub(crate) fn log(&self, address: &Address) -> String {
        let hash: [u8; 8] = first(mac(&self.log, address.to_string().as_bytes()));
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn mac(key: &Key, data: &[u8]) -> [u8; 32] {
    let tag = sign(key, data);
    tag.as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
}

/// The first `N` bytes. A shortened HMAC is still one (RFC 2104 §5).
fn first<const N: usize>(mac: [u8; 32]) -> [u8; N] {
    std::array::from_fn(|i| mac[i])
}
