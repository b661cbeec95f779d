//! Judging takes time linear in the size of a message, whatever is in it.
//!
//! Growth is compared, and what this thread computed, not the time that passed:
//! eight times the text may take at most three times eight times as much, where
//! quadratic work would take sixty-four.

use std::time::Duration;

use mail::reading::{Limits, header_block, read};
use policy::{Direction, Facts, Policy, decide};

const FACTOR: usize = 8;
const SLACK: u32 = 3;

fn judge(policy: &Policy, raw: &[u8]) -> Duration {
    let start = computed();
    let reading = read(raw, &Limits::default());
    let facts = Facts {
        direction: Direction::Outbound,
        sender: None,
        requiretls: false,
        header: header_block(raw),
        reading: reading.as_ref(),
        body_bytes: raw.len() as u64,
        organisation: "Lakeside",
    };
    let verdict = decide(policy, &facts, &["p@example.com".parse().unwrap()]);
    assert_eq!(verdict.recipients.len(), 1);
    computed().saturating_sub(start)
}

/// The processor time of this thread, which other work on the machine does not add to.
fn computed() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("processor time is never negative")
}

fn check(head: &str, piece: &str, small: usize) {
    let policy = Policy::default();
    let message = |bytes: usize| format!("{head}{}\r\n\r\n", piece.repeat(bytes / piece.len())).into_bytes();
    let (short, long) = (message(small), message(small * FACTOR));
    let grows_linearly = || {
        // Below a millisecond a timer's grain is more than the work.
        let base = judge(&policy, &short).max(Duration::from_millis(1));
        judge(&policy, &long) < base * SLACK * FACTOR as u32
    };
    // What else shares the caches only ever adds, so one good run tells.
    assert!((0..4).any(|_| grows_linearly()), "{piece:?} takes more than linear time");
}

const TEXT: &str = "Subject: x\r\n\r\n";
const HTML: &str = "Subject: x\r\nContent-Type: text/html\r\n\r\n";
const TABLE: &str = "Subject: x\r\nContent-Type: text/csv\r\n\r\nssn,dob,mrn,phone\r\n";

#[test]
fn hostile_texts_take_linear_time() {
    let pieces = [
        "1",
        "1-",
        "1 ",
        "536-22-8141 ",
        "536-22-8141",
        "4111 ",
        "4111-1111-1111-",
        "+1 617 ",
        "+44 ",
        "1EG4TE5MK73 ",
        "AB1234563",
        "E11.9 ",
        "E11.",
        "dx ",
        "dx I10,",
        "dob ",
        "dob 1/",
        "dob 1/2/80",
        "born jan ",
        "mrn ",
        "mrn 1",
        "mrn 12345678 ",
        "12345678 mrn ",
        "member id ",
        "order ",
        "metformin ",
        "insulin insulin glargine ",
        "ssn ",
        "\u{202E}",
        "\u{200B}",
        "é",
        ",",
        "\n",
        "a",
        "a,b\n",
        "[secure]",
    ];
    for piece in pieces {
        check(TEXT, piece, 64 << 10);
    }
}

#[test]
fn hostile_html_takes_linear_time() {
    let pieces = [
        "<",
        "<a ",
        "<a b=\"",
        "<a b='>",
        "</",
        "<!--",
        "<!-->",
        "<!--[if mso]>",
        "&",
        "&#",
        "&amp",
        "<b>",
        "<b hidden>",
        "<script>",
        "</script",
        "<td>",
        "<p>1",
        "<pre>",
        "<bdo dir=rtl>",
        "<img alt=\"1\">",
        "<style>",
    ];
    for piece in pieces {
        check(HTML, piece, 64 << 10);
    }
}

#[test]
fn hostile_headers_and_parts_take_linear_time() {
    for piece in ["=?", "=?utf-8?q?", "=?utf-8?q?a?= ", "=?utf-8?b?", "[sec", "[secure]", "+encrypt+", "("] {
        check("Subject: ", piece, 64 << 10);
    }
    for piece in ["name*1=a; ", "a=\"", "(", "\\"] {
        check("Content-Type: text/plain; ", piece, 64 << 10);
    }
    check("", "A: b\r\n", 64 << 10);
    check("Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--", 64 << 10);
    check("Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--c\r\n", 64 << 10);
    check("Content-Transfer-Encoding: base64\r\n\r\n", "=", 64 << 10);
    check("Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=", 64 << 10);
    check("Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=3", 64 << 10);
    for piece in ["1,", "1,\r\n", "536228141,1980-01-02,12345678,6175550123\r\n", ",,,,\r\n"] {
        check(TABLE, piece, 64 << 10);
    }
}

#[test]
fn ten_megabytes_take_linear_time() {
    check(TEXT, "The patient was seen on 01/02/2024 and order 12345678 shipped. ", 10 << 17);
    check(TEXT, "1-2 ", 10 << 17);
    check(HTML, "<b>1</b>&#50;", 10 << 17);
}
