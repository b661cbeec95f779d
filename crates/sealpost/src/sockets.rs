//! Listening sockets, bound once and kept while the configuration behind them
//! changes, so that a reload turns no client away.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

/// A listener by its section of the configuration and the address that is wanted there.
type Place = (&'static str, SocketAddr);

/// The bound sockets of this process.
#[derive(Default)]
pub struct Sockets(Mutex<Bound>);

#[derive(Default)]
struct Bound {
    sockets: HashMap<Place, std::net::TcpListener>,
    /// What was asked for since the last [`Sockets::begin`].
    wanted: HashSet<Place>,
}

impl Sockets {
    /// Another configuration is about to ask for its sockets.
    pub fn begin(&self) {
        self.bound().wanted.clear();
    }

    /// The socket of `section` at `address`, bound now if it is not yet; port 0 takes a free one.
    pub async fn bind(&self, section: &'static str, address: SocketAddr) -> Result<TcpListener> {
        let place = (section, address);
        if let Some(kept) = self.kept(place) {
            return kept.with_context(|| format!("can't go on listening on {address}"));
        }
        let bound = TcpListener::bind(address).await.and_then(TcpListener::into_std);
        self.keep(place, bound).with_context(|| format!("can't listen on {address}"))
    }

    /// Lets go of the sockets that were not asked for again.
    pub fn end(&self) {
        let mut bound = self.bound();
        let Bound { sockets, wanted } = &mut *bound;
        sockets.retain(|place, _| wanted.contains(place));
    }

    /// Lets go of all of them: who connects from now on is refused.
    pub fn close(&self) {
        self.bound().sockets.clear();
    }

    fn kept(&self, place: Place) -> Option<std::io::Result<TcpListener>> {
        let mut bound = self.bound();
        let socket = bound.sockets.get(&place)?.try_clone();
        bound.wanted.insert(place);
        Some(socket.and_then(TcpListener::from_std))
    }

    fn keep(&self, place: Place, socket: std::io::Result<std::net::TcpListener>) -> std::io::Result<TcpListener> {
        let socket = socket?;
        let given = TcpListener::from_std(socket.try_clone()?)?;
        let mut bound = self.bound();
        bound.sockets.insert(place, socket);
        bound.wanted.insert(place);
        Ok(given)
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
