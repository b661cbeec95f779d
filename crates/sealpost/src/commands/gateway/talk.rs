//! A short conversation with a mail server, for what a check asks: one command
//! at a time, each reply within a bounded time.

use std::net::SocketAddr;
use std::time::Duration;

use discovery::probe::harmless;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use transport::{Anchors, Judgement, Network as _, Stream, Tls, TokioNetwork};

const PATIENCE: Duration = Duration::from_secs(20);
const REPLY_BYTES_MAX: usize = 64 * 1024;
const TOLD_MAX: usize = 200;

/// Why a conversation ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// There is no connection.
    #[error("no connection to {0}: {1}")]
    Unreachable(SocketAddr, String),
    /// Nothing more came.
    #[error("the server said nothing more")]
    Silent,
    /// It answered with this instead.
    #[error("the server said: {0}")]
    Said(String),
    /// It offers no TLS.
    #[error("STARTTLS is not offered")]
    NoTls,
    /// TLS failed.
    #[error("TLS failed: {0}")]
    Tls(String),
}

/// A reply: its code, and all of its lines.
pub struct Said {
    /// Three digits.
    pub code: u16,
    /// The text, made harmless.
    pub text: String,
}

/// An open conversation.
pub struct Talk {
    stream: Box<dyn Stream>,
    heard: Vec<u8>,
}

impl Talk {
    /// Connects, waits for the greeting and says EHLO.
    pub async fn begin(to: SocketAddr, helo: &str) -> Result<Self, Ended> {
        let stream = match timeout(PATIENCE, TokioNetwork.connect(to)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(Ended::Unreachable(to, error.kind().to_string())),
            Err(_) => return Err(Ended::Unreachable(to, "no answer in time".to_owned())),
        };
        let mut talk = Self { stream, heard: Vec::new() };
        let greeting = talk.hear().await?;
        if greeting.code != 220 {
            return Err(Ended::Said(greeting.text));
        }
        talk.heard.clear();
        talk.expect(&format!("EHLO {helo}"), 250).await?;
        Ok(talk)
    }

    /// Goes on over TLS, and says how the certificate was judged for this name.
    pub async fn secure(
        mut self,
        tls: &Tls,
        name: &str,
        own: Option<&Anchors>,
        helo: &str,
    ) -> Result<(Self, Judgement), Ended> {
        let offered = self.expect(&format!("EHLO {helo}"), 250).await?;
        if !offered.text.split_whitespace().any(|word| word.eq_ignore_ascii_case("STARTTLS")) {
            return Err(Ended::NoTls);
        }
        self.expect("STARTTLS", 220).await?;
        let name = ServerName::try_from(name.to_owned()).map_err(|_| Ended::Tls(format!("{name} is no name")))?;
        let secured = timeout(PATIENCE, tls.handshake(self.stream, &name, own)).await;
        let secured = secured.map_err(|_| Ended::Silent)?.map_err(|why| Ended::Tls(why.to_string()))?;
        let judgement = secured.proof.judgement.clone();
        // Nothing that was heard in clear is kept (RFC 3207 §4.2).
        let mut talk = Self { stream: secured.stream, heard: Vec::new() };
        talk.expect(&format!("EHLO {helo}"), 250).await?;
        Ok((talk, judgement))
    }

    /// Says something that must be answered with this code.
    pub async fn expect(&mut self, line: &str, code: u16) -> Result<Said, Ended> {
        let said = self.say(line).await?;
        if said.code == code { Ok(said) } else { Err(Ended::Said(said.text)) }
    }

    /// Says something and hears the reply.
    pub async fn say(&mut self, line: &str) -> Result<Said, Ended> {
        let bytes = format!("{line}\r\n");
        let write = timeout(PATIENCE, self.stream.write_all(bytes.as_bytes())).await;
        write.map_err(|_| Ended::Silent)?.map_err(|_| Ended::Silent)?;
        timeout(PATIENCE, self.stream.flush()).await.map_err(|_| Ended::Silent)?.map_err(|_| Ended::Silent)?;
        self.hear().await
    }

    /// Takes leave.
    pub async fn end(mut self) {
        // Whoever does not answer to QUIT has answered all that was asked.
        drop(self.say("QUIT").await);
    }

    async fn hear(&mut self) -> Result<Said, Ended> {
        loop {
            if let Some(said) = take_reply(&mut self.heard) {
                return Ok(said);
            }
            let mut bytes = [0; 4096];
            let read = timeout(PATIENCE, self.stream.read(&mut bytes)).await.map_err(|_| Ended::Silent)?;
            match read {
                Ok(count @ 1..) if self.heard.len() < REPLY_BYTES_MAX => {
                    self.heard.extend_from_slice(bytes.get(..count).unwrap_or_default());
                }
                Ok(_) | Err(_) => return Err(Ended::Silent),
            }
        }
    }
}

/// The first whole reply (RFC 5321 §4.2.1): its last line has a blank after the code.
fn take_reply(heard: &mut Vec<u8>) -> Option<Said> {
    let mut end = 0;
    let mut lines = Vec::new();
    for line in heard.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            return None;
        }
        end += line.len();
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let is_last = text.as_bytes().get(3) != Some(&b'-');
        lines.push(text);
        if is_last {
            heard.drain(..end);
            let code = lines.last().and_then(|line| line.get(..3)?.parse().ok()).unwrap_or(0);
            let joined: Vec<&str> = lines.iter().map(|line| line.get(4..).unwrap_or_default()).collect();
            return Some(Said { code, text: harmless(&format!("{code} {}", joined.join(" ")), TOLD_MAX) });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(heard: &str, expect: Option<(u16, &str)>, rest: &str) {
        let mut bytes = heard.as_bytes().to_vec();
        let said = take_reply(&mut bytes).map(|said| (said.code, said.text));
        assert_eq!(said, expect.map(|(code, text)| (code, text.to_owned())), "{heard:?}");
        assert_eq!(bytes, rest.as_bytes());
    }

    #[test]
    fn a_reply_is_taken_whole() {
        check("250 ok\r\n", Some((250, "250 ok")), "");
        check("250-a\r\n250 STARTTLS\r\n220 x", Some((250, "250 a STARTTLS")), "220 x");
        check("250-a\r\n250 b", None, "250-a\r\n250 b");
        check("550 no\u{1b}[31m\r\n", Some((550, "550 no\u{fffd}[31m")), "");
        check("hi\r\n", Some((0, "0 ")), "");
    }
}
