//! TLS towards an MX host: one handshake, then a judgement of what was shown.
//!
//! The handshake itself accepts any certificate whose key signed it, so that
//! an unverified certificate is kept as evidence and the level `encrypted` can
//! be had; chain and name are judged right after, before anything is sent.
//!
//! TLS 1.2 and 1.3 with AEAD suites and ECDHE only (SP 800-52r2), by aws-lc-rs
//! named explicitly. A session is resumed where its certificate would still be
//! verified; what that may claim stands in [`sessions`].

mod anchors;
mod any;
mod client;
mod dane;
mod inability;
mod judge;
mod sessions;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest;
use mail::Clock;
use rustls::HandshakeKind;
use rustls::client::{Resumption, Tls12Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs as provider};
use rustls::{ClientConfig, ClientConnection, SupportedCipherSuite};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use crate::binding::Binding;
use crate::network::Stream;
use crate::proof::TlsProof;
use any::AnyCertificate;
use sessions::{Host, Offer, Sessions, Shown};

pub use anchors::{Anchors, AnchorsError};
pub use any::any_client;
pub use dane::{DaneNeed, dane_need, is_usable, judge_dane, parameters};
pub use inability::Verdict;
pub use judge::judge;

/// AEAD with ephemeral key exchange, strongest first.
const SUITES: &[SupportedCipherSuite] = &[
    provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
    provider::cipher_suite::TLS13_AES_128_GCM_SHA256,
    provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    provider::cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    provider::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    provider::cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Why there is no TLS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct HandshakeError {
    /// What that proves.
    pub verdict: Verdict,
    /// What it was, in words without outside text.
    pub what: String,
}

/// A connection on which hands were shaken, and what was shown.
pub struct Secured {
    /// The connection, encrypted.
    pub stream: Box<dyn Stream>,
    /// What the handshake proved, judged by anchors and name.
    pub proof: TlsProof,
    /// The certificates that the peer showed, its own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The group of the key exchange.
    pub group: Option<&'static str>,
}

/// The client's side of TLS towards MX hosts.
pub struct Tls {
    config: Arc<ClientConfig>,
    sessions: Arc<Sessions>,
    anchors: RwLock<(u64, Anchors)>,
    clock: Arc<dyn Clock>,
}

impl Tls {
    /// TLS with these anchors.
    pub fn new(anchors: Anchors, clock: Arc<dyn Clock>) -> Self {
        Self { config: Arc::new(config()), sessions: Arc::default(), anchors: RwLock::new((0, anchors)), clock }
    }

    /// Takes other anchors for what is judged from now on.
    pub(crate) fn set_anchors(&self, anchors: Anchors) {
        let mut held = self.anchors.write().unwrap_or_else(PoisonError::into_inner);
        *held = (held.0.wrapping_add(1), anchors);
    }

    /// A number that changes with the anchors: what was judged under others is
    /// not taken for what would be judged now.
    pub(crate) fn generation(&self) -> u64 {
        self.anchors.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Shakes hands over a connection, for this name; `own` are the anchors of
    /// this host, in place of everybody's. The caller bounds the time. No
    /// session is resumed: the peer shows its certificate.
    pub async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        name: &ServerName<'static>,
        own: Option<&Anchors>,
    ) -> Result<Secured, HandshakeError> {
        self.connected(self.config.clone(), stream, name, own).await
    }

    /// The same for a host that is bound to its domain so, judged by that
    /// binding; with a session of an earlier connection where there is one.
    pub(crate) async fn handshake_again(
        &self,
        stream: Box<dyn Stream>,
        host: &ServerName<'static>,
        own: Option<&Anchors>,
        binding: &Binding,
    ) -> Result<Secured, HandshakeError> {
        let name = binding.tls_name(host);
        let judge = |by_anchors, chain: &[CertificateDer<'_>]| binding.judge(by_anchors, chain, self.now());
        let is_verified = |chain: &[CertificateDer<'_>]| {
            judge(judge::judge(chain, name, &self.anchors(own), self.now()), chain).is_verified()
        };
        let host = Host { name: name.clone(), anchors: own.cloned() };
        let offer = Arc::new(Offer::new(self.sessions.clone(), host, self.now(), is_verified));
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::store(offer.clone()).tls12_resumption(Tls12Resumption::Disabled);
        let mut secured = self.connected(Arc::new(config), stream, name, own).await.map_err(|error| {
            // What the peer made of our session says nothing of what it can do without.
            match offer.is_taken() {
                true => {
                    offer.forget();
                    HandshakeError { verdict: Verdict::Defer, ..error }
                }
                false => error,
            }
        })?;
        secured.proof.judgement = judge(secured.proof.judgement, &secured.chain);
        if secured.proof.resumed && !secured.proof.judgement.is_verified() {
            offer.forget();
            let what = "the session that was resumed no longer counts".to_owned();
            return Err(HandshakeError { verdict: Verdict::Defer, what });
        }
        if secured.proof.judgement.is_verified() {
            let first = if secured.proof.resumed { offer.resumed() } else { None };
            let now = || Shown { chain: secured.chain.as_slice().into(), at: self.now() };
            offer.keep(&first.unwrap_or_else(now));
        }
        Ok(secured)
    }

    async fn connected(
        &self,
        config: Arc<ClientConfig>,
        stream: Box<dyn Stream>,
        name: &ServerName<'static>,
        own: Option<&Anchors>,
    ) -> Result<Secured, HandshakeError> {
        let connecting = TlsConnector::from(config).connect(name.clone(), stream);
        let stream = connecting.await.map_err(|error| failure(&error))?;
        let connection = stream.get_ref().1;
        let chain = connection.peer_certificates().unwrap_or_default().to_vec();
        let proof = self.proof(connection, &chain, name, own).ok_or_else(|| HandshakeError {
            verdict: Verdict::Unable,
            what: "the peer showed no certificate".to_owned(),
        })?;
        let group = connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str());
        Ok(Secured { stream: Box::new(stream), proof, chain, group })
    }

    fn anchors(&self, own: Option<&Anchors>) -> Anchors {
        let everybodys = || self.anchors.read().unwrap_or_else(PoisonError::into_inner).1.clone();
        own.cloned().unwrap_or_else(everybodys)
    }

    fn proof(
        &self,
        connection: &ClientConnection,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        own: Option<&Anchors>,
    ) -> Option<TlsProof> {
        let leaf = chain.first()?;
        Some(TlsProof {
            version: connection.protocol_version()?.as_str()?.replace("TLSv1_", "TLSv1."),
            // The registered names of the suites of TLS 1.3 say TLS alone.
            cipher: connection.negotiated_cipher_suite()?.suite().as_str()?.replace("TLS13_", "TLS_"),
            certificate_sha256: digest::digest(&digest::SHA256, leaf).as_ref().try_into().ok()?,
            judgement: judge::judge(chain, name, &self.anchors(own), self.now()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        })
    }

    /// The time by which certificates are judged.
    pub fn now(&self) -> UnixTime {
        let seconds = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }
}

fn config() -> ClientConfig {
    let provider = CryptoProvider { cipher_suites: SUITES.to_vec(), ..provider::default_provider() };
    let verifier = AnyCertificate(provider.signature_verification_algorithms);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the suites serve both versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

fn failure(error: &io::Error) -> HandshakeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => HandshakeError { verdict: inability::verdict(error), what: error.to_string() },
        None => HandshakeError { verdict: Verdict::Defer, what: error.kind().to_string() },
    }
}
