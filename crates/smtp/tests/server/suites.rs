//! The public suites, where `SEALPOST_SUITES` names them: end-of-data variants
//! of SMTP smuggling, and the server's cases of STARTTLS.

use std::path::{Path, PathBuf};

use serde_json::Value;
use smtp::server::{Access, Event, Limits, Session, reply};

use mail::{EnhancedCode, Reply};

/// What a server did with what it was sent.
#[derive(Default)]
struct Seen {
    /// The messages that were handed on whole.
    messages: Vec<Vec<u8>>,
    /// The messages that were refused after they had been begun.
    refused: usize,
    /// What came of the message under way.
    content: Vec<u8>,
    closed: bool,
    tls: usize,
    replies: String,
}

/// Sends each part when the session waits for it, and sees what happens.
fn converse(access: Access, parts: &[&[u8]], piece: usize) -> Seen {
    let mut session = Session::new("mx.clinic.example", access, Limits::default());
    let mut seen = Seen::default();
    let mut out = Vec::new();
    for part in parts {
        let mut buffer: Vec<u8> = Vec::new();
        for cut in part.chunks(piece) {
            if seen.closed {
                break;
            }
            buffer.extend_from_slice(cut);
            let consumed = drive(&mut session, &buffer, &mut out, &mut seen);
            buffer.drain(..consumed);
        }
    }
    seen.replies = String::from_utf8(out).unwrap();
    seen
}

fn drive(session: &mut Session, input: &[u8], out: &mut Vec<u8>, seen: &mut Seen) -> usize {
    let mut at = 0;
    loop {
        let step = session.advance(&input[at..], out);
        at += step.consumed;
        match step.event {
            Event::Input => break,
            Event::Login(asked) => session.login_checked(asked, Err(reply::LOGIN_WRONG), out),
            Event::Sender(asked) => session.sender_checked(asked, Ok(()), out),
            Event::Recipient(asked) => session.recipient_checked(asked, Ok(()), out),
            Event::Begin(_, asked) => session.begun(asked, Ok(()), out),
            Event::Content(content) => seen.content.extend_from_slice(content),
            Event::Finish(asked) => {
                seen.messages.push(std::mem::take(&mut seen.content));
                session.finished(asked, &Reply::new(250, EnhancedCode(2, 0, 0), "stored"), out);
            }
            Event::Abandon => {
                seen.content.clear();
                seen.refused += 1;
            }
            Event::StartTls(asked) => {
                seen.tls += 1;
                session.tls_started(asked);
            }
            Event::Close => {
                seen.closed = true;
                break;
            }
        }
    }
    at
}

#[expect(clippy::print_stdout, reason = "a suite that is not there is reported as not run")]
fn suite(name: &str, file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("SEALPOST_SUITES") else {
        println!("not run: SEALPOST_SUITES does not name the suites ({name})");
        return None;
    };
    let path: PathBuf = Path::new(&folder).join(name).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(serde_json::from_str(&text).unwrap())
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

const ENVELOPE: &[u8] = b"HELO out.example\r\nMAIL FROM:<a@clinic.example>\r\nRCPT TO:<p@example.com>\r\nDATA\r\n";
const TAIL: &[u8] =
    b"MAIL FROM:<smuggled@evil.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n";

#[test]
fn every_end_of_data_variant_gives_one_message() {
    let Some(suite) = suite("smtp-smuggling", "eod-sequences.json") else { return };
    let sequences = suite["sequences"].as_array().unwrap();
    assert_eq!(sequences.len(), 21);
    for sequence in sequences {
        let name = sequence["name"].as_str().unwrap();
        let variant = unhex(sequence["hex"].as_str().unwrap());
        for access in [Access::Open, Access::Exchange] {
            one_message_comes_of(access, name, &variant);
        }
    }
}

fn one_message_comes_of(access: Access, name: &str, variant: &[u8]) {
    let content = [b"Subject: outer\r\n\r\nx", variant, TAIL].concat();
    for piece in [1, 2, 3, 7, content.len()] {
        let seen = converse(access, &[ENVELOPE, &content], piece);
        let bare = seen.messages.is_empty();
        assert_eq!(seen.messages.len() + seen.refused, 1, "{name}");
        assert_eq!(bare, seen.closed, "{name}: who sends a bare line end is refused and cut off");
        assert_eq!(bare, has_bare_line_end_or_nul(variant), "{name}: {}", seen.replies);
        assert!(!seen.replies.contains("recipient taken\r\n250 2.1.0"), "{name}");
    }
}

fn has_bare_line_end_or_nul(bytes: &[u8]) -> bool {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    text.replace("\r\n", "").contains(['\r', '\n', '\0'])
}

#[test]
fn chunks_with_end_of_data_variants_give_one_message_or_none() {
    let Some(suite) = suite("smtp-smuggling", "eod-sequences.json") else { return };
    for sequence in suite["sequences"].as_array().unwrap() {
        let variant = unhex(sequence["hex"].as_str().unwrap());
        let content = [b"Subject: outer\r\n\r\nx", variant.as_slice(), TAIL].concat();
        let head =
            format!("HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<p@example.com>\r\nBDAT {} LAST\r\n", content.len());
        let seen = converse(Access::Open, &[head.as_bytes(), &content, b"NOOP\r\n"], 5);
        assert_eq!(seen.messages.len() + seen.refused, 1);
        assert!(seen.messages.is_empty() || seen.messages == [content]);
        assert!(seen.replies.ends_with("nothing done\r\n"), "{}", seen.replies);
    }
}

/// The cases that need sockets (garbage and silence in a handshake) are the
/// listener's.
#[test]
fn starttls_cases_of_the_server_hold() {
    let Some(suite) = suite("starttls-east", "starttls-cases.json") else { return };
    let server = suite.as_array().unwrap().iter().filter(|case| case["side"] == "server");
    for case in server {
        let id = case["id"].as_str().unwrap();
        for access in [Access::StartTls, Access::Exchange] {
            the_case_holds(id, access);
        }
    }
}

fn the_case_holds(id: &str, access: Access) {
    let clear = |parts: &[&[u8]]| converse(access, parts, usize::MAX);
    match id {
        "cmd-injection-basic" | "cmd-injection-mail" | "session-fixation-auth" | "half-line-carry" => {
            for tail in [&b"NOOP\r\n"[..], b"MAIL FROM:<x@y.example>\r\nRCPT TO:<z@y.example>\r\nDATA\r\n", b"NO"] {
                let seen = clear(&[&[b"EHLO x\r\nSTARTTLS\r\n", tail].concat()]);
                assert!(seen.closed && seen.tls == 0 && !seen.replies.contains("220 2.0.0"), "{id}: {}", seen.replies);
            }
        }
        "state-reset" => {
            let seen =
                clear(&[b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n", b"STARTTLS\r\n", b"RCPT TO:<p@example.com>\r\n"]);
            assert!(seen.tls == 1 && seen.replies.ends_with("503 5.5.1 send EHLO first\r\n"), "{id}: {}", seen.replies);
        }
        "starttls-twice" => {
            let seen = clear(&[b"STARTTLS\r\n", b"EHLO x\r\n", b"STARTTLS\r\n"]);
            assert!(seen.tls == 1 && !seen.replies.contains("250-STARTTLS"), "{id}");
            assert!(seen.replies.ends_with("503 5.5.1 TLS is on already\r\n"), "{id}");
        }
        "starttls-args" => assert!(clear(&[b"STARTTLS foo\r\n"]).replies.starts_with("501 "), "{id}"),
        "auth-before-tls" => {
            let seen = clear(&[b"EHLO x\r\nAUTH PLAIN AGEAYg==\r\n"]);
            let refusal = if access == Access::StartTls { "\r\n538 " } else { "\r\n502 " };
            assert!(seen.replies.contains(refusal) && !seen.replies.contains("AUTH PLAIN"), "{id}");
        }
        "handshake-garbage" | "handshake-stall" => {}
        other => panic!("a case that nobody has looked at: {other}"),
    }
}
