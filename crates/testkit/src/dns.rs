//! An authoritative name server for a test's own zone, on a free loopback
//! port, by UDP and TCP (RFC 1035).
//!
//! A zone is text, a record a line:
//!
//! ```text
//! clinic.example     MX    10 mx.clinic.example
//! mx.clinic.example  A     127.0.0.2
//! alias.example      CNAME clinic.example
//! null.example       MX    0 .
//! clinic.example     TXT   "v=spf1 -all"
//! clinic.example     CAA   0 issue "ca.example"
//! _25._tcp.mx.clinic.example TLSA 3 1 1 0123abcd…
//! ```
//!
//! What the zone does not name does not exist (NXDOMAIN). Names can be made to
//! fail, as those of real zones do.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::{CAA, CNAME, MX, PTR, SOA, TLSA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// How a name fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// SERVFAIL, as a broken or bogus zone gives.
    ServFail,
    /// REFUSED.
    Refused,
    /// No answer at all.
    Silence,
}

/// A running name server.
pub struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Zone {
    records: Vec<Record>,
    failures: HashMap<Name, Failure>,
    asked: Vec<(String, RecordType)>,
    closed: bool,
}

impl Dns {
    /// Serves a zone.
    ///
    /// # Panics
    ///
    /// When a line is no record, or no port is free.
    pub fn start(zone: &str) -> Self {
        let records = zone.lines().filter_map(record).collect();
        let zone = Arc::new(Mutex::new(Zone { records, ..Zone::default() }));
        let (udp, tcp) = sockets();
        let address = udp.local_addr().expect("the address of a bound socket");
        let (for_udp, for_tcp) = (zone.clone(), zone.clone());
        let threads = vec![
            std::thread::spawn(move || serve_udp(&udp, &for_udp)),
            std::thread::spawn(move || serve_tcp(&tcp, &for_tcp)),
        ];
        Self { address, zone, threads }
    }

    /// Where it listens, by UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds records, written as a zone is.
    ///
    /// # Panics
    ///
    /// When a line is no record.
    pub fn add(&self, zone: &str) {
        let records: Vec<Record> = zone.lines().filter_map(record).collect();
        lock(&self.zone).records.extend(records);
    }

    /// Removes all records of a name.
    pub fn remove(&self, owner: &str) {
        let owner = name(owner);
        lock(&self.zone).records.retain(|record| record.name != owner);
    }

    /// Lets every question about a name fail, whatever its type.
    pub fn fail(&self, owner: &str, failure: Failure) {
        lock(&self.zone).failures.insert(name(owner), failure);
    }

    /// Ends the failing of a name.
    pub fn heal(&self, owner: &str) {
        lock(&self.zone).failures.remove(&name(owner));
    }

    /// How often a name was asked for with this type: `asked("clinic.example", "MX")`.
    pub fn asked(&self, owner: &str, kind: &str) -> usize {
        let owner = name(owner).to_string();
        lock(&self.zone).asked.iter().filter(|(name, asked)| *name == owner && asked.to_string() == kind).count()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        lock(&self.zone).closed = true;
        // Each thread waits for a packet; these are the last ones.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            drop(socket.send_to(&[], self.address));
        }
        drop(TcpStream::connect(self.address));
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn lock(zone: &Mutex<Zone>) -> MutexGuard<'_, Zone> {
    zone.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same port for both.
fn sockets() -> (UdpSocket, TcpListener) {
    let both = || {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        Some((UdpSocket::bind(tcp.local_addr().ok()?).ok()?, tcp))
    };
    (0..100).find_map(|_| both()).expect("a port that is free for UDP and TCP")
}

pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap_or_else(|error| panic!("{text} is no name: {error}")).to_lowercase();
    name.set_fqdn(true);
    name
}

pub(crate) fn record(line: &str) -> Option<Record> {
    let line = without_comment(line).trim();
    if line.is_empty() {
        return None;
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    let data = match fields.as_slice() {
        [_, "A", address] => RData::A(address.parse::<Ipv4Addr>().expect("an address").into()),
        [_, "AAAA", address] => RData::AAAA(address.parse::<std::net::Ipv6Addr>().expect("an address").into()),
        [_, "MX", preference, host] => RData::MX(MX::new(preference.parse().expect("a preference"), name(host))),
        [_, "PTR", target] => RData::PTR(PTR(name(target))),
        [_, "CNAME", target] => RData::CNAME(CNAME(name(target))),
        [_, "TXT", ..] => RData::TXT(TXT::new(line.split('"').skip(1).step_by(2).map(str::to_owned).collect())),
        [_, "TLSA", usage, selector, matching, data] => {
            RData::TLSA(TLSA::new(number(usage).into(), number(selector).into(), number(matching).into(), bytes(data)))
        }
        [_, "CAA", "0", tag, ..] => RData::CAA(caa(tag, line)),
        _ => panic!("not a record: {line}"),
    };
    // No time to live: what a test changes is changed at once.
    Some(Record::from_rdata(name(fields[0]), 0, data))
}

/// A comment begins with a semicolon outside quotes.
fn without_comment(line: &str) -> &str {
    let is_outside = |at: &usize| line[..*at].matches('"').count().is_multiple_of(2);
    let end = line.match_indices(';').map(|(at, _)| at).find(is_outside);
    &line[..end.unwrap_or(line.len())]
}

fn number(text: &str) -> u8 {
    text.parse().expect("a number below 256")
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn caa(tag: &str, line: &str) -> CAA {
    let value = line.split('"').nth(1).expect("a value in quotes");
    let mut caa = CAA::new_issue(false, None, Vec::new());
    tag.clone_into(&mut caa.tag);
    caa.value = value.as_bytes().to_vec();
    caa
}

fn serve_udp(socket: &UdpSocket, zone: &Mutex<Zone>) {
    let mut packet = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut packet) {
        if lock(zone).closed {
            return;
        }
        let Some((query, response)) = answer(&packet[..length], zone) else { continue };
        let bytes = response.to_vec().unwrap_or_default();
        let room = usize::from(query.max_payload().max(512));
        let bytes = if bytes.len() > room { response.truncate().to_vec().unwrap_or_default() } else { bytes };
        drop(socket.send_to(&bytes, peer));
    }
}

fn serve_tcp(listener: &TcpListener, zone: &Arc<Mutex<Zone>>) {
    while let Ok((mut stream, _)) = listener.accept() {
        if lock(zone).closed {
            return;
        }
        drop(stream.set_read_timeout(Some(Duration::from_secs(5))));
        let zone = zone.clone();
        std::thread::spawn(move || while converse(&mut stream, &zone).is_ok() {});
    }
}

/// One question and its answer, each after its length in two bytes (RFC 1035 §4.2.2).
fn converse(stream: &mut TcpStream, zone: &Mutex<Zone>) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut packet)?;
    let Some((_, response)) = answer(&packet, zone) else { return Ok(()) };
    let bytes = response.to_vec().map_err(std::io::Error::other)?;
    let length = u16::try_from(bytes.len()).map_err(std::io::Error::other)?;
    stream.write_all(&[length.to_be_bytes().as_slice(), &bytes].concat())
}

/// The query and its response; none where the name is silent or the packet no query.
fn answer(packet: &[u8], zone: &Mutex<Zone>) -> Option<(Message, Message)> {
    let query = Message::from_vec(packet).ok()?;
    let question = query.queries.first()?.clone();
    let mut response = Message::response(query.metadata.id, query.metadata.op_code);
    response.metadata.recursion_desired = query.metadata.recursion_desired;
    response.metadata.recursion_available = true;
    response.metadata.authoritative = true;
    response.add_query(question.clone());
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(1232);
        response.set_edns(edns);
    }
    let mut zone = lock(zone);
    let asked = question.name().to_lowercase();
    zone.asked.push((asked.to_string(), question.query_type()));
    match zone.failures.get(&asked) {
        Some(Failure::Silence) => return None,
        Some(Failure::ServFail) => response.metadata.response_code = ResponseCode::ServFail,
        Some(Failure::Refused) => response.metadata.response_code = ResponseCode::Refused,
        None => zone.fill(&question, asked, &mut response),
    }
    drop(zone);
    Some((query, response))
}

impl Zone {
    /// Follows aliases (RFC 1034 §4.3.2) and says what there is, or that there is nothing, or no such name.
    fn fill(&self, question: &Query, asked: Name, response: &mut Message) {
        let mut owner = asked;
        for _ in 0..8 {
            let own: Vec<&Record> = self.records.iter().filter(|record| record.name == owner).collect();
            let wanted: Vec<Record> = own
                .iter()
                .filter(|record| record.record_type() == question.query_type())
                .map(|record| (*record).clone())
                .collect();
            if !wanted.is_empty() {
                response.add_answers(wanted);
                return;
            }
            let alias = own.iter().find_map(|record| match &record.data {
                RData::CNAME(target) => Some(((*record).clone(), target.0.to_lowercase())),
                _ => None,
            });
            let Some((record, target)) = alias else { break };
            response.add_answer(record);
            owner = target;
        }
        if !self.records.iter().any(|record| owner.zone_of(&record.name)) {
            response.metadata.response_code = ResponseCode::NXDomain;
        }
        response.add_authority(start_of_authority());
    }
}

/// Negative answers need it (RFC 2308 §3).
fn start_of_authority() -> Record {
    let soa = SOA::new(name("ns.test"), name("nobody.test"), 1, 1, 1, 1, 0);
    Record::from_rdata(Name::root(), 0, RData::SOA(soa))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "
        clinic.example     MX    10 mx.clinic.example  ; the usual case
        clinic.example     MX    20 backup.clinic.example
        mx.clinic.example  A     127.0.0.2
        alias.example      CNAME clinic.example
        null.example       MX    0 .
        text.example       TXT   \"v=spf1; -all\" \"more\" ; said so
    ";

    fn ask(dns: &Dns, owner: &str, kind: RecordType) -> Option<Message> {
        let mut query = Message::query();
        query.metadata.id = 7;
        query.add_query(Query::query(name(owner), kind));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        socket.send_to(&query.to_vec().unwrap(), dns.address()).unwrap();
        let mut packet = [0; 4096];
        let length = socket.recv(&mut packet).ok()?;
        Some(Message::from_vec(&packet[..length]).unwrap())
    }

    fn check(dns: &Dns, owner: &str, kind: RecordType, code: ResponseCode, answers: usize) {
        let message = ask(dns, owner, kind).unwrap();
        assert_eq!((message.metadata.response_code, message.answers.len()), (code, answers), "{owner} {kind}");
    }

    #[test]
    fn what_the_zone_holds_is_answered() {
        let dns = Dns::start(ZONE);
        check(&dns, "clinic.example", RecordType::MX, ResponseCode::NoError, 2);
        check(&dns, "CLINIC.example", RecordType::MX, ResponseCode::NoError, 2);
        check(&dns, "alias.example", RecordType::MX, ResponseCode::NoError, 3);
        check(&dns, "null.example", RecordType::MX, ResponseCode::NoError, 1);
        check(&dns, "text.example", RecordType::TXT, ResponseCode::NoError, 1);
        check(&dns, "mx.clinic.example", RecordType::AAAA, ResponseCode::NoError, 0);
        check(&dns, "example", RecordType::MX, ResponseCode::NoError, 0);
        check(&dns, "nowhere.example", RecordType::MX, ResponseCode::NXDomain, 0);
        assert_eq!(dns.asked("clinic.example", "MX"), 2);
    }

    #[test]
    fn names_fail_and_heal() {
        let dns = Dns::start(ZONE);
        dns.fail("clinic.example", Failure::ServFail);
        check(&dns, "clinic.example", RecordType::MX, ResponseCode::ServFail, 0);
        dns.fail("clinic.example", Failure::Silence);
        assert!(ask(&dns, "clinic.example", RecordType::MX).is_none());
        dns.heal("clinic.example");
        check(&dns, "clinic.example", RecordType::MX, ResponseCode::NoError, 2);
        dns.remove("clinic.example");
        dns.add("clinic.example A 127.0.0.3");
        check(&dns, "clinic.example", RecordType::A, ResponseCode::NoError, 1);
    }

    #[test]
    fn tcp_answers_what_udp_cuts() {
        let long: String = (0..40).map(|i| format!("big.example TXT \"{i}{}\"\n", "x".repeat(60))).collect();
        let dns = Dns::start(&long);
        assert!(ask(&dns, "big.example", RecordType::TXT).unwrap().metadata.truncation);
        let mut query = Message::query();
        query.add_query(Query::query(name("big.example"), RecordType::TXT));
        let bytes = query.to_vec().unwrap();
        let mut stream = TcpStream::connect(dns.address()).unwrap();
        let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
        stream.write_all(&[length.as_slice(), &bytes].concat()).unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut packet).unwrap();
        assert_eq!(Message::from_vec(&packet).unwrap().answers.len(), 40);
    }
}
