//! Large requests to the API: nobody makes the server hold more than its
//! budget, and who may not hand in makes it hold nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use testkit::sealpost::Server;

use crate::api::{Client, client, letter, ward};
use crate::endtoend::peak_mib;
use crate::ward::Ward;

/// Of these three quarters are for large messages and requests together.
const BUDGET: &str = "[server]\njudging_memory = '64MB'\n";

fn crowded() -> Ward {
    let ward = ward();
    ward.machine.write("conf.d/budget.toml", BUDGET);
    ward
}

/// A message with an attachment, of so many bytes in JSON.
fn large(bytes: usize) -> String {
    let mut message = letter("a@sink.example");
    message["attachments"] = serde_json::json!([{ "name": "scan.bin", "content": "QUFB".repeat(bytes / 4) }]);
    message.to_string()
}

/// A request that was begun.
fn begun(server: &Server<'_>, key: &str, length: usize, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address("portal")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let header = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(header.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}

fn told(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn who_may_not_hand_in_is_told_before_any_of_a_body_is_read() {
    let ward = ward();
    let server = ward.machine.serve();
    let reading = client(&ward, &server, &["--scope", "messages:read"]);
    let answer = told(begun(&server, &reading.key, 20 << 20, b""));
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("urn:sealpost:problem:forbidden"), "{answer}");
    let answer = told(begun(&server, "key_none", 20 << 20, b""));
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let sending = client(&ward, &server, &["--scope", "messages:send"]);
    let answer = told(begun(&server, &sending.key, 1 << 30, b""));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn large_requests_wait_for_room_a_moment_and_are_told_to_come_again() {
    let ward = crowded();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &[]);
    let message = large(15_000_000);
    let (first, rest) = message.as_bytes().split_at(2_000_000);
    let mut slow = begun(&server, &client.key, message.len(), first);
    // The slow one has its room as soon as the server has seen that it is large.
    let refused = (0..10).map(|_| client.ask("POST", "/v1/messages", "", &message)).find(|answer| answer.status != 202);
    let refused = refused.expect("no room beside it").expect(503);
    assert!(
        refused.head.contains("retry-after: 10") && refused.json["code"] == "busy",
        "{} {}",
        refused.head,
        refused.json
    );
    // Small ones have room all the same.
    client.send("", &letter("b@sink.example")).expect(202);
    slow.write_all(rest).unwrap();
    let answer = told(slow);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    client.ask("POST", "/v1/messages", "", &message).expect(202);
}

#[test]
fn many_large_requests_at_once_take_no_more_than_the_budget() {
    const CLIENTS: usize = 8;
    let ward = crowded();
    let server = ward.machine.serve();
    let client = client(&ward, &server, &[]);
    let message = large(15_000_000);
    let before = peak_mib(server.id());
    let again: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| tries(&client, &message) - 1)).collect();
        clients.into_iter().map(|one| one.join().unwrap()).sum()
    });
    let more = peak_mib(server.id()) - before;
    eprintln!("{CLIENTS} of 15 MB at once: {more} MiB more than at rest, {again} times told to come again");
    // All of them with what is made of them are 340 MB.
    assert!(more < 110, "{more} MiB more than at rest");
}

/// Hands it in until it is taken; gives how often it took.
fn tries(client: &Client<'_>, message: &str) -> usize {
    for tries in 1..100 {
        let Some(answer) = client.try_ask("application/json", "POST", "/v1/messages", "", message.as_bytes()) else {
            panic!("no answer");
        };
        match answer.status {
            202 => return tries,
            503 => assert!(answer.head.contains("retry-after"), "{}", answer.head),
            status => panic!("{status} {}", answer.json),
        }
    }
    panic!("never taken");
}
