//! Banners over hard inputs: a message with one still reads as before, with the banner in its text.

use std::borrow::Cow;
use std::path::Path;

use mail_parser::{Message, MessageParser, MimeHeaders as _};
use testkit::suites::suite;

const BANNER: &str = "Sealpost-banner: this message comes from outside.";

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push(path),
        }
    }
}

/// As it comes over SMTP, and not as it stood in an mbox or a text file.
fn crlf(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().position(|byte| *byte == b'\n').filter(|_| bytes.starts_with(b"From "));
    let bytes = &bytes[first.map_or(0, |end| end + 1)..];
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.collect::<Vec<_>>().join(&b"\r\n"[..])
}

fn attachments(message: &Message<'_>) -> Vec<(Option<String>, Vec<u8>)> {
    message.attachments().map(|part| (part.attachment_name().map(str::to_owned), part.contents().to_vec())).collect()
}

#[test]
fn the_messages_of_the_suite_keep_all_that_they_held() {
    let Some(suite) = suite("mime") else { return };
    let mut paths = Vec::new();
    files(&suite, &mut paths);
    let (mut looked, mut changed_count) = (0, 0);
    for path in paths {
        let is_message =
            path.extension().is_some_and(|kind| matches!(kind.to_str(), Some("eml" | "msg" | "txt" | "mime")));
        if !is_message || path.file_name().is_some_and(|name| name == "README.md") {
            continue;
        }
        let bytes = crlf(&std::fs::read(&path).unwrap());
        looked += 1;
        let Cow::Owned(changed) = seal::banner::add(&bytes, BANNER) else { continue };
        changed_count += 1;
        // No two parsers agree about these; they are only to do no harm.
        if path.components().any(|part| part.as_os_str() == "malformed") {
            continue;
        }
        let parser = MessageParser::new();
        // Some of the texts are the contents of attachments.
        let Some(before) = parser.parse(&bytes) else { continue };
        let Some(after) = parser.parse(&changed) else { panic!("{} can't be read any more", path.display()) };
        let texts = |message: &Message<'_>| {
            let bodies = message.text_bodies().chain(message.html_bodies());
            bodies.filter_map(|part| part.text_contents().map(str::to_owned)).collect::<Vec<_>>()
        };
        let shows = |texts: &[String]| texts.iter().any(|text| !text.trim().is_empty());
        assert!(
            !shows(&texts(&before)) || texts(&after).iter().any(|text| text.contains("Sealpost-banner")),
            "{}",
            path.display()
        );
        assert_eq!(before.parts.len(), after.parts.len(), "{}", path.display());
        let (before_all, after_all) = (attachments(&before), attachments(&after));
        assert_eq!(before_all.len(), after_all.len(), "{}", path.display());
        for (place, (one, other)) in before_all.iter().zip(&after_all).enumerate() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
            // The parser counts the text itself among them where an image stands before it.
            let is_text = one.0.is_none()
                && text(&other.1[..]).len() >= text(&one.1[..]).len()
                && other.1.windows(15).any(|window| window == b"Sealpost-banner");
            assert!(
                one == other || is_text,
                "{}, {place}: {:?} is now {:?}",
                path.display(),
                text(&one.1),
                text(&other.1)
            );
        }
        assert_eq!(before.subject(), after.subject());
    }
    assert!(looked > 50 && changed_count * 2 > looked, "{changed_count} of {looked}");
}
