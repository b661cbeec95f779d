//! What holds for any bytes in any cut.

use proptest::prelude::*;
use smtp::server::{Access, Event, Limits, Session, reply};

use mail::{EnhancedCode, Reply};

/// All that a session said and asked for, content joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Course {
    replies: Vec<u8>,
    events: Vec<&'static str>,
    messages: Vec<Vec<u8>>,
}

struct Driver {
    session: Session,
    course: Course,
    buffer: Vec<u8>,
    content: Vec<u8>,
    closed: bool,
}

impl Driver {
    fn new() -> Self {
        let limits =
            Limits { message_bytes_max: 200, header_bytes_max: 100, text_line_bytes_max: 60, ..Limits::default() };
        let session = Session::new("mx.clinic.example", Access::Open, limits);
        Self { session, course: Course::default(), buffer: Vec::new(), content: Vec::new(), closed: false }
    }

    fn hear(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
        let input = std::mem::take(&mut self.buffer);
        let mut at = 0;
        while !self.closed {
            let step = self.session.advance(&input[at..], &mut self.course.replies);
            at += step.consumed;
            assert!(at <= input.len());
            if matches!(step.event, Event::Input) {
                break;
            }
            self.event(step.event);
        }
        self.buffer = input[at..].to_vec();
    }

    fn event(&mut self, event: Event<'_>) {
        let out = &mut self.course.replies;
        match event {
            Event::Input => {}
            Event::Login(asked) => self.session.login_checked(asked, Err(reply::LOGIN_WRONG), out),
            Event::Sender(asked) => self.session.sender_checked(asked, Ok(()), out),
            Event::Recipient(asked) => self.session.recipient_checked(asked, Ok(()), out),
            Event::Begin(_, asked) => {
                self.course.events.push("begin");
                self.session.begun(asked, Ok(()), out);
            }
            Event::Content(content) => {
                assert!(!content.is_empty());
                self.content.extend_from_slice(content);
            }
            Event::Finish(asked) => {
                self.course.events.push("finish");
                self.course.messages.push(std::mem::take(&mut self.content));
                self.session.finished(asked, &Reply::new(250, EnhancedCode(2, 0, 0), "stored"), out);
            }
            Event::Abandon => {
                self.course.events.push("abandon");
                self.content.clear();
            }
            Event::StartTls(asked) => self.session.tls_started(asked),
            Event::Close => {
                self.course.events.push("close");
                self.closed = true;
            }
        }
    }
}

fn course(groups: &[&[u8]], mut cut: impl FnMut() -> usize) -> Course {
    let mut driver = Driver::new();
    for group in groups {
        let mut rest = *group;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cut().clamp(1, rest.len()));
            driver.hear(piece);
            rest = after;
        }
    }
    driver.course
}

/// Pieces of conversations, whole and broken. DATA is not among them: it is
/// the last of its group, which is for the scripts to say.
fn tokens() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(&b"HELO x\r\n"[..]),
        Just(&b"MAIL FROM:<a@clinic.example>\r\n"[..]),
        Just(&b"MAIL FROM:<a@clinic.example> SMTPUTF8\r\n"[..]),
        Just(&b"RCPT TO:<p@example.com>\r\n"[..]),
        Just(&b"RCPT TO:<bad>\r\n"[..]),
        Just(&b"BDAT 5\r\n"[..]),
        Just(&b"BDAT 0 LAST\r\n"[..]),
        Just(&b"BDAT 7 LAST\r\n"[..]),
        Just(&b"BDAT 300\r\n"[..]),
        Just(&b"RSET\r\n"[..]),
        Just(&b"AUTH PLAIN\r\n"[..]),
        Just(&b"abc\r\n"[..]),
        Just(&b"a: b\r\n\r\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\n"[..]),
        Just(&b"\0"[..]),
        Just(&b"."[..]),
        Just(&b"\xc3\xa9"[..]),
        Just(&b"\xff"[..]),
        Just(&b"QUIT\r\n"[..]),
    ];
    proptest::collection::vec(token, 0..30).prop_map(|tokens| tokens.concat())
}

/// Bytes that ends of messages are made of.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        6 => Just(&b"\r\n"[..]),
        3 => Just(&b"."[..]),
        3 => Just(&b"ab"[..]),
        1 => Just(&b"\r"[..]),
        1 => Just(&b"\n"[..]),
        1 => Just(&b"\0"[..]),
    ];
    proptest::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

/// What DATA means, said as plainly as can be: the content up to the first
/// CRLF.CRLF with its dots unstuffed, and whether it may be taken.
fn plainly(wire: &[u8]) -> (Vec<u8>, bool) {
    let lines = [b"\r\n", wire].concat();
    let end = lines.windows(5).position(|window| window == b"\r\n.\r\n").unwrap();
    let raw = &lines[2..end + 2];
    let text: String = raw.iter().map(|byte| char::from(*byte)).collect();
    let fine = !text.replace("\r\n", "").contains(['\r', '\n', '\0']);
    let unstuffed: Vec<u8> =
        text.split_inclusive("\r\n").flat_map(|line| line.strip_prefix('.').unwrap_or(line).bytes()).collect();
    (unstuffed, fine)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_conversation_goes_the_same_in_any_cut(wire in tokens(), sizes in proptest::collection::vec(1usize..9, 1..20)) {
        let whole = course(&[&wire], || usize::MAX);
        let mut next = sizes.iter().cycle();
        prop_assert_eq!(course(&[&wire], || *next.next().unwrap_or(&1)), whole);
    }

    #[test]
    fn any_bytes_are_survived(wire in proptest::collection::vec(any::<u8>(), 0..400)) {
        course(&[b"HELO x\r\n", &wire], || usize::MAX);
    }

    #[test]
    fn data_ends_where_it_says_and_nowhere_else(before in content(), after in content(), size in 1usize..6) {
        const OPENING: &[u8] = b"HELO x\r\nMAIL FROM:<a@clinic.example>\r\nRCPT TO:<p@example.com>\r\nDATA\r\n";
        let wire = [&b"\r\n"[..], &before, b"\r\n.\r\n"].concat();
        let (expect, fine) = plainly(&wire);
        let found = course(&[OPENING, &[&wire[..], &after].concat()], || size);
        if fine && expect.len() <= 200 {
            prop_assert_eq!(found.messages.first(), Some(&expect));
        } else {
            prop_assert!(found.messages.is_empty());
            prop_assert!(found.events.starts_with(&["begin", "abandon"]));
        }
    }
}
