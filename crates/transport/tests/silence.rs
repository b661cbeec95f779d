//! Peers that fall silent, in a world without sockets and with a clock that
//! runs as fast as it can: every wait is bounded, and the same run twice goes
//! the same way.

mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::{Domain, Level, MxLookup, Need, Priority};
use support::peer::{Behaviour, Seen, lock, serve};
use support::{Counting, Letter, Names, RealClock, parcel, words};
use testkit::ca::Ca;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;
use transport::{Anchors, Exchange, Exchanges, Network, Pending, Stream, Timeouts, Transport, TransportConfig};

/// A network within the test: every connection leads to one host.
struct Memory {
    host: Host,
    seen: Arc<Mutex<Seen>>,
}

enum Host {
    Serves(Behaviour),
    /// Opening a connection never ends.
    Unreachable,
    /// Writes these bytes one by one, ten seconds apart.
    Drips(&'static [u8]),
    /// Reads nothing.
    Deaf,
}

impl Network for Memory {
    fn connect(&self, _to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        match &self.host {
            Host::Unreachable => return Box::pin(std::future::pending()),
            Host::Serves(behaviour) => {
                drop(tokio::spawn(serve(behaviour.clone(), self.seen.clone(), Box::new(theirs))));
            }
            Host::Drips(bytes) => {
                drop(tokio::spawn(drip(theirs, bytes)));
            }
            Host::Deaf => drop(tokio::spawn(async move {
                theirs.write_all(b"220 mx\r\n").await.unwrap();
                std::future::pending::<()>().await;
                drop(theirs);
            })),
        }
        Box::pin(async move { Ok(Box::new(ours) as Box<dyn Stream>) })
    }
}

async fn drip(mut stream: DuplexStream, bytes: &'static [u8]) -> io::Result<()> {
    for byte in bytes.iter().cycle() {
        tokio::time::sleep(Duration::from_secs(10)).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(())
}

fn transport(host: Host, ca: &Ca, adjust: impl FnOnce(&mut TransportConfig)) -> (Transport, Arc<Mutex<Seen>>) {
    let seen = Arc::<Mutex<Seen>>::default();
    let mut names = Names::default();
    let hosts = vec![Exchange { preference: 10, host: Domain::parse("mx1.r.example").unwrap() }];
    names.exchanges.insert("r.example".to_owned(), Ok(Exchanges { hosts, lookup: MxLookup::Insecure }));
    names.addresses.insert("mx1.r.example".to_owned(), Ok(vec![[8, 0, 0, 1].into()]));
    let mut config = TransportConfig::new(Domain::parse("out.example").unwrap());
    adjust(&mut config);
    let anchors = Anchors::from_pem(ca.pem().as_bytes()).unwrap();
    let network = Arc::new(Memory { host, seen: seen.clone() });
    let entropy = Arc::<Counting>::default();
    (Transport::new(config, anchors, network, Arc::new(names), Arc::new(RealClock), entropy), seen)
}

async fn check(host: impl FnOnce(&Ca) -> Host, expect: &str, took: Duration) {
    let ca = Ca::new();
    let (transport, _) = transport(host(&ca), &ca, |_| {});
    let began = Instant::now();
    let delivery = transport.deliver(&parcel(Need::Verified), &Letter::default()).await;
    assert_eq!(words(&delivery), [expect]);
    let spent = began.elapsed();
    assert!(spent >= took && spent < took + Duration::from_secs(11), "{expect}: {spent:?} is not {took:?}");
}

fn silent_at(command: &'static str) -> impl FnOnce(&Ca) -> Host {
    move |ca| Host::Serves(Behaviour { silent_at: Some(command), ..Behaviour::tls(&ca.issue(&["mx1.r.example"])) })
}

#[tokio::test(start_paused = true)]
async fn silence_is_bounded_at_every_step() {
    let bounds = Timeouts::default();
    check(|_| Host::Unreachable, "p deferred 4.4.2 TimedOut(Connect)", bounds.connect).await;
    check(silent_at("EHLO"), "p deferred 4.4.2 TimedOut(Hello)", bounds.command).await;
    check(silent_at("STARTTLS"), "p deferred 4.4.2 TimedOut(Tls)", bounds.command).await;
    check(silent_at("MAIL"), "p deferred 4.4.2 TimedOut(Sender)", bounds.command).await;
    check(silent_at("RCPT"), "p deferred 4.4.2 TimedOut(Recipient)", bounds.command).await;
    check(silent_at("DATA"), "p deferred 4.4.2 TimedOut(Content)", bounds.command).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_drips_is_not_waited_for_longer() {
    let bounds = Timeouts::default();
    check(|_| Host::Drips(b"220-x\r\n"), "p deferred 4.4.2 TimedOut(Greeting)", bounds.greeting).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_is_given_up() {
    let bounds = Timeouts::default();
    check(|_| Host::Deaf, "p deferred 4.4.2 TimedOut(Hello)", bounds.command).await;
}

#[tokio::test(start_paused = true)]
async fn content_that_is_not_read_is_given_up() {
    let ca = Ca::new();
    let behaviour = Behaviour { reads_no_content: true, ..Behaviour::tls(&ca.issue(&["mx1.r.example"])) };
    let (transport, _) = transport(Host::Serves(behaviour), &ca, |_| {});
    let began = Instant::now();
    let letter = Letter { bytes: Ok(b"A: 1\r\n".repeat(200_000)), ..Letter::default() };
    let delivery = transport.deliver(&parcel(Need::Verified), &letter).await;
    assert_eq!(words(&delivery), ["p deferred 4.4.2 TimedOut(Content)"]);
    assert!(began.elapsed() < Timeouts::default().write + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_delivery_bounds_the_wait_for_a_place() {
    let ca = Ca::new();
    let behaviour = Behaviour { silent_at: Some("DATA"), ..Behaviour::tls(&ca.issue(&["mx1.r.example"])) };
    let (transport, _) = transport(Host::Serves(behaviour), &ca, |config| {
        config.limits.connections_max = 1;
        config.timeouts.whole = Duration::from_secs(60);
    });
    let (parcel, letter) = (parcel(Need::Verified), Letter::default());
    let (first, second) = tokio::join!(transport.deliver(&parcel, &letter), transport.deliver(&parcel, &letter));
    assert_eq!(words(&first), ["p deferred 4.4.2 TimedOut(Content)"]);
    assert_eq!(words(&second), ["p deferred 4.4.7 OutOfTime"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_urgent_waits_for_no_place_behind_the_rest() {
    let ca = Ca::new();
    let behaviour = Behaviour { silent_at: Some("DATA"), ..Behaviour::tls(&ca.issue(&["mx1.r.example"])) };
    let (transport, seen) = transport(Host::Serves(behaviour), &ca, |config| {
        config.limits.connections_max = 1;
        config.timeouts.whole = Duration::from_secs(60);
    });
    let destination = Arc::new(transport.shaper().destination("mx1.r.example"));
    let news = transport.shaper().enter(&destination, Priority::Marketing).await.expect("a turn");
    let code = transport.shaper().enter(&destination, Priority::Transactional).await.expect("a turn beside");
    let (parcel, letter) = (parcel(Need::Verified), Letter::default());
    let deliver = |turn| transport.deliver_at(&parcel, &letter, Level::None, Some(turn));
    let (first, second) = tokio::join!(deliver(&news), deliver(&code));
    for delivery in [first, second] {
        assert_eq!(words(&delivery), ["p deferred 4.4.2 TimedOut(Content)"]);
    }
    assert_eq!(lock(&seen).connections, 2);
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_left_politely() {
    let ca = Ca::new();
    let behaviour = Behaviour::tls(&ca.issue(&["mx1.r.example"]));
    let (transport, seen) = transport(Host::Serves(behaviour), &ca, |_| {});
    let idle = Timeouts::default().idle;
    for _ in 0..2 {
        let delivery = transport.deliver(&parcel(Need::Verified), &Letter::default()).await;
        assert_eq!(words(&delivery), ["p delivered 250 verified mx1.r.example"]);
        tokio::time::sleep(idle / 2).await;
        assert_eq!(lock(&seen).open, 1);
    }
    tokio::time::sleep(idle).await;
    let seen = lock(&seen);
    assert_eq!((seen.connections, seen.open), (1, 0));
    assert_eq!(seen.lines.last().unwrap(), "QUIT");
}

/// What is written never waits for what is read: many recipients whose replies
/// are larger than any buffer between.
#[tokio::test(start_paused = true)]
async fn long_replies_to_many_recipients_do_not_lock() {
    let ca = Ca::new();
    let long = format!("250 {}", "x".repeat(1500));
    // In clear, where a server can answer the first command before it read the last.
    let offers = vec!["PIPELINING", "DSN"];
    let behaviour = Behaviour { offers, ..Behaviour::clear().reply("RCPT", &long) };
    let (transport, seen) = transport(Host::Serves(behaviour), &ca, |_| {});
    let locals: Vec<String> = (0..100).map(|number| format!("{}{number:02}", "r".repeat(60))).collect();
    let locals: Vec<&str> = locals.iter().map(String::as_str).collect();
    let delivery = transport.deliver(&support::parcel_to(&locals, Need::None), &Letter::default()).await;
    assert!(words(&delivery).iter().all(|word| word.contains("delivered")), "{:?}", words(&delivery).first());
    assert_eq!(lock(&seen).messages.len(), 1);
}
