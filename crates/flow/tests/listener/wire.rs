//! A client of raw bytes.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Wire(pub TcpStream);

impl Wire {
    /// Connects and reads the greeting.
    pub async fn greeted(address: SocketAddr) -> Self {
        let mut wire = Wire::to(address).await;
        assert!(wire.reply().await.starts_with("220 "));
        wire
    }

    pub async fn to(address: SocketAddr) -> Self {
        Wire(TcpStream::connect(address).await.unwrap())
    }

    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads one reply, all of its lines.
    pub async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let line = self.line().await;
            let is_last = line.get(3..4) != Some("-");
            reply.push_str(&line);
            if is_last {
                return reply;
            }
        }
    }

    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let Ok(byte) = self.0.read_u8().await else { break };
            line.push(byte);
        }
        String::from_utf8(line).unwrap()
    }

    pub async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.reply().await
    }

    /// Reads until the other side closes, in whatever way.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
}
