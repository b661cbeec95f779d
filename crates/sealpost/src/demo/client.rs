//! The clinic's mail program: SMTP submission with STARTTLS and AUTH PLAIN
//! (RFC 6409, RFC 4954), over a real connection that verifies the server.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Result, bail};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where and as whom mail is handed in.
pub struct Account {
    /// The submission listener.
    pub server: SocketAddr,
    /// The name on its certificate.
    pub name: String,
    /// The authority that vouches for it, PEM.
    pub authority: String,
    /// The login.
    pub login: String,
    /// Its secret.
    pub secret: String,
}

impl Account {
    /// Hands in a message; gives the server's last reply.
    pub async fn send(&self, from: &str, to: &[&str], message: &str) -> Result<String> {
        let mut stream = BufReader::new(TcpStream::connect(self.server).await?);
        expect(&mut stream, 220).await?;
        command(&mut stream, "EHLO desk.lakeside.example", 250).await?;
        command(&mut stream, "STARTTLS", 220).await?;
        let name = ServerName::try_from(self.name.clone())?;
        let mut stream = BufReader::new(self.connector()?.connect(name, stream.into_inner()).await?);
        command(&mut stream, "EHLO desk.lakeside.example", 250).await?;
        let plain = base64(format!("\0{}\0{}", self.login, self.secret).as_bytes());
        command(&mut stream, &format!("AUTH PLAIN {plain}"), 235).await?;
        command(&mut stream, &format!("MAIL FROM:<{from}>"), 250).await?;
        for recipient in to {
            command(&mut stream, &format!("RCPT TO:<{recipient}>"), 250).await?;
        }
        command(&mut stream, "DATA", 354).await?;
        let stuffed = message.replace("\r\n.", "\r\n..");
        let reply = command(&mut stream, &format!("{stuffed}\r\n."), 250).await?;
        command(&mut stream, "QUIT", 221).await?;
        Ok(reply)
    }

    fn connector(&self) -> Result<TlsConnector> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

async fn command<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    line: &str,
    code: u16,
) -> Result<String> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await?;
    expect(stream, code).await
}

/// The last line of a reply with that code.
async fn expect<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, code: u16) -> Result<String> {
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            bail!("the server has gone");
        }
        let reply = line.trim_end();
        if reply.get(..3).and_then(|digits| digits.parse::<u16>().ok()) != Some(code) {
            bail!("expected {code}, the server said: {reply}");
        }
        if reply.as_bytes().get(3) != Some(&b'-') {
            return Ok(reply.to_owned());
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
