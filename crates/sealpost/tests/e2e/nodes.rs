//! Two nodes on one PostgreSQL: each message goes out once, whichever node took
//! it, and what a node had begun when it died or hung another one finishes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use testkit::postgres::Postgres;
use testkit::sealpost::{Machine, Server};
use testkit::wait;

use crate::api;
use crate::ward::{Client, Ward, message};

/// As short as it may be.
const LEASE: &str = "4s";
const LEASE_LASTS: Duration = Duration::from_secs(4);
/// Beyond a lease: a look at the queue, and the deliveries themselves on a machine that has other work.
const SLACK: Duration = Duration::from_secs(10);

struct Nodes {
    ward: Ward,
    other: Machine,
    url: String,
}

impl Nodes {
    fn new() -> Self {
        Self::with("")
    }

    /// With more of a configuration for both.
    fn with(more: &str) -> Self {
        let url = Postgres::shared().database();
        let store = format!("{more}[store]\nurl = '{url}'\nlease = '{LEASE}'\n");
        let ward = Ward::new(&store);
        let other = ward.beside(&store);
        std::fs::copy(ward.machine.path("root.key"), other.path("root.key")).unwrap();
        Self { ward, other, url }
    }

    /// How many nodes have leased something.
    fn leasing(&self) -> usize {
        let database = self.url.rsplit('/').next().unwrap();
        let count = "SELECT count(DISTINCT leased_by) FROM parcel WHERE state = 0 AND leased_until > 0";
        Postgres::shared().query(database, count).trim().parse().unwrap()
    }

    /// What became of each message: how often its delivery is recorded.
    fn recorded(&self, ids: &[String]) -> BTreeMap<usize, usize> {
        let mut times = BTreeMap::new();
        for id in ids {
            let delivered = self.ward.events(id).iter().filter(|event| event["event"] == "delivered").count();
            *times.entry(delivered).or_default() += 1;
        }
        times
    }

    #[track_caller]
    fn wait_until_each_is_recorded_once(&self, ids: &[String]) {
        let once = BTreeMap::from([(1, ids.len())]);
        wait::until("the record of each delivery", || (self.recorded(ids) == once).then_some(()));
    }

    /// The subjects that arrived, with how many copies of each.
    fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for taken in self.ward.sink.taken() {
            *copies.entry(taken.field("Subject").unwrap_or_default()).or_default() += 1;
        }
        copies
    }
}

#[track_caller]
fn send(server: &Server<'_>, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut client = Client::to(server);
    let mut one = |number| {
        let text = message(&format!("Subject: letter {number}\r\n"), "text\r\n");
        client.send(&["p@sink.example"], text.as_bytes()).unwrap().expect(250, "accepted").id()
    };
    numbers.map(&mut one).collect()
}

#[test]
fn two_nodes_deliver_each_message_once_and_keep_one_ledger() {
    let nodes = Nodes::new();
    let (one, other) = (nodes.ward.machine.serve(), nodes.other.serve());
    let ids = std::thread::scope(|scope| {
        let halves = [scope.spawn(|| send(&one, 0..100)), scope.spawn(|| send(&other, 100..200))];
        halves.map(|half| half.join().unwrap()).concat()
    });
    nodes.wait_until_each_is_recorded_once(&ids);
    let copies = nodes.copies();
    assert_eq!(copies.len(), 200);
    assert!(copies.values().all(|copies| *copies == 1), "{copies:?}");
    one.stop();
    // The sequencer is whichever node lives.
    let more = send(&other, 200..210);
    nodes.wait_until_each_is_recorded_once(&more);
    other.stop();
    nodes.ward.assert_ledger_is_whole();
}

#[test]
fn what_a_dead_node_had_begun_the_other_finishes() {
    let nodes = Nodes::new();
    let one = nodes.ward.machine.serve();
    nodes.ward.sink.close();
    let ids = send(&one, 0..10);
    wait::until("deliveries under way", || (nodes.ward.sink.waiting() >= 1).then_some(()));
    one.kill();
    let other = nodes.other.serve();
    nodes.ward.sink.open();
    nodes.wait_until_each_is_recorded_once(&ids);
    assert_eq!(nodes.copies().len(), 10);
    other.stop();
    nodes.ward.assert_ledger_is_whole();
}

/// Of each message one copy goes and the other waits for a person.
const HELD: &str = "[[policy.rule]]\nname = 'look first'\nrecipient = 'held@sink.example'\nhold = true\n";

/// Larger than what is judged at once: such a message is decided by whichever node comes first.
#[track_caller]
fn send_large(server: &Server<'_>, numbers: std::ops::Range<usize>) -> Vec<String> {
    let mut client = Client::to(server);
    let body = "a line of a large letter, and many more of them\r\n".repeat(12_500);
    assert!(body.len() > 600_000);
    let mut one = |number| {
        let text = message(&format!("Subject: large {number}\r\n"), &body);
        let to = ["p@sink.example", "held@sink.example"];
        client.send(&to, text.as_bytes()).unwrap().expect(250, "accepted").id()
    };
    numbers.map(&mut one).collect()
}

#[test]
fn of_two_living_nodes_one_finishes_what_the_other_had_begun_within_the_lease() {
    let nodes = Nodes::new();
    for machine in [&nodes.ward.machine, &nodes.other] {
        machine.write("conf.d/policy.toml", HELD);
    }
    let (one, other) = (nodes.ward.machine.serve(), nodes.other.serve());
    nodes.ward.sink.close();
    let ids = std::thread::scope(|scope| {
        let halves = [scope.spawn(|| send_large(&one, 0..12)), scope.spawn(|| send_large(&other, 12..24))];
        halves.map(|half| half.join().unwrap()).concat()
    });
    let list_held = || nodes.ward.machine.ok(["message", "held", "--json"]).lines().count();
    wait::until("the decision about each", || (list_held() == ids.len()).then_some(()));
    wait::until("deliveries of both nodes under way", || {
        (nodes.ward.sink.waiting() >= 2 && nodes.leasing() == 2).then_some(())
    });
    one.kill();
    let killed_at = Instant::now();
    // What came whole to the host, and was not replied to, may come again.
    let large = || {
        let mut copies = nodes.copies();
        // Beside them the sender has word of what is held.
        copies.retain(|subject, _| subject.starts_with("large "));
        copies
    };
    let unanswered = large();
    nodes.ward.sink.open();
    wait::until("a copy of each", || (large().len() == ids.len()).then_some(()));
    nodes.wait_until_each_is_recorded_once(&ids);
    let took = killed_at.elapsed();
    assert!(took <= LEASE_LASTS + SLACK, "the living node was done after {took:?}");
    for (subject, copies) in large() {
        let most = if unanswered.contains_key(&subject) { 2 } else { 1 };
        assert!(copies <= most, "{subject} went {copies} times");
    }
    for id in &ids {
        let held = nodes.ward.events(id).iter().filter(|event| event["event"] == "held").count();
        assert_eq!(held, 1, "{id} was decided more than once");
    }
    // The sequencer is the living node: what the dead one wrote last has its place too.
    other.stop();
    nodes.ward.assert_ledger_is_whole();
}

#[test]
fn a_killed_node_leaves_its_deliveries_and_the_ledger_to_the_one_that_lives() {
    let nodes = Nodes::new();
    let (one, other) = (nodes.ward.machine.serve(), nodes.other.serve());
    nodes.ward.sink.close();
    let ids = [send(&one, 0..20), send(&other, 20..40)].concat();
    wait::until("deliveries under way", || (nodes.ward.sink.waiting() >= 1).then_some(()));
    one.kill();
    nodes.ward.sink.open();
    nodes.wait_until_each_is_recorded_once(&ids);
    assert_eq!(nodes.copies().len(), 40);
    // What the dead one had acknowledged has its position too, without a restart of anything.
    wait::until("every entry to have its position", || {
        let told = nodes.other.ok(["audit", "verify", "--json"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        (told["waiting"] == 0).then_some(())
    });
    other.stop();
    nodes.ward.assert_ledger_is_whole();
}

#[test]
fn one_idempotency_key_at_two_nodes_at_once_is_one_message() {
    let nodes = Nodes::with("[portal]\nurl = 'http://127.0.0.1'\n");
    let (one, other) = (nodes.ward.machine.serve(), nodes.other.serve());
    let here = api::client(&nodes.ward, &one, &[]);
    let there = api::Client { server: &other, key: here.key.clone() };
    let letter = api::letter("p@sink.example");
    for round in 0..10 {
        let field = format!("Idempotency-Key: refill/{round}\r\n");
        let send = |client: &api::Client<'_>| client.send(&field, &letter);
        let answers = std::thread::scope(|scope| {
            let asked = [&here, &there, &here, &there].map(|client| scope.spawn(|| send(client)));
            asked.map(|one| one.join().unwrap())
        });
        let mut ids = std::collections::BTreeSet::new();
        for answer in answers {
            match answer.status {
                202 => drop(ids.insert(answer.json["id"].as_str().unwrap().to_owned())),
                _ => drop(answer.problem(409, "in_flight")),
            }
        }
        assert_eq!(ids.len(), 1, "round {round}: {ids:?}");
        let again = send(&there).expect(202).json;
        assert_eq!((again["id"].as_str(), &again["replayed"]), (ids.first().map(String::as_str), &true.into()));
    }
    assert_eq!(nodes.ward.stored(), 10);
    one.stop();
    other.stop();
}

#[test]
fn a_node_that_hung_gives_up_what_another_has_finished() {
    let nodes = Nodes::new();
    let one = nodes.ward.machine.serve();
    nodes.ward.sink.close();
    let ids = send(&one, 0..10);
    wait::until("deliveries under way", || (nodes.ward.sink.waiting() >= 1).then_some(()));
    one.signal("STOP");
    let other = nodes.other.serve();
    nodes.ward.sink.open();
    nodes.wait_until_each_is_recorded_once(&ids);
    one.signal("CONT");
    one.wait_for_log("the leases of this node ended");
    // It works on, as one of two.
    let more = send(&one, 10..20);
    nodes.wait_until_each_is_recorded_once(&more);
    assert_eq!(nodes.recorded(&ids), BTreeMap::from([(1, ids.len())]), "nothing is recorded twice");
    one.stop();
    other.stop();
    nodes.ward.assert_ledger_is_whole();
}
