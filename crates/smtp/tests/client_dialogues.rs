//! Dialogues of the client as text scripts, `testdata/client/*.txt`, each run
//! with the server's bytes cut at every place that proptest thinks of.
//!
//! A script names a transaction (`from`, `to`, `content`, `starttls`), then what
//! each side says (`C:`, `S:`; `C!` and `S!` are without a line end and with
//! escapes), `TLS` where the handshake is, `EOF` where the connection ends, and
//! what comes of it (`=`). `whole` is for scripts whose point is what came in
//! one segment: they are not cut.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use mail::{Address, Domain, Recipient, ReversePath};
use proptest::prelude::*;
use smtp::client::{
    Content, Exchange, Greeted, Greeting, Opened, ProtocolError, Session, TlsAnswer, Transaction, Verdict,
};

#[test]
fn dialogues_go_as_written() {
    for path in scripts() {
        Script::read(&path).check(&[usize::MAX]);
        Script::read(&path).check(&[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn dialogues_go_the_same_however_the_bytes_are_cut(cuts in proptest::collection::vec(1usize..40, 1..12)) {
        for path in scripts() {
            Script::read(&path).check(&cuts);
        }
    }
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/client");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 20, "the corpus is there");
    paths
}

#[derive(Debug)]
enum Line {
    Client(Vec<u8>),
    Server(Vec<u8>),
    Tls,
    Eof,
}

#[derive(Default)]
struct Script {
    name: String,
    from: Option<Address>,
    to: Vec<Address>,
    content: Vec<u8>,
    starttls: bool,
    whole: bool,
    lines: VecDeque<Line>,
    expect: Vec<String>,
}

enum Stop {
    Protocol(ProtocolError),
    Eof,
}

impl Script {
    fn read(path: &Path) -> Self {
        let mut script = Self { name: path.display().to_string(), ..Self::default() };
        for line in fs::read_to_string(path).unwrap().lines().filter(|line| !line.starts_with('#')) {
            script.take(line);
        }
        script
    }

    fn take(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "from" => self.from = Some(rest.parse().unwrap()),
            "to" => self.to = rest.split(' ').map(|to| to.parse().unwrap()).collect(),
            "content" => self.content = unescape(rest),
            "starttls" => self.starttls = true,
            "whole" => self.whole = true,
            "C:" => self.lines.push_back(Line::Client(format!("{rest}\r\n").into_bytes())),
            "C!" => self.lines.push_back(Line::Client(unescape(rest))),
            "S:" => self.server_says(format!("{rest}\r\n").into_bytes()),
            "S!" => self.server_says(unescape(rest)),
            "TLS" => self.lines.push_back(Line::Tls),
            "EOF" => self.lines.push_back(Line::Eof),
            "=" => self.expect.push(rest.to_owned()),
            "" => {}
            other => panic!("{}: what is {other:?}?", self.name),
        }
    }

    /// Consecutive lines of the server are one segment.
    fn server_says(&mut self, mut bytes: Vec<u8>) {
        match self.lines.back_mut() {
            Some(Line::Server(said)) => said.append(&mut bytes),
            _ => self.lines.push_back(Line::Server(bytes)),
        }
    }

    fn check(mut self, cuts: &[usize]) {
        let cuts = if self.whole { &[usize::MAX] } else { cuts };
        let found = self.run(cuts);
        assert_eq!(found, self.expect, "{} cut by {cuts:?}", self.name);
        assert!(self.lines.is_empty(), "{}: left over: {:?}", self.name, self.lines);
    }

    fn run(&mut self, cuts: &[usize]) -> Vec<String> {
        let opened = match self.drive(&mut Greeting::new(), cuts) {
            Ok(Greeted::Welcome(opened)) => opened,
            Ok(Greeted::TurnedAway(reply)) => return vec![format!("turned away {}", reply.code)],
            Err(stop) => return vec![stopped(stop)],
        };
        let session = match self.hello(opened, cuts) {
            Ok(session) => session,
            Err(found) => return vec![found],
        };
        match self.secure(session, cuts) {
            Ok(session) => self.send(session, cuts),
            Err(found) => vec![found],
        }
    }

    fn hello(&mut self, opened: Opened, cuts: &[usize]) -> Result<Session, String> {
        let name = Domain::parse("out.example").unwrap();
        match self.drive(&mut opened.hello(&name), cuts) {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(reply)) => Err(format!("no hello {}", reply.code)),
            Err(stop) => Err(stopped(stop)),
        }
    }

    fn secure(&mut self, session: Session, cuts: &[usize]) -> Result<Session, String> {
        if !self.starttls {
            return Ok(session);
        }
        let mut starttls = session.starttls().map_err(|_| "starttls not offered".to_owned())?;
        match self.drive(&mut starttls, cuts) {
            Ok(TlsAnswer::Go(handshake)) => {
                assert!(matches!(self.lines.pop_front(), Some(Line::Tls)), "{}", self.name);
                self.hello(handshake.done(), cuts)
            }
            Ok(TlsAnswer::Refused(reply, session)) => {
                Err(format!("starttls refused {} session {}", reply.code, open(session.as_ref())))
            }
            Err(stop) => Err(stopped(stop)),
        }
    }

    fn send(&mut self, session: Session, cuts: &[usize]) -> Vec<String> {
        let Ok(content) = Content::new(self.content.clone()) else { return vec!["bare line end".to_owned()] };
        let transaction = Transaction {
            sender: ReversePath(self.from.clone()),
            envid: None,
            requiretls: false,
            recipients: self.to.iter().cloned().map(Recipient::new).collect(),
            content,
        };
        let mut sending = match session.send(transaction) {
            Ok(sending) => sending,
            Err((_, unfit)) => return vec![format!("unfit: {unfit}")],
        };
        let (report, mut end) = match self.drive(&mut sending, cuts) {
            Ok(sent) => (sent.report, vec![format!("session {}", open(sent.session.as_ref()))]),
            Err(stop) => (sending.cut(), vec![stopped(stop)]),
        };
        let verdicts = self.to.iter().zip(&report.verdicts).map(|(to, found)| format!("{to} {}", verdict(found)));
        let mut found: Vec<String> = verdicts.collect();
        found.append(&mut end);
        found
    }

    /// Runs one step: what the client writes must be what comes next in the
    /// script, and the server speaks only when the client waits.
    fn drive<E: Exchange>(&mut self, exchange: &mut E, cuts: &[usize]) -> Result<E::Outcome, Stop> {
        let mut cuts = cuts.iter().copied().cycle();
        loop {
            let mut out = Vec::new();
            exchange.write(&mut out);
            if !out.is_empty() {
                self.expect_client(&out);
                continue;
            }
            let mut said = match self.lines.pop_front() {
                Some(Line::Server(said)) => said,
                Some(Line::Eof) => return Err(Stop::Eof),
                other => panic!("{}: the client waits, the script has {other:?}", self.name),
            };
            let rest = said.split_off(said.len().min(cuts.next().unwrap()));
            if !rest.is_empty() {
                self.lines.push_front(Line::Server(rest));
            }
            match exchange.read(&said) {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(error) => {
                    self.lines.clear();
                    return Err(Stop::Protocol(error));
                }
            }
        }
    }

    fn expect_client(&mut self, mut out: &[u8]) {
        while !out.is_empty() {
            let Some(Line::Client(expect)) = self.lines.pop_front() else {
                panic!("{}: the client unexpectedly says {:?}", self.name, String::from_utf8_lossy(out));
            };
            match out.strip_prefix(expect.as_slice()) {
                Some(rest) => out = rest,
                None => panic!("{}: {:?} is not {:?}", self.name, text(out), text(&expect)),
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn open(session: Option<&Session>) -> &'static str {
    if session.is_some() { "open" } else { "closed" }
}

fn stopped(stop: Stop) -> String {
    match stop {
        Stop::Protocol(error) => format!("error: {error}"),
        Stop::Eof => "the connection ended".to_owned(),
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted(reply) => format!("accepted {}", reply.code),
        Verdict::Refused(step, reply) => format!("refused {step:?} {}", reply.code),
        Verdict::Unanswered(step) => format!("unanswered {step:?}"),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    text.replace("\\r", "\r").replace("\\n", "\n").into_bytes()
}
