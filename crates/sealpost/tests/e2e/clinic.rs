//! A clinic of a test's own: Sealpost, a zone, and mail hosts of every kind.
//!
//! The hosts are Postfix and slow to start, so tests that run at the same time
//! share them; each clinic has domains of its own there, and looks into a
//! shared mailbox by recipient.
//!
//! ```text
//! let clinic = Clinic::new("");                   // configuration over `Machine::base`
//! let patient = clinic.patient(Kind::Good);       // an address in a fresh domain whose MX is that host
//! let server = clinic.serve();
//! let id = clinic.send(&server, &Mail { to: &[&patient], ..clinic.mail() });
//! clinic.wait_for(&id, "delivered", &patient);    // an event of its timeline
//! let letter = clinic.letter(Kind::Good, &patient);
//! ```

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use serde_json::{Value, json};
use testkit::ca::Ca;
use testkit::clients::{Transcript, python};
use testkit::dns::Dns;
use testkit::postfix::{Letter, Postfix, Tls};
use testkit::sealpost::{Machine, Server};
use testkit::{loopback, wait};

/// The program under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_sealpost");

/// The word that must never be seen where it does not belong.
pub const MARKER: &str = "Haemoglobin-6.1-Marker";

/// What a recipient's MX host is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A valid certificate.
    Good,
    /// A certificate that it signed itself.
    SelfSigned,
    /// A certificate for another name.
    WrongName,
    /// A certificate that is over.
    Expired,
    /// TLS 1.0 and nothing newer.
    Tls10,
    /// No STARTTLS.
    Clear,
    /// Valid, but knows neither 8BITMIME nor SMTPUTF8.
    Narrow,
    /// Valid; says 550 to `nobody@` and 450 to `late@` any domain.
    Strict,
}

const KINDS: usize = 8;

/// The mail hosts, each started when it is first needed.
pub struct Hosts {
    /// Who vouches for the good ones.
    pub ca: Ca,
    /// The port of all of them.
    pub port: u16,
    started: [OnceLock<Postfix>; KINDS],
}

impl Hosts {
    /// Those of the tests that run now. They end with the last of these.
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Hosts>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let hosts = Self { ca: Ca::new(), port: loopback::port(), started: Default::default() };
            let hosts = Arc::new(hosts);
            *shared = Arc::downgrade(&hosts);
            hosts
        })
    }

    /// The host of a kind.
    pub fn get(&self, kind: Kind) -> &Postfix {
        self.started[kind as usize].get_or_init(|| {
            let ca = &self.ca;
            let host = |name: &str| Postfix::named(name).port(self.port);
            match kind {
                Kind::Good => host("mx.good.test").tls(&Tls::Valid(ca)),
                Kind::SelfSigned => host("mx.selfsigned.test").tls(&Tls::SelfSigned(ca)),
                Kind::WrongName => host("mx.wrongname.test").tls(&Tls::WrongName(ca)),
                Kind::Expired => host("mx.expired.test").tls(&Tls::Expired(ca)),
                Kind::Tls10 => host("mx.tls10.test").tls(&Tls::Tls10(ca)),
                Kind::Clear => host("mx.clear.test").tls(&Tls::None),
                Kind::Strict => host("mx.strict.test")
                    .tls(&Tls::Valid(ca))
                    .answering(&[("nobody@", "550 5.1.1 no such user here"), ("late@", "450 4.2.0 not yet")]),
                Kind::Narrow => host("mx.narrow.test").tls(&Tls::Valid(ca)).without("8bitmime, smtputf8"),
            }
            .start()
        })
    }
}

/// A number that no other clinic or domain of this run has.
fn fresh() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A clinic with its machine, its zone and a login.
pub struct Clinic {
    /// The mail hosts around it.
    pub hosts: Arc<Hosts>,
    /// The names that it can ask for.
    pub dns: Dns,
    /// Its Sealpost.
    pub machine: Machine,
    /// Who sends: an address that no other clinic has.
    pub nurse: String,
    /// The secret of the login `nurse`, which may send as anyone of `clinic.example`.
    pub secret: String,
}

/// What is sent, with the parameters of RFC 3461 where a test needs them.
#[derive(Clone, Debug)]
pub struct Mail<'a> {
    /// MAIL FROM.
    pub from: &'a str,
    /// Parameters of MAIL: `RET=FULL`.
    pub mail: &'a [&'a str],
    /// RCPT TO.
    pub to: &'a [&'a str],
    /// Parameters of RCPT: `NOTIFY=NEVER`.
    pub rcpt: &'a [&'a str],
    /// Fields over those of [`Clinic::mail`], each with its line end: `X-Sealpost-Campaign: recall\n`.
    pub header: &'a str,
    /// The text.
    pub text: &'a str,
}

impl Clinic {
    /// A clinic with this configuration laid over that of [`Machine::new`]. Its own domain's MX host is
    /// [`Kind::Good`].
    #[track_caller]
    pub fn new(configuration: &str) -> Self {
        let hosts = Hosts::shared();
        let dns = Dns::start("");
        let machine = Machine::new(BINARY, &hosts.ca, &dns, hosts.port, configuration);
        let data = machine.path("data").display().to_string();
        machine.ok(["init", "secure.clinic.example", "--domain", "clinic.example", "--data-dir", &data]);
        let secret = machine.ok(["credential", "add", "nurse", "--sender", "*@clinic.example"]).trim().to_owned();
        let clinic = Self { hosts, dns, machine, nurse: format!("nurse{}@clinic.example", fresh()), secret };
        clinic.mx("clinic.example", Kind::Good);
        clinic
    }

    /// Starts the server.
    #[track_caller]
    pub fn serve(&self) -> Server<'_> {
        self.machine.serve()
    }

    /// Name and password.
    pub fn login(&self) -> (&str, &str) {
        ("nurse", &self.secret)
    }

    /// Makes that host the only MX of a domain.
    pub fn mx(&self, domain: &str, kind: Kind) {
        let host = self.hosts.get(kind);
        self.mx_at(domain, host.hostname(), host.address());
    }

    /// Makes a host that is no shared one the only MX of a domain: a Postfix of the test's own, a proxy.
    pub fn mx_at(&self, domain: &str, hostname: &str, address: SocketAddr) {
        self.dns.remove(domain);
        self.dns.remove(hostname);
        self.dns.add(&format!("{domain} MX 10 {hostname}\n{hostname} A {}\n", address.ip()));
    }

    /// A domain that no other test has, without any record.
    pub fn domain(&self) -> String {
        format!("d{}.example", fresh())
    }

    /// An address in a fresh domain whose MX is that host.
    pub fn patient(&self, kind: Kind) -> String {
        let domain = self.domain();
        self.mx(&domain, kind);
        format!("pat@{domain}")
    }

    /// A plain message to nobody yet: `Mail { to: &[…], ..clinic.mail() }`.
    pub fn mail(&self) -> Mail<'_> {
        Mail { from: &self.nurse, mail: &[], to: &[], rcpt: &[], header: "", text: "See you on Tuesday.\n" }
    }

    /// Sends by port 465 and gives the message's id.
    #[track_caller]
    pub fn send(&self, server: &Server<'_>, mail: &Mail<'_>) -> String {
        let transcript = self.submit(server, mail).expect_success();
        let id = transcript.text.split_whitespace().find(|word| word.starts_with("msg_"));
        id.unwrap_or_else(|| panic!("no id in {}", transcript.text)).to_owned()
    }

    /// Sends by port 465 and gives all replies, as `VERB CODE TEXT` lines; a failure where one was none of success.
    pub fn submit(&self, server: &Server<'_>, mail: &Mail<'_>) -> Transcript {
        let message = format!(
            "From: Nurse <{from}>\nTo: {to}\nSubject: Your visit\nDate: Mon, 5 Jan 2026 10:00:00 +0000\n\
             Message-ID: <{number}@clinic.example>\n{header}\n{text}",
            from = mail.from,
            to = mail.to.join(", "),
            number = fresh(),
            header = mail.header,
            text = mail.text
        );
        self.submit_raw(server, mail, &message)
    }

    /// As [`Self::submit`], with a message of the test's own.
    pub fn submit_raw(&self, server: &Server<'_>, mail: &Mail<'_>, message: &str) -> Transcript {
        let address = server.address("submission_tls");
        let job = json!({
            "host": address.ip().to_string(), "port": address.port(), "login": self.login(),
            "from": mail.from, "mail": mail.mail, "to": mail.to, "rcpt": mail.rcpt, "message": message,
        });
        python(SUBMIT, job.to_string().as_bytes())
    }

    /// What happened to a message so far, oldest first: `message show --json`.
    #[track_caller]
    pub fn events(&self, id: &str) -> Vec<Value> {
        let shown: Value = serde_json::from_str(&self.machine.ok(["message", "show", id, "--json"])).unwrap();
        shown["events"].as_array().cloned().unwrap_or_default()
    }

    /// Waits for an event of a recipient (of anyone, where it is empty) and gives it.
    #[track_caller]
    pub fn wait_for(&self, id: &str, event: &str, recipient: &str) -> Value {
        let mut last = Vec::new();
        let found = wait::within(wait::PATIENCE, || {
            last = self.events(id);
            find(&last, event, recipient)
        });
        found.unwrap_or_else(|| panic!("no {event} of {recipient} in {last:#?}"))
    }

    /// Waits for the first letter to an address at a host.
    #[track_caller]
    pub fn letter(&self, kind: Kind, to: &str) -> Letter {
        self.letters(kind, to, 1).remove(0)
    }

    /// Waits for so many letters to an address at a host.
    #[track_caller]
    pub fn letters(&self, kind: Kind, to: &str, count: usize) -> Vec<Letter> {
        wait::until(&format!("{count} letters to {to} at {kind:?}"), || {
            Some(self.letters_now(kind, to)).filter(|letters| letters.len() >= count)
        })
    }

    /// The letters to an address that a host has taken so far.
    pub fn letters_now(&self, kind: Kind, to: &str) -> Vec<Letter> {
        letters_to(self.hosts.get(kind), to)
    }
}

/// The letters to an address that a host has taken so far.
pub fn letters_to(host: &Postfix, to: &str) -> Vec<Letter> {
    host.letters().into_iter().filter(|letter| letter.header("Delivered-To").iter().any(|one| one == to)).collect()
}

/// An event of a recipient (of anyone, where it is empty).
pub fn find(events: &[Value], event: &str, recipient: &str) -> Option<Value> {
    let is_for = |one: &&Value| recipient.is_empty() || one["recipient"] == recipient;
    events.iter().filter(|one| one["event"] == event).find(is_for).cloned()
}

const SUBMIT: &str = r#"
import json, smtplib, ssl, sys
job = json.load(sys.stdin)
context = ssl._create_unverified_context()
client = smtplib.SMTP_SSL(job["host"], job["port"], "client.test", context=context, timeout=60)
client.ehlo()
good = True
def note(verb, reply):
    global good
    print(verb, reply[0], reply[1].decode())
    good = good and reply[0] < 400
    return reply[0] < 400
client.login(*job["login"])
message = job["message"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
options = list(job["mail"])
if not (job["from"] + "".join(job["to"])).isascii():
    options.append("SMTPUTF8")
    client.command_encoding = "utf-8"
if not message.isascii():
    options.append("BODY=8BITMIME")
if note("mail", client.mail(job["from"], options)):
    if any([note("rcpt", client.rcpt(to, job["rcpt"])) for to in job["to"]]):
        try:
            note("data", client.data(message))
        except smtplib.SMTPDataError as error:
            note("data", (error.smtp_code, error.smtp_error))
client.quit()
sys.exit(0 if good else 1)
"#;
