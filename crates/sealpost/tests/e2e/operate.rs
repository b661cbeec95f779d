//! What an administrator does with a server that runs: reads its meters, and
//! changes its configuration.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use testkit::sealpost::Server;
use testkit::wait;

use crate::ward::{Client, Ward, message};

const REFUSAL: &str = "[[policy.rule]]\nname = 'no-sink'\nrecipient_domain = ['sink.example']\nrefuse = true\n";

/// The body of a page of the health listener.
pub fn page(server: &Server<'_>, path: &str) -> String {
    let mut stream = TcpStream::connect(server.address("health")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    body.to_owned()
}

#[track_caller]
fn send(client: &mut Client, to: &str) -> crate::ward::Reply {
    client.send(&[to], message("Subject: a word\r\n", "text\r\n").as_bytes()).unwrap()
}

#[test]
fn meters_tell_what_came_of_messages_and_name_nobody() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    send(&mut client, "a@sink.example").expect(250, "accepted");
    let expected = [
        "sealpost_messages_accepted_total{door=\"network\"} 1",
        "sealpost_decisions_total{verdict=\"deliver\",need=\"verified\"} 1",
        "sealpost_deliveries_total{method=\"tls\",result=\"delivered\"} 1",
        "sealpost_tls_sessions_total{direction=\"out\",version=\"1.3\",verified=\"yes\"} 1",
        "sealpost_delivery_duration_seconds_count{method=\"tls\"} 1",
        "sealpost_queue_waiting 0",
        "sealpost_queue_paused 0",
        "sealpost_messages_held 0",
    ];
    let meters = wait::until("the meters of a delivered message", || {
        let meters = page(&server, "/metrics");
        expected.iter().all(|line| meters.lines().any(|found| found == *line)).then_some(meters)
    });
    assert!(!meters.contains('@') && !meters.contains("sink.example"), "{meters}");
    let names = meters.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    for name in names {
        assert!(name.starts_with("sealpost_"), "{name}");
    }
}

#[test]
fn a_reload_changes_policy_and_turns_no_client_away() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut before = Client::to(&server);
    send(&mut before, "a@sink.example").expect(250, "accepted");

    ward.machine.write("conf.d/refusal.toml", REFUSAL);
    server.signal("HUP");
    server.wait_for_log("reloaded: the new configuration holds");
    let mut after = Client::to(&server);
    send(&mut after, "b@sink.example").expect(550, "no-sink");
    send(&mut before, "b@sink.example").expect(250, "accepted");
    // Who was there goes on for a while as before, and what was queued before is not forgotten.
    ward.machine.write("conf.d/refusal.toml", "");
    server.signal("HUP");
    wait::until("the rule to be gone", || {
        let mut client = Client::to(&server);
        (send(&mut client, "c@sink.example").code == 250).then_some(())
    });
    wait::until("all messages at the sink", || (ward.sink.taken().len() >= 3).then_some(()));
}

#[test]
fn a_configuration_with_a_fault_changes_nothing() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    ward.machine.write("conf.d/fault.toml", "[delivery]\nexpiri = '1d'\n");
    server.signal("HUP");
    server.wait_for_log("did you mean delivery.expiry?");
    send(&mut Client::to(&server), "a@sink.example").expect(250, "accepted");

    ward.machine.write("conf.d/fault.toml", "[server]\ndata_dir = '/nowhere'\n");
    server.signal("HUP");
    server.wait_for_log("server.data_dir can't change while the server runs");
    send(&mut Client::to(&server), "a@sink.example").expect(250, "accepted");
}

/// Needs root: nobody else can give files away.
#[test]
fn what_root_runs_leaves_no_file_that_the_server_cannot_open() {
    if !testkit::process::is_root() {
        testkit::suites::not_run("only root can run a command beside another user's server");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (etc, data) = (folder.path().join("etc"), folder.path().join("data"));
    const NOBODY: u32 = 65_534;
    for place in [folder.path(), &etc, &data] {
        std::fs::create_dir_all(place).unwrap();
        std::os::unix::fs::chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sealpost"));
        command.env_clear().env("SEALPOST_CONFIG", etc.join("sealpost.toml")).args(arguments);
        let output = testkit::process::run(&mut command, b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["init", "secure.clinic.example", "--domain", "clinic.example", "--data-dir", &data.display().to_string()]);
    run(&["message", "list"]);
    use std::os::unix::fs::MetadataExt as _;
    let mut seen = 0;
    for place in [&etc, &data] {
        for entry in std::fs::read_dir(place).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().uid(), NOBODY, "{}", entry.path().display());
            seen += 1;
        }
    }
    assert!(seen > 3, "{seen} files");
}
