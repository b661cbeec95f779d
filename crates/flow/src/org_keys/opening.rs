//! A message that came in sealed to the organisation's keys, or signed, is
//! looked into: what was inside is judged and goes on, with one clear line of
//! what was proven.
//!
//! The stored original stays as it came. Every key that was ever theirs opens,
//! retired and revoked ones too, but only keys of those whom the message is for:
//! of its recipients when it comes in, of its author when it goes out, and each
//! of them must hold one that opens it. Else whoever has a copy of somebody's
//! sealed mail could have it opened by sending it to himself as well.
//!
//! What can't be opened, or would say that somebody else wrote it, goes on as it
//! came, and the line says why (EFAIL, and the "Johnny" class of attacks, are
//! refused by [`seal`]). So does what a stranger may have put together (CBC that
//! nobody signed): its reader's program would fetch what stands in it, and
//! whether it opens would tell the stranger about each guess at its padding.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use keyring::org::{OrgKey, OrgMaterial};
use keyring::{Known, Material};
use ledger::Event;
use mail::entity::Entity;
use mail::{Address, KeySource, KeyState};
use seal::BodyDigest;
use seal::opening::{self, Keys, Limits, Refused, restored};
use smime::trust::Trust;
use tokio::sync::Semaphore;

use crate::arrival;
use crate::case::Case;
use crate::keys;

/// What may come out of a message: so many times its size, and this at least.
/// What was packed more tightly is a bomb.
const GROWTH_MAX: usize = 4;
const CONTENT_BYTES_MIN: usize = 8 << 20;
/// Messages that are opened at a time; others wait. Opening is work and memory
/// that anybody can ask for who has a published key.
const OPENINGS_MAX: usize = 4;
/// Readers with keys of their own whom a message may have; one for more of them
/// goes on as it came.
const RINGS_MAX: usize = 8;
static OPENINGS: Semaphore = Semaphore::const_new(OPENINGS_MAX);

/// What came of looking into a message.
#[derive(Default)]
pub(crate) struct Looked {
    /// The message in clear, where it was sealed to the organisation.
    pub content: Option<Vec<u8>>,
    /// What was proven, where there was anything to prove.
    pub proven: Option<Proven>,
}

/// What the end-to-end protection of a message proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proven {
    /// One line for people.
    pub line: String,
    /// Whether it was opened with one of the organisation's keys.
    pub opened: bool,
}

impl Looked {
    /// What is judged and goes on.
    pub fn content<'a>(&'a self, stored: &'a [u8]) -> &'a [u8] {
        self.content.as_deref().unwrap_or(stored)
    }

    /// The digest to which parcels of it are bound.
    pub fn body_sha256(&self, case: &Case<'_>) -> BodyDigest {
        match &self.content {
            None => case.manifest.body_sha256,
            Some(content) => seal::body_digest(content),
        }
    }
}

impl Proven {
    /// As the timeline tells it.
    pub fn event(&self) -> Event {
        Event::Proven { opened: self.opened, line: self.line.clone() }
    }

    /// As a field above a copy that goes on inside.
    pub fn field(&self) -> String {
        let line: String = self.line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("X-Sealpost-Protection: {}\r\n", mail::header::encoded(&line))
    }
}

/// A message that was sealed to the organisation.
pub(crate) struct Unsealed {
    /// What was inside, and what was proven of it.
    pub opened: opening::Opened,
    /// The message in clear.
    pub content: Vec<u8>,
}

/// Looks into a message as it came.
pub(crate) async fn look(case: &Case<'_>, stored: &[u8]) -> Looked {
    // What goes out is opened alone; who signed what comes in is told in any case.
    let is_nobodys = || case.journey.org_keys.of(case.organisation.org).is_empty() && !case.manifest.is_inbound();
    if is_nobodys() || !opening::may_be_protected(stored) {
        return Looked::default();
    }
    at_the_bench(case, stored, Bench::look).await.unwrap_or_default()
}

/// A message that was sealed to those whom it is for, opened; nothing where
/// [`look`] passes it on as it came.
pub(crate) async fn unsealed(case: &Case<'_>, stored: &[u8]) -> Option<Unsealed> {
    if case.journey.org_keys.of(case.organisation.org).is_empty() || !opening::may_be_protected(stored) {
        return None;
    }
    at_the_bench(case, stored, Bench::unsealed).await.flatten()
}

/// What was inside of a message that [`look`] has opened before, for whom its
/// digest is kept: it is not judged again, so that no key that ended since then
/// and no signature that counts no more takes back what was accepted. None where
/// no key opens it now.
pub(crate) async fn inside(case: &Case<'_>, stored: &[u8]) -> Option<Vec<u8>> {
    at_the_bench(case, stored, Bench::inside).await.flatten()
}

/// Does this with a message and the keys of those whom it is for, when it is its turn.
async fn at_the_bench<T: Send + 'static>(
    case: &Case<'_>,
    stored: &[u8],
    work: fn(&Bench, &[u8], &Trust) -> T,
) -> Option<T> {
    let own = case.journey.org_keys.of(case.organisation.org);
    let bench = Bench {
        rings: rings(&own, case),
        authors: case.manifest.from.clone(),
        known: known(case).await,
        now: case.now,
    };
    let trust = Arc::clone(&case.organisation.trust);
    let _turn = OPENINGS.acquire().await.ok()?;
    let stored = stored.to_vec();
    tokio::task::spawn_blocking(move || work(&bench, &stored, &trust)).await.ok()
}

/// The keys of those whom a message is for, once for all who have the same.
fn rings(own: &[OrgKey], case: &Case<'_>) -> Vec<Vec<OrgKey>> {
    let readers: Vec<&Address> = match case.manifest.is_inbound() {
        true => case.manifest.envelope.recipients.iter().map(|recipient| &recipient.address).collect(),
        false => case.manifest.from.iter().collect(),
    };
    let mut rings = BTreeMap::new();
    for reader in readers {
        let ring: Vec<&OrgKey> = own.iter().filter(|key| key.is_for(reader)).collect();
        rings.insert(ring.iter().map(|key| key.id).collect::<Vec<_>>(), ring);
    }
    if rings.is_empty() || rings.len() > RINGS_MAX {
        return vec![Vec::new()];
    }
    rings.into_values().map(|ring| ring.into_iter().cloned().collect()).collect()
}

/// The keys of the author that may be used: their signatures count.
async fn known(case: &Case<'_>) -> Vec<Material> {
    let [author] = case.manifest.from.as_slice() else { return Vec::new() };
    match keys::of(case.journey, case.organisation, author).await {
        Ok(kept) => kept
            .into_iter()
            .filter(|kept| kept.known.state == KeyState::Active && may_vouch(&kept.known))
            .map(|kept| kept.known.material)
            .collect(),
        Err(error) => {
            tracing::error!(%error, "a sender's keys can't be read: no signature counts");
            Vec::new()
        }
    }
}

/// Whether a signature by a known key counts for its holder. Whoever can send as
/// somebody can write an Autocrypt field; an S/MIME certificate that was only
/// seen in mail is judged by its chain; and what its issuer revoked counts no more.
fn may_vouch(known: &Known) -> bool {
    match &known.material {
        Material::OpenPgp(_) => known.counts_as() != KeySource::Autocrypt,
        Material::Smime(_) => {
            matches!(known.counts_as(), KeySource::Staff | KeySource::Recipient)
                && !known.revocation.as_ref().is_some_and(keys::is_revoked)
        }
    }
}

/// With what a message is looked into.
struct Bench {
    rings: Vec<Vec<OrgKey>>,
    authors: Vec<Address>,
    known: Vec<Material>,
    now: Timestamp,
}

/// What a message is to those whom it is for.
enum Openings {
    /// Nobody looked.
    None,
    /// The same to all of them.
    Alike(Box<Result<opening::Opened, Refused>>),
    /// Not all of them open the same.
    Unlike,
}

impl Bench {
    fn look(&self, stored: &[u8], trust: &Trust) -> Looked {
        match self.openings(stored, trust) {
            Openings::None => Looked::default(),
            Openings::Alike(opened) => self.judged(stored, *opened),
            Openings::Unlike => {
                let line = "not opened: not everybody whom it is for has a key that opens it".to_owned();
                Looked { content: None, proven: Some(Proven { line, opened: false }) }
            }
        }
    }

    fn unsealed(&self, stored: &[u8], trust: &Trust) -> Option<Unsealed> {
        let Openings::Alike(opened) = self.openings(stored, trust) else { return None };
        let opened = opened.ok().filter(|opened| opened.report.encrypted && !opened.report.is_malleable())?;
        let content = restored(stored, &opened).filter(|content| self.is_by_same(content))?;
        Some(Unsealed { opened, content })
    }

    fn inside(&self, stored: &[u8], trust: &Trust) -> Option<Vec<u8>> {
        let Openings::Alike(opened) = self.openings(stored, trust) else { return None };
        restored(stored, &opened.ok()?)
    }

    fn openings(&self, stored: &[u8], trust: &Trust) -> Openings {
        let (mut first, mut alike) = (None, true);
        for one in self.rings.iter().map(|ring| self.open(stored, ring, trust)) {
            match (&first, one) {
                (None, one) => first = Some(one),
                (Some(Ok(first)), Ok(one)) => alike &= one.entity == first.entity,
                (Some(Err(_)), Err(_)) => {}
                _ => alike = false,
            }
        }
        match first {
            None => Openings::None,
            Some(first) if alike => Openings::Alike(Box::new(first)),
            Some(_) => Openings::Unlike,
        }
    }

    fn open(&self, stored: &[u8], own: &[OrgKey], trust: &Trust) -> Result<opening::Opened, Refused> {
        let (mut openpgp, mut smime) = (Vec::new(), Vec::new());
        for key in own {
            match &key.material {
                OrgMaterial::OpenPgp(identity) => openpgp.push(identity.clone()),
                OrgMaterial::Smime(pair) => smime.extend(pair.decryption()),
            }
        }
        let mut signers = Vec::new();
        let mut pinned = None;
        for material in &self.known {
            match material {
                Material::OpenPgp(certificate) => signers.push(certificate.clone()),
                Material::Smime(key) => {
                    let trusted = pinned.take().unwrap_or_else(|| trust.clone());
                    pinned = Some(trusted.pinning(key.certificate.fingerprint_sha256()));
                }
            }
        }
        let keys = Keys {
            openpgp: &openpgp,
            openpgp_signers: &signers,
            smime: &smime,
            smime_trust: pinned.as_ref().unwrap_or(trust),
            given: &[],
        };
        let content_bytes_max = stored.len().saturating_mul(GROWTH_MAX).max(CONTENT_BYTES_MIN);
        let limits = Limits { content_bytes_max, ..Limits::default() };
        opening::open(stored, &keys, self.now, &limits)
    }

    fn judged(&self, stored: &[u8], opened: Result<opening::Opened, Refused>) -> Looked {
        let proven = |opened, line: String| Looked { content: None, proven: Some(Proven { line, opened }) };
        let opened = match opened {
            Ok(opened) => opened,
            Err(Refused::Nothing) => return Looked::default(),
            Err(why) => return proven(false, format!("not opened: {why}")),
        };
        let line = opened.report.line();
        if !opened.report.encrypted {
            return proven(false, line);
        }
        if opened.report.is_malleable() {
            return proven(false, "not opened: it may have been changed on its way, and nobody signed it".to_owned());
        }
        match restored(stored, &opened).filter(|content| self.is_by_same(content)) {
            Some(content) => Looked { content: Some(content), ..proven(true, line) },
            None => proven(false, "not opened: only a part of it is sealed, or another author is inside".to_owned()),
        }
    }

    /// Whether what was inside names the authors that stood outside, who were
    /// authenticated.
    fn is_by_same(&self, content: &[u8]) -> bool {
        arrival::authors(Entity::read(content).header).is_ok_and(|authors| authors == self.authors)
    }
}
