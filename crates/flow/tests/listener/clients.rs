//! Clients that nobody here wrote: Python's smtplib, swaks, `openssl s_client`.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::desk::{House, certify};

/// Runs a program with this input; gives whether it succeeded, and all it said.
async fn run(program: &str, arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    // A program that fails early does not read its input.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

const SMTPLIB: &str = r#"
import smtplib, ssl, sys
from email.message import EmailMessage
how, port, chain = sys.argv[1], int(sys.argv[2]), sys.argv[3]
context = ssl.create_default_context(cafile=chain)
if how == "tls":
    client = smtplib.SMTP_SSL("localhost", port, context=context)
else:
    client = smtplib.SMTP("localhost", port)
    client.starttls(context=context)
try:
    client.login("ehr", "wrong")
    sys.exit("a wrong password was taken")
except smtplib.SMTPAuthenticationError as error:
    assert error.smtp_code == 535, error
client.close()
if how == "tls":
    client = smtplib.SMTP_SSL("localhost", port, context=context)
else:
    client = smtplib.SMTP("localhost", port)
    client.starttls(context=context)
client.login("ehr", "secret")
message = EmailMessage()
message["Subject"] = "Grüße"
message["From"], message["To"] = "a@clinic.example", "p@example.com, q@example.com"
message.set_content("one\n.two\n\n" + "x" * 5000 + "\n")
client.send_message(message)
client.send_message(message, from_addr="b@clinic.example")
try:
    client.send_message(message, from_addr="b@evil.example")
    sys.exit("another's sender was taken")
except smtplib.SMTPSenderRefused as error:
    assert error.smtp_code == 553, error
client.quit()
"#;

#[tokio::test]
async fn smtplib_sends_over_starttls_and_over_tls() {
    let house = House::open().await;
    let chain = house.chain.to_str().unwrap();
    for (how, address) in [("starttls", house.starttls), ("tls", house.tls)] {
        let port = address.port().to_string();
        let (fine, said) = run("python3", &["-c", SMTPLIB, how, &port, chain], "").await;
        assert!(fine, "{how}: {said}");
    }
    let taken = house.recorder.taken.lock().unwrap();
    assert_eq!(taken.len(), 4);
    for message in taken.iter() {
        assert_eq!(message.submission.with, "ESMTPSA");
        assert_eq!(message.submission.envelope.recipients.len(), 2);
        assert_eq!(message.submission.tls.as_ref().unwrap().version, "TLSv1.3");
        assert!(message.submission.tls.as_ref().unwrap().cipher.starts_with("TLS_AES_"));
        assert!(String::from_utf8_lossy(&message.content).contains("\r\n.two\r\n"));
    }
}

#[tokio::test]
async fn swaks_sends_with_both_mechanisms() {
    let house = House::open().await;
    let server = house.starttls.to_string();
    for mechanism in ["PLAIN", "LOGIN"] {
        let (fine, said) = run(
            "swaks",
            &[
                "--server",
                &server,
                "--tls",
                "--auth",
                mechanism,
                "--auth-user",
                "ehr",
                "--auth-password",
                "secret",
                "--from",
                "a@clinic.example",
                "--to",
                "p@example.com",
                "--body",
                "hello",
                "--pipeline",
            ],
            "",
        )
        .await;
        assert!(fine, "{said}");
    }
    assert_eq!(house.recorder.taken.lock().unwrap().len(), 2);
    let (fine, _) = run(
        "swaks",
        &[
            "--server",
            &server,
            "--auth",
            "PLAIN",
            "--auth-user",
            "ehr",
            "--auth-password",
            "secret",
            "--to",
            "p@example.com",
        ],
        "",
    )
    .await;
    assert!(!fine, "no login without TLS");
}

#[tokio::test]
async fn openssl_sees_only_the_allowed_versions_and_suites() {
    let house = House::open().await;
    let chain = house.chain.to_str().unwrap();
    for (address, starttls) in [(house.starttls, true), (house.tls, false)] {
        let server = address.to_string().replace("127.0.0.1", "localhost");
        let mut base = vec![
            "s_client",
            "-connect",
            &server,
            "-CAfile",
            chain,
            "-verify_return_error",
            "-verify_hostname",
            "localhost",
        ];
        base.extend(if starttls { vec!["-starttls", "smtp"] } else { vec![] });
        for fine in [&["-tls1_3"][..], &["-tls1_2"], &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]] {
            let (ok, said) = run("openssl", &[&base[..], fine].concat(), "QUIT\r\n").await;
            assert!(ok && said.contains("Verify return code: 0 (ok)"), "{fine:?}: {said}");
        }
        for weak in [
            &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..],
            &["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=0"],
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
            &["-tls1_2", "-cipher", "AES128-GCM-SHA256:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"],
        ] {
            let (ok, said) = run("openssl", &[&base[..], weak].concat(), "QUIT\r\n").await;
            assert!(!ok && said.contains("Cipher is (NONE)"), "{weak:?}: {said}");
        }
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_while_the_listener_runs() {
    let house = House::open().await;
    let server = house.tls.to_string();
    let chain = house.chain.to_str().unwrap();
    let verify = ["s_client", "-connect", &server, "-CAfile", chain, "-verify_return_error"];
    assert!(run("openssl", &verify, "QUIT\r\n").await.0);
    certify(house.folder.path());
    // Trusts the new certificate only, so it fails until that is shown.
    while !run("openssl", &verify, "QUIT\r\n").await.0 {}
}
