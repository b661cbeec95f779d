//! Sources: the own addresses that mail leaves from, and the name that is said
//! there. Receivers judge a sender by its address, so that what is sent from
//! one is another sender's affair than what is sent from the next.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use jiff::Timestamp;
use mail::Domain;
use tokio::net::TcpSocket;

use crate::network::{Network, Pending, Stream, prepared};

/// Where mail leaves from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The address to hosts that have IPv4; none: they are not connected to.
    pub ipv4: Option<Ipv4Addr>,
    /// The address to hosts that have IPv6; none: they are not connected to.
    pub ipv6: Option<Ipv6Addr>,
    /// The name for EHLO.
    pub helo: Domain,
    /// When mail began to be sent from there, where that is news to others.
    pub since: Option<Timestamp>,
}

impl Source {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ipv4.map(IpAddr::V4).into_iter().chain(self.ipv6.map(IpAddr::V6))
    }

    /// Those of its addresses that this machine has not now.
    pub fn missing(&self) -> impl Iterator<Item = IpAddr> {
        // No datagram is ever sent: only the kernel is asked whether the address is its own.
        self.addresses().filter(|address| UdpSocket::bind((*address, 0)).is_err())
    }

    fn towards(&self, to: SocketAddr) -> io::Result<SocketAddr> {
        let from = match to {
            SocketAddr::V4(_) => self.ipv4.map(IpAddr::V4),
            SocketAddr::V6(_) => self.ipv6.map(IpAddr::V6),
        };
        // From no other address than its own, ever: as if this machine lacked the family.
        Ok(SocketAddr::new(from.ok_or(io::ErrorKind::AddrNotAvailable)?, 0))
    }
}

impl Network for Source {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let from = self.towards(to)?;
            let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            // A port is chosen before it is known where to: those of ended connections would else
            // keep others from it for a minute.
            socket.set_reuseaddr(true)?;
            socket.bind(from)?;
            prepared(socket.connect(to).await?)
        })
    }
}
