//! Scripts of conversations, and a driver that plays one against a session.
//!
//! Before `---` stand directives, after it the conversation:
//! `C:` a line of the client, with CRLF; `C+` bytes of the client, as they
//! are; `S:` a line of the server; `E:` an event and, for a message, all of
//! its content. Client lines without anything between them are one group,
//! which may arrive in any pieces. `\r \n \0 \\ \xHH` and `\{TEXT*COUNT}` are
//! understood in client lines.

use smtp::server::{Access, Event, LINE_BYTES_MAX, Limits, Session, reply};

use mail::{EnhancedCode, Reply};

/// A script, read.
pub struct Script {
    access: Access,
    limits: Limits,
    /// A cut elsewhere would be another conversation.
    pub lump_only: bool,
    desk: Desk,
    groups: Vec<Group>,
}

/// What the client sends at one go, and what is expected then.
struct Group {
    client: Vec<u8>,
    expect: Vec<String>,
}

/// The world outside of the session.
#[derive(Clone, Default)]
struct Desk {
    begin: Option<Reply>,
    push: Option<Reply>,
    finish: Option<Reply>,
}

impl Script {
    pub fn parse(text: &str) -> Script {
        let (directives, conversation) = text.split_once("---\n").expect("a script has a line ---");
        let mut script = Script {
            access: Access::Open,
            limits: Limits::default(),
            lump_only: false,
            desk: Desk::default(),
            groups: vec![Group { client: Vec::new(), expect: Vec::new() }],
        };
        directives
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .for_each(|line| script.directive(line));
        conversation.lines().filter(|line| !line.is_empty()).for_each(|line| script.line(line));
        script
    }

    fn directive(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["access", "starttls"] => self.access = Access::StartTls,
            ["access", "login"] => self.access = Access::Login,
            ["access", "open"] => self.access = Access::Open,
            ["access", "exchange"] => self.access = Access::Exchange,
            ["lump"] => self.lump_only = true,
            ["limit", "recipients", max] => self.limits.recipients_max = max.parse().unwrap(),
            ["limit", "message_bytes", max] => self.limits.message_bytes_max = max.parse().unwrap(),
            ["limit", "messages", max] => self.limits.messages_max = max.parse().unwrap(),
            ["limit", "bad", max] => self.limits.bad_commands_max = max.parse().unwrap(),
            ["limit", "idle", max] => self.limits.idle_commands_max = max.parse().unwrap(),
            ["limit", "failed_logins", max] => self.limits.failed_logins_max = max.parse().unwrap(),
            ["begin", reply @ ..] => self.desk.begin = Some(reply_of(reply)),
            ["push", reply @ ..] => self.desk.push = Some(reply_of(reply)),
            ["finish", reply @ ..] => self.desk.finish = Some(reply_of(reply)),
            _ => panic!("no such directive: {line}"),
        }
    }

    fn line(&mut self, line: &str) {
        if line.starts_with('#') {
            return;
        }
        let group = self.groups.last_mut().unwrap();
        let text = line.get(2..).unwrap_or_default();
        let text = text.strip_prefix(' ').unwrap_or(text);
        if !line.starts_with('C') {
            return group.expect.push(line.to_owned());
        }
        let mut bytes = unescape(text);
        if line.starts_with("C:") {
            bytes.extend_from_slice(b"\r\n");
        }
        if group.expect.is_empty() && !group.client.is_empty() {
            group.client.extend(bytes);
        } else {
            self.groups.push(Group { client: bytes, expect: Vec::new() });
        }
    }

    /// Plays the conversation; `cut` says how many bytes arrive next.
    pub fn play(&self, name: &str, mut cut: impl FnMut() -> usize) {
        let mut player = Player {
            session: Session::new("mx.clinic.example", self.access, self.limits.clone()),
            desk: self.desk.clone(),
            out: Vec::new(),
            heard: Vec::new(),
            content: Vec::new(),
            buffer: Vec::new(),
            closed: false,
        };
        player.session.greet(&mut player.out);
        for group in &self.groups {
            let mut rest = group.client.as_slice();
            while !rest.is_empty() && !player.closed {
                let (piece, after) = rest.split_at(cut().clamp(1, rest.len()));
                player.hear(piece);
                rest = after;
            }
            player.flush();
            let heard = std::mem::take(&mut player.heard);
            assert_eq!(heard, group.expect, "{name}, after {:?}", group.client.escape_ascii().to_string());
        }
    }
}

struct Player {
    session: Session,
    desk: Desk,
    out: Vec<u8>,
    heard: Vec<String>,
    content: Vec<u8>,
    buffer: Vec<u8>,
    closed: bool,
}

impl Player {
    fn hear(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        let input = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while !self.closed {
            let step = self.session.advance(&input[at..], &mut self.out);
            at += step.consumed;
            if matches!(step.event, Event::Input) {
                break;
            }
            self.event(step.event);
        }
        self.buffer = input[at..].to_vec();
        assert!(self.closed || self.session.is_in_content() || self.buffer.len() < LINE_BYTES_MAX);
    }

    fn event(&mut self, event: Event<'_>) {
        let out = &mut Vec::new();
        match event {
            Event::Input => {}
            Event::Content(content) => {
                self.content.extend_from_slice(content);
                if let Some(refusal) = &self.desk.push {
                    self.session.refuse_content(refusal.clone());
                    self.content.clear();
                }
            }
            Event::Login(asked) => {
                let verdict = match (asked.login.as_str(), asked.password.as_str()) {
                    ("ehr", "secret") => Ok(()),
                    ("busy", _) => Err(reply::LOGIN_LATER),
                    _ => Err(reply::LOGIN_WRONG),
                };
                self.tell(format!("login {}", asked.login));
                self.session.login_checked(asked, verdict, out);
            }
            Event::Sender(asked) => {
                let address = asked.address().map_or("<>".to_owned(), ToString::to_string);
                let verdict =
                    if address.ends_with("@evil.example") { Err(reply::SENDER_NOT_YOURS.into()) } else { Ok(()) };
                self.tell(format!("sender {address}"));
                self.session.sender_checked(asked, verdict, out);
            }
            Event::Recipient(asked) => {
                let verdict = match asked.address().domain().as_str() {
                    "elsewhere.example" => Err(reply::RELAY_DENIED.into()),
                    _ => Ok(()),
                };
                self.tell(format!("recipient {}", asked.address()));
                self.session.recipient_checked(asked, verdict, out);
            }
            Event::Begin(transaction, asked) => {
                let envelope = &transaction.envelope;
                let recipients: Vec<_> = envelope.recipients.iter().map(|to| to.address.to_string()).collect();
                let with = self.session.with(envelope.smtputf8);
                self.tell(format!("begin {} {}", recipients.join(","), with));
                let verdict = self.desk.begin.clone().map_or(Ok(()), Err);
                self.session.begun(asked, verdict, out);
            }
            Event::Finish(asked) => {
                let content = std::mem::take(&mut self.content);
                self.tell(format!("message {}", content.escape_ascii()));
                let stored = Reply::new(250, EnhancedCode(2, 0, 0), "stored");
                self.session.finished(asked, self.desk.finish.as_ref().unwrap_or(&stored), out);
            }
            Event::Abandon => {
                self.content.clear();
                self.tell("abandon".to_owned());
            }
            Event::StartTls(asked) => {
                self.tell("starttls".to_owned());
                self.session.tls_started(asked);
            }
            Event::Close => {
                self.tell("close".to_owned());
                self.closed = true;
            }
        }
        self.out.append(out);
    }

    fn tell(&mut self, event: String) {
        self.flush();
        self.heard.push(format!("E: {event}"));
    }

    fn flush(&mut self) {
        let text = String::from_utf8(std::mem::take(&mut self.out)).expect("replies are text");
        assert!(text.is_empty() || text.ends_with("\r\n"), "replies end with CRLF: {text:?}");
        self.heard.extend(text.split_terminator("\r\n").map(|line| format!("S: {line}")));
    }
}

fn reply_of(words: &[&str]) -> Reply {
    let (enhanced, text) =
        EnhancedCode::split(&words[1..].join(" ")).map(|(code, text)| (code, text.to_owned())).unwrap();
    Reply::new(words[0].parse().unwrap(), enhanced, text)
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (kind, after) = after.split_at(1);
        rest = after;
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "0" => bytes.push(0),
            "\\" => bytes.push(b'\\'),
            "x" => {
                bytes.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                rest = &rest[2..];
            }
            "{" => {
                let (repeat, after) = rest.split_once('}').unwrap();
                let (what, count) = repeat.rsplit_once('*').unwrap();
                bytes.extend(unescape(what).repeat(count.parse().unwrap()));
                rest = after;
            }
            other => panic!("no such escape: {other}"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
