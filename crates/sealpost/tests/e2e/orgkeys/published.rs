//! Published keys: the web key directory, as curl and as Sealpost asks it, and
//! the page of keys in a browser.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use testkit::chromium::{Chromium, Settings};
use testkit::gnupg::GnuPg;
use testkit::{loopback, process};
use thirtyfour::By;

use super::{Authority, id, json, openpgp, told};
use crate::clinic::{Clinic, Hosts};
use crate::portal::{pictures, shown};
use crate::visit::{Visitor, portal_address, portal_at};

/// The status, the header fields and the body that curl gets.
fn ask(clinic: &Clinic, port: u16, host: &str, path: &str, head: bool) -> (u16, String, Vec<u8>) {
    let mut command = Command::new("curl");
    command.args(["--silent", "--include", "--cacert"]).arg(clinic.hosts.ca.anchors());
    command.args(["--resolve", &format!("{host}:{port}:127.0.0.1")]);
    if head {
        command.arg("--head");
    }
    let output = process::run(command.arg(format!("https://{host}:{port}{path}")), b"");
    let answer = output.stdout;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(answer.len());
    let fields = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = fields.split_whitespace().nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, fields, answer.get(end + 4..).unwrap_or_default().to_vec())
}

#[test]
fn the_directory_gives_a_published_key_to_who_knows_its_address() {
    let port = loopback::port();
    let hosts = Hosts::shared();
    let identity = hosts.ca.issue(&["openpgpkey.clinic.example", "clinic.example", "secure.clinic.example"]);
    let clinic = Clinic::new(&format!(
        "[keys]\nwkd_port = {port}\nwkd_again = '1ms'\n[portal]\nlisten = ['127.0.0.1:{port}']\ncertificate = '{}'\nkey = '{}'\n",
        identity.certificate.display(),
        identity.key.display()
    ));
    clinic.dns.add("openpgpkey.clinic.example A 127.0.0.1\n");
    let nurse = clinic.nurse.clone();
    let names = openpgp::wkd::names(&nurse.parse().unwrap());
    let path = |url: &str| format!("/{}", url.split('/').skip(3).collect::<Vec<_>>().join("/"));
    let (advanced, direct) = (path(&names.advanced), path(&names.direct));
    let key = openpgp(&clinic, &nurse);
    let _server = clinic.serve();
    let wait_for = |host: &str, path: &str, expect: u16| {
        testkit::wait::until(&format!("{expect} of {path}"), || {
            let answer = ask(&clinic, port, host, path, false);
            (answer.0 == expect).then_some(answer)
        })
    };
    // Not before somebody publishes it.
    assert_eq!(ask(&clinic, port, "openpgpkey.clinic.example", &advanced, false).0, 404);
    json(&clinic, ["orgkey", "publish", &id(&key)]);
    let (_, fields, bytes) = wait_for("openpgpkey.clinic.example", &advanced, 200);
    assert!(fields.contains("content-type: application/octet-stream"), "{fields}");
    assert!(fields.contains("access-control-allow-origin: *"), "{fields}");
    let gpg = GnuPg::new();
    gpg.must(&["--import"], &bytes);
    let listed = String::from_utf8(gpg.must(&["--list-keys", "--with-colons", &nurse], b"")).unwrap();
    assert!(listed.contains(key["fingerprint"].as_str().unwrap()), "{listed}");
    assert_eq!(ask(&clinic, port, "clinic.example", &direct, false).2, bytes);
    let (status, _, body) = ask(&clinic, port, "openpgpkey.clinic.example", &advanced, true);
    assert_eq!((status, body.len()), (200, 0));
    for (host, policy) in [
        ("openpgpkey.clinic.example", "/.well-known/openpgpkey/clinic.example/policy"),
        ("clinic.example", "/.well-known/openpgpkey/policy"),
    ] {
        let (status, fields, _) = ask(&clinic, port, host, policy, false);
        assert!(status == 200 && fields.contains("text/plain"), "{fields}");
    }
    nothing_else_is_there(&clinic, port, &names.hash, &direct);

    // Sealpost itself finds it there.
    let found = clinic.machine.ok(["key", "find", &nurse]);
    assert!(found.contains(key["fingerprint"].as_str().unwrap()) && found.contains("wkd"), "{found}");

    // The next one takes its place there too.
    let next = openpgp(&clinic, &nurse);
    assert_eq!(next["published"], true);
    testkit::wait::until("the next key", || {
        gpg.must(&["--import"], &ask(&clinic, port, "clinic.example", &direct, false).2);
        let listed = String::from_utf8(gpg.must(&["--list-keys", "--with-colons", &nurse], b"")).unwrap();
        listed.contains(next["fingerprint"].as_str().unwrap()).then_some(())
    });

    // A revoked one goes on being given, so that others learn of it.
    json(&clinic, ["orgkey", "revoke", &id(&key), "--reason", "superseded", "--note", "moved", "--yes"]);
    testkit::wait::until("the revocation", || {
        gpg.must(&["--import"], &ask(&clinic, port, "clinic.example", &direct, false).2);
        let listed = String::from_utf8(gpg.must(&["--list-keys", "--with-colons", &nurse], b"")).unwrap();
        listed.lines().any(|line| line.starts_with("pub:r:")).then_some(())
    });
    json(&clinic, ["orgkey", "withdraw", &id(&key)]);
    json(&clinic, ["orgkey", "withdraw", &id(&next)]);
    wait_for("clinic.example", &direct, 404);
    told(&clinic);
}

/// Whatever is not there is not there in the same way.
fn nothing_else_is_there(clinic: &Clinic, port: u16, known: &str, direct: &str) {
    let unknown = openpgp::wkd::hash("nobody");
    let mut answers: Vec<(u16, Vec<u8>)> = [
        ("openpgpkey.clinic.example", format!("/.well-known/openpgpkey/clinic.example/hu/{unknown}")),
        ("openpgpkey.clinic.example", format!("/.well-known/openpgpkey/other.example/hu/{}", known)),
        ("secure.clinic.example", direct.to_owned()),
        ("clinic.example", "/.well-known/openpgpkey/hu/..%2f".to_owned()),
        ("clinic.example", "/.well-known/openpgpkey/other.example/policy".to_owned()),
    ]
    .iter()
    .map(|(host, path)| ask(clinic, port, host, path, false))
    .map(|(status, _, body)| (status, body))
    .collect();
    answers.dedup();
    assert_eq!(answers, [(404, Vec::new())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_keys_shows_fingerprints_and_gives_files() {
    let address = portal_address();
    let (clinic, authority) = (Clinic::new(&portal_at(&address)), Authority::new());
    let nurse = clinic.nurse.clone();
    let domain = openpgp(&clinic, "clinic.example");
    let certificate = authority.certify(&clinic, "clinic.example", "p256");
    let sender = openpgp(&clinic, &nurse);
    let hidden = json(&clinic, ["orgkey", "generate", "doctor@clinic.example"]);
    for key in [&domain, &certificate, &sender] {
        json(&clinic, ["orgkey", "publish", &id(key)]);
    }
    let _server = clinic.serve();
    let listed = [&domain, &certificate];
    let headings = ["The sender’s keys", "Las claves del remitente"];
    let visits = [("en", false, (1280, 1400)), ("es", true, (320, 640))];
    for ((language, dark, window), heading) in visits.into_iter().zip(headings) {
        let settings = Settings { language: language.to_owned(), dark, window, javascript: false };
        let browser = Chromium::start(&settings).await;
        let look = Look { browser: &browser, folder: pictures(&clinic.machine), language };
        browser.driver.goto(format!("http://{address}/keys")).await.unwrap();
        let text = look.at("keys").await;
        assert!(listed.iter().all(|key| text.contains(fingerprint(key))), "{text}");
        assert!(!text.contains(fingerprint(&sender)), "who has a key is not listed: {text}");
        let input = browser.driver.find(By::Id("sender")).await.unwrap();
        input.send_keys(format!("Nurse <{nurse}>")).await.unwrap();
        browser.driver.find(By::Css("main form button")).await.unwrap().click().await.unwrap();
        shown(&browser.driver, "h1", heading).await;
        let text = look.at("sender").await;
        assert!(text.contains(fingerprint(&sender)), "{text}");
        browser.quit().await;
    }
    let mut visitor = Visitor::at(address.parse().unwrap());
    let key = visitor.get(&format!("/keys/{}/file", id(&sender)));
    assert!(key.status == 200 && key.text().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK"), "{}", key.head);
    let der = visitor.get(&format!("/keys/{}/file", id(&certificate)));
    assert!(der.header("content-type") == "application/pkix-cert" && der.body.first() == Some(&0x30), "{}", der.head);
    for path in [format!("/keys/{}", id(&hidden)), format!("/keys/{}/file", id(&hidden)), "/keys/x".to_owned()] {
        assert_eq!(visitor.get(&path).status, 404, "{path}");
    }
    assert!(visitor.get("/verify").text().contains("href=\"/keys\""));
}

fn fingerprint(key: &Value) -> &str {
    key["fingerprint"].as_str().unwrap()
}

/// A look at a page in a browser.
struct Look<'a> {
    browser: &'a Chromium,
    folder: PathBuf,
    language: &'a str,
}

impl Look<'_> {
    /// The text of the page that is shown, without blanks; nothing of it is cut off or refused.
    async fn at(&self, name: &str) -> String {
        let driver = &self.browser.driver;
        let text = driver.find(By::Tag("main")).await.unwrap().text().await.unwrap();
        let url = driver.current_url().await.unwrap();
        assert!(!url.as_str().contains('@') && !url.as_str().contains("%40"), "{url}");
        let widths = driver.execute("return [document.documentElement.scrollWidth, innerWidth]", vec![]).await.unwrap();
        let [scroll, inner]: [u32; 2] = widths.convert().unwrap();
        assert!(scroll <= inner, "{name} is {scroll} wide in {inner}");
        let picture = driver.screenshot_as_png().await.unwrap();
        std::fs::write(self.folder.join(format!("{}-{name}.png", self.language)), picture).unwrap();
        assert_eq!(self.browser.log().await, [""; 0], "{name}");
        text.split_whitespace().collect()
    }
}
