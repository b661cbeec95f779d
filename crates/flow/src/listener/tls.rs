//! The server side of TLS: versions and suites that are allowed, and
//! certificates that are read from PEM files and read again when they change,
//! or held in memory and replaced there.
//!
//! Standards: SP 800-52r2 (TLS 1.2 with ECDHE and AEAD, TLS 1.3; nothing
//! else), RFC 7468 (PEM). Handshakes look at the files at most once a second;
//! what can't be used is told in the log, and the old certificate stays.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoClientAuth, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

/// Where a certificate chain and its key lie, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the server's own certificate first.
    pub chain: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Why there is no TLS. All of it is the operator's.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        cause: std::io::Error,
    },
    /// A file is no PEM, or not of the right kind.
    #[error("{path} holds no usable PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        #[source]
        cause: pem::Error,
    },
    /// The key can't be used, or is not that of the certificate.
    #[error("the key in {key} does not serve the certificate in {chain}")]
    Key {
        /// The file with the certificate.
        chain: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What rustls says.
        #[source]
        cause: rustls::Error,
    },
    /// The versions and suites fit no configuration.
    #[error("TLS can't be configured")]
    Configuration(#[source] rustls::Error),
}

/// Where a listener's certificate comes from: the one that is held, once there
/// is one and until it ends, else that of the files, else what stands in for the held one.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// One that is had by ACME.
    pub held: Option<Arc<Held>>,
    /// Files.
    pub files: Option<CertificateFiles>,
}

impl From<CertificateFiles> for Source {
    fn from(files: CertificateFiles) -> Self {
        Self { held: None, files: Some(files) }
    }
}

/// A certificate that is held in memory, and replaced there for all listeners that show it.
#[derive(Debug)]
pub struct Held {
    provider: Arc<CryptoProvider>,
    stand_in: Option<Arc<CertifiedKey>>,
    shown: RwLock<Option<(String, Arc<CertifiedKey>)>>,
    has_ended: AtomicBool,
}

impl Held {
    /// None yet; until then `stand_in` is shown where there are no files.
    ///
    /// # Errors
    /// The key does not serve the certificate.
    pub fn new(stand_in: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certified = |(certificate, key)| CertifiedKey::from_der(vec![certificate], key, &provider);
        let stand_in = stand_in.map(certified).transpose()?.map(Arc::new);
        Ok(Self { provider, stand_in, shown: RwLock::default(), has_ended: AtomicBool::new(false) })
    }

    /// Shows this one from now on, known by `sha256`.
    ///
    /// # Errors
    /// The key does not serve the certificate; what was shown stays.
    pub fn hold(
        &self,
        sha256: &str,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), rustls::Error> {
        let key = Arc::new(CertifiedKey::from_der(chain, key, &self.provider)?);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some((sha256.to_owned(), key));
        Ok(())
    }

    /// Whether the certificate with this digest is the one that is shown.
    pub fn bears(&self, sha256: &str) -> bool {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|(one, _)| one == sha256)
    }

    /// Says whether the time of the one that is shown is over: then files are shown in its place.
    pub fn tell_ended(&self, has_ended: bool) {
        self.has_ended.store(has_ended, Ordering::Relaxed);
    }

    /// Whether there is one.
    pub fn is_held(&self) -> bool {
        self.current().is_some()
    }

    fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, key)| key.clone())
    }
}

/// The configuration of a listener that shows the certificate of `source`, and
/// a newer one once there is one. `alpn` names protocols of HTTP (`h2`).
pub fn server_config(source: impl Into<Source>, alpn: &[&str]) -> Result<Arc<ServerConfig>, TlsError> {
    server_config_asking(source.into(), alpn, None)
}

/// The same for a listener that asks clients for a certificate.
pub(super) fn server_config_asking(
    source: Source,
    alpn: &[&str],
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let files = source.files.map(|files| Certificates::read(files, provider.clone())).transpose()?;
    let certificates = Shelf { held: source.held, files };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Configuration)?
        .with_client_cert_verifier(clients.unwrap_or_else(|| Arc::new(NoClientAuth)))
        .with_cert_resolver(Arc::new(certificates));
    config.session_storage = ServerSessionMemoryCache::new(4_096);
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The certificate of some files as they are now.
#[derive(Debug)]
struct Certificates {
    files: CertificateFiles,
    provider: Arc<CryptoProvider>,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    stamps: Stamps,
    looked: Instant,
}

/// What changes when a file does, renamed and linked ones too. None where
/// there is no file.
type Stamps = [Option<(u64, u64, i64, i64, i64, i64)>; 2];

impl Certificates {
    fn read(files: CertificateFiles, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let stamps = stamps(&files);
        let key = Arc::new(load(&files, &provider)?);
        let shown = Mutex::new(Shown { key, stamps, looked: Instant::now() });
        Ok(Self { files, provider, shown })
    }

    fn current(&self, now: Instant) -> Arc<CertifiedKey> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(shown.looked) >= LOOK_EVERY {
            shown.looked = now;
            self.look(&mut shown);
        }
        shown.key.clone()
    }

    /// Takes what the files hold if they changed. Chain and key are two files,
    /// so between the two writes they don't fit: the second change is seen too.
    fn look(&self, shown: &mut Shown) {
        let stamps = stamps(&self.files);
        if stamps == shown.stamps {
            return;
        }
        shown.stamps = stamps;
        match load(&self.files, &self.provider) {
            Ok(key) => {
                shown.key = Arc::new(key);
                tracing::info!(chain = %self.files.chain.display(), "certificate reloaded");
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                tracing::error!(%error, cause, "changed certificate files are of no use; the old certificate stays");
            }
        }
    }
}

/// What a listener shows, from its sources.
#[derive(Debug)]
struct Shelf {
    held: Option<Arc<Held>>,
    files: Option<Certificates>,
}

impl Shelf {
    fn current(&self, now: Instant) -> Option<Arc<CertifiedKey>> {
        let held = self.held.as_ref();
        let gives_way = |held: &Held| self.files.is_some() && held.has_ended.load(Ordering::Relaxed);
        held.filter(|held| !gives_way(held))
            .and_then(|held| held.current())
            .or_else(|| self.files.as_ref().map(|files| files.current(now)))
            .or_else(|| held.and_then(|held| held.stand_in.clone()))
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current(Instant::now())
    }
}

fn load(files: &CertificateFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let pem = |path: &Path| {
        let path = path.to_owned();
        move |cause| TlsError::Pem { path, cause }
    };
    let chain = read(&files.chain)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&chain).collect::<Result<_, _>>().map_err(pem(&files.chain))?;
    if chain.is_empty() {
        return Err(pem(&files.chain)(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(pem(&files.key))?;
    CertifiedKey::from_der(chain, key, provider).map_err(|cause| TlsError::Key {
        chain: files.chain.clone(),
        key: files.key.clone(),
        cause,
    })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = std::fs::read(path).map_err(|cause| TlsError::Read { path: path.to_owned(), cause })?;
    Ok(Zeroizing::new(read))
}

fn stamps(files: &CertificateFiles) -> Stamps {
    let stamp = |path: &Path| {
        let file: Metadata = std::fs::metadata(path).ok()?;
        Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()))
    };
    [stamp(&files.chain), stamp(&files.key)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str) -> CertificateFiles {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let files = CertificateFiles { chain: folder.join("chain.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.chain, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    fn certificates(files: &CertificateFiles) -> Result<Certificates, TlsError> {
        Certificates::read(files.clone(), Arc::new(aws_lc_rs::default_provider()))
    }

    #[test]
    fn a_changed_certificate_is_shown_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), "a.example");
        let certificates = certificates(&files).unwrap();
        let start = Instant::now();
        let first = certificates.current(start);

        write(folder.path(), "b.example");
        assert_eq!(certificates.current(start).cert, first.cert, "not looked at again within a second");
        let second = certificates.current(start + Duration::from_secs(5));
        assert_ne!(second.cert, first.cert);

        std::fs::write(&files.key, "broken").unwrap();
        assert_eq!(certificates.current(start + Duration::from_secs(10)).cert, second.cert);
        std::fs::remove_file(&files.chain).unwrap();
        assert_eq!(certificates.current(start + Duration::from_secs(15)).cert, second.cert);

        write(folder.path(), "c.example");
        assert_ne!(certificates.current(start + Duration::from_secs(20)).cert, second.cert);
    }

    fn own(name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        (made.cert.der().clone(), key)
    }

    #[test]
    fn what_is_held_stands_over_files_and_those_over_what_stands_in() {
        let folder = tempfile::tempdir().unwrap();
        let (stand_in, first, second) = (own("a.example"), own("b.example"), own("b.example"));
        let of = |own: &(CertificateDer<'static>, PrivateKeyDer<'static>)| Some(own.0.clone());
        let (of_stand_in, of_first, of_second) = (of(&stand_in), of(&first), of(&second));
        let held = Arc::new(Held::new(Some(stand_in)).unwrap());
        let files = certificates(&write(folder.path(), "c.example")).unwrap();
        let of_files = files.current(Instant::now()).cert.first().cloned();
        let bare = Shelf { held: Some(held.clone()), files: None };
        let with_files = Shelf { held: Some(held.clone()), files: Some(files) };
        let shown = |shelf: &Shelf| shelf.current(Instant::now()).and_then(|key| key.cert.first().cloned());
        assert_eq!((shown(&bare), shown(&with_files)), (of_stand_in, of_files.clone()));

        held.hold("1", vec![first.0], first.1).unwrap();
        assert_eq!((shown(&bare), shown(&with_files)), (of_first.clone(), of_first.clone()));
        assert!(held.hold("2", vec![second.0.clone()], own("x.example").1).is_err(), "another key");
        assert_eq!(shown(&bare), of_first, "what was shown stays");
        held.hold("2", vec![second.0], second.1).unwrap();
        assert_eq!(shown(&bare), of_second);
        assert!(held.bears("2") && !held.bears("1"));
        held.tell_ended(true);
        assert_eq!((shown(&bare), shown(&with_files)), (of_second.clone(), of_files));
        held.tell_ended(false);
        assert_eq!(shown(&with_files), of_second);
        assert!(shown(&Shelf { held: Some(Arc::new(Held::new(None).unwrap())), files: None }).is_none());
    }

    #[test]
    fn what_is_no_certificate_or_key_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), "a.example");
        let missing = CertificateFiles { chain: folder.path().join("none"), ..files.clone() };
        assert!(matches!(certificates(&missing), Err(TlsError::Read { .. })));
        let swapped = CertificateFiles { chain: files.key.clone(), key: files.chain.clone() };
        assert!(matches!(certificates(&swapped), Err(TlsError::Pem { .. })));
        let other = tempfile::tempdir().unwrap();
        let key = write(other.path(), "b.example").key;
        assert!(matches!(certificates(&CertificateFiles { key, ..files }), Err(TlsError::Key { .. })));
    }
}
