//! The receiving end: an SMTP server with STARTTLS that counts messages and
//! forgets them. It resumes TLS sessions and acknowledges TCP segments at
//! once; without that a client that writes in small pieces waits for the
//! kernel's delayed acknowledgements, and the wait would be measured.
//!
//! A process of its own (`xtask bench sink FOLDER`), so that its CPU is not
//! counted with anybody's. It writes `anchors.pem` into the folder, prints its
//! address, and answers each line on its input with its counters; when the
//! input ends, so does it.

use std::cell::Cell;
use std::io::{BufRead, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{HandshakeKind, ServerConfig};

/// The name in its certificate.
pub const NAME: &str = "sink.example";

/// What it has seen since the last reset.
#[derive(Clone, Copy, Default)]
struct Counters {
    messages: u64,
    connections: u64,
    resumed: u64,
    last: Option<Instant>,
}

type Count = Rc<Cell<Counters>>;

/// Serves until standard input ends.
pub fn run(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, serve(folder))
}

async fn serve(folder: &Path) -> Result<()> {
    let acceptor = acceptor(folder)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    say(&listener.local_addr()?.to_string())?;
    let count = Count::default();
    tokio::task::spawn_local(receive(listener, acceptor, count.clone()));
    let mut asked = asked();
    while let Some(line) = asked.recv().await {
        let seen = count.get();
        let since = seen.last.map_or(Duration::ZERO, |last| last.elapsed());
        say(&format!("{} {} {} {}", seen.messages, seen.connections, seen.resumed, since.as_micros()))?;
        if line == "reset" {
            count.set(Counters::default());
        }
    }
    Ok(())
}

/// The lines of standard input, read on a thread of its own.
fn asked() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (send, lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    lines
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A certificate of an authority of its own, whose certificate goes into the folder.
fn acceptor(folder: &Path) -> Result<TlsAcceptor> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    std::fs::write(folder.join("anchors.pem"), authority.pem()).context("the anchors")?;
    let mut params = CertificateParams::new(vec![NAME.to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn receive(listener: TcpListener, acceptor: TlsAcceptor, count: Count) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, count) = (acceptor.clone(), count.clone());
        // A client that breaks off is the client's affair; what it did not finish is not counted.
        tokio::task::spawn_local(async move { drop(converse(stream, acceptor, count).await) });
    }
}

async fn converse(mut stream: TcpStream, acceptor: TlsAcceptor, count: Count) -> Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink.example ESMTP\r\n").await?;
    let mut clear = Session { stream: BufReader::new(&mut stream), count: count.clone(), offer: true };
    if !clear.run(|stream| stream.set_quickack(true)).await? {
        return Ok(());
    }
    let stream = acceptor.accept(stream).await?;
    let is_resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    note(&count, |seen| {
        seen.connections += 1;
        seen.resumed += u64::from(is_resumed);
    });
    let mut sealed = Session { stream: BufReader::with_capacity(32 * 1024, stream), count, offer: false };
    sealed.run(|stream| stream.get_ref().0.set_quickack(true)).await?;
    Ok(())
}

fn note(count: &Count, change: impl FnOnce(&mut Counters)) {
    let mut seen = count.get();
    change(&mut seen);
    count.set(seen);
}

struct Session<S> {
    stream: BufReader<S>,
    count: Count,
    offer: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Converses; true when the client is to begin TLS. `quick` asks the
    /// kernel to acknowledge at once, which it forgets from time to time.
    async fn run(&mut self, quick: impl Fn(&S) -> std::io::Result<()>) -> Result<bool> {
        let (mut line, mut out) = (Vec::new(), Vec::new());
        loop {
            // Replies to pipelined commands go together (RFC 2920 §3.2).
            if !self.stream.buffer().contains(&b'\n') {
                self.flush(&mut out).await?;
                quick(self.stream.get_ref())?;
            }
            line.clear();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(false);
            }
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match verb.as_slice() {
                b"EHLO" if self.offer => out.extend(b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 STARTTLS\r\n"),
                b"EHLO" => out.extend(b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"),
                b"STAR" if self.offer => {
                    out.extend(b"220 2.0.0 go on\r\n");
                    self.flush(&mut out).await?;
                    return Ok(true);
                }
                b"MAIL" | b"RCPT" if self.offer => out.extend(b"530 5.7.0 STARTTLS first\r\n"),
                b"MAIL" | b"RCPT" | b"RSET" | b"NOOP" => out.extend(b"250 2.0.0 fine\r\n"),
                b"DATA" => {
                    out.extend(b"354 go on\r\n");
                    self.flush(&mut out).await?;
                    self.content(&quick).await?;
                    note(&self.count, |seen| {
                        seen.messages += 1;
                        seen.last = Some(Instant::now());
                    });
                    out.extend(b"250 2.0.0 counted\r\n");
                }
                b"QUIT" => {
                    out.extend(b"221 2.0.0 bye\r\n");
                    self.flush(&mut out).await?;
                    return Ok(false);
                }
                _ => out.extend(b"502 5.5.2 what\r\n"),
            }
        }
    }

    async fn flush(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.stream.write_all(out).await?;
        self.stream.flush().await?;
        out.clear();
        Ok(())
    }

    /// Reads to the line with nothing but a dot.
    async fn content(&mut self, quick: &impl Fn(&S) -> std::io::Result<()>) -> Result<()> {
        const END: &[u8] = b"\r\n.\r\n";
        // The line end before the first line counts as read.
        let mut tail: Vec<u8> = b"\r\n".to_vec();
        loop {
            let read = self.stream.fill_buf().await?;
            anyhow::ensure!(!read.is_empty(), "cut in the content");
            let kept = tail.len();
            tail.extend_from_slice(read);
            let length = read.len();
            if let Some(at) = memchr::memmem::find(&tail, END) {
                self.stream.consume((at + END.len()).saturating_sub(kept));
                return Ok(());
            }
            self.stream.consume(length);
            quick(self.stream.get_ref())?;
            tail.drain(..tail.len().saturating_sub(END.len() - 1));
        }
    }
}
