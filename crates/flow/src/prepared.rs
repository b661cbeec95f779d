//! What a plan is made from beside the case: policy's verdict, what the
//! recipients hold, and what a copy for them would be made of.

use keyring::{Candidate, Candidates};
use mail::{Address, KeyFormat, Method, Recipient};
use policy::keys::UseWhen;
use policy::{KeyPolicy, Verdict};
use seal::{Capabilities, Choice, Edits, Grounds, ParcelKey, Preferences, SealedCopy, choose};
use store::StoreError;

use crate::bounces;
use crate::case::Case;
use crate::inbound;
use crate::judge;
use crate::keys::AtHand;

/// Of the keys that don't count, so many are named.
const PASSED_OVER_MAX: usize = 3;

/// What a plan is made from.
pub(crate) struct Prepared {
    pub verdict: Verdict,
    pub keys: AtHand,
    pub edits: Edits,
    pub copy: SealedCopy,
    /// Who gets what came to a return path.
    pub redirects: Vec<(Address, Option<Address>)>,
}

/// The method of one recipient's copy, why, and the key where it is sealed.
pub(crate) struct Chosen {
    pub method: Method,
    pub because: String,
    pub key: Option<(KeyFormat, ParcelKey)>,
}

impl Prepared {
    /// Reads what the recipients of a message with this header block hold.
    pub async fn new(case: &Case<'_>, verdict: Verdict, header: &[u8]) -> Result<Self, StoreError> {
        let recipients = &case.manifest.envelope.recipients;
        let (keys, open_edits) = match case.manifest.is_inbound() {
            true => (AtHand::default(), inbound::edits(case)),
            false => {
                let keys = AtHand::of(case.journey, case.organisation, recipients, header).await?;
                (keys, judge::edits(&verdict))
            }
        };
        let (edits, outer_subject) = judge::sealed_edits(case.organisation, &verdict, header);
        let copy =
            SealedCopy { body_sha256: case.manifest.body_sha256, edits, open_edits: open_edits.clone(), outer_subject };
        let redirects = redirects(case).await;
        Ok(Self { verdict, keys, edits: open_edits, copy, redirects })
    }

    /// Chooses for one recipient.
    pub fn choose(&self, case: &Case<'_>, recipient: &Recipient, grounds: &Grounds) -> Chosen {
        let candidates = self.keys.candidates(case.organisation, &recipient.address, grounds.need, case.now);
        choose_among(&case.organisation.policy.keys, &candidates, grounds)
    }
}

async fn redirects(case: &Case<'_>) -> Vec<(Address, Option<Address>)> {
    let Some(domain) = case.journey.settings.return_path.as_ref().filter(|_| case.manifest.is_inbound()) else {
        return Vec::new();
    };
    let mut redirects = Vec::new();
    for to in case.manifest.envelope.recipients.iter().map(|recipient| &recipient.address) {
        if to.domain() == domain {
            redirects.extend(bounces::sender_of(case, to).await.map(|sender| (to.clone(), sender)));
        }
    }
    redirects
}

/// The method of a copy for a recipient with these keys.
pub(crate) fn choose_among(policy: &KeyPolicy, candidates: &Candidates, grounds: &Grounds) -> Chosen {
    let can = Capabilities { openpgp: candidates.openpgp.is_some(), smime: candidates.smime.is_some() };
    let preferences = Preferences {
        format: candidates.preferred(policy),
        keys_where_transit_would_do: policy.use_when == UseWhen::Possible,
    };
    let Choice { method, because } = choose(grounds.need, can, preferences);
    let format = match method {
        Method::OpenPgp => Some(KeyFormat::OpenPgp),
        Method::Smime => Some(KeyFormat::Smime),
        Method::Tls | Method::Portal => None,
    };
    let candidate = format.and_then(|format| candidates.of(format).map(|candidate| (format, candidate)));
    let key = candidate.map(|(format, candidate)| (format, parcel_key(candidate)));
    Chosen { method, because: format!("{because}{}", passed_over(candidates)), key }
}

fn parcel_key(candidate: &Candidate) -> ParcelKey {
    let known = &candidate.known;
    ParcelKey { key: known.id, fingerprint: known.fingerprint(), source: known.counts_as() }
}

/// Why keys that are known don't count.
fn passed_over(candidates: &Candidates) -> String {
    let named = candidates.passed_over.iter().take(PASSED_OVER_MAX);
    named.map(|(key, why)| format!("; {key} does not count: {why}")).collect()
}
