//! Listening sockets, bound once and kept while the configuration behind them
//! changes, so that a reload turns no client away.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpSocket};

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
    /// What was there then.
    before: HashSet<Place>,
}

impl Sockets {
    /// Another configuration is about to ask for its sockets.
    pub fn begin(&self) {
        let mut bound = self.bound();
        bound.before = bound.sockets.keys().copied().collect();
        bound.wanted.clear();
    }

    /// That configuration does not come to hold: lets go of what only it has
    /// asked for, at which nobody would ever take up a client.
    pub fn give_up(&self) {
        let mut bound = self.bound();
        let Bound { sockets, before, .. } = &mut *bound;
        sockets.retain(|place, _| before.contains(place));
    }

    /// The socket of `section` at `address`, bound now if it is not yet; port 0 takes a free one.
    pub async fn bind(&self, section: &'static str, address: SocketAddr) -> Result<TcpListener> {
        let place = (section, address);
        if let Some(kept) = self.kept(place) {
            return kept.with_context(|| format!("can't go on listening on {address}"));
        }
        self.keep(place, listen(address)).with_context(|| format!("can't listen on {address}"))
    }

    /// Lets go of the sockets that were not asked for again.
    pub fn end(&self) {
        let mut bound = self.bound();
        let Bound { sockets, wanted, .. } = &mut *bound;
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

/// Clients that have come and are not taken up yet. Those beyond it the kernel
/// drops without a word, and they wait for a greeting that never comes: of
/// 2,000 that came at once 300 did. Linux takes no more than its own
/// `net.core.somaxconn`.
const WAITING_MAX: u32 = 4_096;

fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart takes the port over from connections that are ending.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_MAX)?.into_std()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_a_failed_reload_opened_is_closed_again() {
        let sockets = Sockets::default();
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let kept = sockets.bind("submission", free).await.unwrap().local_addr().unwrap();
        sockets.begin();
        let again = sockets.bind("submission", free).await.unwrap().local_addr().unwrap();
        let new = sockets.bind("gateway", free).await.unwrap();
        let opened = new.local_addr().unwrap();
        drop(new);
        assert!(TcpStream::connect(opened).is_ok(), "it is kept for the next configuration");
        sockets.give_up();
        assert!(TcpStream::connect(opened).is_err(), "nobody would take up a client there");
        assert!(kept == again && TcpStream::connect(kept).is_ok());
    }

    #[tokio::test]
    async fn a_crowd_that_comes_at_once_is_not_dropped() {
        let socket = Sockets::default().bind("submission", SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = socket.local_addr().unwrap();
        // Nobody is taken up meanwhile.
        let crowd: Vec<_> = (0..400).map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(2))).collect();
        assert_eq!(crowd.iter().filter(|client| client.is_ok()).count(), 400);
    }
}
