//! TLS sessions that are resumed: what the next handshake with a host need not
//! do again.
//!
//! **Invariant**: a resumed session claims only what its first handshake proved.
//!
//! - Only sessions whose certificate was verified are kept, by anchors or by
//!   TLSA records, with the chain that was shown.
//! - Before one is offered, that chain is judged again, by the anchors, records
//!   and time of now. What would not verify now is forgotten, and the peer has to
//!   show what it has: a session never hides that a certificate was replaced.
//! - A session is found by the host's name and by the anchors that its route
//!   asks for, and lives no longer than [`LIFE`] from the handshake in which the
//!   certificate was shown, however often it is resumed.
//! - A handshake that fails while one was offered proves nothing of the peer
//!   ([`Verdict::Defer`](super::Verdict)), and forgets the host.
//!
//! TLS 1.3 alone (RFC 8446 §2.2), with a fresh key exchange each time; version
//! 1.2 resumes without one. No early data.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::Anchors;

/// How long a certificate that was shown once may stand for its host.
const LIFE: Duration = Duration::from_hours(1);

/// How many hosts are remembered.
const HOSTS_MAX: usize = 1_000;

/// Each is used once (RFC 8446 §C.4), and servers give two for each connection.
const TICKETS_MAX: usize = 4;

/// By what sessions are found.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub(super) name: ServerName<'static>,
    /// The anchors of its route, in place of everybody's.
    pub(super) anchors: Option<Anchors>,
}

/// A certificate that a peer proved to hold.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) chain: Arc<[CertificateDer<'static>]>,
    pub(super) at: UnixTime,
}

/// The sessions of all hosts.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Host, VecDeque<Kept>>>);

struct Kept {
    ticket: Tls13ClientSessionValue,
    shown: Shown,
}

impl Sessions {
    /// A session whose certificate would still be verified; it is offered once.
    fn take(&self, host: &Host, now: UnixTime, is_verified: impl Fn(&[CertificateDer<'_>]) -> bool) -> Option<Kept> {
        loop {
            let kept = {
                let mut hosts = self.lock();
                let tickets = hosts.get_mut(host)?;
                let newest = tickets.pop_back();
                if tickets.is_empty() {
                    hosts.remove(host);
                }
                newest?
            };
            if lives(&kept.shown, now) && is_verified(&kept.shown.chain) {
                return Some(kept);
            }
        }
    }

    fn keep(&self, host: &Host, ticket: Tls13ClientSessionValue, shown: Shown) {
        let mut hosts = self.lock();
        if hosts.len() >= HOSTS_MAX && !hosts.contains_key(host) {
            let now = shown.at;
            hosts.retain(|_, tickets| tickets.back().is_some_and(|kept| lives(&kept.shown, now)));
            let oldest = hosts.iter().min_by_key(|(_, tickets)| tickets.back().map(|kept| kept.shown.at.as_secs()));
            let oldest = oldest.map(|(host, _)| host.clone()).filter(|_| hosts.len() >= HOSTS_MAX);
            oldest.and_then(|oldest| hosts.remove(&oldest));
        }
        let tickets = hosts.entry(host.clone()).or_default();
        if tickets.len() >= TICKETS_MAX {
            tickets.pop_front();
        }
        tickets.push_back(Kept { ticket, shown });
    }

    fn forget(&self, host: &Host) {
        self.lock().remove(host);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Host, VecDeque<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lives(shown: &Shown, now: UnixTime) -> bool {
    let age = now.as_secs().checked_sub(shown.at.as_secs());
    age.is_some_and(|age| age < LIFE.as_secs())
}

/// What one handshake offers, and the tickets that the peer gives on its connection.
pub(super) struct Offer {
    sessions: Arc<Sessions>,
    host: Host,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    offered: Option<Kept>,
    /// Of the session that was offered.
    resumes: Option<Shown>,
    is_taken: bool,
    /// The certificate of this connection, once it was verified.
    shown: Option<Shown>,
    /// Given before that.
    early: Vec<Tls13ClientSessionValue>,
}

impl Offer {
    /// Offers what is known of a host, if anything.
    pub(super) fn new(
        sessions: Arc<Sessions>,
        host: Host,
        now: UnixTime,
        is_verified: impl Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Self {
        let offered = sessions.take(&host, now, is_verified);
        let resumes = offered.as_ref().map(|kept| kept.shown.clone());
        let state = State { offered, resumes, ..State::default() };
        Self { sessions, host, state: Mutex::new(state) }
    }

    /// Whether the peer saw a session of ours.
    pub(super) fn is_taken(&self) -> bool {
        self.lock().is_taken
    }

    /// The certificate of the session that was resumed.
    pub(super) fn resumed(&self) -> Option<Shown> {
        self.lock().resumes.clone()
    }

    /// Keeps the tickets of this connection: its certificate was verified.
    pub(super) fn keep(&self, shown: &Shown) {
        let early = {
            let mut state = self.lock();
            state.shown = Some(shown.clone());
            std::mem::take(&mut state.early)
        };
        early.into_iter().for_each(|ticket| self.sessions.keep(&self.host, ticket, shown.clone()));
    }

    /// Nothing of this host is offered again.
    pub(super) fn forget(&self) {
        self.sessions.forget(&self.host);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer").finish_non_exhaustive()
    }
}

/// Version 1.2 has none.
impl ClientSessionStore for Offer {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let shown = {
            let mut state = self.lock();
            let Some(shown) = state.shown.clone() else {
                if state.early.len() < TICKETS_MAX {
                    state.early.push(ticket);
                }
                return;
            };
            shown
        };
        self.sessions.keep(&self.host, ticket, shown);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut state = self.lock();
        let offered = state.offered.take()?;
        state.is_taken = true;
        Some(offered.ticket)
    }
}
