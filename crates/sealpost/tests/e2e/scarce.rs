//! What a machine has too little of, and a clock that is wrong by a year: what
//! was acknowledged is there afterwards, and nobody has to help.

use std::collections::BTreeMap;
use std::process::Command;

use testkit::{loopback, process, wait};

use crate::ward::{Client, Ward, message};

fn letter(number: usize, bytes: usize) -> String {
    let line = format!("A line of letter {number}, some seventy bytes of it, again and again and again.\r\n");
    message(&format!("Subject: letter {number}\r\n"), &line.repeat(bytes / line.len()))
}

/// How often each letter came, each compared with what was sent.
fn arrived(ward: &Ward, sizes: &BTreeMap<usize, usize>) -> BTreeMap<usize, usize> {
    let mut arrived = BTreeMap::new();
    for taken in ward.sink.taken() {
        let subject = taken.field("Subject").unwrap_or_default();
        let Some(number) = subject.strip_prefix("letter ").and_then(|number| number.parse().ok()) else { continue };
        let sent = letter(number, sizes[&number]);
        assert!(sent.as_bytes().ends_with(taken.body()) && taken.tls, "letter {number} was altered");
        *arrived.entry(number).or_default() += 1;
    }
    arrived
}

/// The command within limits of the system's: `--nofile=64`.
fn limited<'c>(command: &'c mut Command, limit: &str) -> &'c mut Command {
    let mut limited = Command::new("prlimit");
    limited.arg(limit).arg(command.get_program()).args(command.get_args()).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    *command = limited;
    command
}

#[test]
fn without_descriptors_clients_wait_and_nothing_is_lost() {
    let ward = Ward::new("[delivery]\nretry = ['1s']\n");
    let server = ward.machine.serve_with(|command| limited(command, "--nofile=96:96"));
    let address = server.address("named_networks");
    let mut sizes = BTreeMap::new();
    let mut first = Client::connect(address).unwrap();
    // More than there are descriptors for; those beyond are not even greeted.
    let crowd: Vec<Client> = (0..150).map(|_| Client::silent(address).unwrap()).collect();
    server.wait_for_log("can't take a connection");
    let mut refused = 0;
    for number in 0..12 {
        // Some want a file of their own, and each wants a connection to be delivered by.
        let bytes = if number % 3 == 0 { 400_000 } else { 2_000 };
        let reply = first.send(&["p@sink.example"], letter(number, bytes).as_bytes()).unwrap();
        match reply.code {
            250 => drop(sizes.insert(number, bytes)),
            code => {
                assert!((400..500).contains(&code), "{reply:?}");
                refused += 1;
            }
        }
    }
    drop(crowd);
    let mut later = wait::until("a greeting", || Client::connect(address).ok());
    later.send(&["p@sink.example"], letter(100, 400_000).as_bytes()).unwrap().expect(250, "accepted");
    sizes.insert(100, 400_000);
    wait::until("every accepted letter", || (arrived(&ward, &sizes).len() == sizes.len()).then_some(()));
    assert!(arrived(&ward, &sizes).values().all(|copies| *copies == 1));
    assert!(sizes.len() + refused == 13, "{sizes:?} {refused}");
    server.stop();
    assert_eq!(ward.stored(), sizes.len());
    ward.assert_ledger_is_whole();
}

#[test]
fn a_process_that_runs_out_of_memory_loses_nothing_that_was_acknowledged() {
    let ward = Ward::new("[log]\nlevel = 'warn'\n[store]\nlease = '10s'\n");
    let sizes: BTreeMap<usize, usize> =
        (0..26).map(|number| (number, if number < 10 { 2_000 } else { 9_000_000 })).collect();
    // So that the allocator takes no gigabyte in advance.
    let server = ward.machine.serve_with(|command| limited(command, "--data=500000000"));
    let address = server.address("named_networks");
    let send = |number: &usize| {
        let mut client = Client::connect(address).ok()?;
        let reply = client.send(&["p@sink.example"], letter(*number, sizes[number]).as_bytes()).ok()?;
        (reply.code == 250).then_some(*number)
    };
    // Deliveries are under way when no more memory is given, and large messages come.
    ward.sink.close();
    let mut acknowledged: Vec<usize> = (0..10).filter_map(|number| send(&number)).collect();
    let id = server.id().to_string();
    let limited = process::run(Command::new("prlimit").args(["--pid", &id, "--data=1"]), b"");
    assert!(limited.status.success() && acknowledged.len() == 10, "{acknowledged:?}");
    std::thread::scope(|scope| {
        let senders: Vec<_> = (10..26).map(|number| scope.spawn(move || send(&number))).collect();
        acknowledged.extend(senders.into_iter().filter_map(|sender| sender.join().unwrap()));
    });
    let (status, log) = server.end_by_itself();
    assert!(!status.success(), "the limit was not felt: {log}");
    ward.sink.open();
    let server = ward.machine.serve();
    let missing = || {
        let arrived = arrived(&ward, &sizes);
        acknowledged.iter().filter(|number| !arrived.contains_key(number)).count()
    };
    let all = wait::within(wait::PATIENCE * 4, || (missing() == 0).then_some(()));
    assert!(all.is_some(), "{} of {} are lost", missing(), acknowledged.len());
    server.stop();
    ward.assert_ledger_is_whole();
}

#[test]
fn a_clock_that_is_wrong_by_a_year_loses_and_doubles_nothing() {
    let ward = Ward::new("[delivery]\nretry = ['2s']\n");
    let mut ids = Vec::new();
    for (life, offset) in ["+0d", "+365d", "-365d", "+0d"].into_iter().enumerate() {
        let server = ward.machine.serve_at(offset);
        let mut client = Client::to(&server);
        for number in [life * 2, life * 2 + 1] {
            let sent = client.send(&["p@sink.example"], letter(number, 1_000).as_bytes()).unwrap();
            ids.push(sent.expect(250, "accepted").id());
            wait::until("the record", || {
                ward.events(&ids[number]).iter().any(|event| event["event"] == "delivered").then_some(())
            });
        }
        server.stop();
    }
    let sizes: BTreeMap<usize, usize> = (0..8).map(|number| (number, 1_000)).collect();
    assert_eq!(arrived(&ward, &sizes), (0..8).map(|number| (number, 1)).collect());
    for id in &ids {
        let events = ward.events(id);
        assert_eq!(events.iter().filter(|event| event["event"] == "delivered").count(), 1, "{events:#?}");
    }
    let year = |id: &String| ward.events(id)[0]["at"].as_str().unwrap()[..4].parse::<i32>().unwrap();
    assert_eq!((year(&ids[2]) - year(&ids[0]), year(&ids[4]) - year(&ids[0])), (1, -1), "the clock was not wrong");
    assert_eq!(ward.stored(), 8);
    ward.assert_ledger_is_whole();
}

#[test]
fn what_waits_while_the_clock_jumps_a_year_ahead_is_told_to_its_sender() {
    let ward = Ward::new("[delivery]\nretry = ['1s']\n");
    // Where nobody listens.
    ward.mx("gone.example", "mx.gone.example", loopback::free());
    let server = ward.machine.serve_at("+0d");
    let sent = Client::to(&server).send(&["p@gone.example"], letter(0, 1_000).as_bytes()).unwrap();
    let id = sent.expect(250, "accepted").id();
    let has = |kind: &str| ward.events(&id).iter().any(|event| event["event"] == kind);
    wait::until("a deferral", || has("deferred").then_some(()));
    server.stop();
    let server = ward.machine.serve_at("+365d");
    wait::until("its end", || has("bounced").then_some(()));
    ward.sink.wait_for("a word to the sender", |taken| taken.text().contains("Action: failed"));
    server.stop();
    let server = ward.machine.serve();
    assert_eq!(ward.events(&id).iter().filter(|event| event["event"] == "bounced").count(), 1);
    server.stop();
    ward.assert_ledger_is_whole();
}
