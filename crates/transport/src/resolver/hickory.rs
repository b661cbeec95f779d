//! The DNS by Hickory: a stub that asks the configured name servers, caches
//! within bounds and, where it is told to, validates DNSSEC (RFC 4035) itself,
//! from anchors of its own.
//!
//! What an answer section says is followed from the name that was asked, each
//! record by its own proof; Hickory's word on a message as a whole counts for
//! denials. What it can't prove is a failure, never "there is nothing".

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures::StreamExt;
use hickory_proto::dnssec::{Proof, TrustAnchors};
use hickory_proto::op::{DnsRequestOptions, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::dnssec::DnssecDnsHandle;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, DnsHandle, NetError, RetryDnsHandle};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use mail::Domain;
use tokio::sync::OnceCell;

use super::anchors::DnssecAnchors;
use super::cache::Cached;
use super::chain::{self, Known};
use super::secure::{Answer, DnsName, DnsProof, LookupError, Presence, RecordKind, SecureDns};
use super::{Exchanges, ResolveError, Resolver, plain, wildcard};
use crate::network::Pending;

/// Aliases that lead to other zones, each a question of its own.
const QUESTIONS_MAX: usize = 8;

/// Why there is no resolver.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The operating system's resolver configuration can't be read.
    #[error("the system's resolver configuration can't be used")]
    System(#[source] NetError),
    /// The resolver can't be made.
    #[error("the resolver can't be made")]
    Build(#[source] NetError),
}

type Pool = Cached<RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>>;

/// The DNS by Hickory.
pub struct HickoryResolver {
    plain: Pool,
    validation: Validation,
}

/// Whether answers are validated.
enum Validation {
    Never,
    Always(DnssecDnsHandle<Pool>),
    /// If the name servers pass on what it takes, which the first question shows.
    IfPossible(DnssecDnsHandle<Pool>, OnceCell<bool>),
}

/// What a name server said, and what Hickory makes of it as a whole.
struct Said {
    message: Message,
    /// What it proves where it denies.
    denial: Proof,
    is_validated: bool,
}

impl HickoryResolver {
    /// A resolver that asks the operating system's name servers.
    pub fn system() -> Result<Self, ResolverError> {
        let (config, options) = hickory_resolver::system_conf::read_system_conf().map_err(ResolverError::System)?;
        Self::build(config, options)
    }

    /// A resolver that asks these name servers, by UDP and TCP.
    pub fn asking(servers: &[SocketAddr]) -> Result<Self, ResolverError> {
        let servers = servers.iter().map(name_server).collect();
        Self::build(ResolverConfig::from_name_servers(servers), ResolverOpts::default())
    }

    /// Validates every answer from these anchors on. The name servers must pass
    /// on what DNSSEC needs: where they don't, every lookup fails.
    pub fn validating(self, anchors: &DnssecAnchors) -> Self {
        let handle = self.validator(anchors);
        Self { validation: Validation::Always(handle), ..self }
    }

    /// Validates if the name servers pass on the root's signatures, and nothing
    /// if they don't; the first question decides for good. Whoever stands
    /// between this machine and its name servers can take DNSSEC away so, and
    /// with it DANE, but never what a message needs.
    pub fn validating_if_possible(self, anchors: &DnssecAnchors) -> Self {
        let handle = self.validator(anchors);
        Self { validation: Validation::IfPossible(handle, OnceCell::new()), ..self }
    }

    fn validator(&self, anchors: &DnssecAnchors) -> DnssecDnsHandle<Pool> {
        let anchors = Arc::new(TrustAnchors::clone(anchors.all()));
        DnssecDnsHandle::with_trust_anchor(self.plain.clone(), anchors)
    }

    fn build(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, ResolverError> {
        options.try_tcp_on_error = true;
        let (attempts, servers) = (options.attempts, config.name_servers().to_vec());
        let tls = TlsConfig::new().map_err(ResolverError::Build)?;
        let context = Arc::new(PoolContext::new(options, tls));
        let pool = NameServerPool::from_config(servers, context, TokioRuntimeProvider::default());
        Ok(Self { plain: Cached::new(RetryDnsHandle::new(pool, attempts)), validation: Validation::Never })
    }

    /// What validates, if anything does.
    async fn validation(&self) -> Result<Option<&DnssecDnsHandle<Pool>>, LookupError> {
        match &self.validation {
            Validation::Never => Ok(None),
            Validation::Always(handle) => Ok(Some(handle)),
            Validation::IfPossible(handle, is_possible) => {
                let is_possible = is_possible.get_or_try_init(|| has_signed_root(handle)).await?;
                Ok(is_possible.then_some(handle))
            }
        }
    }

    async fn ask(&self, name: &Name, kind: RecordType) -> Result<Said, LookupError> {
        let query = Query::query(name.clone(), kind);
        let validator = self.validation().await?;
        let is_validated = validator.is_some();
        let said = match validator {
            Some(handle) => handle.lookup(query, with_signatures()).next().await,
            None => self.plain.lookup(query, DnsRequestOptions::default()).next().await,
        };
        match said.ok_or(LookupError::Failed)? {
            Ok(response) => {
                let message = response.into_message();
                let denial = if is_validated { denial(name, &message) } else { Proof::Insecure };
                Ok(Said { message, denial, is_validated })
            }
            Err(error) => refused(error, is_validated),
        }
    }

    async fn find(&self, asked: &DnsName, kind: RecordKind) -> Result<Answer, LookupError> {
        let mut name = asked.to_wire().ok_or(LookupError::Failed)?;
        let (mut proof, mut alias) = (DnsProof::Secure, None);
        for _ in 0..QUESTIONS_MAX {
            let said = self.ask(&name, chain::wire_kind(kind)).await?;
            let known = known(&said)?;
            let answer = chain::read(&name, kind, &known)?;
            proof = proof.min(answer.proof);
            alias = alias.or(answer.alias);
            if answer.presence == Presence::Present {
                return Ok(Answer { proof, alias, ..answer });
            }
            if answer.alias.is_none() {
                let presence = absence(&said.message);
                let proof = proof.min(answered(said.denial)?);
                return Ok(Answer { alias, ..Answer::none(answer.name, presence, proof) });
            }
            name = answer.name.to_wire().ok_or(LookupError::Failed)?;
        }
        Err(LookupError::Failed)
    }
}

impl SecureDns for HickoryResolver {
    fn lookup<'a>(&'a self, name: &'a DnsName, kind: RecordKind) -> Pending<'a, Result<Answer, LookupError>> {
        Box::pin(self.find(name, kind))
    }
}

impl Resolver for HickoryResolver {
    fn exchanges<'a>(&'a self, domain: &'a Domain) -> Pending<'a, Result<Exchanges, ResolveError>> {
        Box::pin(plain::exchanges(self, domain))
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> Pending<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(plain::addresses(self, host))
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

/// How something is known, or that it isn't.
fn answered(proof: Proof) -> Result<DnsProof, LookupError> {
    match proof {
        Proof::Secure => Ok(DnsProof::Secure),
        Proof::Insecure => Ok(DnsProof::Insecure),
        Proof::Bogus => Err(LookupError::Bogus),
        Proof::Indeterminate => Err(LookupError::Failed),
    }
}

fn absence(message: &Message) -> Presence {
    if message.metadata.response_code == ResponseCode::NXDomain { Presence::NoSuchName } else { Presence::NoData }
}

fn with_signatures() -> DnsRequestOptions {
    let mut options = DnsRequestOptions::default();
    options.edns_set_dnssec_ok = true;
    options
}

/// Whether the name servers pass on the root's signatures. Silence tells nothing.
async fn has_signed_root(handle: &DnssecDnsHandle<Pool>) -> Result<bool, LookupError> {
    let query = Query::query(Name::root(), RecordType::SOA);
    let is_signed = match handle.lookup(query, with_signatures()).next().await {
        Some(Ok(response)) => response.answers.iter().any(|record| record.proof == Proof::Secure),
        Some(Err(NetError::Dns(_))) => false,
        Some(Err(_)) | None => return Err(LookupError::Failed),
    };
    if !is_signed {
        tracing::warn!("the name servers pass on no DNSSEC signatures: nothing is validated, and DANE does not apply");
    }
    Ok(is_signed)
}

/// What a message that passed as a whole proves where it denies. An insecure
/// denial must come from a zone above the name: else whoever is on the path
/// could deny anything with the papers of an unsigned zone.
fn denial(name: &Name, message: &Message) -> Proof {
    let proofs = message.authorities.iter().filter(|record| record.record_type() != RecordType::RRSIG);
    let proof = proofs.map(|record| record.proof).min().unwrap_or(Proof::Insecure);
    let is_above = |record: &Record| record.record_type() == RecordType::SOA && record.name.zone_of(name);
    let stands = message.authorities.is_empty() || message.authorities.iter().any(is_above);
    if proof == Proof::Insecure && !stands { Proof::Bogus } else { proof }
}

/// What an error still says: a plain denial, or a message whose denial was
/// judged; its answers have proofs of their own.
fn refused(error: NetError, is_validated: bool) -> Result<Said, LookupError> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(nothing)) if !is_validated => {
            let mut message = Message::query();
            message.metadata.response_code = nothing.response_code;
            Ok(Said { message, denial: Proof::Insecure, is_validated })
        }
        NetError::Dns(DnsError::Nsec { response, proof, .. }) => {
            Ok(Said { message: response.into_message(), denial: proof, is_validated })
        }
        NetError::Dns(DnsError::DnssecBogus) => Err(LookupError::Bogus),
        error => {
            // The name asked for says who writes to whom: it is not logged.
            tracing::debug!(kind = error.as_metrics_label(), "a DNS lookup failed");
            Err(LookupError::Failed)
        }
    }
}

/// The answer section, each record with its proof. One that does not hold
/// spoils the whole: nothing of such an answer is used.
fn known(said: &Said) -> Result<Vec<Known<'_>>, LookupError> {
    let message = &said.message;
    if !said.is_validated {
        return Ok(message.answers.iter().map(|record| (record, DnsProof::Insecure)).collect());
    }
    let is_secure =
        |name: &Name| message.answers.iter().any(|record| record.name == *name && record.proof == Proof::Secure);
    let mut expanded = wildcard::expanded(&message.answers).into_iter().filter(|name| is_secure(name));
    if !expanded.all(|name| wildcard::is_proven_by_nsec(name, message) || wildcard::has_nsec3(message)) {
        return Err(LookupError::Bogus);
    }
    let records = message.answers.iter().filter(|record| record.record_type() != RecordType::RRSIG);
    records.map(|record| Ok((record, answered(record.proof)?))).collect()
}
