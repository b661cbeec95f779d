//! Bad input gets a clear answer, and nothing that came before or comes after
//! it is lost.

use std::io::ErrorKind;
use std::time::Instant;

use testkit::wait;

use crate::ward::{Client, Reply, Ward, message};

const TO: &[&str] = &["p@sink.example"];

/// A letter that is fine: sent after everything bad, to show that the server goes on.
#[track_caller]
fn is_well(ward: &Ward, client: &mut Client, number: usize) {
    let subject = format!("fine {number}");
    let fine = message(&format!("Subject: {subject}\r\n"), "All is well.\r\n");
    client.send(TO, fine.as_bytes()).expect("a session that goes on").expect(250, "accepted");
    ward.sink.wait_for("the letter after it", |taken| taken.field("Subject").as_deref() == Some(&subject));
}

/// A multipart in a multipart and so on.
fn nested(depth: usize) -> String {
    let open: String = (0..depth)
        .map(|level| format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"))
        .collect();
    let close: String = (0..depth).rev().map(|level| format!("--b{level}--\r\n")).collect();
    format!("From: desk@clinic.example\r\nMIME-Version: 1.0\r\n{open}\r\nthe innermost\r\n{close}")
}

fn parts(count: usize) -> String {
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(count);
    message("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n", &format!("{part}--b--\r\n"))
}

/// MIME that its makers got wrong, each in another way. Whatever they meant, it is the sender's mail.
fn broken_mime() -> Vec<(&'static str, String)> {
    let multipart = |kind: &str, body: &str| message(&format!("MIME-Version: 1.0\r\nContent-Type: {kind}\r\n"), body);
    let text = |fields: &str, body: &str| message(&format!("MIME-Version: 1.0\r\n{fields}"), body);
    let part = "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n";
    vec![
        ("no boundary parameter", multipart("multipart/mixed", &format!("{part}--b--\r\n"))),
        ("an empty boundary", multipart("multipart/mixed; boundary=\"\"", "--\r\n\r\nhello\r\n----\r\n")),
        ("a boundary that never comes", multipart("multipart/mixed; boundary=c", &format!("{part}--b--\r\n"))),
        ("no closing boundary", multipart("multipart/mixed; boundary=b", part)),
        ("nothing inside", multipart("multipart/mixed; boundary=b", "--b--\r\n")),
        ("an unclosed quote", multipart("multipart/mixed; boundary=\"b", &format!("{part}--b--\r\n"))),
        ("two boundaries", multipart("multipart/mixed; boundary=b; boundary=c", &format!("{part}--b--\r\n"))),
        ("two content types", text("Content-Type: text/plain\r\nContent-Type: text/html\r\n", "<b>hello</b>\r\n")),
        ("no such type", text("Content-Type: hello\r\n", "hello\r\n")),
        ("an empty type", text("Content-Type:\r\n", "hello\r\n")),
        ("no such charset", text("Content-Type: text/plain; charset=klingon\r\n", "hello\r\n")),
        ("base64 that is none", text("Content-Transfer-Encoding: base64\r\n", "!!!! not base64 ====\r\n")),
        ("half a group of base64", text("Content-Transfer-Encoding: base64\r\n", "aGVsbG8gd29ybG\r\n")),
        ("quoted-printable that is none", text("Content-Transfer-Encoding: quoted-printable\r\n", "=ZZ =\r\n=3\r\n")),
        ("no such encoding", text("Content-Transfer-Encoding: rot13\r\n", "uryyb\r\n")),
        (
            "an encoded multipart",
            text(
                "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n",
                "LS1iDQoNCmhlbGxvDQotLWItLQ0K\r\n",
            ),
        ),
        ("a broken encoded word", message("Subject: =?utf-8?B?####?= =?utf-8?Q?=ZZ?= =?x?\r\n", "hello\r\n")),
        (
            "a parameter without end",
            text("Content-Disposition: attachment; filename*0*=utf-8''a; filename*2=\"c\r\n", "hello\r\n"),
        ),
        ("a digest of nothing", multipart("multipart/digest; boundary=b", "--b\r\n\r\n--b--\r\n")),
        (
            "a message that is cut short",
            multipart("multipart/mixed; boundary=b", "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: cut"),
        ),
        ("bytes that are no text", text("Content-Type: text/plain; charset=utf-8\r\n", "caf\u{fffd}\r\n")),
        ("a header without a body", "From: desk@clinic.example\r\nSubject: nothing else\r\n".to_owned()),
    ]
}

#[test]
fn broken_mime_is_taken_and_arrives_as_it_was_sent() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    let all = broken_mime();
    assert!(all.len() >= 20);
    for (number, (what, text)) in all.iter().enumerate() {
        let text = text.replacen("\r\n", &format!("\r\nX-Number: {number}\r\n"), 1);
        let reply = client.send(TO, text.as_bytes()).unwrap();
        assert_eq!(reply.code, 250, "{what}: {reply:?}");
        let arrived = ward.sink.wait_for(what, |taken| taken.field("X-Number") == Some(number.to_string()));
        let sent = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert_eq!(String::from_utf8_lossy(arrived.body()).trim_end(), sent.trim_end(), "{what}");
    }
    server.stop();
    ward.assert_ledger_is_whole();
}

#[test]
fn what_nobody_could_judge_is_refused_with_the_limit() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    let refused = |client: &mut Client, text: &str, code: u16, words: &str| {
        client.send(TO, text.as_bytes()).unwrap().expect(code, words);
    };
    refused(&mut client, &parts(10_000), 554, "there are more than 1000 parts");
    refused(&mut client, &nested(100), 554, "parts are nested more than 50 deep");
    is_well(&ward, &mut client, 1);
    // What is too large to be judged at the door gets the same answer there, or is held; it is never lost.
    let padding = "A line that makes the message too large to be judged at once.\r\n".repeat(12_000);
    let large = nested(100).replace("the innermost", &padding);
    let reply = client.send(TO, large.as_bytes()).unwrap();
    if reply.code == 250 {
        let id = reply.id();
        wait::until("a decision", || ward.events(&id).iter().any(|event| event["event"] == "decided").then_some(()));
        let events = ward.events(&id);
        assert!(!events.iter().any(|event| event["event"] == "delivered"), "{events:#?}");
    } else {
        reply.expect(554, "nested");
    }
    is_well(&ward, &mut client, 2);
    assert_eq!(ward.sink.taken().iter().filter(|taken| taken.to == TO).count(), 2);
    server.stop();
}

/// Sends content as it is and hears what the server says, which may end the session.
fn raw(ward: &Ward, server: &testkit::sealpost::Server<'_>, content: &[u8]) -> Reply {
    let mut client = Client::to(server);
    client.envelope(TO).unwrap().expect(354, "");
    drop(client.write(content));
    let reply = client.reply().unwrap();
    let nothing_came = ward.sink.taken().is_empty();
    assert!(nothing_came, "a refused message was delivered: {reply:?}");
    reply
}

#[test]
fn content_that_readers_would_see_differently_is_refused() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let head = "From: desk@clinic.example\r\nSubject: x\r\n";
    let cases: Vec<(Vec<u8>, u16, &str)> = vec![
        (format!("{head}\r\na\rb\r\n.\r\n").into(), 554, "CR without LF"),
        (format!("{head}\r\na\nb\r\n.\r\n").into(), 554, "LF without CR"),
        (format!("{head}\r\na\0b\r\n.\r\n").into(), 554, "zero byte"),
        (format!("{head}\r\n{}\r\n.\r\n", "x".repeat(5_000)).into(), 500, "line that is too long"),
        ([head.as_bytes(), b"X-Bytes: \xff\xfe\xe9\r\n\r\nx\r\n.\r\n"].concat(), 554, "header"),
        (
            format!("{head}{}\r\nx\r\n.\r\n", format!("X-Filler: {}\r\n", "x".repeat(900)).repeat(1_100)).into(),
            552,
            "header of the message is too large",
        ),
        (format!("{head}no field at all\r\n\r\nx\r\n.\r\n").into(), 554, "no field"),
        (format!("{head}From: other@clinic.example\r\n\r\nx\r\n.\r\n").into(), 554, "more than one From"),
        (format!("{head}Subject: y\r\n\r\nx\r\n.\r\n").into(), 554, "more than one Subject"),
        (b"Subject: x\r\n\r\nx\r\n.\r\n".to_vec(), 554, "no From field"),
        (b"From: someone@elsewhere.example\r\n\r\nx\r\n.\r\n".to_vec(), 550, "may not send as the author"),
        (format!("{head}Sender: x@elsewhere.example\r\n\r\nx\r\n.\r\n").into(), 550, "may not send as the author"),
        (format!("{head}Resent-From: x@elsewhere.example\r\n\r\nx\r\n.\r\n").into(), 550, "may not send as"),
        (format!("{head}{}\r\nx\r\n.\r\n", "Received: by x\r\n".repeat(101)).into(), 554, "too many servers"),
        (
            format!("{head}X-Sealpost-Stream: {}\r\n\r\nx\r\n.\r\n", "s".repeat(300)).into(),
            554,
            "X-Sealpost field is too long",
        ),
        (format!("{head}{}\r\nx\r\n.\r\n", "X-Sealpost-Tag: a,b,c\r\n".repeat(40)).into(), 554, "too many of them"),
        (format!("{head}X-Sealpost-Field: no equals sign\r\n\r\nx\r\n.\r\n").into(), 554, "X-Sealpost"),
        (format!("{head}X-Sealpost-Passphrase: x\r\n\r\nx\r\n.\r\n").into(), 550, "X-Sealpost-Passphrase"),
    ];
    for (content, code, words) in cases {
        raw(&ward, &server, &content).expect(code, words);
    }
    is_well(&ward, &mut Client::to(&server), 1);
    assert_eq!(ward.stored(), 1);
    server.stop();
}

#[test]
fn instructions_that_mean_nothing_do_no_harm() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    // Nobody can say how much was meant, so a person is asked.
    let nonsense = message("X-Sealpost-Protect: maximum\r\n", "x\r\n");
    let held = client.send(TO, nonsense.as_bytes()).unwrap().expect(250, "accepted").id();
    let decided = ward.events(&held).into_iter().find(|event| event["event"] == "decided").expect("a decision");
    assert_eq!(decided["decision"], "hold", "{decided}");
    assert!(decided["because"].to_string().contains("header-protect"), "{decided}");
    let nonsense = "Subject: nonsense\r\nX-Sealpost-Nonsense: yes\r\nX-Sealpost-: \r\nX-Sealpost-Language: tlh\r\n\
        X-Sealpost-Tag: ,,,\r\nX-Sealpost-Stream:\r\nx-sealpost-campaign: =?utf-8?Q?=C3=A9t=C3=A9?=\r\n";
    client.send(TO, message(nonsense, "x\r\n").as_bytes()).unwrap().expect(250, "accepted");
    let arrived = ward.sink.wait_for("the letter", |taken| taken.field("Subject").as_deref() == Some("nonsense"));
    // Only the field of the passage goes out, by which the copy is known again.
    let text = arrived.text().to_ascii_lowercase();
    assert_eq!(text.matches("x-sealpost").count(), text.matches("x-sealpost-passed: msg_").count(), "{text}");
    server.stop();
}

#[test]
fn a_message_of_100_mb_is_refused_before_and_after_it_is_sent() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    client.say("MAIL FROM:<desk@clinic.example> SIZE=100000000").unwrap().expect(552, "5.3.4");
    is_well(&ward, &mut client, 1);
    let line = format!("{}\r\n", "x".repeat(98));
    let block = line.repeat(10_000);
    client.envelope(TO).unwrap().expect(354, "");
    client.write(message("", "").as_bytes()).unwrap();
    // The server may say no and close before it has heard everything.
    let sent: std::io::Result<()> = (0..100).try_for_each(|_| client.write(block.as_bytes()));
    let ended = sent.and_then(|()| client.write(b".\r\n"));
    let reply = client.reply().unwrap_or_else(|error| panic!("no reply: {error}, {ended:?}"));
    reply.expect(552, "5.3.4 message too large");
    is_well(&ward, &mut Client::to(&server), 2);
    assert_eq!(ward.stored(), 2);
    let left: Vec<_> = ward.machine.files("data").into_iter().filter(|(_, bytes)| bytes.len() > 50_000_000).collect();
    assert!(left.is_empty(), "what was refused lies in the data directory");
    server.stop();
}

#[test]
fn recipients_beyond_the_limit_wait_for_a_message_of_their_own() {
    let ward = Ward::new("[submission.limits]\nrecipients = 100\n");
    let server = ward.machine.serve();
    let mut client = Client::to(&server);
    client.say("MAIL FROM:<desk@clinic.example>").unwrap().expect(250, "");
    let replies: Vec<Reply> =
        (0..1_000).map_while(|number| client.say(&format!("RCPT TO:<p{number}@sink.example>")).ok()).collect();
    assert!(replies[..100].iter().all(|reply| reply.code == 250));
    assert!(
        replies[100..].iter().all(|reply| reply.code == 452 && reply.text.contains("4.5.3")),
        "{:?}",
        &replies[100..103]
    );
    assert_eq!(replies.len(), 1_000, "the session ended before everybody was answered");
    client.say("DATA").unwrap().expect(354, "");
    let reply = client.write(message("Subject: for all\r\n", "x\r\n.\r\n").as_bytes()).and_then(|()| client.reply());
    reply.unwrap().expect(250, "accepted");
    wait::until("a copy for each who was taken", || {
        let to: usize = ward.sink.taken().iter().map(|taken| taken.to.len()).sum();
        (to == 100).then_some(())
    });
    is_well(&ward, &mut client, 1);
    server.stop();
}

#[test]
fn connections_that_say_nothing_keep_nobody_out() {
    let ward = Ward::new("");
    let server = ward.machine.serve();
    let silent: Vec<Client> =
        (0..500).map(|_| Client::silent(server.address("named_networks")).expect("a connection")).collect();
    let tls: Vec<Client> =
        (0..100).map(|_| Client::silent(server.address("submission_tls")).expect("a connection")).collect();
    let began = Instant::now();
    is_well(&ward, &mut Client::to(&server), 1);
    assert!(began.elapsed().as_secs() < 5, "{:?} for one letter beside silent clients", began.elapsed());
    drop((silent, tls));
    server.stop();
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let ward = Ward::new("[submission.limits]\nconnections = 20\nconnections_per_address = 20\n");
    let server = ward.machine.serve();
    let address = server.address("named_networks");
    let clients: Vec<Client> = (0..20).map(|_| Client::connect(address).expect("a connection")).collect();
    match Client::silent(address).unwrap().reply() {
        Ok(reply) => drop(reply.expect(421, "too many connections")),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "closed without a word"),
    }
    drop(clients);
    let mut client = wait::until("room for one more", || Client::connect(address).ok().filter(|_| true));
    let well = wait::within(wait::PATIENCE, || {
        let said = client.say("NOOP").map(|reply| reply.code).unwrap_or_default();
        if said != 250 {
            client = Client::connect(address).ok()?;
        }
        (said == 250).then_some(())
    });
    assert!(well.is_some(), "nobody is let in after the others have gone");
    is_well(&ward, &mut client, 1);
    server.stop();
}

#[test]
fn a_wrong_configuration_is_told_by_its_place() {
    let ward = Ward::new("");
    let cases = [
        ("[portal]\nlangauge = 'es'\n", "wrong.toml:2: unknown key portal.langauge; did you mean portal.language?"),
        ("[portal]\nlanguage = 'tlh'\n", "portal.language"),
        ("[submision]\ntls = []\n", "unknown key submision"),
        ("[delivery]\nretry = 'often'\n", "delivery.retry"),
        ("[submission.limits]\nmessage_size = '64 parsecs'\n", "submission.limits.message_size"),
        ("[server]\nhostname = 'not a name'\n", "server.hostname"),
        ("[named_networks]\nnetworks = ['0.0.0.0/0']\n", "named_networks"),
        ("[log]\nlevel = 'deb=ug=x'\n", "log.level"),
        ("[policy]\nnonsense = true\n", "policy"),
        ("[[policy.rule]]\nname = 'x'\nneeds = 'magic'\n", "policy"),
        ("this is no TOML", "wrong.toml"),
    ];
    for (text, words) in cases {
        ward.machine.write("conf.d/wrong.toml", text);
        for command in [["config", "check"].as_slice(), &["serve"]] {
            let mut peer =
                testkit::process::Peer::start(&mut ward.machine.command(command), &ward.machine.path("wrong.log"));
            let (status, said) = (peer.join(), peer.log());
            assert_eq!(status.code(), Some(1), "{command:?} with {text:?}: {said}");
            assert!(said.contains(words) && !said.contains("panicked"), "{command:?} with {text:?}: {said}");
        }
    }
    std::fs::remove_file(ward.machine.path("conf.d/wrong.toml")).unwrap();
    let server = ward.machine.serve();
    is_well(&ward, &mut Client::to(&server), 1);
    server.stop();
}
