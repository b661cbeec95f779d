//! What a plan is made from beside the case: policy's verdict, what the
//! recipients hold, and what a copy for them would be made of.

use keyring::{Candidate, Candidates};
use mail::reading::header_block;
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
use crate::org_keys::{Looked, Missing, Proven, Signs};
use crate::suppression::Stopped;

/// Of the keys that don't count, so many are named.
const PASSED_OVER_MAX: usize = 3;

/// What a plan is made from.
pub(crate) struct Prepared {
    pub verdict: Verdict,
    pub keys: AtHand,
    /// The recipients whom nothing is sent.
    pub suppressed: Vec<Stopped>,
    pub edits: Edits,
    pub copy: SealedCopy,
    /// Whether copies leave out what the text quotes of earlier messages.
    pub is_cut: bool,
    /// Who gets what came to a return path.
    pub redirects: Vec<(Address, Option<Address>)>,
    /// What its protection proves, where it came sealed or signed.
    pub proven: Option<Proven>,
}

/// The method of one recipient's copy, why, and the key where it is sealed.
pub(crate) struct Chosen {
    pub method: Method,
    pub because: String,
    pub key: Option<(KeyFormat, ParcelKey)>,
    /// How the content is protected where it is sealed for this key alone.
    pub content: String,
}

impl Prepared {
    /// Reads what the recipients of this message, as it was judged, hold.
    pub async fn new(case: &Case<'_>, verdict: Verdict, judged: &[u8], looked: &Looked) -> Result<Self, StoreError> {
        let header = header_block(judged);
        let recipients = &case.manifest.envelope.recipients;
        let (keys, open_edits) = match case.manifest.is_inbound() {
            true => (AtHand::default(), inbound::edits(case, looked.proven.as_ref())),
            false => {
                let keys = AtHand::of(case.journey, case.organisation, recipients, header).await?;
                (keys, judge::edits(case.organisation, &verdict))
            }
        };
        let (edits, outer_subject) = judge::sealed_edits(case.organisation, &verdict, header);
        let body_sha256 = looked.body_sha256(case);
        let copy = SealedCopy { body_sha256, edits, open_edits: open_edits.clone(), outer_subject };
        let redirects = redirects(case).await;
        let is_cut = open_edits.cuts(judged);
        let suppressed = Stopped::of(case, recipients).await?;
        Ok(Self {
            verdict,
            keys,
            suppressed,
            edits: open_edits,
            copy,
            is_cut,
            redirects,
            proven: looked.proven.clone(),
        })
    }

    /// Chooses for one recipient.
    pub fn choose(&self, case: &Case<'_>, recipient: &Recipient, grounds: &Grounds) -> Chosen {
        let candidates = self.keys.candidates(case.organisation, &recipient.address, grounds.need, case.now);
        choose_among(&case.organisation.policy.keys, &candidates, grounds, &Signs::of(case))
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

/// The method of a copy for a recipient with these keys. Where policy demands a
/// signature that nobody can make, there is no such copy.
pub(crate) fn choose_among(policy: &KeyPolicy, candidates: &Candidates, grounds: &Grounds, signs: &Signs) -> Chosen {
    let [no_openpgp, no_smime] = &signs.sealed;
    let can = Capabilities {
        openpgp: candidates.openpgp.is_some() && no_openpgp.is_none(),
        smime: candidates.smime.is_some() && no_smime.is_none(),
    };
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
    let content = candidate.map(|(_, candidate)| candidate.usable.content.clone()).unwrap_or_default();
    let key = candidate.map(|(format, candidate)| (format, parcel_key(candidate)));
    let missing = match (method, &signs.transit) {
        (Method::Tls, Some(missing)) => {
            let (because, content) = (missing.to_string(), String::new());
            return Chosen { method: Method::Portal, because, key: None, content };
        }
        (Method::Portal, _) => unsigned(candidates, signs),
        (Method::Tls | Method::OpenPgp | Method::Smime, _) => String::new(),
    };
    Chosen { method, because: format!("{because}{missing}{}", passed_over(candidates)), key, content }
}

fn parcel_key(candidate: &Candidate) -> ParcelKey {
    let known = &candidate.known;
    ParcelKey { key: known.id, fingerprint: known.fingerprint(), source: known.counts_as() }
}

/// Why a key that counts was not used: nobody could sign what is sealed to it.
fn unsigned(candidates: &Candidates, signs: &Signs) -> String {
    let [no_openpgp, no_smime] = &signs.sealed;
    let of = |candidate: &Option<Candidate>, missing: &Option<Missing>| {
        candidate.as_ref().and(missing.as_ref()).map(|missing| format!("; {missing}"))
    };
    let both = [of(&candidates.openpgp, no_openpgp), of(&candidates.smime, no_smime)];
    both.into_iter().flatten().collect()
}

/// Why keys that are known don't count.
fn passed_over(candidates: &Candidates) -> String {
    let named = candidates.passed_over.iter().take(PASSED_OVER_MAX);
    named.map(|(key, why)| format!("; {key} does not count: {why}")).collect()
}
