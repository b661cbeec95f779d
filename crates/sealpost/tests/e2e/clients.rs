//! The doors as mail clients see them: swaks, Python's smtplib, OpenSSL.

use std::net::SocketAddr;

use serde_json::json;
use testkit::clients::{Security, Submission, Transcript, python, s_client, smtplib, swaks};
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Kind, Mail};

/// A submission to the clinic's port 587 or 465 whose certificate is verified.
fn submission<'s>(clinic: &'s Clinic, server: &Server<'_>, security: Security, to: &'s [&'s str]) -> Submission<'s> {
    let listener = if security == Security::Tls { "submission_tls" } else { "submission_starttls" };
    Submission {
        server: server.address(listener),
        security,
        anchors: None,
        tls_name: "secure.clinic.example",
        login: Some(clinic.login()),
        from: &clinic.nurse,
        to,
        message: "From: nurse@clinic.example\nTo: you\nSubject: hello\n\n.dots\n..more\nText.\n",
    }
}

/// Runs a Python program in a session by 465 that has said EHLO: `client`, `job` (user, password, nurse, to).
fn session(clinic: &Clinic, server: &Server<'_>, to: &str, program: &str) -> Transcript {
    let address = server.address("submission_tls");
    let job = json!({
        "host": address.ip().to_string(), "port": address.port(), "user": "nurse", "password": clinic.secret,
        "nurse": clinic.nurse, "to": to, "starttls": server.address("submission_starttls").port(),
        "config": clinic.machine.path("sealpost.toml"), "sealpost": crate::clinic::BINARY,
    });
    let prelude = "import json, os, smtplib, ssl, subprocess, sys\njob = json.load(sys.stdin)\n\
        context = ssl._create_unverified_context()\n\
        client = smtplib.SMTP_SSL(job['host'], job['port'], 'client.test', context=context, timeout=60)\n\
        client.ehlo()\n\
        client.user, client.password = job['user'], job['password']\n";
    python(&format!("{prelude}{program}"), job.to_string().as_bytes())
}

#[test]
fn swaks_and_smtplib_send_by_587_and_465() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let anchors = clinic.hosts.ca.anchors();
    let to = [patient.as_str()];
    for security in [Security::Starttls, Security::Tls] {
        let plain = submission(&clinic, &server, security, &to);
        smtplib(&Submission { anchors: Some(&anchors), ..plain.clone() }).expect_success();
        smtplib(&Submission { anchors: Some(&anchors), tls_name: "other.example", ..plain.clone() })
            .expect_failure("failed");
        let sent = swaks(&plain).expect_success();
        assert!(sent.text.contains("235 2.7.0"), "{}", sent.text);
    }
    for letter in clinic.letters(Kind::Good, &patient, 4) {
        assert_eq!(letter.body().trim_end(), ".dots\n..more\nText.");
    }
}

#[test]
fn a_login_is_plain_or_login_and_right_and_over_tls() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let program = "print(client.ehlo_resp.decode())\n\
        assert client.auth('PLAIN', client.auth_plain)[0] == 235\n\
        client = smtplib.SMTP_SSL(job['host'], job['port'], 'c.test', context=context); client.ehlo()\n\
        client.user, client.password = job['user'], job['password']\n\
        assert client.auth('LOGIN', client.auth_login)[0] == 235\n\
        client = smtplib.SMTP_SSL(job['host'], job['port'], 'c.test', context=context); client.ehlo()\n\
        print('unknown', client.mail(job['nurse']))\n\
        client = smtplib.SMTP(job['host'], job['starttls'], 'c.test'); client.ehlo()\n\
        assert not client.has_extn('auth') and not client.has_extn('requiretls'), client.esmtp_features\n\
        print('clear', client.docmd('AUTH', 'PLAIN AHgAeQ=='), client.mail(job['nurse']))\n";
    let text = session(&clinic, &server, "", program).expect_success().text;
    for extension in [
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "SIZE 64000000",
        "CHUNKING",
        "DSN",
        "AUTH PLAIN LOGIN",
        "REQUIRETLS",
        "ENHANCEDSTATUSCODES",
    ] {
        assert!(text.contains(extension), "no {extension} in {text}");
    }
    assert!(text.contains("unknown (530") && text.contains("clear (538"), "{text}");

    let wrong = Submission {
        login: Some(("nurse", "sp_wrong")),
        ..submission(&clinic, &server, Security::Tls, &["p@x.example"])
    };
    let one = smtplib(&wrong).expect_failure("refused 535").text;
    let other =
        smtplib(&Submission { login: Some(("nobody", "sp_wrong")), ..wrong.clone() }).expect_failure("refused 535");
    assert_eq!(one, other.text, "an unknown login is told apart");
    swaks(&wrong).expect_failure("535 5.7.8");
}

#[test]
fn a_revoked_login_ends_in_open_sessions_too() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let program = "client.login(job['user'], job['password'])\n\
        text = b'From: ' + job['nurse'].encode() + b'\\r\\nSubject: x\\r\\n\\r\\nx\\r\\n'\n\
        client.sendmail(job['nurse'], [job['to']], text)\n\
        environment = dict(os.environ, SEALPOST_CONFIG=job['config'])\n\
        subprocess.run([job['sealpost'], 'credential', 'revoke', 'nurse', '--yes'], env=environment, check=True)\n\
        try:\n\
        \x20   client.sendmail(job['nurse'], [job['to']], text)\n\
        \x20   print('SENT')\n\
        except (smtplib.SMTPException) as error: print('ended', error)\n";
    let text = session(&clinic, &server, &patient, program).expect_success().text;
    assert!(text.contains("ended") && !text.contains("SENT"), "{text}");
    smtplib(&submission(&clinic, &server, Security::Tls, &[&patient])).expect_failure("refused 535");
    assert_eq!(clinic.machine.ok(["message", "list"]).lines().count(), 1);
}

#[test]
fn a_login_sends_only_as_its_own_addresses() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let secret = clinic.machine.ok(["credential", "add", "desk", "--sender", "desk@clinic.example"]);
    let server = clinic.serve();
    let to = [patient.as_str()];
    let desk = |from: &str, author: &str| {
        let message = format!("From: {author}\nTo: you\nSubject: hello\n\nText.\n");
        let plain = submission(&clinic, &server, Security::Tls, &to);
        smtplib(&Submission { login: Some(("desk", secret.trim())), from, message: &message, ..plain })
    };
    desk("desk@clinic.example", "Desk <desk@clinic.example>").expect_success();
    desk("nurse@clinic.example", "desk@clinic.example").expect_failure("refused 553");
    desk("desk@evil.example", "desk@clinic.example").expect_failure("refused 553");
    desk("desk@clinic.example", "nurse@clinic.example").expect_failure("refused 550");
    desk("desk@clinic.example", "desk@clinic.example, boss@clinic.example").expect_failure("refused 550");
    assert_eq!(clinic.machine.ok(["message", "list"]).lines().count(), 1);
}

#[test]
fn named_networks_send_without_login_and_no_other_does() {
    let networks = |network: &str| {
        format!(
            "[named_networks]\nlisten = ['127.0.0.1:0']\nnetworks = ['{network}']\nsender_domains = ['clinic.example']\n"
        )
    };
    let clinic = Clinic::new(&networks("127.0.0.0/8"));
    let patient = clinic.patient(Kind::Good);
    let to = [patient.as_str()];
    let server = clinic.serve();
    let device = |server: &Server<'_>| Submission {
        server: server.address("named_networks"),
        login: None,
        ..submission(&clinic, server, Security::Clear, &to)
    };
    swaks(&device(&server)).expect_success();
    smtplib(&device(&server)).expect_success();
    smtplib(&Submission { from: "x@evil.example", ..device(&server) }).expect_failure("refused 553");
    let forged = "From: x@evil.example\nTo: you\nSubject: x\n\nx\n";
    smtplib(&Submission { message: forged, ..device(&server) }).expect_failure("refused 550");
    clinic.letters(Kind::Good, &patient, 2);
    server.stop();

    clinic.machine.write("conf.d/test.toml", &networks("10.1.0.0/16"));
    let server = clinic.serve();
    smtplib(&device(&server)).expect_failure("554");
    server.stop();
    // A public address is no place for a door without a login.
    clinic.machine.write("conf.d/test.toml", &networks("10.1.0.0/16").replace("127.0.0.1:0", "192.0.2.1:2525"));
    assert_eq!(clinic.machine.run(["config", "check"]).status.code(), Some(1));
}

#[test]
fn every_listener_speaks_tls_12_and_13_only_and_shows_its_certificate() {
    let clinic = Clinic::new("");
    let server = clinic.serve();
    let anchors = clinic.hosts.ca.anchors().display().to_string();
    let verify = ["-CAfile", &anchors, "-verify_return_error", "-verify_hostname", "secure.clinic.example"];
    let smtp = "EHLO client.test\nQUIT\n";
    let http = "GET / HTTP/1.1\nHost: secure.clinic.example\nConnection: close\n\n";
    let doors: [(SocketAddr, Security, &str, &str); 3] = [
        (server.address("submission_starttls"), Security::Starttls, smtp, "250"),
        (server.address("submission_tls"), Security::Tls, smtp, "AUTH PLAIN LOGIN"),
        (server.address("portal"), Security::Tls, http, "HTTP/1.1 200"),
    ];
    for (address, security, say, hear) in doors {
        for version in ["-tls1_2", "-tls1_3"] {
            let arguments = [&verify[..], &[version]].concat();
            let heard = s_client(address, security, &arguments, say).expect_success().text;
            assert!(heard.contains("Verify return code: 0 (ok)"), "{version} {heard}");
            assert!(heard.contains(hear), "{version} {heard}");
        }
        for version in ["-tls1", "-tls1_1"] {
            let old = [version, "-cipher", "ALL:@SECLEVEL=0"];
            s_client(address, security, &old, say).expect_failure("SSL alert number");
        }
        // Without AEAD or without ECDHE there is nothing in common (SP 800-52r2).
        for cipher in ["ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256"] {
            let arguments = ["-tls1_2", "-cipher", cipher];
            s_client(address, security, &arguments, say).expect_failure("SSL alert number 40");
        }
    }
}

#[test]
fn a_message_of_thirty_megabytes_arrives_unchanged() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let header = "MIME-Version: 1.0\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n";
    let line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3\n";
    let text = line.repeat(30_000_000 / line.len());
    let id = clinic.send(&server, &Mail { to: &[&patient], header, text: &text, ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let letter = clinic.letter(Kind::Good, &patient);
    assert!(letter.body() == text, "{} of {} bytes", letter.body().len(), text.len());
    let large = "x".repeat(998) + "\n";
    let large = large.repeat(66_000);
    let refused = clinic.submit(&server, &Mail { to: &[&patient], text: &large, ..clinic.mail() });
    refused.expect_failure("552");
}

#[test]
fn pipelined_commands_and_chunks_are_taken() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good);
    let server = clinic.serve();
    let program = "client.login(job['user'], job['password'])\n\
        nurse, to = job['nurse'].encode(), job['to'].encode()\n\
        start = b'MAIL FROM:<' + nurse + b'>\\r\\nRCPT TO:<' + to + b'>\\r\\n'\n\
        head = b'From: ' + nurse + b'\\r\\nSubject: '\n\
        client.send(start + b'DATA\\r\\n')\n\
        for _ in range(3): print(client.getreply())\n\
        client.send(head + b'piped\\r\\n\\r\\none\\r\\n..two\\r\\n.\\r\\n' + start + b'NOOP\\r\\n')\n\
        for _ in range(4): print(client.getreply())\n\
        first, last = head + b'chunks\\r\\n\\r\\none\\r', b'\\n.\\r\\n..two\\r\\n'\n\
        client.send(b'BDAT %d\\r\\n%b' % (len(first), first) + b'BDAT %d LAST\\r\\n%b' % (len(last), last))\n\
        for _ in range(2): print(client.getreply())\n\
        client.send(start + b'BDAT 3\\r\\nabcRSET\\r\\nQUIT\\r\\n')\n\
        for _ in range(5): print(client.getreply())\n";
    let text = session(&clinic, &server, &patient, program).expect_success().text;
    let codes: Vec<&str> = text.lines().map(|line| &line[1..4]).collect();
    let expected = ["250", "250", "354", "250", "250", "250", "250", "250", "250", "250", "250", "250", "250", "221"];
    assert_eq!(codes, expected, "{text}");
    let letters = clinic.letters(Kind::Good, &patient, 2);
    let body = |subject: &str| {
        let letter = letters.iter().find(|letter| letter.header("Subject") == [subject]);
        letter.unwrap_or_else(|| panic!("no {subject}")).body()
    };
    assert_eq!(body("piped").trim_end(), "one\n.two");
    assert_eq!(body("chunks").trim_end(), "one\n.\n..two");
}

#[test]
fn addresses_beyond_ascii_go_from_end_to_end() {
    let clinic = Clinic::new("");
    let patient = clinic.patient(Kind::Good).replace("pat@", "jürgen@");
    let nurse = clinic.nurse.replace("nurse", "schwester-ü");
    let server = clinic.serve();
    let id = clinic.send(&server, &Mail { from: &nurse, to: &[&patient], ..clinic.mail() });
    clinic.wait_for(&id, "delivered", &patient);
    let letter = clinic.letter(Kind::Good, &patient);
    assert_eq!(letter.header("Return-Path"), [format!("<{nurse}>")]);
    assert!(letter.header("Received")[0].contains("UTF8SMTPS"), "{}", letter.text());
    // Without SMTPUTF8 in MAIL such an address is refused (RFC 6531 §3.5).
    let program = "client.login(job['user'], job['password'])\nclient.mail(job['nurse'])\n\
        client.command_encoding = 'utf-8'\nprint(client.rcpt(job['to']))\n";
    let text = session(&clinic, &server, &patient, program).expect_success().text;
    assert!(text.contains("(553, b'5.6.7"), "{text}");
}
