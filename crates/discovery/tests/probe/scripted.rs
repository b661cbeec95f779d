//! Servers that no honest operator runs: ancient, hostile, tight.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use discovery::hello::Class;
use discovery::probe::{ProbeConfig, Report};
use testkit::ca::Ca;
use testkit::signed_zone::{SignedDns, Signing};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::world::{config, finding, prober_with};

/// How a server answers.
#[derive(Clone, Default)]
struct Script {
    banner: String,
    offers: Vec<&'static str>,
    /// Suites that it takes, and with which version it answers; none: an alert.
    suites: Vec<u16>,
    version: u16,
    /// Connections that it takes before it turns everybody away.
    connections_max: Option<usize>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    open: usize,
    open_max: usize,
    lines: Vec<String>,
}

async fn start(script: Script) -> (SocketAddr, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::<Mutex<Seen>>::default();
    let shared = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (script, seen) = (script.clone(), shared.clone());
            tokio::spawn(async move {
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.connections += 1;
                    seen.open += 1;
                    seen.open_max = seen.open_max.max(seen.open);
                    seen.connections
                };
                drop(serve(&script, &seen, stream, number).await);
                seen.lock().unwrap().open -= 1;
            });
        }
    });
    (address, seen)
}

async fn serve(script: &Script, seen: &Mutex<Seen>, stream: TcpStream, number: usize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    if script.connections_max.is_some_and(|max| number > max) {
        return stream.write_all(b"421 enough\r\n").await;
    }
    stream.write_all(format!("220 {}\r\n", script.banner).as_bytes()).await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        seen.lock().unwrap().lines.push(line.trim_end().to_owned());
        match line.split([' ', '\r']).next().unwrap_or_default() {
            "EHLO" => {
                let lines: Vec<&str> = std::iter::once("mx").chain(script.offers.iter().copied()).collect();
                let last = lines.len() - 1;
                for (index, line) in lines.iter().enumerate() {
                    let sign = if index == last { ' ' } else { '-' };
                    stream.write_all(format!("250{sign}{line}\r\n").as_bytes()).await?;
                }
            }
            "STARTTLS" => {
                stream.write_all(b"220 go\r\n").await?;
                return shake(script, &mut stream).await;
            }
            _ => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
        }
    }
}

/// Takes the first suite of its own that the ClientHello offers.
async fn shake(script: &Script, stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).await?;
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut body).await?;
    // Handshake header, version and random; then the session id and the suites.
    let session = usize::from(body[38]);
    let at = 39 + session;
    let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    let offered: Vec<u16> =
        body[at + 2..at + 2 + length].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    let offered_version = u16::from_be_bytes([body[4], body[5]]);
    let suite =
        script.suites.iter().find(|suite| offered.contains(suite)).filter(|_| offered_version >= script.version);
    let answer = match suite {
        None => vec![21, 3, 0, 0, 2, 2, 40],
        Some(suite) => {
            let mut hello = vec![2, 0, 0, 38];
            hello.extend(script.version.to_be_bytes());
            hello.extend([9; 32]);
            hello.push(0);
            hello.extend(suite.to_be_bytes());
            hello.push(0);
            [vec![22, 3, 0, 0, u8::try_from(hello.len()).unwrap()], hello].concat()
        }
    };
    stream.write_all(&answer).await?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(drop)
}

async fn probed(script: Script, connections_max: usize) -> (Report, Arc<Mutex<Seen>>) {
    let (address, seen) = start(script).await;
    let records = format!("old.test MX 10 mx.old.test\nmx.old.test A {}", address.ip());
    let dns = SignedDns::zones().zone("test", Signing::Secure, &records).start();
    let config = ProbeConfig { mx_port: address.port(), connections_max, ..config() };
    let report = super::world::probe(&prober_with(&dns, &Ca::new(), 443, config), "old.test").await;
    (report, seen)
}

fn ancient() -> Script {
    // One suite each of what OpenSSL no longer has.
    let suites = [Class::Export, Class::Rc4, Class::SmallBlocks].map(|class| class.suites()[0]).to_vec();
    Script { banner: "mx".to_owned(), offers: vec!["STARTTLS"], suites, version: 0x0300, connections_max: None }
}

#[tokio::test]
async fn what_the_tls_library_has_forgotten_is_still_seen() {
    let (report, _) = probed(ancient(), 40).await;
    for code in ["tls.handshake", "tls.ssl3", "cipher.export", "cipher.rc4", "cipher.small_blocks"] {
        finding(&report, code);
    }
    let scan = report.hosts[0].addresses[0].scan.as_ref().unwrap();
    let ssl3 = scan.versions.iter().find(|asked| asked.offer == "SSLv3").unwrap();
    assert_eq!(ssl3.taken, Some(true));
    // It answers with SSL 3.0 whatever is offered: that is not taking TLS 1.2.
    assert!(scan.versions.iter().filter(|asked| asked.taken == Some(true)).count() == 1, "{scan:?}");
    let export = scan.classes.iter().find(|asked| asked.offer == "export").unwrap();
    assert_eq!(export.suite.as_deref(), Some("TLS_RSA_EXPORT_WITH_RC4_40_MD5"));
}

#[tokio::test]
async fn a_probe_is_polite() {
    let (report, seen) = probed(ancient(), 40).await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.open_max, 1, "one connection at a time");
    assert_eq!(seen.connections, report.hosts[0].addresses[0].scan.as_ref().unwrap().connections + 1);
    assert!(seen.connections <= 20, "{}", seen.connections);
    for line in &seen.lines {
        assert!(matches!(line.as_str(), "EHLO probe.clinic.example" | "STARTTLS" | "QUIT"), "{line}");
    }
}

#[tokio::test]
async fn no_host_is_burdened_beyond_the_cap() {
    let (report, seen) = probed(ancient(), 5).await;
    assert_eq!(seen.lock().unwrap().connections, 5);
    assert!(!report.hosts[0].addresses[0].scan.as_ref().unwrap().is_complete);
    finding(&report, "scan.incomplete");
}

#[tokio::test]
async fn a_host_that_has_enough_is_left_alone() {
    let script = Script { connections_max: Some(3), ..ancient() };
    let (report, seen) = probed(script, 40).await;
    assert_eq!(seen.lock().unwrap().connections, 4);
    let scan = report.hosts[0].addresses[0].scan.as_ref().unwrap();
    assert!(!scan.is_complete);
    assert!(scan.versions.iter().any(|asked| asked.taken.is_none()), "what was not asked is not denied");
}

#[tokio::test]
async fn what_a_host_says_does_nothing() {
    let banner = "mx \u{1b}[2J\u{1b}]0;owned\u{7} \u{202e}elpmaxe";
    let offers = vec!["REQUIRETLS", "X-\u{1b}[31mRED"];
    let script = Script { banner: banner.to_owned(), offers, ..Script::default() };
    let (report, _) = probed(script, 40).await;
    let address = &report.hosts[0].addresses[0];
    let seen = address.banner.as_ref().unwrap();
    assert!(!seen.chars().any(char::is_control) && !seen.contains('\u{202e}'), "{seen:?}");
    assert_eq!(address.extensions, ["REQUIRETLS"]);
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("\\u001b"), "{json}");
}
