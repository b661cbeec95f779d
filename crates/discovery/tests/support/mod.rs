//! A small world of web sites on public addresses, which lead to listeners on
//! loopback, so that the rule against private addresses stays on.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use discovery::fetch::{FetchConfig, Fetcher};
use jiff::Timestamp;
use mail::{Clock, Domain};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use testkit::ca::{Ca, Identity};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use transport::{Anchors, Exchanges, Network, Pending, ResolveError, Resolver, Stream, TokioNetwork};

/// The time at which certificates are judged.
pub struct Clock2026;

impl Clock for Clock2026 {
    fn now(&self) -> Timestamp {
        "2026-11-20T00:00:00Z".parse().unwrap()
    }
}

/// What a host answers.
#[derive(Default)]
pub struct Site {
    pages: HashMap<String, String>,
    identity: Option<Identity>,
    silent: bool,
}

impl Site {
    /// The whole answer to a request for this target.
    pub fn page(mut self, target: &str, answer: &str) -> Self {
        self.pages.insert(target.to_owned(), answer.to_owned());
        self
    }

    /// Shows this certificate and not a valid one.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Shakes hands and then says nothing.
    pub fn silent(mut self) -> Self {
        self.silent = true;
        self
    }
}

/// Public addresses that lead to listeners.
#[derive(Default)]
pub struct Switchboard {
    lines: Mutex<HashMap<SocketAddr, SocketAddr>>,
    connected: Mutex<Vec<SocketAddr>>,
}

impl Network for Switchboard {
    fn connect(&self, to: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        self.connected.lock().unwrap().push(to);
        let real = self.lines.lock().unwrap().get(&to).copied();
        Box::pin(async move {
            match real {
                Some(real) => TokioNetwork.connect(real).await,
                None => Err(io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

/// A DNS of fixed answers.
#[derive(Default)]
pub struct Names(Mutex<HashMap<String, Result<Vec<IpAddr>, ResolveError>>>);

impl Resolver for Names {
    fn exchanges<'a>(&'a self, _domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        Box::pin(async { Err(ResolveError::NoAddress) })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        let found = self.0.lock().unwrap().get(host.as_str()).cloned();
        Box::pin(async move { found.unwrap_or(Err(ResolveError::NoSuchName)) })
    }
}

/// What each host was asked, in clear.
type Asked = Arc<Mutex<HashMap<String, String>>>;

/// Hosts, their names, and the way to them.
#[derive(Default)]
pub struct World {
    pub ca: Ca,
    pub network: Arc<Switchboard>,
    pub names: Arc<Names>,
    asked: Asked,
}

impl World {
    pub fn with_ca(ca: Ca) -> Self {
        Self { ca, ..Self::default() }
    }

    /// Adds a host at port 443 of these addresses.
    pub async fn host(self, name: &str, addresses: &[&str], site: Site) -> Self {
        let identity = site.identity.clone().unwrap_or_else(|| self.ca.issue(&[name]));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let real = listener.local_addr().unwrap();
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        for address in &addresses {
            self.network.lines.lock().unwrap().insert(SocketAddr::new(*address, 443), real);
        }
        self.names.0.lock().unwrap().insert(name.to_owned(), Ok(addresses));
        let host = Arc::new(Host { name: name.to_owned(), site, asked: self.asked.clone() });
        let acceptor = TlsAcceptor::from(server_config(&identity));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(host.clone().serve(acceptor.clone(), stream));
            }
        });
        self
    }

    /// Adds a host without TLS at a port of this address.
    pub async fn plain_host(self, name: &str, address: &str, port: u16, site: Site) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let real = listener.local_addr().unwrap();
        let address: IpAddr = address.parse().unwrap();
        self.network.lines.lock().unwrap().insert(SocketAddr::new(address, port), real);
        self.names.0.lock().unwrap().insert(name.to_owned(), Ok(vec![address]));
        let host = Arc::new(Host { name: name.to_owned(), site, asked: self.asked.clone() });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(host.clone().answer(stream));
            }
        });
        self
    }

    /// A name whose lookup fails.
    pub fn failing(self, name: &str) -> Self {
        self.names.0.lock().unwrap().insert(name.to_owned(), Err(ResolveError::Failed));
        self
    }

    /// A name that leads where nobody listens.
    pub fn unreachable(self, address: &str, name: &str) -> Self {
        self.names.0.lock().unwrap().insert(name.to_owned(), Ok(vec![address.parse().unwrap()]));
        self
    }

    pub fn fetcher(&self) -> Fetcher {
        self.fetcher_with(FetchConfig::default())
    }

    pub fn fetcher_with(&self, config: FetchConfig) -> Fetcher {
        let anchors = Anchors::from_pem(self.ca.pem().as_bytes()).unwrap();
        Fetcher::new(config, &anchors, self.network.clone(), self.names.clone(), Arc::new(Clock2026)).unwrap()
    }

    /// All that a host was asked.
    pub fn asked(&self, name: &str) -> String {
        self.asked.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    /// Where a host was connected to.
    pub fn connected(&self, name: &str) -> Vec<String> {
        let addresses = self.names.0.lock().unwrap().get(name).cloned().unwrap().unwrap();
        let connected = self.network.connected.lock().unwrap();
        connected.iter().filter(|to| addresses.contains(&to.ip())).map(ToString::to_string).collect()
    }

    pub fn connections(&self, name: &str) -> usize {
        self.connected(name).len()
    }
}

struct Host {
    name: String,
    site: Site,
    asked: Asked,
}

impl Host {
    async fn serve(self: Arc<Self>, acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
        self.answer(acceptor.accept(stream).await?).await
    }

    async fn answer(self: Arc<Self>, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let mut head = String::from_utf8_lossy(&head).into_owned();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        head.push_str(&String::from_utf8_lossy(&body));
        self.asked.lock().unwrap().entry(self.name.clone()).or_default().push_str(&head);
        if self.site.silent {
            return std::future::pending().await;
        }
        let target = head.split(' ').nth(1).unwrap_or_default();
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        let answer = self.site.pages.get(target).map_or(missing, String::as_str);
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}

pub fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}
