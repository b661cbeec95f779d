//! The clinic, its mail system, and everybody else's mail hosts, with a
//! recording of every line over which Sealpost sends mail.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;

use testkit::gnupg::GnuPg;
use testkit::loopback;
use testkit::postfix::{self, Postfix, Tls};
use testkit::process;
use testkit::proxy::Proxy;

use crate::border::STRANGER;
use crate::clinic::{Clinic, Hosts, Kind};
use crate::endtoend::{file, public};
use crate::orgkeys::{self, Authority, openssl, pgp_mime};
use crate::visit::{portal_address, portal_at};

/// Whose mail is sealed to the clinic, or comes signed.
pub const ANN: &str = "ann@patient.example";
/// A patient with an OpenPGP key.
pub const KEYED: &str = "keyed@good.day.example";

pub struct Town {
    pub clinic: Clinic,
    /// The clinic's own mail system: a mailbox for everybody in it, and the gateway for all else.
    pub office: Postfix,
    /// The host of most patients, which writes to the clinic too.
    pub world: Postfix,
    lines: Vec<(&'static str, Proxy)>,
    gpg: GnuPg,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Town {
    pub fn new() -> Self {
        let (hosts, gateway) = (Hosts::shared(), loopback::free());
        let to_gateway = Proxy::recording(loopback::free(), gateway);
        let office = office(&hosts, to_gateway.address());
        let world = world(&hosts, gateway);
        let line = |host: &Postfix| Proxy::recording(beside(&hosts), host.address());
        let mut lines = vec![("the gateway", to_gateway), ("the office", line(&office)), ("the world", line(&world))];
        for (name, kind) in [("the weak", Kind::SelfSigned), ("the clear", Kind::Clear), ("the strict", Kind::Strict)] {
            lines.push((name, line(hosts.get(kind))));
        }
        let authority = Authority::new();
        let clinic = Clinic::new(&configuration(gateway, lines[1].1.address(), &authority));
        let town =
            Self { clinic, office, world, lines, gpg: GnuPg::new(), authority, folder: tempfile::tempdir().unwrap() };
        town.publish();
        town.make_keys();
        town
    }

    /// The zone: each domain's only MX is behind a recording line.
    fn publish(&self) {
        let hosts = &self.clinic.hosts;
        let at = |line: usize, name: &str, domain: &str| {
            self.clinic.mx_at(domain, name, self.lines[line].1.address());
        };
        at(2, self.world.hostname(), "good.day.example");
        at(3, hosts.get(Kind::SelfSigned).hostname(), "weak.day.example");
        for domain in ["clear.day.example", "choice.day.example"] {
            at(4, hosts.get(Kind::Clear).hostname(), domain);
        }
        at(5, hosts.get(Kind::Strict).hostname(), "strict.day.example");
    }

    /// A domain of its own at the host that refuses, or at the one that takes all and bounces later.
    pub fn domain(&self, name: &str, bounces_later: bool) -> String {
        let (under, host) = if bounces_later { ("late", &self.world) } else { ("strict", self.strict()) };
        let domain = format!("{name}.{under}.day.example");
        self.clinic.dns.add(&format!("{domain} MX 10 {}\n", host.hostname()));
        domain
    }

    fn strict(&self) -> &Postfix {
        self.clinic.hosts.get(Kind::Strict)
    }

    fn make_keys(&self) {
        orgkeys::openpgp(&self.clinic, "sealed@clinic.example");
        let keys: serde_json::Value = orgkeys::json(&self.clinic, ["orgkey", "list"]);
        let id = keys["id"].as_str().unwrap().to_owned();
        self.gpg.must(&["--import"], self.clinic.machine.ok(["orgkey", "show", &id, "--export"]).as_bytes());
        self.gpg.generate(&format!("K <{KEYED}>"), "ed25519", "cv25519");
        let key = file(&self.folder, "keyed.asc", &public(&self.gpg, KEYED));
        self.clinic.machine.ok(["key", "add", &key]);
        let (key, request) = (self.authority.named("ann.key"), self.authority.named("ann.csr"));
        let mut arguments = vec!["req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Ann"];
        let subject = format!("subjectAltName=email:{ANN}");
        arguments.extend(["-addext", &subject, "-addext", "keyUsage=digitalSignature"]);
        arguments.extend(["-addext", "extendedKeyUsage=emailProtection", "-keyout", &key, "-out", &request]);
        openssl(&arguments, b"");
        self.authority.sign(&std::fs::read_to_string(&request).unwrap());
    }

    /// A message of Ann's sealed to `sealed@clinic.example`.
    pub fn sealed(&self, fields: &str, inside: &str) -> String {
        let arguments = ["--armor", "--encrypt", "--recipient", "sealed@clinic.example"];
        pgp_mime(fields, &self.gpg.must(&arguments, inside.as_bytes()))
    }

    /// The same signed in S/MIME.
    pub fn signed(&self, fields: &str, inside: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(["cms", "-sign", "-signer"]).arg(self.authority.path("certificate.pem"));
        command.arg("-inkey").arg(self.authority.path("ann.key"));
        let output = process::run(&mut command, inside.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        format!("{fields}{}", String::from_utf8(output.stdout).unwrap())
    }

    /// Every letter of every mailbox, by its recipient.
    pub fn mailboxes(&self) -> HashMap<String, Vec<postfix::Letter>> {
        let hosts = &self.clinic.hosts;
        let of_kind = [Kind::SelfSigned, Kind::Clear, Kind::Strict].map(|kind| hosts.get(kind));
        let mut boxes: HashMap<String, Vec<postfix::Letter>> = HashMap::new();
        for letter in [&self.office, &self.world].into_iter().chain(of_kind).flat_map(Postfix::letters) {
            for recipient in letter.header("Delivered-To") {
                boxes.entry(recipient).or_default().push(letter.clone());
            }
        }
        boxes
    }

    /// What crossed each line, by whom it led to.
    pub fn crossed(&self) -> Vec<(&'static str, Vec<Vec<u8>>)> {
        self.lines.iter().map(|(name, line)| (*name, line.crossed())).collect()
    }
}

/// A free address with the port of all MX hosts.
fn beside(hosts: &Hosts) -> SocketAddr {
    SocketAddr::from((loopback::address(), hosts.port))
}

fn office(hosts: &Hosts, gateway: SocketAddr) -> Postfix {
    Postfix::named("mail.clinic.test")
        .tls(&Tls::Valid(&hosts.ca))
        // The line's own address: it stands between the two.
        .relaying(gateway, "127.0.0.1")
        .set("relay_domains", "")
        .set("virtual_mailbox_domains", "clinic.example")
        .set("smtpd_relay_restrictions", "permit_mynetworks, reject")
        .start()
}

fn world(hosts: &Hosts, gateway: SocketAddr) -> Postfix {
    let strict = hosts.get(Kind::Strict).address();
    let to = |address: SocketAddr| format!("smtp:[{}]:{}", address.ip(), address.port());
    let transports = format!(
        "inline:{{{{clinic.example = {gateway}}}, {{bounces.clinic.example = {gateway}}}, \
         {{.late.day.example = {strict}}}}}",
        gateway = to(gateway),
        strict = to(strict),
    );
    Postfix::named("mx.world.test")
        .port(hosts.port)
        .tls(&Tls::Valid(&hosts.ca))
        .relaying(gateway, STRANGER)
        .set("relay_domains", "")
        .set("virtual_mailbox_domains", "static:all")
        .set("transport_maps", &transports)
        .start()
}

fn configuration(gateway: SocketAddr, office: SocketAddr, authority: &Authority) -> String {
    format!(
        "{portal}[gateway]\nlisten = ['{gateway}']\nreturn_path = 'bounces.clinic.example'\n\
         [[gateway.connector]]\nname = 'office'\nnetworks = ['127.0.0.1/32']\n\
         [[gateway.inbound]]\ndomains = ['clinic.example']\nhost = '{host}'\nport = {port}\n\
         tls_name = 'mail.clinic.test'\n\
         [smime]\nanchors = '{anchors}'\n[store]\nlease = '10s'\n[delivery]\nretry = ['5s']\n\
         [[policy.rule]]\nname = 'look first'\ndirection = 'outbound'\nsubject_tag = 'quarter'\nhold = true\n\
         [[policy.rule]]\nname = 'asked'\nrecipient_domain = 'choice.day.example'\nexempt = ['default']\n\
         reason = 'asked for plain mail after a warning'\n\
         [[policy.rule]]\nname = 'plain'\nrecipient_domain = 'choice.day.example'\nrequire = 'none'\n",
        portal = portal_at(&portal_address()),
        host = office.ip(),
        port = office.port(),
        anchors = authority.named("ca.pem"),
    )
}
