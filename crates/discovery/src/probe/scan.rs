//! What a host would take, asked by ClientHellos of our own over STARTTLS, a
//! connection each: versions, classes of cipher suites, the suites and groups
//! of TLS 1.3.

use std::net::SocketAddr;

use mail::seam::random;
use mail::{Domain, Entropy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use transport::Stream;

use super::report::{ScanReport, Taken};
use super::visit::{Asked, Visitor};
use crate::hello::{
    AnswerReader, Class, GROUPS, Offer, ServerAnswer, Version, class, client_hello, group_name, old_suites, suite_name,
};

/// The groups that TLS 1.2 and older know.
const OLD_GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];
const READ_BYTES: usize = 4096;

/// What a scan takes.
pub(super) struct Scanner<'a> {
    pub(super) visitor: &'a Visitor<'a>,
    pub(super) host: &'a Domain,
    pub(super) address: SocketAddr,
    pub(super) entropy: &'a dyn Entropy,
}

/// What came of one offer.
enum Outcome {
    Takes {
        version: Option<Version>,
        suite: u16,
        group: Option<u16>,
    },
    /// An alert, or the end of the connection, which is how some say no.
    Refuses,
    /// Something that tells nothing: silence, or no TLS.
    Unclear,
    /// The host would have no more connections.
    Over,
}

impl Scanner<'_> {
    pub(super) async fn scan(&self) -> ScanReport {
        let before = self.visitor.connections();
        let mut report = ScanReport { is_complete: true, ..ScanReport::default() };
        let is_over = self.tls13(&mut report).await || self.old(&mut report).await;
        report.is_complete = !is_over;
        report.connections = self.visitor.connections().saturating_sub(before);
        report
    }

    /// TLS 1.3: what it takes is struck from the offer until it refuses. Gives
    /// whether the host would have no more.
    async fn tls13(&self, report: &mut ScanReport) -> bool {
        let (mut suites, mut groups) = (Class::Tls13.suites(), GROUPS.map(|(group, _)| group).to_vec());
        let (every_suite, every_group) = (suites.clone(), groups.clone());
        let first = self.ask(Version::Tls13, &every_suite, &every_group).await;
        report.versions.push(taken(Version::Tls13, &first));
        let Outcome::Takes { version: Some(Version::Tls13), suite, group } = first else {
            return matches!(first, Outcome::Over);
        };
        strike(&mut suites, suite, &mut report.tls13_suites, suite_name);
        if let Some(group) = group {
            strike(&mut groups, group, &mut report.groups, group_name);
        }
        while !suites.is_empty() {
            match self.ask(Version::Tls13, &suites, &every_group).await {
                Outcome::Takes { suite, .. } if suites.contains(&suite) => {
                    strike(&mut suites, suite, &mut report.tls13_suites, suite_name);
                }
                Outcome::Over => return true,
                _ => break,
            }
        }
        while !groups.is_empty() {
            match self.ask(Version::Tls13, &every_suite, &groups).await {
                Outcome::Takes { group: Some(group), .. } if groups.contains(&group) => {
                    strike(&mut groups, group, &mut report.groups, group_name);
                }
                Outcome::Over => return true,
                _ => break,
            }
        }
        false
    }

    /// TLS 1.2 and older: each version with every suite, then each class of
    /// suites that did not show itself meanwhile.
    async fn old(&self, report: &mut ScanReport) -> bool {
        let suites = old_suites();
        let mut seen: Vec<u16> = Vec::new();
        for version in [Version::Tls12, Version::Tls11, Version::Tls10, Version::Ssl3] {
            let outcome = self.ask(version, &suites, &OLD_GROUPS).await;
            report.versions.push(taken(version, &outcome));
            match outcome {
                Outcome::Takes { suite, .. } => seen.push(suite),
                Outcome::Over => return true,
                Outcome::Refuses | Outcome::Unclear => {}
            }
        }
        if seen.is_empty() {
            return false;
        }
        for asked in Class::OLD {
            let known = seen.iter().find(|suite| class(**suite) == Some(asked));
            let outcome = match known {
                Some(suite) => Outcome::Takes { version: None, suite: *suite, group: None },
                None => self.ask(Version::Tls12, &asked.suites(), &OLD_GROUPS).await,
            };
            let is_over = matches!(outcome, Outcome::Over);
            report.classes.push(taken_class(asked, &outcome));
            if is_over {
                return true;
            }
        }
        false
    }

    async fn ask(&self, version: Version, suites: &[u16], groups: &[u16]) -> Outcome {
        let Ok(clear) = self.visitor.enter(self.address).await else { return Outcome::Over };
        let Ok(Asked::Go(stream, _)) = self.visitor.ask_tls(clear).await else { return Outcome::Over };
        let offer = Offer { version, suites, groups, server_name: Some(self.host) };
        let hello = client_hello(&offer, random(self.entropy), random(self.entropy));
        let until = Instant::now() + self.visitor.timeouts.handshake;
        timeout_at(until, exchange(stream, &hello)).await.unwrap_or(Outcome::Unclear)
    }
}

async fn exchange(mut stream: Box<dyn Stream>, hello: &[u8]) -> Outcome {
    if stream.write_all(hello).await.is_err() {
        return Outcome::Refuses;
    }
    let mut reader = AnswerReader::default();
    let mut bytes = [0; READ_BYTES];
    loop {
        let read = match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return Outcome::Refuses,
            Ok(count) => reader.read(bytes.get(..count).unwrap_or_default()),
        };
        match read {
            Ok(None) => {}
            Ok(Some(ServerAnswer::Takes { version, suite, group })) => {
                return Outcome::Takes { version: Version::of(version), suite, group };
            }
            Ok(Some(ServerAnswer::Alert { .. })) => return Outcome::Refuses,
            Err(_) => return Outcome::Unclear,
        }
    }
}

fn strike(offered: &mut Vec<u16>, taken: u16, told: &mut Vec<String>, name: fn(u16) -> Option<&'static str>) {
    offered.retain(|number| *number != taken);
    told.push(named(taken, name));
}

fn named(number: u16, name: fn(u16) -> Option<&'static str>) -> String {
    name(number).map_or_else(|| format!("0x{number:04x}"), str::to_owned)
}

/// A server that answers with another version does not take the one offered.
fn taken(version: Version, outcome: &Outcome) -> Taken {
    let (taken, suite) = match outcome {
        Outcome::Takes { version: chosen, suite, .. } if *chosen == Some(version) => {
            (Some(true), Some(named(*suite, suite_name)))
        }
        Outcome::Takes { .. } | Outcome::Refuses => (Some(false), None),
        Outcome::Unclear | Outcome::Over => (None, None),
    };
    Taken { offer: version.word(), taken, suite }
}

fn taken_class(asked: Class, outcome: &Outcome) -> Taken {
    let (taken, suite) = match outcome {
        Outcome::Takes { suite, .. } if class(*suite) == Some(asked) => (Some(true), Some(named(*suite, suite_name))),
        Outcome::Takes { .. } | Outcome::Refuses => (Some(false), None),
        Outcome::Unclear | Outcome::Over => (None, None),
    };
    Taken { offer: asked.word(), taken, suite }
}
