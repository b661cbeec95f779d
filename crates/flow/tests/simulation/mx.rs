//! A mail host that takes, defers, refuses, stalls and breaks off as the dice
//! say, and remembers all that it was sent and all that it promised.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream};
use tokio_rustls::TlsAcceptor;

use crate::seams::Dice;

/// What a host took.
#[derive(Clone, Debug)]
pub struct Taken {
    pub to: Vec<String>,
    pub content: String,
    /// The same byte for byte.
    pub bytes: Vec<u8>,
    /// Whether it crossed TLS.
    pub tls: bool,
    /// Whether the client can know: its reply was sent.
    pub replied: bool,
}

/// How a host protects itself.
#[derive(Clone)]
pub enum Posture {
    Tls(Arc<ServerConfig>),
    Clear,
}

pub struct Host {
    posture: Posture,
    dice: Mutex<Dice>,
    healed: Mutex<bool>,
    taken: Mutex<Vec<Taken>>,
    /// Everything that crossed without TLS.
    in_clear: Mutex<String>,
}

type Broken = std::io::Result<()>;

impl Host {
    pub fn new(posture: Posture, dice: Dice) -> Arc<Self> {
        Arc::new(Self {
            posture,
            dice: Mutex::new(dice),
            healed: Mutex::default(),
            taken: Mutex::default(),
            in_clear: Mutex::default(),
        })
    }

    pub fn heal(&self) {
        *self.healed.lock().unwrap() = true;
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    pub fn in_clear(&self) -> String {
        self.in_clear.lock().unwrap().clone()
    }

    fn chance(&self, one_in: u64) -> bool {
        !*self.healed.lock().unwrap() && self.dice.lock().unwrap().one_in(one_in)
    }

    async fn dawdle(&self) {
        let millis = self.dice.lock().unwrap().below(200);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        if self.chance(40) {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
    }

    pub async fn serve(self: Arc<Self>, stream: DuplexStream) {
        // A connection that breaks is what is simulated.
        let _ = self.converse(stream).await;
    }

    async fn converse(&self, stream: DuplexStream) -> Broken {
        let mut stream = BufReader::new(stream);
        self.dawdle().await;
        self.say(&mut stream, "220 mx ESMTP").await?;
        match &self.posture {
            Posture::Clear => self.talk(&mut stream, false, false).await.map(drop),
            Posture::Tls(config) => {
                let stripped = self.chance(6);
                if !self.talk(&mut stream, !stripped, false).await? {
                    return Ok(());
                }
                if self.chance(15) {
                    return Ok(());
                }
                let stream = TlsAcceptor::from(config.clone()).accept(stream.into_inner()).await?;
                self.talk(&mut BufReader::new(stream), false, true).await.map(drop)
            }
        }
    }

    /// Talks until the end; gives whether TLS is to begin.
    async fn talk<S>(&self, stream: &mut BufReader<S>, offers_tls: bool, tls: bool) -> std::io::Result<bool>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut to: Vec<String> = Vec::new();
        loop {
            let line = self.hear(stream, tls).await?;
            self.dawdle().await;
            if self.chance(30) {
                return Ok(false);
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" if offers_tls => {
                    self.say(stream, "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 STARTTLS").await?
                }
                "EHLO" => self.say(stream, "250-mx\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8").await?,
                "STARTTLS" if offers_tls && self.chance(8) => self.say(stream, "454 4.7.0 not now").await?,
                "STARTTLS" if offers_tls => {
                    self.say(stream, "220 go ahead").await?;
                    return Ok(true);
                }
                "MAIL" | "RSET" => {
                    to.clear();
                    self.say(stream, "250 2.0.0 ok").await?;
                }
                "RCPT" => self.recipient(stream, &line, &mut to).await?,
                "DATA" if to.is_empty() => self.say(stream, "554 5.5.1 no recipients").await?,
                "DATA" => self.content(stream, std::mem::take(&mut to), tls).await?,
                "QUIT" => {
                    self.say(stream, "221 2.0.0 bye").await?;
                    return Ok(false);
                }
                _ => self.say(stream, "502 5.5.1 not known").await?,
            }
        }
    }

    async fn recipient<S: AsyncWrite + Unpin>(&self, stream: &mut S, line: &str, to: &mut Vec<String>) -> Broken {
        let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        if address.starts_with("nobody") {
            return self.say(stream, "550 5.1.1 no such mailbox").await;
        }
        if address.starts_with("late") || self.chance(8) {
            return self.say(stream, "451 4.7.1 greylisted").await;
        }
        to.push(address);
        self.say(stream, "250 2.1.5 ok").await
    }

    async fn content<S>(&self, stream: &mut BufReader<S>, to: Vec<String>, tls: bool) -> Broken
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.say(stream, "354 go ahead").await?;
        let mut bytes = Vec::new();
        loop {
            let line = self.hear_line(stream, tls).await?;
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let content = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        if self.chance(10) {
            return self.say(stream, "452 4.3.1 no room").await;
        }
        let replied = !self.chance(15);
        let at = {
            let mut taken = self.taken.lock().unwrap();
            taken.push(Taken { to, content, bytes, tls, replied: false });
            taken.len() - 1
        };
        if !replied {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        self.dawdle().await;
        self.say(stream, "250 2.0.0 taken").await?;
        self.taken.lock().unwrap()[at].replied = true;
        Ok(())
    }

    async fn hear<S: AsyncRead + Unpin>(&self, stream: &mut BufReader<S>, tls: bool) -> std::io::Result<String> {
        let line = self.hear_line(stream, tls).await?;
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }

    async fn hear_line<S: AsyncRead + Unpin>(&self, stream: &mut BufReader<S>, tls: bool) -> std::io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if !tls {
            self.in_clear.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
        }
        Ok(line)
    }

    async fn say<S: AsyncWrite + Unpin>(&self, stream: &mut S, text: &str) -> Broken {
        stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        stream.flush().await
    }
}
