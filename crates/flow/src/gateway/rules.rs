//! Who may send to whom through port 25, from the connection and the envelope
//! alone. Pure.
//!
//! A network or a certificate that a provider shares among its customers
//! identifies nobody: large gateways were made to send spoofed mail in 2024
//! because they took it for one customer's. Such a connector also demands a
//! [`Proof`] of its tenant, which the header block or the whole message gives.

use std::net::IpAddr;
use std::sync::Arc;

use identity::{Sender, SenderPattern, Submitter};
use ipnet::IpNet;
use mail::{Address, Domain, Envelope, OrgId};

use super::{Gateway, Passage, SecretField};
use crate::{return_path, unsubscribe};

/// A mail system whose outbound mail is taken.
#[derive(Debug)]
pub struct Connector {
    /// Its name in the ledger.
    pub name: String,
    /// Whose it is.
    pub org: OrgId,
    /// The networks that it connects from; empty: any.
    pub networks: Vec<IpNet>,
    /// The name that its client certificate must be valid for.
    pub certificate: Option<Domain>,
    /// The sender domains that it may use.
    pub senders: Vec<Domain>,
    /// How it proves its tenant.
    pub proof: Proof,
}

/// How a mail system proves that it is this organisation's and no other
/// customer's of the same provider. Either way will do where both are set.
#[derive(Debug, Default)]
pub struct Proof {
    /// A field with a secret that the tenant's own transport rule adds.
    pub secret: Option<SecretField>,
    /// An aligned DKIM signature of the sender's domain.
    pub dkim: bool,
}

impl Proof {
    /// Whether network and certificate alone identify the connector.
    pub fn is_none(&self) -> bool {
        self.secret.is_none() && !self.dkim
    }
}

/// A domain whose inbound mail is taken.
#[derive(Clone, Debug)]
pub struct RecipientDomain {
    /// The domain itself; those below it are others.
    pub domain: Domain,
    /// Whose it is.
    pub org: OrgId,
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Where it comes from.
    pub address: IpAddr,
    /// Whether it is encrypted.
    pub is_tls: bool,
    /// The names that its client certificate proved.
    pub names: &'a [Domain],
}

/// Why a recipient or a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Neither the sender nor the recipient is of an organisation that is
    /// served here.
    Relay,
    /// It is a mail system's own, but it came in clear.
    TlsFirst,
    /// The recipients are of two organisations.
    OtherOrganisation,
}

impl Connector {
    /// Whether the caller comes from where this mail system does.
    fn is_at(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }

    fn is_named(&self, names: &[Domain]) -> bool {
        self.certificate.as_ref().is_none_or(|name| names.contains(name))
    }

    /// The client that its messages are handed in by.
    pub fn sender(&self) -> Sender {
        let senders = self.senders.iter().cloned().map(SenderPattern::Domain).collect();
        Sender { org: self.org, by: Submitter::Connector(self.name.clone()), senders }
    }

    /// Whether `domain` is one of its sender domains.
    pub fn owns(&self, domain: &Domain) -> bool {
        self.senders.contains(domain)
    }
}

impl Gateway {
    /// Whether a recipient may be added to an envelope.
    pub fn admits(&self, caller: Caller<'_>, envelope: &Envelope, to: &Address) -> Result<(), NotTaken> {
        let sender = envelope.sender.0.as_ref();
        if self.may_be_outbound(caller, sender)? {
            return Ok(());
        }
        let owner = self.owner_of(to).ok_or(NotTaken::Relay)?;
        let mut others = envelope.recipients.iter().filter_map(|other| self.owner_of(&other.address));
        match others.any(|other| other != owner) {
            true => Err(NotTaken::OtherOrganisation),
            false => Ok(()),
        }
    }

    /// Which way a message goes whose envelope is complete. Mail without a
    /// sender is outbound only where it must be: a bounce of somebody else's
    /// mail system for an own recipient is inbound, wherever it comes from.
    pub fn passage(&self, caller: Caller<'_>, envelope: &Envelope) -> Result<Passage, NotTaken> {
        let sender = envelope.sender.0.as_ref();
        let mut owners = envelope.recipients.iter().map(|to| self.owner_of(&to.address));
        let is_outbound = match sender {
            Some(_) => self.may_be_outbound(caller, sender)?,
            None => self.may_be_outbound(caller, None)? && owners.clone().any(|owner| owner.is_none()),
        };
        if is_outbound {
            return Ok(Passage::Outbound(self.candidates(caller, sender).cloned().collect()));
        }
        let first = owners.next().flatten().ok_or(NotTaken::Relay)?;
        match owners.all(|owner| owner == Some(first)) {
            true => Ok(Passage::Inbound(first)),
            false => Err(NotTaken::Relay),
        }
    }

    /// Whether others than an organisation itself send from where the caller
    /// is: SPF of an own domain proves nothing there.
    pub fn is_shared(&self, caller: Caller<'_>) -> bool {
        let is_there = |connector: &Arc<Connector>| {
            !connector.proof.is_none() && connector.is_at(caller.address) && connector.is_named(caller.names)
        };
        self.connectors.iter().any(is_there)
    }

    /// Whose a recipient is: of a domain that is received for, or an address that
    /// was given out: a return path, or one to unsubscribe at.
    fn owner_of(&self, to: &Address) -> Option<OrgId> {
        let returned = || {
            let (_, vaults) = self.return_path.as_ref().filter(|(domain, _)| domain == to.domain())?;
            let vaults = || vaults.iter().map(AsRef::as_ref);
            let returned = return_path::read(vaults(), to.local()).map(|returned| returned.org);
            returned.or_else(|| unsubscribe::owner(vaults(), to))
        };
        self.owner(to.domain()).or_else(returned)
    }

    /// Whose a recipient domain is.
    pub fn owner(&self, domain: &Domain) -> Option<OrgId> {
        self.recipient_domains.iter().find(|own| own.domain == *domain).map(|own| own.org)
    }

    /// Whether the caller is on the way from a mail system with this sender.
    /// In clear it is refused rather than taken for a stranger's.
    fn may_be_outbound(&self, caller: Caller<'_>, sender: Option<&Address>) -> Result<bool, NotTaken> {
        if self.candidates(caller, sender).next().is_some() {
            return Ok(true);
        }
        let is_own = |connector: &&Arc<Connector>| {
            !connector.networks.is_empty()
                && connector.is_at(caller.address)
                && sender.is_some_and(|sender| connector.owns(sender.domain()))
        };
        match !caller.is_tls && self.connectors.iter().any(|connector| is_own(&connector)) {
            true => Err(NotTaken::TlsFirst),
            false => Ok(false),
        }
    }

    fn candidates<'a>(
        &'a self,
        caller: Caller<'a>,
        sender: Option<&'a Address>,
    ) -> impl Iterator<Item = &'a Arc<Connector>> {
        self.connectors.iter().filter(move |connector| {
            caller.is_tls
                && connector.is_at(caller.address)
                && connector.is_named(caller.names)
                && sender.is_none_or(|sender| connector.owns(sender.domain()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::{Recipient, ReversePath};

    struct NoDns;

    impl transport::SecureDns for NoDns {
        fn lookup<'a>(
            &'a self,
            _: &'a transport::DnsName,
            _: transport::RecordKind,
        ) -> transport::Pending<'a, Result<transport::Answer, transport::LookupError>> {
            Box::pin(async { Err(transport::LookupError::Failed) })
        }
    }

    fn domain(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    fn connector(org: u32, network: &str, certificate: Option<&str>, sender: &str) -> Arc<Connector> {
        Arc::new(Connector {
            name: "m365".to_owned(),
            org: OrgId(org),
            networks: vec![network.parse().unwrap()],
            certificate: certificate.map(domain),
            senders: vec![domain(sender)],
            proof: Proof { secret: None, dkim: true },
        })
    }

    fn gateway() -> Gateway {
        let own = |org, text| RecipientDomain { domain: domain(text), org: OrgId(org) };
        Gateway {
            connectors: vec![
                connector(1, "192.0.2.0/24", Some("mail.provider.example"), "clinic.example"),
                connector(2, "192.0.2.0/24", Some("mail.provider.example"), "dentist.example"),
                connector(1, "198.51.100.7/32", None, "clinic.example"),
            ],
            recipient_domains: vec![own(1, "clinic.example"), own(1, "alias.example"), own(2, "dentist.example")],
            return_path: None,
            known: std::collections::HashMap::new(),
            honours_dmarc: true,
            dns: Arc::new(NoDns),
        }
    }

    const PROVIDER: &str = "192.0.2.9";
    const OFFICE: &str = "198.51.100.7";
    const STRANGER: &str = "203.0.113.1";

    /// Tells the envelope recipient by recipient: what each is told, then
    /// which way the message goes.
    fn check(address: &str, tls: bool, from: &str, to: &[&str], expect: &str) {
        let names = [domain("mail.provider.example")];
        let names = if address == PROVIDER { &names[..] } else { &[] };
        let caller = Caller { address: address.parse().unwrap(), is_tls: tls, names };
        let gateway = gateway();
        let sender = (!from.is_empty()).then(|| Address::parse(from).unwrap());
        let mut envelope = Envelope {
            sender: ReversePath(sender),
            recipients: Vec::new(),
            envid: None,
            smtputf8: false,
            requiretls: false,
        };
        let mut told = Vec::new();
        for to in to {
            let to = Address::parse(to).unwrap();
            match gateway.admits(caller, &envelope, &to) {
                Ok(()) => {
                    told.push("ok".to_owned());
                    envelope.recipients.push(Recipient::new(to));
                }
                Err(why) => told.push(format!("{why:?}")),
            }
        }
        let passage = match gateway.passage(caller, &envelope) {
            Ok(Passage::Inbound(org)) => format!("inbound {}", org.0),
            Ok(Passage::Outbound(connectors)) => {
                format!("outbound {}", connectors.iter().map(|c| c.org.0.to_string()).collect::<Vec<_>>().join("+"))
            }
            Ok(Passage::Submitted | Passage::Known { .. }) => unreachable!(),
            Err(why) => format!("{why:?}"),
        };
        assert_eq!(format!("{} → {passage}", told.join(", ")), expect, "{address} {from} {to:?}");
    }

    #[test]
    fn strangers_reach_own_recipients_and_nobody_else() {
        check(STRANGER, true, "x@else.example", &["a@clinic.example"], "ok → inbound 1");
        check(STRANGER, false, "", &["a@alias.example"], "ok → inbound 1");
        check(STRANGER, true, "x@else.example", &["p@else.example"], "Relay → Relay");
        check(STRANGER, true, "a@clinic.example", &["p@else.example"], "Relay → Relay");
        check(STRANGER, true, "", &["p@else.example"], "Relay → Relay");
        check(STRANGER, true, "x@else.example", &["a@sub.clinic.example"], "Relay → Relay");
        check(STRANGER, true, "x@e.example", &["a@clinic.example", "p@e.example"], "ok, Relay → inbound 1");
        check(STRANGER, true, "a@clinic.example", &["b@clinic.example"], "ok → inbound 1");
    }

    #[test]
    fn two_organisations_share_no_transaction() {
        check(
            STRANGER,
            true,
            "x@else.example",
            &["a@clinic.example", "b@dentist.example", "c@alias.example"],
            "ok, OtherOrganisation, ok → inbound 1",
        );
    }

    #[test]
    fn a_mail_system_sends_as_its_own_domains_to_anyone() {
        check(PROVIDER, true, "a@clinic.example", &["p@else.example", "b@clinic.example"], "ok, ok → outbound 1");
        check(PROVIDER, true, "a@dentist.example", &["p@else.example"], "ok → outbound 2");
        check(OFFICE, true, "a@clinic.example", &["p@else.example"], "ok → outbound 1");
        check(OFFICE, true, "a@dentist.example", &["p@else.example"], "Relay → Relay");
        check(PROVIDER, true, "x@else.example", &["p@else.example"], "Relay → Relay");
        check(PROVIDER, true, "x@else.example", &["a@clinic.example"], "ok → inbound 1");
    }

    #[test]
    fn mail_without_a_sender_is_outbound_only_where_it_must_be() {
        check(PROVIDER, true, "", &["p@else.example"], "ok → outbound 1+2");
        check(PROVIDER, true, "", &["a@clinic.example"], "ok → inbound 1");
        check(PROVIDER, true, "", &["a@clinic.example", "p@else.example"], "ok, ok → outbound 1+2");
        check(OFFICE, true, "", &["p@else.example"], "ok → outbound 1");
    }

    #[test]
    fn a_mail_system_is_known_over_tls_only() {
        check(OFFICE, false, "a@clinic.example", &["p@else.example"], "TlsFirst → TlsFirst");
        check(OFFICE, false, "a@clinic.example", &["b@clinic.example"], "TlsFirst → TlsFirst");
        check(OFFICE, false, "", &["p@else.example"], "Relay → Relay");
        check(PROVIDER, false, "x@else.example", &["a@clinic.example"], "ok → inbound 1");
    }

    #[test]
    fn a_certificate_of_another_name_is_a_strangers() {
        let caller = Caller { address: PROVIDER.parse().unwrap(), is_tls: true, names: &[] };
        let envelope = Envelope {
            sender: ReversePath(Some(Address::parse("a@clinic.example").unwrap())),
            recipients: Vec::new(),
            envid: None,
            smtputf8: false,
            requiretls: false,
        };
        let to = Address::parse("p@else.example").unwrap();
        assert_eq!(gateway().admits(caller, &envelope, &to), Err(NotTaken::Relay));
    }
}
