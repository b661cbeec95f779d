//! An organisation as the journey sees it: its keys, its policy, its voice.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ledger::{Event, Head, Record, SigningKey};
use mail::{Domain, Entropy, MessageId, OrgId};
use policy::Policy;
use seal::{DkimKey, TagKey};
use smime::trust::Trust;
use store::JournalNew;
use vault::{Label, OrgVault};

use crate::portal::reply::Replies;

/// What an organisation is called and how it speaks to patients and senders.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The short name, in origins of checkpoints and in logs.
    pub slug: String,
    /// The name that people read.
    pub name: String,
    /// The phone number on notices and pages.
    pub phone: String,
    /// Where its clocks stand: patients read dates in this zone.
    pub time_zone: TimeZone,
    /// Where the portal is reached, without a final slash: `https://secure.clinic.example`.
    pub portal_url: String,
    /// The language of notices where the message names none.
    pub language: String,
    /// The domains that it sends from.
    pub domains: Vec<Domain>,
    /// What it says about recipients' replies; `None`: it takes none.
    pub replies: Option<Replies>,
}

/// An organisation, ready to send.
pub struct Organisation {
    /// Its number in every row.
    pub org: OrgId,
    /// Its voice.
    pub profile: Profile,
    /// Its keys.
    pub vault: Arc<OrgVault>,
    /// The key of its parcels' tags.
    pub tag_key: TagKey,
    /// The key that signs its receipts and checkpoints.
    pub signing_key: SigningKey,
    /// Its effective policy.
    pub policy: Policy,
    /// The hash under which the policy is kept.
    pub policy_hash: [u8; 32],
    /// Its DKIM keys by domain.
    pub dkim: HashMap<Domain, DkimKey>,
    /// Whom it believes about S/MIME certificates.
    pub trust: Arc<Trust>,
}

impl Organisation {
    /// The key for an author at `domain`: the domain's own, or that of the
    /// nearest parent, which aligns with it (RFC 7489 §3.1.1, relaxed).
    pub fn dkim_for(&self, domain: &Domain) -> Option<&DkimKey> {
        let parents = self.dkim.iter().filter(|(parent, _)| domain.is_within(parent));
        parents.max_by_key(|(parent, _)| parent.as_str().len()).map(|(_, key)| key)
    }
}

impl Organisation {
    /// A journal row that no message's key seals: what is about the
    /// organisation, or about a message whose key is destroyed.
    pub(crate) fn journal(
        &self,
        message: Option<MessageId>,
        events: Vec<Event>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> JournalNew {
        let record = Record::new(events);
        let head = Head::new(self.org, message, now, record.kinds());
        let payload = self.vault.seal(Label::Journal, &head.to_bytes(), &record.to_bytes(), entropy);
        let at = head.at();
        JournalNew { message, at, entry: head.entry(payload).to_bytes() }
    }
}

/// The organisations that this process serves.
#[derive(Clone, Default)]
pub struct Organisations(HashMap<OrgId, Arc<Organisation>>);

impl Organisations {
    /// All of them.
    pub fn new(all: impl IntoIterator<Item = Organisation>) -> Self {
        Self(all.into_iter().map(|organisation| (organisation.org, Arc::new(organisation))).collect())
    }

    /// The one with that number.
    pub fn find(&self, org: OrgId) -> Option<&Arc<Organisation>> {
        self.0.get(&org)
    }

    /// The one to which a domain belongs: that with the nearest domain above it.
    pub fn owner_of(&self, domain: &Domain) -> Option<OrgId> {
        let all = self.0.values().flat_map(|one| one.profile.domains.iter().map(|own| (own, one.org)));
        nearest(domain, all)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Organisation>> {
        self.0.values()
    }
}

/// Whose of these domains is the nearest above one, itself included.
fn nearest<'a>(domain: &Domain, owned: impl Iterator<Item = (&'a Domain, OrgId)>) -> Option<OrgId> {
    let above = owned.filter(|(own, _)| domain.is_within(own));
    above.max_by_key(|(own, _)| own.as_str().len()).map(|(_, org)| org)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_belongs_to_the_organisation_with_the_nearest_one_above() {
        let [group, clinic] = ["group.example", "clinic.group.example"].map(|name| Domain::parse(name).unwrap());
        let check = |name: &str, expect: Option<u32>| {
            let owned = [(&group, OrgId(1)), (&clinic, OrgId(2))];
            for owned in [owned, [owned[1], owned[0]]] {
                let found = nearest(&Domain::parse(name).unwrap(), owned.into_iter());
                assert_eq!(found, expect.map(OrgId), "{name}");
            }
        };
        check("group.example", Some(1));
        check("office.group.example", Some(1));
        check("clinic.group.example", Some(2));
        check("ward.clinic.group.example", Some(2));
        check("notclinic.group.example", Some(1));
        check("example", None);
        check("other.example", None);
    }
}
