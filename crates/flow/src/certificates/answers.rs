//! What the authority looks at, shown by whichever node it reaches: the node
//! that orders puts its answers into the store before it says that they are
//! there.

use std::sync::Arc;

use acme::Answer;
use mail::{Domain, OrgId};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::ResolvesServerCert;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::kept::{self, KeptAnswer};
use crate::journey::Journey;

/// The one protocol of TLS-ALPN-01 (RFC 8737 §6.2).
pub const ACME_TLS: &[u8] = b"acme-tls/1";
/// Tokens have 128 random bits at least (RFC 8555 §8.1); nobody's are longer than this.
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 16..=128;

/// Answers an authority's questions.
pub struct Answers {
    journey: Arc<Journey>,
    org: OrgId,
    names: Vec<Domain>,
}

impl Answers {
    /// For orders of these names.
    pub fn new(journey: Arc<Journey>, org: OrgId, names: Vec<Domain>) -> Self {
        Self { journey, org, names }
    }

    /// The text for a token of HTTP-01, while it is asked for.
    pub async fn text(&self, token: &str) -> Option<String> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !TOKEN_CHARS.contains(&token.len()) || !token.bytes().all(fine) {
            return None;
        }
        match self.find(&http_row(token)).await? {
            KeptAnswer::Text(text) => Some(text),
            KeptAnswer::Digest(_) => None,
        }
    }

    /// TLS for a handshake that asks for nothing but `acme-tls/1`, while an
    /// answer for its name is asked for.
    pub async fn tls(&self, name: &str) -> Option<Arc<ServerConfig>> {
        let name = self.names.iter().find(|known| known.as_str().eq_ignore_ascii_case(name))?;
        let KeptAnswer::Digest(digest) = self.find(&tls_row(name)).await? else { return None };
        let own = acme::tls_answer(name, &digest).ok()?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = provider.key_provider.load_private_key(own.key).ok()?;
        // Made just now, so key and certificate are a pair; whether they are can't be asked of a certificate with
        // the critical extension of RFC 8737, which nobody else knows.
        let resolver: Arc<dyn ResolvesServerCert> =
            Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![own.certificate], key)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .ok()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![ACME_TLS.to_vec()];
        Some(Arc::new(config))
    }

    async fn find(&self, row: &str) -> Option<KeptAnswer> {
        let organisation = self.journey.organisations.find(self.org)?;
        match kept::answer(&self.journey, organisation, row).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "an answer for the authority can't be read");
                None
            }
        }
    }
}

/// The row of an answer, and its content.
pub(super) fn row(answer: Answer) -> (String, KeptAnswer) {
    match answer {
        Answer::Http { token, text } => (http_row(&token), KeptAnswer::Text(text)),
        Answer::Tls { name, digest } => (tls_row(&name), KeptAnswer::Digest(digest)),
    }
}

fn http_row(token: &str) -> String {
    format!("answer/http/{token}")
}

fn tls_row(name: &Domain) -> String {
    format!("answer/tls/{name}")
}
