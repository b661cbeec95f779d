//! The listeners' certificate, had from a real authority (Pebble) by ACME.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use testkit::ca::Ca;
use testkit::dns::Dns;
use testkit::pebble::{Pebble, Wanted};
use testkit::postgres::Postgres;
use testkit::sealpost::{Machine, Server};
use testkit::{loopback, process, wait};

const BINARY: &str = env!("CARGO_BIN_EXE_sealpost");
const NAME: &str = "secure.clinic.example";
const LONG: Duration = Duration::from_secs(90 * 24 * 3600);

/// A clinic whose name leads to an address of its own, and an authority that looks there.
struct World {
    ca: Ca,
    dns: Dns,
    pebble: Pebble,
    portal: SocketAddr,
    http: SocketAddr,
}

impl World {
    fn new(life: Duration, change: impl FnOnce(&mut Wanted)) -> Self {
        let (ca, portal) = (Ca::new(), loopback::free());
        let http = SocketAddr::from((portal.ip(), portal.port() + 1));
        let dns = Dns::start(&format!("{NAME} A {}\n", portal.ip()));
        let mut wanted = Wanted {
            http_port: http.port(),
            tls_port: portal.port(),
            life,
            external_account: None,
            blocked: &["blocked.example"],
        };
        change(&mut wanted);
        let pebble = Pebble::start(&ca, &dns, &wanted);
        Self { ca, dns, pebble, portal, http }
    }

    /// The clinic's machine, with keys and a database, which listens where its name leads.
    fn machine(&self, acme: &str) -> Machine {
        let listens = format!("[portal]\nlisten = ['{}']\nlisten_http = ['{}']\n", self.portal, self.http);
        let machine = Machine::new(BINARY, &self.ca, &self.dns, 25, &listens);
        machine.write("conf.d/acme.toml", &self.section(acme));
        machine.init();
        machine
    }

    fn section(&self, acme: &str) -> String {
        let directory = self.pebble.directory();
        format!("[acme]\ndirectory = '{directory}'\ncontact = ['it@clinic.example']\nterms_agreed = true\n{acme}")
    }

    #[track_caller]
    fn wait_until_issued(&self, server: &Server<'_>, listener: &str) -> Shown {
        let issued = wait::within(wait::PATIENCE, || Some(shown(server, listener)).filter(Shown::is_pebbles));
        issued.unwrap_or_else(|| panic!("no certificate\n{}\n{}", server.log(), self.pebble.log()))
    }
}

/// What a listener shows.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    issuer: String,
    serial: String,
    names: String,
}

impl Shown {
    fn is_pebbles(&self) -> bool {
        self.issuer.contains("Pebble")
    }
}

#[track_caller]
fn shown(server: &Server<'_>, listener: &str) -> Shown {
    let address = server.address(listener).to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &address, "-servername", NAME]);
    if listener == "submission_starttls" {
        command.args(["-starttls", "smtp"]);
    }
    let hello = process::run(&mut command, b"");
    let fields = ["x509", "-noout", "-issuer", "-serial", "-ext", "subjectAltName"];
    let told = process::run(Command::new("openssl").args(fields), &hello.stdout);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let field = |name: &str| {
        let line = told.lines().find_map(|line| line.trim().strip_prefix(name));
        line.unwrap_or_default().to_owned()
    };
    Shown { issuer: field("issuer="), serial: field("serial="), names: field("DNS:") }
}

#[track_caller]
fn status(machine: &Machine) -> Value {
    serde_json::from_str(&machine.ok(["acme", "status", "--json"])).expect("the status")
}

fn asked(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_first_certificate_is_had_by_tls_alpn_and_shown_by_every_listener_and_after_a_restart() {
    let world = World::new(LONG, |_| {});
    let machine = world.machine("challenge = 'tls-alpn-01'\n");
    let server = machine.serve();
    let had = world.wait_until_issued(&server, "portal");
    assert_eq!(had.names, NAME);
    for listener in ["submission_tls", "submission_starttls"] {
        assert_eq!(shown(&server, listener), had, "{listener}");
    }
    let meters = crate::operate::page(&server, "/metrics");
    assert!(meters.contains("sealpost_certificate_orders_total{result=\"issued\"} 1"), "{meters}");
    server.stop();

    let server = machine.serve();
    assert_eq!(shown(&server, "portal"), had, "kept, and shown from the first connection on");
    assert_eq!(world.pebble.issued(), 1);
    for (path, bytes) in machine.files("data") {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("PRIVATE KEY") && !text.contains("key_pkcs8"), "{}", path.display());
    }
    assert!(machine.ok(["audit", "verify"]).contains("whole"));
}

#[test]
fn a_certificate_is_had_by_http_and_nothing_else_is_said_there() {
    let world = World::new(LONG, |_| {});
    let machine = world.machine("challenge = 'http-01'\n");
    let server = machine.serve();
    world.wait_until_issued(&server, "portal");
    let moved = asked(server.address("portal_http"), "GET /m/x");
    assert!(moved.starts_with("HTTP/1.1 308"), "{moved}");
    assert!(moved.contains(&format!("location: https://{NAME}/m/x")), "{moved}");
    let unknown = asked(server.address("portal_http"), "GET /.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17");
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
}

#[test]
fn a_certificate_is_renewed_ahead_of_its_end_without_a_restart() {
    let world = World::new(Duration::from_secs(12), |_| {});
    let machine = world.machine("");
    let server = machine.serve();
    let first = world.wait_until_issued(&server, "submission_tls");
    let ends: jiff::Timestamp = status(&machine)["certificate"]["ends"].as_str().unwrap().parse().unwrap();
    wait::until("the next certificate", || (shown(&server, "submission_tls").serial != first.serial).then_some(()));
    let (next, now) = (shown(&server, "submission_tls"), jiff::Timestamp::now());
    assert!(next.is_pebbles() && now < ends, "{next:?} at {now}, the first one ended at {ends}");
}

#[test]
fn a_certificate_that_is_due_at_birth_is_kept_and_the_next_one_waits() {
    let world = World::new(LONG, |_| {});
    let machine = world.machine("");
    // Past its renewal after 60 days, not past its end after 90.
    let server = machine.serve_at("+80d");
    let had = world.wait_until_issued(&server, "portal");
    server.wait_for_log("it is kept all the same");
    let failure = status(&machine)["failure"].clone();
    assert!(failure["because"].as_str().unwrap().contains("due to be renewed already"), "{failure}");
    assert!(failure["fix"].as_str().unwrap().contains("set this machine's clock"), "{failure}");
    server.signal("HUP");
    server.wait_for_log("reloaded: the new configuration holds");
    assert_eq!((shown(&server, "portal"), world.pebble.issued()), (had, 1));
}

#[test]
fn a_certificate_that_ended_gives_way_to_files() {
    let world = World::new(Duration::from_secs(15), |_| {});
    let machine = world.machine("");
    let server = machine.serve();
    let had = world.wait_until_issued(&server, "portal");
    let World { pebble, .. } = world;
    drop(pebble);
    // It is looked at every 20 seconds whether it has ended.
    let gave_way = wait::within(wait::PATIENCE * 2, || (!shown(&server, "portal").is_pebbles()).then_some(()));
    assert!(gave_way.is_some(), "{}", server.log());
    assert_ne!(shown(&server, "submission_tls"), had);
    let doctor = machine.run(["doctor", "--only", "certificates"]);
    let told = String::from_utf8_lossy(&doctor.stdout);
    assert!(told.contains("acme: the certificate ended at") && told.contains("portal: verified for"), "{told}");
    assert!(machine.ok(["acme", "status"]).contains("ENDED at"));
}

#[test]
fn an_order_that_fails_keeps_the_old_certificate_and_says_what_to_mend() {
    let world = World::new(LONG, |_| {});
    let machine = world.machine("");
    let server = machine.serve();
    let had = world.wait_until_issued(&server, "portal");
    // Where nothing listens.
    world.dns.add(&format!("elsewhere.clinic.example A {}", loopback::address()));
    let names = format!("names = ['{NAME}', 'elsewhere.clinic.example']\n");
    machine.write("conf.d/acme.toml", &world.section(&names));
    server.signal("HUP");
    server.wait_for_log("no certificate was had; the one before stays");
    assert_eq!(shown(&server, "portal"), had);
    assert_eq!(shown(&server, "submission_tls"), had);

    let failure = status(&machine)["failure"].clone();
    let (because, fix) = (failure["because"].as_str().unwrap(), failure["fix"].as_str().unwrap());
    assert!(because.contains("elsewhere.clinic.example was not proven by tls-alpn-01"), "{because}");
    assert!(fix.contains("elsewhere.clinic.example leads to this server") && fix.contains("port 443"), "{fix}");
    let doctor = machine.run(["doctor", "--only", "certificates"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains(fix), "{doctor:?}");

    let blocked = format!("names = ['{NAME}', 'www.blocked.example']\n");
    machine.write("conf.d/acme.toml", &world.section(&blocked));
    let renewed = machine.run(["acme", "renew"]);
    let said = String::from_utf8_lossy(&renewed.stderr);
    assert!(!renewed.status.success() && said.contains("acme.names are public names"), "{said}");
    machine.write("conf.d/acme.toml", &world.section(""));
    server.signal("HUP");
    let renewed = machine.ok(["acme", "renew"]);
    assert!(renewed.contains("issued by"), "{renewed}");
    wait::until("the new certificate", || (shown(&server, "portal").serial != had.serial).then_some(()));
    assert_eq!(status(&machine)["failure"], Value::Null);
}

#[test]
fn a_directory_that_nobody_vouches_for_is_refused() {
    let world = World::new(LONG, |_| {});
    let stranger = Ca::new();
    let machine = world.machine(&format!("anchors = '{}'\n", stranger.anchors().display()));
    let renewed = machine.run(["acme", "renew"]);
    let said = String::from_utf8_lossy(&renewed.stderr);
    assert!(!renewed.status.success() && said.contains("set acme.anchors"), "{said}");
    assert!(!world.pebble.log().contains("/nonce-plz"), "nothing was asked of it\n{}", world.pebble.log());
}

#[test]
fn terms_and_an_external_account_are_asked_for_by_name() {
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let world = World::new(LONG, |wanted| wanted.external_account = Some(("kid-1", key)));
    let mut machine = world.machine("");
    machine.write("conf.d/acme.toml", &world.section("").replace("terms_agreed = true", "terms_agreed = false"));
    let refusal = |machine: &Machine, command: [&str; 2]| {
        let output = machine.run(command);
        assert!(!output.status.success());
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    assert!(refusal(&machine, ["acme", "renew"]).contains("set acme.terms_agreed = true"));
    assert!(refusal(&machine, ["doctor", "--only=certificates"]).contains("set acme.terms_agreed = true"));
    machine.write("conf.d/acme.toml", &world.section(""));
    let said = refusal(&machine, ["acme", "renew"]);
    assert!(said.contains("set acme.external_account to the key identifier"), "{said}");

    machine.write("conf.d/acme.toml", &world.section("external_account = 'kid-1'\n"));
    machine.write("mac.key", &format!("{key}\n"));
    let file = machine.path("mac.key").display().to_string();
    machine.set("SEALPOST_ACME__EXTERNAL_ACCOUNT_KEY_FILE", &file);
    assert!(!machine.ok(["config", "show"]).contains(key));
    let _server = machine.serve();
    wait::until("the certificate", || status(&machine)["certificate"].is_object().then_some(()));
}

#[test]
fn an_authority_that_forgot_the_account_gets_a_new_one() {
    let mut world = World::new(LONG, |_| {});
    let machine = world.machine("");
    let server = machine.serve();
    let had = world.wait_until_issued(&server, "portal");
    world.pebble.restart();
    assert!(machine.ok(["acme", "renew"]).contains("issued by"));
    wait::until("the new certificate", || (shown(&server, "portal").serial != had.serial).then_some(()));
}

#[test]
fn two_nodes_order_once_and_either_answers_the_authority() {
    let world = World::new(LONG, |_| {});
    let store = format!("[store]\nurl = '{}'\n", Postgres::shared().database());
    let first = world.machine("challenge = 'tls-alpn-01'\n");
    first.write("conf.d/store.toml", &store);
    first.init();
    // The name leads to the first one only.
    let listens = format!("[portal]\nlisten = ['{}:0']\n{store}", Ipv4Addr::LOCALHOST);
    let other = Machine::new(BINARY, &world.ca, &world.dns, 25, &listens);
    other.write("conf.d/acme.toml", &world.section("challenge = 'tls-alpn-01'\n"));
    std::fs::copy(first.path("root.key"), other.path("root.key")).unwrap();
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| first.serve());
        let two = scope.spawn(|| other.serve());
        (one.join().unwrap(), two.join().unwrap())
    });
    let (at_one, at_two) = (world.wait_until_issued(&one, "portal"), world.wait_until_issued(&two, "submission_tls"));
    assert_eq!(at_one, at_two);
    assert_eq!(world.pebble.issued(), 1);
    // The one to which the name does not lead orders; the other answers for it, and shows what was had.
    assert!(other.ok(["acme", "renew"]).contains("issued by"));
    wait::until("the new certificate at both", || {
        let (one, two) = (shown(&one, "portal"), shown(&two, "portal"));
        (one.serial != at_one.serial && one == two).then_some(())
    });
}
