//! A TCP proxy between a mail client and its server that does what attackers
//! and bad networks do.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::loopback;

/// What the proxy does to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// Nothing: bytes pass.
    Honest,
    /// Blots STARTTLS out of the server's EHLO reply, and refuses the command.
    StripStarttls,
    /// Accepts the connection and says nothing, for ever.
    Stall,
    /// Passes this many bytes of the server, then says nothing.
    StallAfter(usize),
    /// Passes the message and its final dot, and cuts the line before the server's reply comes back.
    DropAfterDot,
    /// Passes what the client sends, and cuts the line before any reply that comes after this many bytes of it:
    /// the final dot under TLS, where nobody can see it.
    DropAfterSent(usize),
    /// Cuts the line as soon as the server has answered STARTTLS.
    DropInHandshake,
    /// Holds every packet of the server back for so long.
    Delay(Duration),
    /// Closes each connection at once.
    Refuse,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    target: SocketAddr,
    mischief: Mutex<Mischief>,
    closed: Mutex<bool>,
    close: Condvar,
    connections: AtomicUsize,
    lines: Mutex<Vec<TcpStream>>,
    /// Each direction of each connection by itself, where all is kept.
    recorded: Option<Mutex<Vec<Recording>>>,
}

type Recording = Arc<Mutex<Vec<u8>>>;

impl Proxy {
    /// A proxy to `target`, at a loopback address of its own and any port.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub fn start(target: SocketAddr, mischief: Mischief) -> Self {
        Self::at(loopback::free(), target, mischief)
    }

    /// A proxy at this address.
    ///
    /// # Panics
    ///
    /// When it is taken.
    pub fn at(address: SocketAddr, target: SocketAddr, mischief: Mischief) -> Self {
        Self::begin(address, target, mischief, None)
    }

    /// An honest proxy at this address that keeps all that crosses it, for [`Proxy::crossed`].
    ///
    /// # Panics
    ///
    /// When the address is taken.
    pub fn recording(address: SocketAddr, target: SocketAddr) -> Self {
        Self::begin(address, target, Mischief::Honest, Some(Mutex::default()))
    }

    fn begin(
        address: SocketAddr,
        target: SocketAddr,
        mischief: Mischief,
        recorded: Option<Mutex<Vec<Recording>>>,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("the proxy's address");
        let address = listener.local_addr().expect("the address of a bound socket");
        let shared = Arc::new(Shared {
            target,
            mischief: Mutex::new(mischief),
            closed: Mutex::new(false),
            close: Condvar::new(),
            connections: AtomicUsize::new(0),
            lines: Mutex::new(Vec::new()),
            recorded,
        });
        let served = shared.clone();
        let thread = std::thread::spawn(move || served.serve(&listener));
        Self { address, shared, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does to the connections that come from now on.
    pub fn turn(&self, mischief: Mischief) {
        *locked(&self.shared.mischief) = mischief;
    }

    /// How many connections it took.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// What crossed so far, each direction of each connection by itself; nothing unless it is [recording](Self::recording).
    pub fn crossed(&self) -> Vec<Vec<u8>> {
        let recorded = self.shared.recorded.as_ref().map(|recorded| locked(recorded).clone()).unwrap_or_default();
        recorded.iter().map(|one| locked(one).clone()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *locked(&self.shared.closed) = true;
        self.shared.close.notify_all();
        for line in locked(&self.shared.lines).drain(..) {
            drop(line.shutdown(Shutdown::Both));
        }
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn serve(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if *locked(&self.closed) {
                return;
            }
            self.connections.fetch_add(1, Ordering::SeqCst);
            let mischief = *locked(&self.mischief);
            let shared = self.clone();
            std::thread::spawn(move || shared.connect(client, mischief));
        }
    }

    fn connect(&self, client: TcpStream, mischief: Mischief) -> Option<()> {
        locked(&self.lines).push(client.try_clone().ok()?);
        match mischief {
            Mischief::Refuse => return client.shutdown(Shutdown::Both).ok(),
            Mischief::Stall => {
                self.rest(None);
                return None;
            }
            _ => {}
        }
        // Its other handle would keep the client waiting for ever.
        let Ok(server) = TcpStream::connect(self.target) else { return client.shutdown(Shutdown::Both).ok() };
        locked(&self.lines).push(server.try_clone().ok()?);
        let seen = Seen::default();
        std::thread::scope(|scope| {
            scope.spawn(|| self.upstream(&client, &server, mischief, &seen));
            self.downstream(&client, &server, mischief, &seen);
        });
        Some(())
    }

    /// A place for one direction of a connection; none where nothing is kept.
    fn record(&self) -> Option<Recording> {
        let recording = Recording::default();
        locked(self.recorded.as_ref()?).push(recording.clone());
        Some(recording)
    }

    /// From the client to the server.
    fn upstream(&self, client: &TcpStream, server: &TcpStream, mischief: Mischief, seen: &Seen) {
        let recording = self.record();
        pass(client, server, |bytes| {
            keep(recording.as_ref(), bytes);
            if mischief == Mischief::StripStarttls && is_starttls(bytes) {
                drop((&*client).write_all(b"502 5.5.1 command not implemented\r\n"));
                return None;
            }
            seen.note(bytes);
            Some(bytes.to_vec())
        });
        drop(server.shutdown(Shutdown::Write));
    }

    /// From the server to the client.
    fn downstream(&self, client: &TcpStream, server: &TcpStream, mischief: Mischief, seen: &Seen) {
        let mut passed = 0;
        let recording = self.record();
        pass(server, client, |bytes| {
            keep(recording.as_ref(), bytes);
            match mischief {
                Mischief::StripStarttls => return Some(strip(bytes)),
                Mischief::Delay(time) => self.rest(Some(time)),
                Mischief::StallAfter(limit) if passed + bytes.len() > limit => self.rest(None),
                Mischief::DropAfterDot if seen.dot.load(Ordering::SeqCst) => cut(client, server),
                Mischief::DropAfterSent(limit) if seen.sent.load(Ordering::SeqCst) > limit => cut(client, server),
                Mischief::DropInHandshake if seen.starttls.load(Ordering::SeqCst) => cut(client, server),
                _ => {}
            }
            passed += bytes.len();
            Some(bytes.to_vec())
        });
        drop(client.shutdown(Shutdown::Write));
    }

    /// Rests for a time, or until the proxy is dropped.
    fn rest(&self, time: Option<Duration>) {
        let closed = locked(&self.closed);
        match time {
            Some(time) => drop(self.close.wait_timeout_while(closed, time, |closed| !*closed)),
            None => drop(self.close.wait_while(closed, |closed| !*closed)),
        }
    }
}

/// What went by towards the server.
#[derive(Default)]
struct Seen {
    starttls: AtomicBool,
    dot: AtomicBool,
    sent: AtomicUsize,
    tail: Mutex<Vec<u8>>,
}

impl Seen {
    fn note(&self, bytes: &[u8]) {
        if is_starttls(bytes) {
            self.starttls.store(true, Ordering::SeqCst);
        }
        let mut tail = locked(&self.tail);
        tail.extend_from_slice(bytes);
        if tail.ends_with(b"\r\n.\r\n") {
            self.dot.store(true, Ordering::SeqCst);
        }
        let surplus = tail.len().saturating_sub(5);
        tail.drain(..surplus);
        self.sent.fetch_add(bytes.len(), Ordering::SeqCst);
    }
}

fn keep(recording: Option<&Recording>, bytes: &[u8]) {
    if let Some(recording) = recording {
        locked(recording).extend_from_slice(bytes);
    }
}

fn cut(client: &TcpStream, server: &TcpStream) {
    drop(client.shutdown(Shutdown::Both));
    drop(server.shutdown(Shutdown::Both));
}

fn is_starttls(bytes: &[u8]) -> bool {
    bytes.to_ascii_uppercase().windows(8).any(|window| window == b"STARTTLS")
}

/// The same length, so that nothing else in the reply changes.
fn strip(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(at) = bytes.windows(8).position(|window| window == b"STARTTLS") {
        bytes[at..at + 8].copy_from_slice(b"XXXXXXXX");
    }
    bytes
}

/// Reads until the end, and writes what `change` makes of each packet.
fn pass(mut from: &TcpStream, mut to: &TcpStream, mut change: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let mut packet = [0; 16 * 1024];
    while let Ok(length) = from.read(&mut packet) {
        if length == 0 {
            return;
        }
        let Some(bytes) = change(&packet[..length]) else { continue };
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that greets, then answers each packet with a reply.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut packet = [0; 512];
                drop(stream.write_all(b"220 hello\r\n"));
                while stream.read(&mut packet).is_ok_and(|length| length > 0) {
                    drop(stream.write_all(b"250-mx\r\n250-STARTTLS\r\n250 OK\r\n"));
                }
            }
        });
        address
    }

    fn talk(proxy: &Proxy, say: &[u8]) -> String {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let mut packet = [0; 512];
        let mut heard = Vec::new();
        let mut hear = |stream: &mut TcpStream| {
            let length = stream.read(&mut packet).unwrap_or_default();
            heard.extend_from_slice(&packet[..length]);
        };
        hear(&mut stream);
        stream.write_all(say).unwrap();
        hear(&mut stream);
        String::from_utf8(heard).unwrap()
    }

    #[test]
    fn each_mischief_is_done() {
        let proxy = Proxy::start(server(), Mischief::Honest);
        assert_eq!(talk(&proxy, b"EHLO x\r\n"), "220 hello\r\n250-mx\r\n250-STARTTLS\r\n250 OK\r\n");
        proxy.turn(Mischief::StripStarttls);
        assert_eq!(talk(&proxy, b"EHLO x\r\n"), "220 hello\r\n250-mx\r\n250-XXXXXXXX\r\n250 OK\r\n");
        assert_eq!(talk(&proxy, b"STARTTLS\r\n"), "220 hello\r\n502 5.5.1 command not implemented\r\n");
        proxy.turn(Mischief::DropAfterDot);
        assert_eq!(talk(&proxy, b"text\r\n.\r\n"), "220 hello\r\n");
        proxy.turn(Mischief::DropAfterSent(9));
        assert_eq!(talk(&proxy, b"text of 10"), "220 hello\r\n");
        proxy.turn(Mischief::DropInHandshake);
        assert_eq!(talk(&proxy, b"STARTTLS\r\n"), "220 hello\r\n");
        proxy.turn(Mischief::StallAfter(11));
        assert_eq!(talk(&proxy, b"EHLO x\r\n"), "220 hello\r\n");
        proxy.turn(Mischief::Stall);
        assert_eq!(talk(&proxy, b"EHLO x\r\n"), "");
        proxy.turn(Mischief::Delay(Duration::from_millis(1)));
        assert!(talk(&proxy, b"EHLO x\r\n").ends_with("250 OK\r\n"));
        proxy.turn(Mischief::Refuse);
        assert_eq!(TcpStream::connect(proxy.address()).unwrap().read(&mut [0]).unwrap_or(0), 0);
        assert_eq!(proxy.connections(), 10);
        assert!(proxy.crossed().is_empty(), "nothing is kept unasked");
    }

    #[test]
    fn a_client_of_a_server_that_is_gone_is_sent_away() {
        let proxy = Proxy::start(loopback::free(), Mischief::Honest);
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn what_crosses_is_kept_by_direction() {
        let proxy = Proxy::recording(loopback::free(), server());
        talk(&proxy, b"EHLO x\r\n");
        let mut crossed = proxy.crossed();
        crossed.sort();
        assert_eq!(crossed, [&b"220 hello\r\n250-mx\r\n250-STARTTLS\r\n250 OK\r\n"[..], b"EHLO x\r\n"]);
    }
}
