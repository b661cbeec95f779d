//! What a message reads as: decoding, nesting, limits, hostile input.

use super::*;

/// One line a part: place, type, nesting and what it holds.
fn told(raw: &str) -> String {
    let reading = read(raw.as_bytes(), &Limits::default()).unwrap();
    let lines: Vec<String> = reading.parts.iter().map(line).collect();
    lines.join("\n")
}

fn line(part: &Part) -> String {
    let place = match &part.place {
        Place::Text => "text".to_owned(),
        Place::Html => "html".to_owned(),
        Place::Attachment(name) => name.clone(),
    };
    let body = match &part.body {
        Body::Text(text) | Body::Html(text) => text.trim().to_owned(),
        Body::Bytes(bytes) => format!("{} bytes", bytes.len()),
    };
    format!("{place} {} {}: {body}", part.content_type, part.nesting)
}

/// The same with LF and with CRLF.
fn check(raw: &str, expect: &str) {
    assert_eq!(told(raw), expect, "{raw}");
    assert_eq!(told(&raw.replace('\n', "\r\n")).replace("\r\n", "\n"), expect, "CRLF: {raw}");
}

fn error(raw: &str) -> ReadingError {
    read(raw.as_bytes(), &Limits::default()).unwrap_err()
}

const MIXED: &str = "Content-Type: multipart/mixed; boundary=b\n\n";

#[test]
fn a_plain_message_is_one_text() {
    check("Subject: x\n\nHi.", "text text/plain 0: Hi.");
    let reading =
        read(b"Subject: =?utf-8?q?caf=C3=A9?=\nFrom: =?utf-8?q?J=C3=B6rg?= <j@x.example>\n\n", &Limits::default());
    let reading = reading.unwrap();
    assert_eq!((reading.subject.as_str(), reading.from.as_str()), ("café", "Jörg <j@x.example>"));
}

#[test]
fn a_second_subject_is_not_overlooked() {
    let reading = read(b"Subject: one\nFrom: a@b.example\nsubject: two\n\n", &Limits::default()).unwrap();
    assert_eq!(reading.subject, "one two");
}

#[test]
fn parts_stand_where_the_reader_sees_them() {
    check(
        &format!(
            "{MIXED}preamble\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>two\n\
             --b\nContent-Type: text/plain; name=a.txt\n\nthree\n\
             --b\nContent-Type: image/png\nContent-Disposition: attachment; filename=\"=?utf-8?q?caf=C3=A9?=.png\"\n\
             Content-Transfer-Encoding: base64\n\naGk=\n--b--\nepilogue\n"
        ),
        "text text/plain 0: one\nhtml text/html 0: <p>two\na.txt text/plain 0: three\ncafé.png image/png 0: 2 bytes",
    );
}

#[test]
fn a_nested_message_is_an_attachment_and_its_parts_follow() {
    let raw = format!("{MIXED}--b\nContent-Type: message/rfc822; name=f.eml\n\nSubject: in\n\nnested\n--b--");
    assert_eq!(told(&raw), "f.eml message/rfc822 0: 19 bytes\ntext text/plain 1: nested");
}

#[test]
fn a_digest_holds_messages() {
    let digest = "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nnested\n--b--";
    assert!(told(digest).ends_with("text text/plain 1: nested"));
}

#[test]
fn an_encoded_nested_message_is_opened() {
    let raw = "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW4KCm5lc3RlZAo=";
    assert!(told(raw).ends_with("text text/plain 1: nested"));
    let file = raw.replace("message/rfc822", "application/octet-stream; name=A.EML");
    assert!(told(&file).ends_with("text text/plain 1: nested"));
}

#[test]
fn broken_structure_loses_no_text() {
    // No boundary, none that occurs, never closed, an inner one open when the outer goes on.
    check("Content-Type: multipart/mixed\n\nHi.", "text text/plain 0: Hi.");
    check(&format!("{MIXED}Hi."), "text text/plain 0: Hi.");
    check(&format!("{MIXED}--b\n\none"), "text text/plain 0: one");
    check(&format!("{MIXED}--b--\n--b\n\none"), "text text/plain 0: one");
    let inner = "Content-Type: multipart/alternative; boundary=c";
    check(
        &format!("{MIXED}--b\n{inner}\n\n--c\n\none\n--b\n\ntwo\n--b--"),
        "text text/plain 0: one\ntext text/plain 0: two",
    );
    check("Content-Type: nonsense\n\nHi.", "text text/plain 0: Hi.");
    check("no header at all\n\nHi.", "text text/plain 0: no header at all\n\nHi.");
    check("\nHi.", "text text/plain 0: Hi.");
}

#[test]
fn what_stands_beside_the_parts_is_kept() {
    let raw = format!("{MIXED}before\n--b\n\none\n--b--\nafter\n--b\n\ntwo\n--b--\nat last");
    let reading = read(raw.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(reading.parts.len(), 2);
    assert_eq!(reading.beside, "before\nafter\nat last\n");
}

#[test]
fn an_inner_boundary_that_begins_like_the_outer_is_another() {
    let inner = "Content-Type: multipart/alternative; boundary=bb";
    check(
        &format!("{MIXED}--b\n{inner}\n\n--bb\n\none\n--bb--\n--b\n\ntwo\n--b--"),
        "text text/plain 0: one\ntext text/plain 0: two",
    );
}

#[test]
fn depth_and_parts_are_bounded() {
    let deep = |levels: usize| -> String {
        (0..levels).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect()
    };
    assert_eq!(error(&deep(10_000)), ReadingError::Depth(32));
    assert!(read(deep(32).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(error(&"Content-Type: message/rfc822\n\n".repeat(10_000)), ReadingError::Depth(32));
    assert_eq!(error(&format!("{MIXED}{}", "--b\n\nx\n".repeat(10_000))), ReadingError::Parts(1_000));
    assert_eq!(error(" \r\n"), ReadingError::NotAMessage);
}

#[test]
fn charsets_and_encodings_are_undone() {
    check(
        "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\ncaf=E9 123=\n-45",
        "text text/plain 0: café 123-45",
    );
    check(
        "Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\n//5hAGIA",
        "text text/plain 0: ab",
    );
    check("Content-Transfer-Encoding: x-unknown\n\nHi.", "text text/plain 0: Hi.");
    check(
        "Content-Transfer-Encoding: base64\n\nThis is no base64, whatever it says: 1.",
        "text text/plain 0: This is no base64, whatever it says: 1.",
    );
    check("Content-Transfer-Encoding: Base64 (comment)\n\nSGku", "text text/plain 0: Hi.");
}

/// The messages of the suites, where the environment names their folder.
fn suites() -> Vec<std::path::PathBuf> {
    let Some(root) = std::env::var_os("SEALPOST_SUITES").map(std::path::PathBuf::from) else { return Vec::new() };
    let mut folders = vec![root.join("mime"), root.join("attachments")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "eml") {
                files.push(path);
            }
        }
    }
    files
}

#[test]
fn the_suites_are_read_but_for_what_breaks_the_bounds() {
    let files = suites();
    let refused: Vec<_> = files
        .iter()
        .filter(|file| read(&std::fs::read(file).unwrap(), &Limits::default()).is_err())
        .filter_map(|file| file.file_name()?.to_str())
        .collect();
    // Without the folder there is nothing to read, and the run says so.
    eprintln!("messages of the suites: {}", files.len());
    let breaks_bounds = |name: &&str| name.contains("10000") || name.contains("50000");
    assert!(refused.iter().all(breaks_bounds), "{refused:?}");
}
