//! What of the own keys is published: in the Web Key Directory
//! (draft-koch-openpgp-webkey-service §3.1) and on the page of keys. Only keys
//! that a person has published are here, those that sign and those that were
//! revoked; whatever else is asked for is not there, in the same way.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use keyring::org::{OrgKey, OrgKeyState, Owner};
use mail::{Address, Domain, KeyFormat, OrgKeyId};

use crate::journey::Journey;

/// Names of a directory: a domain and the hashed local part.
pub(super) type Directory = HashMap<(Domain, String), Vec<u8>>;

/// The published keys, for whoever shows them.
pub trait PublishedKeys: Send + Sync {
    /// Whether a domain has a directory here.
    fn has_directory(&self, domain: &Domain) -> bool;
    /// The binary keys under a hashed local part: the one in use, then those
    /// that were revoked.
    fn in_directory(&self, domain: &Domain, hash: &str) -> Option<Vec<u8>>;
    /// The keys of whole domains.
    fn of_domains(&self) -> Vec<PublishedKey>;
    /// The keys of one sender.
    fn of_sender(&self, sender: &Address) -> Vec<PublishedKey>;
    /// One key.
    fn one(&self, key: OrgKeyId) -> Option<PublishedKey>;
}

/// A key as it is shown to anyone.
#[derive(Clone, Debug)]
pub struct PublishedKey {
    /// Its id.
    pub id: OrgKeyId,
    /// The organisation's name.
    pub organisation: String,
    /// For whom it signs.
    pub owners: Vec<Owner>,
    /// Its format.
    pub format: KeyFormat,
    /// Its fingerprint in upper-case hexadecimal digits.
    pub fingerprint: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
    /// The file to download: OpenPGP in armor, a certificate in DER.
    pub file: Vec<u8>,
}

/// The published keys of a journey.
pub struct Publication(Arc<Journey>);

impl Publication {
    /// What this journey publishes.
    pub fn new(journey: Arc<Journey>) -> Self {
        Self(journey)
    }

    /// The keys for owners that are wanted; for those whose domain is another
    /// organisation's by now, none.
    fn shown(&self, is_wanted: impl Fn(OrgKeyId, &Owner) -> bool) -> Vec<PublishedKey> {
        let (now, organisations) = (self.0.clock.now(), &self.0.organisations);
        let mut shown = Vec::new();
        for organisation in organisations.iter() {
            let is_own = |owner: &&Owner| organisations.owner_of(owner.domain()) == Some(organisation.org);
            for key in self.0.org_keys.of(organisation.org).iter().filter(|key| is_public(key)) {
                let owners: Vec<Owner> = key.owners.iter().filter(is_own).cloned().collect();
                if owners.iter().any(|owner| is_wanted(key.id, owner)) {
                    shown.extend(published(key, owners, &organisation.profile.name, now));
                }
            }
        }
        // The one in use first, then the newest.
        shown.sort_by_key(|key| (key.revoked_at.is_some(), std::cmp::Reverse(key.id)));
        shown
    }
}

impl PublishedKeys for Publication {
    fn has_directory(&self, domain: &Domain) -> bool {
        let Some(org) = self.0.organisations.owner_of(domain) else { return false };
        self.0.org_keys.directory(org).keys().any(|(own, _)| own == domain)
    }

    fn in_directory(&self, domain: &Domain, hash: &str) -> Option<Vec<u8>> {
        // Asked of today's domains: what is read of keys may be older than the configuration.
        let org = self.0.organisations.owner_of(domain)?;
        self.0.org_keys.directory(org).get(&(domain.clone(), hash.to_owned())).cloned()
    }

    fn of_domains(&self) -> Vec<PublishedKey> {
        self.shown(|_, owner| matches!(owner, Owner::Domain(_)))
    }

    fn of_sender(&self, sender: &Address) -> Vec<PublishedKey> {
        let folded = sender.folded();
        self.shown(|_, owner| matches!(owner, Owner::Address(own) if own.folded() == folded))
    }

    fn one(&self, id: OrgKeyId) -> Option<PublishedKey> {
        self.shown(|key, _| key == id).pop()
    }
}

const fn is_public(key: &OrgKey) -> bool {
    key.is_published && matches!(key.state, OrgKeyState::Active | OrgKeyState::Revoked)
}

fn published(key: &OrgKey, owners: Vec<Owner>, organisation: &str, now: Timestamp) -> Option<PublishedKey> {
    let file = match key.format() {
        KeyFormat::OpenPgp => key.material.to_text()?.into_bytes(),
        KeyFormat::Smime => key.material.smime()?.certificate()?.to_der().to_vec(),
    };
    Some(PublishedKey {
        id: key.id,
        organisation: organisation.to_owned(),
        owners,
        format: key.format(),
        fingerprint: key.fingerprint(),
        expires_at: key.expires_at(now),
        revoked_at: key.revoked.as_ref().map(|revoked| revoked.at),
        file,
    })
}

/// The directory of an organisation's keys, each under the addresses in domains
/// that are its own that the key names, without its other user ids.
pub(super) fn directory(keys: &[OrgKey], is_own: impl Fn(&Domain) -> bool, now: Timestamp) -> Directory {
    let mut directory = Directory::new();
    let mut public: Vec<&OrgKey> = keys.iter().filter(|key| is_public(key)).collect();
    public.sort_by_key(|key| (key.revoked.is_some(), std::cmp::Reverse(key.id)));
    for key in public {
        let Some(certificate) = key.material.openpgp().map(openpgp::SecretIdentity::certificate) else { continue };
        // What a revoked key said of itself counts as it was right before.
        let at = key.revoked.as_ref().map_or(now, |revoked| before(revoked.at));
        let own = |address: &Address| is_own(address.domain());
        for address in certificate.addresses(at).into_iter().filter(own) {
            let Some(minimal) = certificate.minimal(&address, at) else { continue };
            let place = (address.domain().clone(), openpgp::wkd::hash(address.local()));
            directory.entry(place).or_default().extend(minimal.to_bytes());
        }
    }
    directory
}

fn before(at: Timestamp) -> Timestamp {
    at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(at)
}
