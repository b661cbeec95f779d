//! What exists and what does not is told apart neither by the words nor by the
//! time of an answer: logins, API keys, codes of the portal.
//!
//! Welch's t-test over many tries of both kinds in turn; |t| under 4.5 is what
//! leakage assessments ask for (Goodwill et al., NIST NIAT 2011).

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::clients::python;
use testkit::soak;

use crate::visit::{links, portal_address, portal_at};
use crate::ward::{Client, Ward, message};

/// Tries of each question, half of them of what exists; `cargo xtask soak` makes more.
const TRIES: usize = 1_000;
const T_MAX: f64 = 4.5;
/// Clients at once.
const AT_ONCE: usize = 10;

fn tries() -> usize {
    soak::count("SEALPOST_TRIES", TRIES)
}

/// Asks these two questions in turn and compares.
#[track_caller]
fn is_alike(what: &str, kind: &str, address: SocketAddr, ask: impl Fn(bool, usize) -> Value) {
    let count = tries();
    // Which comes first changes from pair to pair, so that no habit of the machine favours one.
    let tries: Vec<Value> =
        (0..count).map(|at| (at, (at + at / 2) % 2 == 0)).map(|(at, is)| json!([is, ask(is, at)])).collect();
    let job = json!({
        "kind": kind, "host": address.ip().to_string(), "port": address.port(), "tries": tries, "at_once": AT_ONCE,
    });
    let told = python(include_str!("timing.py"), job.to_string().as_bytes()).expect_success().text;
    let told: Vec<(bool, f64, String)> = serde_json::from_str(&told).expect("what was measured");
    assert_eq!(told.len(), count);
    let words: BTreeSet<&str> = told.iter().map(|(_, _, words)| words.as_str()).collect();
    assert_eq!(words.len(), 1, "{what}: told apart by words: {words:?}");
    let of = |is: bool| told.iter().filter(|one| one.0 == is).map(|one| one.1).collect::<Vec<_>>();
    let (there, not_there) = (Sample::of(&of(true)), Sample::of(&of(false)));
    let t = there.welch(&not_there);
    let (one, other) = (there.mean * 1e3, not_there.mean * 1e3);
    soak::report(&format!("welch: {what}: {count} tries, {one:.3} ms and {other:.3} ms, t = {t:.2}"));
    assert!(t.abs() < T_MAX, "{what}: {one} ms and {other} ms, t = {t}");
}

/// Mean and variance of what was measured.
struct Sample {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Self { count, mean, variance }
    }

    /// Welch's t.
    fn welch(&self, other: &Self) -> f64 {
        (self.mean - other.mean) / (self.variance / self.count + other.variance / other.count).sqrt()
    }
}

#[test]
fn the_test_sees_a_difference_of_a_part_in_a_hundred() {
    let noise = |at: usize| 50.0 + ((at * 7_919) % 101) as f64 / 20.0;
    let (one, same): (Vec<f64>, Vec<f64>) = ((0..500).map(noise).collect(), (500..1_000).map(noise).collect());
    let slower: Vec<f64> = same.iter().map(|value| value * 1.01).collect();
    assert!(Sample::of(&one).welch(&Sample::of(&same)).abs() < T_MAX);
    assert!(Sample::of(&one).welch(&Sample::of(&slower)) < -T_MAX);
}

#[test]
fn a_login_that_exists_is_refused_as_one_that_does_not() {
    let ward = Ward::new("");
    let secret = ward.machine.login("nurse", "*@clinic.example");
    let server = ward.machine.serve();
    // Of the form of those that are given out, and wrong.
    let wrong = format!("sp_{}", secret.trim_start_matches("sp_").chars().rev().collect::<String>());
    let address = server.address("submission_tls");
    is_alike("login", "login", address, |is, at| match is {
        true => json!(["nurse", wrong]),
        false => json!([format!("n{at:04}"), wrong]),
    });
    server.stop();
}

#[test]
fn an_api_key_that_exists_is_refused_as_one_that_does_not() {
    let ward = Ward::new("[portal]\nurl = 'http://127.0.0.1'\n");
    let create = ["apikey", "create", "refills", "--sender", "refills@clinic.example"];
    let key = ward.machine.ok(create).trim().to_owned();
    let (id, secret) = key.split_once('.').unwrap();
    let wrong: String = secret.trim_start_matches("sp_").chars().rev().collect();
    let server = ward.machine.serve();
    is_alike("API key", "http", server.address("portal"), |is, at| {
        // The last letters of an id are chance; those of another are as good.
        let id = if is { id.to_owned() } else { format!("{}{:04}", &id[..id.len() - 4], at % 10_000) };
        let fields = json!({ "Authorization": format!("Bearer {id}.sp_{wrong}") });
        json!({ "method": "GET", "path": "/v1/messages", "body": null, "fields": fields })
    });
    server.stop();
}

#[test]
fn a_portal_code_of_a_link_that_exists_is_refused_as_of_one_that_does_not() {
    let portal = portal_address();
    let ward = Ward::new(&portal_at(&portal));
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    let count = 20;
    for number in 0..count {
        let text = message(&format!("Subject: letter {number}\r\n"), "text\r\n");
        client.send(&["p@portal.example"], text.as_bytes()).unwrap().expect(250, "accepted");
    }
    let links = links(&ward, "p@portal.example", count);
    is_alike("portal code", "http", server.address("portal"), |is, at| {
        let known = &links[at % links.len()];
        let id = &known["/m/".len()..];
        let link = if is { known.clone() } else { format!("/m/{}", another(id)) };
        let fields = json!({ "Origin": "null", "Content-Type": "application/x-www-form-urlencoded" });
        json!({ "method": "POST", "path": format!("{link}/open"), "body": "code=000000", "fields": fields })
    });
    server.stop();
}

/// An id of the same form that nobody has: another at its last digit.
fn another(id: &str) -> String {
    let (rest, last) = id.split_at(id.len() - 1);
    format!("{rest}{}", if last == "0" { '1' } else { '0' })
}
