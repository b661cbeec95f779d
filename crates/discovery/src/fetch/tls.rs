//! TLS of a fetch: the certificate is judged within the handshake, and nothing
//! is asked of a server that does not pass.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use mail::Clock;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{ServerName, UnixTime};
use tokio_rustls::TlsConnector;
use transport::{Anchors, Fault, Stream};

use super::error::FetchError;

/// The client's side of HTTPS.
pub(super) struct HttpsTls(TlsConnector);

impl HttpsTls {
    pub(super) fn new(anchors: &Anchors, clock: Arc<dyn Clock>) -> Result<Self, FetchError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(RootCertStore { roots: anchors.all().to_vec() });
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|_| FetchError::Setup)?;
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(Now(clock)))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| FetchError::Setup)?
            .with_webpki_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(super) async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        name: ServerName<'static>,
    ) -> Result<Box<dyn Stream>, FetchError> {
        let stream = self.0.connect(name, stream).await.map_err(|error| failure(&error))?;
        Ok(Box::new(stream))
    }
}

fn failure(error: &io::Error) -> FetchError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(error)) => FetchError::Certificate(fault(error)),
        Some(_) | None => FetchError::Tls,
    }
}

fn fault(error: &rustls::CertificateError) -> Fault {
    use rustls::CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => Fault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Fault::NotYetValid,
        E::NotValidForName | E::NotValidForNameContext { .. } => Fault::WrongName,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Fault::WrongPurpose,
        E::UnknownIssuer => Fault::UnknownIssuer,
        // What self-signed certificates mostly are: an authority's shown as a server's own.
        E::Other(_) => Fault::UnknownIssuer,
        // The enum may grow.
        _ => Fault::Unusable,
    }
}

/// The clock that was handed in, so that expiry can be tested.
struct Now(Arc<dyn Clock>);

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

impl TimeProvider for Now {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
