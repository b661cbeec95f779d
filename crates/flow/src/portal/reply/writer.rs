//! A reply as a message (RFC 5322, RFC 2045), written while it arrives: what
//! is held in memory is a line of base 64, however large the files are.

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mail::{Address, MessageId, Reply, header};

use super::super::mime::{phrase, quoted_printable};
use super::kind::{HEAD_BYTES, Kind};
use super::name::{filename, harmless, type_name};
use super::{ReplyText, Topic};
use crate::listener::Intake;

/// Bytes of a line of base 64 (RFC 2045 §6.8: 76 characters).
const LINE_BYTES: usize = 57;
/// Base 64 is handed on in pieces of about this size.
const PIECE_BYTES: usize = LINE_BYTES * 512;

/// What one reply may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all files.
    pub bytes_max: u64,
    /// Files.
    pub files_max: usize,
    /// What files may be.
    pub kinds: Vec<Kind>,
}

/// What the header and the note below the text are made from.
#[derive(Debug, Clone)]
pub struct ReplyHead<'a> {
    /// Who replies; in Reply-To, never in From.
    pub recipient: &'a Address,
    /// Who is replied to, by the organisation's name.
    pub clinic: &'a str,
    /// The portal's own address.
    pub from: &'a Address,
    /// Where it goes.
    pub to: &'a Address,
    /// The subject of the message that is replied to.
    pub subject: &'a str,
    /// The Message-ID field of that message.
    pub in_reply_to: Option<&'a str>,
    /// The id of that message.
    pub original: MessageId,
    /// What the recipient has shown: a code, and perhaps a passphrase.
    pub proven: &'a str,
}

/// Why a reply is not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// All files together are too large.
    #[error("the files are too large")]
    TooLarge,
    /// There are too many.
    #[error("there are too many files")]
    TooMany,
    /// A file is none of the kinds that are taken; its name, made harmless.
    #[error("a file is of a kind that is not taken")]
    Kind(String),
    /// There is neither a text nor a file.
    #[error("the reply is empty")]
    Empty,
    /// The journey does not take it.
    #[error("not taken: {}", .0.text)]
    Refused(Reply),
}

/// A reply that arrives.
pub struct ReplyWriter {
    intake: Box<dyn Intake>,
    limits: Limits,
    boundary: String,
    bytes: u64,
    files: usize,
    has_text: bool,
    file: Option<File>,
}

/// A file that arrives.
struct File {
    name: String,
    /// Bytes that are not encoded yet.
    waiting: Vec<u8>,
    /// Once it is known what it is, the header of its part is written.
    is_begun: bool,
}

impl ReplyWriter {
    /// Writes header and text to `intake`.
    pub async fn begin(
        intake: Box<dyn Intake>,
        limits: Limits,
        head: &ReplyHead<'_>,
        reply: &ReplyText,
    ) -> Result<Self, NotWritten> {
        let boundary = boundary(head);
        let has_text = !reply.text.trim().is_empty();
        let mut writer = Self { intake, limits, boundary, bytes: 0, files: 0, has_text, file: None };
        let mut out = head.fields(&writer.boundary);
        out.push_str(&format!(
            "--{}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
            writer.boundary
        ));
        quoted_printable(&body(head, reply), &mut out);
        writer.push(out.as_bytes()).await?;
        Ok(writer)
    }

    /// The next file begins; the one before it has ended.
    pub async fn file(&mut self, name: &str) -> Result<(), NotWritten> {
        self.end_file().await?;
        self.file = Some(File { name: harmless(name), waiting: Vec::new(), is_begun: false });
        Ok(())
    }

    /// The next bytes of the file.
    pub async fn bytes(&mut self, bytes: &[u8]) -> Result<(), NotWritten> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.limits.bytes_max {
            return Err(NotWritten::TooLarge);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.waiting.extend_from_slice(bytes);
        if !file.is_begun && file.waiting.len() >= HEAD_BYTES {
            self.begin_file().await?;
        }
        self.encode(PIECE_BYTES).await
    }

    /// The reply is whole.
    pub async fn finish(mut self) -> Result<(), NotWritten> {
        self.end_file().await?;
        if !self.has_text && self.files == 0 {
            return Err(NotWritten::Empty);
        }
        let end = format!("--{}--\r\n", self.boundary);
        self.push(end.as_bytes()).await?;
        let reply = self.intake.finish().await;
        match reply.is_positive() {
            true => Ok(()),
            false => Err(NotWritten::Refused(reply)),
        }
    }

    /// The first bytes are there, or all of them.
    async fn begin_file(&mut self) -> Result<(), NotWritten> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let head = file.waiting.get(..HEAD_BYTES).unwrap_or(&file.waiting);
        let Some(kind) = Kind::of(&file.name, head, &self.limits.kinds) else {
            return Err(NotWritten::Kind(file.name.clone()));
        };
        if self.files == self.limits.files_max {
            return Err(NotWritten::TooMany);
        }
        self.files += 1;
        file.is_begun = true;
        if !file.name.contains('.') {
            let stem = if file.name.is_empty() { format!("file {}", self.files) } else { file.name.clone() };
            file.name = format!("{stem}.{}", kind.extensions().first().copied().unwrap_or(kind.word()));
        }
        let part = format!(
            "--{}\r\nContent-Type: {}{}\r\nContent-Disposition: attachment{}\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n",
            self.boundary,
            kind.media_type(),
            type_name(&file.name),
            filename(&file.name)
        );
        self.push(part.as_bytes()).await
    }

    /// A field that was left empty is no file.
    async fn end_file(&mut self) -> Result<(), NotWritten> {
        let Some(file) = &self.file else { return Ok(()) };
        if file.waiting.is_empty() && !file.is_begun {
            self.file = None;
            return Ok(());
        }
        if !file.is_begun {
            self.begin_file().await?;
        }
        self.encode(LINE_BYTES).await?;
        let rest = self.file.take().map(|file| file.waiting).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        self.push(format!("{}\r\n", BASE64_STANDARD.encode(rest)).as_bytes()).await
    }

    /// Writes whole lines, once there are so many bytes.
    async fn encode(&mut self, at_least: usize) -> Result<(), NotWritten> {
        let Some(file) = self.file.as_mut().filter(|file| file.is_begun && file.waiting.len() >= at_least) else {
            return Ok(());
        };
        let whole = file.waiting.len() - file.waiting.len() % LINE_BYTES;
        let rest = file.waiting.split_off(whole);
        let lines = std::mem::replace(&mut file.waiting, rest);
        let mut out = String::with_capacity(lines.len() * 3 / 2);
        for line in lines.chunks(LINE_BYTES) {
            BASE64_STANDARD.encode_string(line, &mut out);
            out.push_str("\r\n");
        }
        self.push(out.as_bytes()).await
    }

    async fn push(&mut self, bytes: &[u8]) -> Result<(), NotWritten> {
        self.intake.push(bytes).await.map_err(NotWritten::Refused)
    }
}

impl ReplyHead<'_> {
    fn fields(&self, boundary: &str) -> String {
        let name = format!("{} via {}", self.recipient, self.clinic);
        let mut fields = vec![
            format!("From: {} <{}>", phrase(&name), self.from),
            format!("Reply-To: <{}>", self.recipient),
            format!("To: <{}>", self.to),
            format!("Subject: {}", header::encoded(&answered(self.subject))),
        ];
        if let Some(id) = self.in_reply_to.filter(|id| is_message_id(id)) {
            fields.push(format!("In-Reply-To: {id}"));
            fields.push(format!("References: {id}"));
        }
        fields.push("MIME-Version: 1.0".to_owned());
        fields.push(format!("Content-Type: multipart/mixed; boundary=\"{boundary}\""));
        format!("{}\r\n\r\n", fields.join("\r\n"))
    }
}

/// Whoever reads it sees who wrote it, and how far that is proven.
fn body(head: &ReplyHead<'_>, reply: &ReplyText) -> String {
    let about = reply.topic.map_or_else(String::new, |topic: Topic| format!("About: {topic}\n"));
    format!(
        "{}\n\n-- \nWritten in the portal of {} by {}, who showed {}.\n{about}In reply to: {}\n",
        reply.text.trim_end(),
        one_line(head.clinic),
        head.recipient,
        head.proven,
        head.original
    )
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn answered(subject: &str) -> String {
    let subject = one_line(subject);
    let subject = subject.trim();
    let is_answered = subject.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("re:"));
    match (subject, is_answered) {
        ("", _) => "Re: your message".to_owned(),
        (subject, true) => subject.to_owned(),
        (subject, false) => format!("Re: {subject}"),
    }
}

/// One id in angle brackets, on one line (RFC 5322 §3.6.4).
fn is_message_id(text: &str) -> bool {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    inner.is_some_and(|inner| {
        (3..=250).contains(&inner.len())
            && inner.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'<' | b'>'))
    })
}

/// A boundary that no line of quoted-printable or base 64 can be.
fn boundary(head: &ReplyHead<'_>) -> String {
    let hash = digest::digest(&digest::SHA256, head.original.as_bytes());
    let word: String = hash.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("=_{word}")
}

#[cfg(test)]
mod tests {
    use mail_parser::MimeHeaders;

    use super::super::super::testing::{Kept, Taken, written};
    use super::*;

    async fn taken(text: &str, files: &[(&str, &[u8])]) -> Result<String, NotWritten> {
        let kept = Taken::default();
        let intake = Kept { message: MessageId::from_bytes([2; 16]), bytes: Vec::new(), taken: kept.clone() };
        let text = ReplyText { topic: Some(Topic::Billing), text: text.to_owned() };
        let mut writer = written(Box::new(intake), &text).await?;
        for (name, bytes) in files {
            writer.file(name).await?;
            for chunk in bytes.chunks(7) {
                writer.bytes(chunk).await?;
            }
        }
        writer.finish().await?;
        let bytes = kept.lock().unwrap().remove(0).1;
        Ok(String::from_utf8(bytes).expect("seven bits"))
    }

    const JPEG: &[u8] = b"\xff\xd8\xff\xe0 and so on";

    #[tokio::test]
    async fn another_library_reads_the_reply() {
        let picture = [JPEG, &[7; 800]].concat();
        let files: &[(&str, &[u8])] = &[("señal.jpg", &picture), ("", b""), ("scan.pdf", b"%PDF-1.7 x")];
        let text = taken("Thank you.\n\n.\nFrom me\n", files).await.unwrap();
        assert!(text.is_ascii() && text.lines().all(|line| line.len() < 998), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
        let message = mail_parser::MessageParser::new().parse(text.as_bytes()).unwrap();
        assert_eq!(message.subject(), Some("Re: Your visit  Bcc: evil@x.example"));
        let from = message.from().and_then(|from| from.first()).unwrap();
        assert_eq!(from.address(), Some("portal@clinic.example"));
        assert_eq!(from.name(), Some("p@example.com via Lakeside \"A\"  Bcc: evil@x.example"));
        assert_eq!(message.reply_to().and_then(|to| to.first()).unwrap().address(), Some("p@example.com"));
        assert_eq!(message.in_reply_to().as_text(), Some("1@clinic.example"));
        let body = message.body_text(0).unwrap();
        assert!(body.starts_with("Thank you.\r\n\r\n.\r\nFrom me\r\n"), "{body}");
        assert!(body.contains("by p@example.com, who showed a code mailed there.\r\nAbout: billing"), "{body}");
        let files: Vec<_> = message.attachments().map(|file| (file.attachment_name(), file.contents())).collect();
        assert_eq!(files, [(Some("señal.jpg"), &picture[..]), (Some("scan.pdf"), b"%PDF-1.7 x")]);
    }

    #[tokio::test]
    async fn no_text_adds_a_field_a_part_or_markup() {
        let hostile = "\r\n--=_0000\r\nBcc: evil@x.example\r\n\r\n<script>alert(1)</script>";
        let text = taken(hostile, &[("x\r\nBcc: e@x.example\r\n\".jpg", JPEG)]).await.unwrap();
        let message = mail_parser::MessageParser::new().parse(text.as_bytes()).unwrap();
        assert!(message.bcc().is_none() && message.html_body_count() <= 1);
        assert_eq!(message.parts.len(), 3, "the multipart, the text, the file");
        assert!(message.body_text(0).unwrap().contains("<script>alert(1)</script>"), "as plain text");
        assert!(text.contains("Content-Type: text/plain") && !text.contains("text/html"));
        let name = message.attachments().next().unwrap().attachment_name().unwrap().to_owned();
        assert_eq!(name, "x Bcc_ e@x.example _.jpg");
    }

    #[tokio::test]
    async fn what_a_phone_does_not_name_gets_a_name() {
        let text = taken("", &[("image", JPEG), ("", JPEG)]).await.unwrap();
        assert!(text.contains("filename=\"image.jpg\"") && text.contains("filename=\"file 2.jpg\""), "{text}");
    }

    #[tokio::test]
    async fn what_is_too_much_or_of_another_kind_is_refused() {
        assert!(matches!(taken(" \n", &[("", b"")]).await, Err(NotWritten::Empty)));
        assert!(matches!(taken("x", &[("a.exe", b"MZ")]).await, Err(NotWritten::Kind(name)) if name == "a.exe"));
        let large = [JPEG, &[0; 1_000]].concat();
        assert!(matches!(taken("x", &[("a.jpg", &large)]).await, Err(NotWritten::TooLarge)));
        let three: &[(&str, &[u8])] = &[("a.jpg", JPEG), ("b.jpg", JPEG), ("c.jpg", JPEG)];
        assert!(matches!(taken("x", three).await, Err(NotWritten::TooMany)));
    }

    #[test]
    fn a_subject_is_answered_once() {
        for (subject, expect) in
            [("Your visit", "Re: Your visit"), ("RE: visit", "RE: visit"), (" ", "Re: your message"), ("é", "Re: é")]
        {
            assert_eq!(answered(subject), expect);
        }
    }
}
