//! A clinic with a gateway: its mail system is a Postfix of the test kit, and
//! clients come from whatever loopback address a test gives them.

use std::sync::Once;

use serde_json::{Value, json};
use testkit::ca::Identity;
use testkit::clients::{Transcript, python};
use testkit::sealpost::Server;

use crate::clinic::{Clinic, Hosts, Kind};

/// Where the clinic's own mail system connects from.
pub const OFFICE: &str = "127.0.0.21";
/// The network that a provider's customers share.
pub const PROVIDER: &str = "127.0.0.22";
/// Anybody.
pub const STRANGER: &str = "127.0.0.23";
/// The name in the certificate that a provider's customers share.
pub const PROVIDER_NAME: &str = "mail.provider.test";
/// The secret of the clinic's own tenant.
pub const SECRET: &str = "k7w2m5q4z3x6c2v5b4n3a6s5d4";

/// A clinic whose inbound mail goes to [`Kind::Good`], with the connectors `office` (a network of its own) and
/// `provider` (network and certificate shared, proven by a secret or by DKIM).
pub fn clinic(more: &str) -> Clinic {
    let hosts = Hosts::shared();
    let next = hosts.get(Kind::Good);
    let folder = std::env::temp_dir().join(format!("sealpost-secret-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // Once: a server of another test that starts meanwhile would find an empty file.
    static WRITTEN: Once = Once::new();
    WRITTEN.call_once(|| std::fs::write(folder.join("tenant"), SECRET).unwrap());
    Clinic::new(&format!(
        "[gateway]\nlisten = ['127.0.0.1:0']\nanchors = '{anchors}'\n\
         [[gateway.connector]]\nname = 'office'\nnetworks = ['{OFFICE}/32']\n\
         [[gateway.connector]]\nname = 'provider'\nkind = 'm365'\nnetworks = ['{PROVIDER}/32']\n\
         certificate = '{PROVIDER_NAME}'\nsecret_files = ['{tenant}']\ndkim = true\n\
         [[gateway.inbound]]\ndomains = ['clinic.example', 'alias.example']\nhost = '{host}'\nport = {port}\n\
         tls_name = '{name}'\n{more}",
        anchors = hosts.ca.anchors().display(),
        tenant = folder.join("tenant").display(),
        host = next.address().ip(),
        port = next.address().port(),
        name = next.hostname(),
    ))
}

/// A mail server that brings one message.
#[derive(Clone, Debug)]
pub struct Peer<'a> {
    /// Where it connects from.
    pub address: &'a str,
    /// Whether it uses STARTTLS.
    pub tls: bool,
    /// The certificate that it shows.
    pub certificate: Option<&'a Identity>,
    /// MAIL FROM.
    pub from: &'a str,
    /// RCPT TO.
    pub to: &'a [&'a str],
    /// The message, with LF.
    pub message: &'a str,
}

/// Somebody who writes to the clinic.
pub fn stranger<'a>(to: &'a [&'a str], message: &'a str) -> Peer<'a> {
    Peer { address: STRANGER, tls: true, certificate: None, from: "ann@patient.example", to, message }
}

impl Peer<'_> {
    /// Brings the message; every reply is a line `VERB CODE TEXT`.
    pub fn bring(&self, server: &Server<'_>) -> Transcript {
        let gateway = server.address("gateway");
        let job: Value = json!({
            "host": gateway.ip().to_string(), "port": gateway.port(), "source": self.address, "tls": self.tls,
            "certificate": self.certificate.map(|one| (&one.certificate, &one.key)),
            "from": self.from, "to": self.to, "message": self.message,
        });
        python(BRING, job.to_string().as_bytes())
    }
}

/// The id of the message that was accepted.
#[track_caller]
pub fn accepted(transcript: Transcript) -> String {
    let text = transcript.expect_success().text;
    let id = text.split_whitespace().find(|word| word.starts_with("msg_"));
    id.unwrap_or_else(|| panic!("no id in {text}")).to_owned()
}

const BRING: &str = r#"
import json, smtplib, ssl, sys
job = json.load(sys.stdin)
client = smtplib.SMTP(timeout=60, source_address=(job["source"], 0), local_hostname="out.patient.example")
client._host = "secure.clinic.example"
client.connect(job["host"], job["port"])
client.ehlo()
if job["tls"]:
    context = ssl._create_unverified_context()
    if job["certificate"]:
        context.load_cert_chain(*job["certificate"])
    client.starttls(context=context)
    client.ehlo()
good = True
def note(verb, reply):
    global good
    print(verb, reply[0], reply[1].decode())
    good = good and reply[0] < 400
    return reply[0] < 400
message = job["message"].replace("\r\n", "\n").replace("\n", "\r\n").encode()
options = [] if message.isascii() else ["BODY=8BITMIME"]
if note("mail", client.mail(job["from"], options)):
    if any([note("rcpt", client.rcpt(to)) for to in job["to"]]):
        try:
            note("data", client.data(message))
        except smtplib.SMTPDataError as error:
            note("data", (error.smtp_code, error.smtp_error))
try:
    client.quit()
except smtplib.SMTPServerDisconnected:
    pass
sys.exit(0 if good else 1)
"#;
