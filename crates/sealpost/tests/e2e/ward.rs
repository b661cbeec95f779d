//! A clinic with a ward: devices on loopback hand in mail without login or TLS
//! (the door for named networks), and the patients' mail host is a [`Sink`].

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use testkit::ca::Ca;
use testkit::dns::Dns;
use testkit::sealpost::{Machine, Server};

use crate::sink::Sink;

const BINARY: &str = env!("CARGO_BIN_EXE_sealpost");

const WARD: &str = "[named_networks]\nlisten = ['127.0.0.1:0']\nnetworks = ['127.0.0.0/8']\n\
    sender_domains = ['clinic.example']\n";

/// The clinic and what is around it. Patients are at `sink.example`, whose host has good TLS, and at
/// `portal.example`, whose host has a certificate that nobody vouches for.
pub struct Ward {
    pub machine: Machine,
    pub sink: Sink,
    pub portal_sink: Sink,
    pub ca: Ca,
    pub dns: Dns,
}

impl Ward {
    /// A clinic with keys and a database; `configuration` is laid over that of the test kit.
    pub fn new(configuration: &str) -> Self {
        let ward = Self::without_keys(configuration);
        ward.machine.init();
        ward
    }

    /// A clinic before `sealpost init`.
    pub fn without_keys(configuration: &str) -> Self {
        let ca = Ca::new();
        let address = Sink::anywhere();
        let beside = std::iter::repeat_with(|| SocketAddr::from((testkit::loopback::address(), address.port())));
        let beside = beside.take(100).find(|at| std::net::TcpListener::bind(at).is_ok()).expect("a free address");
        let sink = Sink::valid(&ca, "mx.sink.example", address);
        let portal_sink = Sink::self_signed(&ca, "mx.portal.example", beside);
        let zone = [sink.mx_of("sink.example"), sink.mx_of("clinic.example"), portal_sink.mx_of("portal.example")];
        let dns = Dns::start(&zone.concat());
        let machine = Machine::new(BINARY, &ca, &dns, address.port(), configuration);
        machine.write("conf.d/ward.toml", WARD);
        Self { machine, sink, portal_sink, ca, dns }
    }

    /// Makes a host of the test's own the only MX of a domain.
    pub fn mx(&self, domain: &str, hostname: &str, address: SocketAddr) {
        self.dns.add(&format!("{domain} MX 10 {hostname}\n{hostname} A {}\n", address.ip()));
    }

    /// Another machine of the same clinic, without keys.
    pub fn beside(&self, configuration: &str) -> Machine {
        let machine = Machine::new(BINARY, &self.ca, &self.dns, self.sink.address.port(), configuration);
        machine.write("conf.d/ward.toml", WARD);
        machine
    }

    /// The ledger of a clinic whose server has stopped.
    #[track_caller]
    pub fn assert_ledger_is_whole(&self) {
        let output = self.machine.run(["audit", "verify"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("whole"),
            "{said}{:?}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The events of a message, by their kinds, with the JSON of each.
    #[track_caller]
    pub fn events(&self, id: &str) -> Vec<serde_json::Value> {
        let text = self.machine.ok(["message", "show", id, "--json"]);
        let timeline: serde_json::Value = serde_json::from_str(&text).expect("a timeline");
        timeline["events"].as_array().cloned().unwrap_or_default()
    }

    /// How many messages are stored.
    #[track_caller]
    pub fn stored(&self) -> usize {
        self.machine.ok(["message", "list", "--limit", "100000"]).lines().count()
    }
}

/// A message to be sent: header with these fields, and a body.
pub fn message(fields: &str, body: &str) -> String {
    format!("From: Front Desk <desk@clinic.example>\r\n{fields}\r\n{body}")
}

/// A reply: its code and all of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

impl Reply {
    /// The id in "accepted as msg_…".
    #[track_caller]
    pub fn id(&self) -> String {
        let id = self.text.split_whitespace().find(|word| word.starts_with("msg_"));
        id.unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    /// This, if it has that code and text.
    #[track_caller]
    pub fn expect(self, code: u16, words: &str) -> Self {
        assert!(self.code == code && self.text.contains(words), "not {code} {words:?}: {self:?}");
        self
    }
}

/// A plain SMTP client that can say anything.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects to the ward's door and says EHLO.
    pub fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let mut client = Self::silent(address)?;
        client.reply()?;
        client.say("EHLO device.ward.example")?;
        Ok(client)
    }

    /// Connects and says nothing.
    pub fn silent(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// To the ward's door of a running server.
    #[track_caller]
    pub fn to(server: &Server<'_>) -> Self {
        Self::connect(server.address("named_networks")).expect("a connection")
    }

    /// The next reply.
    pub fn reply(&mut self) -> std::io::Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            text.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line.get(..3).and_then(|code| code.parse().ok()).unwrap_or_default();
                return Ok(Reply { code, text });
            }
        }
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says a command and hears its reply.
    pub fn say(&mut self, command: &str) -> std::io::Result<Reply> {
        self.write(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// The envelope; the reply to DATA or to what was refused before.
    pub fn envelope(&mut self, to: &[&str]) -> std::io::Result<Reply> {
        self.envelope_of("MAIL FROM:<desk@clinic.example>", to)
    }

    /// The same with a MAIL command of the test's own.
    pub fn envelope_of(&mut self, mail: &str, to: &[&str]) -> std::io::Result<Reply> {
        let mut said = self.say(mail)?;
        for recipient in to {
            if said.code == 250 {
                said = self.say(&format!("RCPT TO:<{recipient}>"))?;
            }
        }
        if said.code == 250 { self.say("DATA") } else { Ok(said) }
    }

    /// Hands in a message whose lines end with CRLF; dots are stuffed here.
    pub fn send(&mut self, to: &[&str], message: &[u8]) -> std::io::Result<Reply> {
        self.send_of("MAIL FROM:<desk@clinic.example>", to, message)
    }

    /// The same with a MAIL command of the test's own.
    pub fn send_of(&mut self, mail: &str, to: &[&str], message: &[u8]) -> std::io::Result<Reply> {
        let said = self.envelope_of(mail, to)?;
        if said.code != 354 {
            return Ok(said);
        }
        // A server that has heard enough may close before all is written; its reply is what counts.
        let sent = self.write(&stuffed(message));
        let end: &[u8] = if message.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
        let ended = sent.and_then(|()| self.write(end));
        self.reply().or_else(|error| ended.and(Err(error)))
    }
}

fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    stuffed
}
