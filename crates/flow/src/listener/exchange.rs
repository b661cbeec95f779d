//! Port 25: any mail server comes, TLS is offered, a client certificate is
//! asked for where a connector is known by one, and each recipient is asked
//! about.
//!
//! Standards: RFC 5321, RFC 3207. Without TLS a stranger's mail is taken, for
//! not all mail servers have it; an organisation's own is not.

use std::sync::Arc;
use std::time::Duration;

use identity::{Sender, Submitter};
use mail::{Clock, Domain, Envelope, OrgId};
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::UnixTime;
use smtp::server::reply::{self, Fixed};
use transport::Anchors;

use super::conversation::Client;
use super::tls::{Source, TlsError, server_config_asking};
use crate::gateway::{Caller, Gateway, NotTaken, Passage};

/// The door for mail servers.
#[derive(Clone)]
pub struct Exchange {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) gateway: Arc<Gateway>,
    anchors: Anchors,
    clock: Arc<dyn Clock>,
}

impl Exchange {
    /// A door that shows the certificate of `source` and judges those of
    /// clients by `anchors`.
    pub fn new(
        source: Source,
        gateway: Arc<Gateway>,
        anchors: Anchors,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TlsError> {
        // Some mail servers give up when they are asked for a certificate, so
        // they are asked only where it means something.
        let asks = gateway.connectors.iter().any(|connector| connector.certificate.is_some());
        let verifier: Option<Arc<dyn ClientCertVerifier>> = asks.then(transport::any_client);
        Ok(Self { tls: server_config_asking(source, &[], verifier)?, gateway, anchors, clock })
    }

    /// The connectors' names that a client's certificate is valid for.
    pub(super) fn proven_names(&self, connection: &rustls::ServerConnection) -> Vec<Domain> {
        let Some(chain) = connection.peer_certificates() else { return Vec::new() };
        let seconds = u64::try_from(self.clock.now().as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let wanted = self.gateway.connectors.iter().filter_map(|connector| connector.certificate.as_ref());
        wanted.filter(|name| self.anchors.vouch_for_client(chain, name.as_str(), now)).cloned().collect()
    }
}

impl Client {
    /// Whether a recipient may be added to the envelope that is being told.
    pub(super) fn admits(&self, gateway: &Gateway, to: &mail::Address) -> Result<(), Fixed> {
        let envelope = self.session.envelope().ok_or(reply::FAULT)?;
        gateway.admits(self.caller(), envelope, to).map_err(refusal)
    }

    /// Which way a message goes, and who hands it in as far as that is known.
    pub(super) fn passage(&self, gateway: &Gateway, envelope: &Envelope) -> Result<(Sender, Passage), Fixed> {
        let passage = gateway.passage(self.caller(), envelope).map_err(refusal)?;
        let sender = match &passage {
            Passage::Outbound(connectors) => connectors.first().map(|connector| connector.sender()),
            Passage::Known { connector, .. } => Some(connector.sender()),
            Passage::Inbound(org) => Some(stranger(*org)),
            Passage::Submitted => None,
        };
        Ok((sender.ok_or(reply::FAULT)?, passage))
    }

    fn caller(&self) -> Caller<'_> {
        let names = self.tls.as_ref().map(|tls| tls.client_names.as_slice()).unwrap_or_default();
        Caller { address: self.peer, is_tls: self.tls.is_some(), names }
    }
}

fn stranger(org: OrgId) -> Sender {
    Sender { org, by: Submitter::Stranger, senders: Vec::new() }
}

fn refusal(why: NotTaken) -> Fixed {
    match why {
        NotTaken::Relay => reply::RELAY_DENIED,
        NotTaken::TlsFirst => reply::TLS_FIRST,
        NotTaken::OtherOrganisation => reply::NEXT_TRANSACTION,
    }
}
