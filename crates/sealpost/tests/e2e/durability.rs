//! What was acknowledged stays: through kill -9 at any moment and through a
//! stop in the middle of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use testkit::{soak, wait};

use crate::sink::Taken;
use crate::ward::{Client, Ward, message};

/// How often the server is killed; a longer run sets `SEALPOST_KILLS`.
const KILLS: usize = 50;
const CLIENTS: usize = 4;

/// What the clients know of their messages.
#[derive(Default)]
struct Book {
    next: AtomicUsize,
    /// Number of a message and the id that its 250 named.
    acknowledged: Mutex<BTreeMap<usize, String>>,
}

impl Book {
    fn acknowledged(&self) -> BTreeMap<usize, String> {
        self.acknowledged.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Sends messages until `enough` or the server is gone.
    fn send_on(&self, address: std::net::SocketAddr, enough: &AtomicBool) -> std::io::Result<()> {
        let mut client = Client::connect(address)?;
        while !enough.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let reply = client.send(&["p@sink.example"], numbered(number).as_bytes())?;
            if reply.code == 250 {
                self.acknowledged.lock().unwrap().insert(number, reply.id());
            } else {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Most are small; some are spooled to a file of their own, some are judged later.
fn body(number: usize) -> String {
    let lines = match number {
        number if number % 40 == 39 => 9_000,
        number if number % 12 == 11 => 4_500,
        number => 5 + number % 50,
    };
    (0..lines)
        .map(|line| format!(".{number} line {line} of message {number}, with a text to keep as it is.\r\n"))
        .collect()
}

fn numbered(number: usize) -> String {
    message(&format!("To: p@sink.example\r\nSubject: number {number}\r\n"), &body(number))
}

fn number_of(taken: &Taken) -> usize {
    let subject = taken.field("Subject").unwrap_or_default();
    let number = subject.strip_prefix("number ").and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("a message that nobody sent: {subject:?}"))
}

/// Every copy that arrived, by its number, each compared with what was sent.
fn copies(ward: &Ward) -> BTreeMap<usize, usize> {
    let mut copies = BTreeMap::new();
    ward.sink.look(|all| {
        for taken in all {
            let number = number_of(taken);
            assert!(taken.tls, "message {number} crossed in clear");
            assert!(taken.body() == body(number).as_bytes(), "message {number} was altered");
            *copies.entry(number).or_default() += 1;
        }
    });
    copies
}

#[track_caller]
fn wait_for_all(ward: &Ward, book: &Book) {
    let acknowledged = book.acknowledged();
    let missing = || {
        let arrived: BTreeSet<usize> = ward.sink.look(|all| all.iter().map(number_of).collect());
        acknowledged.keys().filter(|number| !arrived.contains(number)).copied().collect::<Vec<_>>()
    };
    let found = wait::within(wait::PATIENCE * 2, || missing().is_empty().then_some(()));
    assert!(found.is_some(), "lost: {:?} of {}", missing(), acknowledged.len());
}

#[test]
fn kill_9_loses_nothing_that_was_acknowledged() {
    let kills = soak::count("SEALPOST_KILLS", KILLS);
    let ward = Ward::new("[log]\nlevel = 'warn'\n[store]\nlease = '10s'\n");
    let book = Book::default();
    let mut acknowledged_in_lives = 0;
    for kill in 0..kills {
        let server = ward.machine.serve();
        let address = server.address("named_networks");
        let (enough, before) = (AtomicBool::new(false), book.count());
        // From a server that has just come up to one in the middle of its work.
        let wanted = before + (kill * 7) % 23;
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| drop(book.send_on(address, &enough)));
            }
            wait::until("acknowledged messages", || (book.count() >= wanted).then_some(()));
            server.kill();
            enough.store(true, Ordering::SeqCst);
        });
        acknowledged_in_lives += usize::from(book.count() > before);
    }
    let server = ward.machine.serve();
    wait_for_all(&ward, &book);
    server.stop();
    let copies = copies(&ward);
    let acknowledged = book.acknowledged();
    let twice: Vec<usize> = copies.iter().filter(|(_, copies)| **copies > 1).map(|(number, _)| *number).collect();
    let extra: usize = copies.values().map(|copies| copies - 1).sum();
    let arrived: usize = copies.values().sum();
    soak::report(&format!(
        "kill: {kills} kills, {} acknowledged, {arrived} arrived, 0 lost, 0 altered, {extra} duplicates",
        acknowledged.len(),
    ));
    assert!(acknowledged_in_lives * 2 > kills, "too few messages were in flight to show anything");
    // A second copy is right only where the peer's reply to the first was not recorded yet when the kill came.
    for number in &twice {
        let Some(id) = acknowledged.get(number) else { continue };
        let events = ward.events(id);
        let delivered = events.iter().filter(|event| event["event"] == "delivered").count();
        assert_eq!(delivered, 1, "message {number} came twice although its delivery was recorded: {events:?}");
    }
    assert!(extra <= kills * 20, "{extra} duplicates");
    ward.assert_ledger_is_whole();
}

#[test]
fn a_stop_ends_what_is_under_way_and_loses_nothing() {
    // Two deliveries at once, so that a queue stands behind them when the stop comes. The third place is kept
    // for urgent mail.
    let ward = Ward::new("[delivery]\nconcurrency = 3\n");
    let book = Book::default();
    let server = ward.machine.serve();
    let address = server.address("named_networks");
    ward.sink.close();
    let enough = AtomicBool::new(false);
    let mut late = Client::connect(address).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| book.send_on(address, &enough));
        }
        wait::until("twenty acknowledged messages", || (book.count() >= 20).then_some(()));
        wait::until("deliveries that wait for their reply", || (ward.sink.waiting() == 2).then_some(()));
        // In the middle of DATA when the stop comes.
        assert_eq!(late.envelope(&["p@sink.example"]).unwrap().code, 354);
        let number = book.next.fetch_add(1, Ordering::SeqCst);
        let text = numbered(number).replace("\r\n.", "\r\n..");
        let (first, rest) = text.split_at(text.len() / 2);
        late.write(first.as_bytes()).unwrap();
        server.signal("TERM");
        server.wait_for_log("stopping");
        late.write(rest.as_bytes()).unwrap();
        late.write(b".\r\n").unwrap();
        let reply = late.reply().unwrap().expect(250, "accepted");
        book.acknowledged.lock().unwrap().insert(number, reply.id());
        enough.store(true, Ordering::SeqCst);
    });
    server.wait_for_log("the doors are closed");
    ward.sink.open();
    let first_life = server.stop();
    assert!(first_life.contains("\"stopped\""), "{first_life}");
    assert_eq!(ward.sink.cuts(), 0, "a delivery was cut in the middle");
    assert_eq!(ward.sink.taken().len(), 2, "deliveries were begun after the stop, of {}", book.count());
    let server = ward.machine.serve();
    wait_for_all(&ward, &book);
    server.stop();
    let copies = copies(&ward);
    assert!(copies.values().all(|copies| *copies == 1), "a message came twice: {copies:?}");
    ward.assert_ledger_is_whole();
}
