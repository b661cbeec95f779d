//! What every node knows of the certificate: rows of the store, each sealed
//! under its own name.

use acme::KeptAccount;
use jiff::Timestamp;
use mail::Domain;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::{AcmeRow, Write};
use vault::Label;
use zeroize::Zeroizing;

use super::CertificateTrouble;
use crate::case::NEVER;
use crate::journey::Journey;
use crate::organisation::Organisation;

const VERSION: u8 = 1;
const ACCOUNT: &str = "account";
const CERTIFICATE: &str = "certificate";
const STANDING: &str = "standing";

/// The certificate that was had last, with its key.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    pub(super) v: u8,
    /// The directory of the authority that it is from.
    pub directory: String,
    /// The names that were asked for.
    pub names: Vec<Domain>,
    /// The chain, PEM.
    pub chain: String,
    /// Its private key, PEM.
    #[serde(with = "key_text")]
    pub(super) key: Zeroizing<String>,
    /// Who issued it.
    pub issuer: String,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
    /// From when it is valid.
    pub begins: Timestamp,
    /// Until when.
    pub ends: Timestamp,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("sha256", &self.sha256).field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Kept {
    /// When the next one is ordered: a third of its life before it ends.
    pub fn renewal(&self) -> Timestamp {
        super::due::renewal(self)
    }

    /// Whether its time is over.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    pub(super) fn of(issued: acme::Issued, directory: String, names: Vec<Domain>) -> Self {
        let acme::Issued { chain, key, issuer, sha256, begins, ends } = issued;
        Self { v: VERSION, directory, names, chain, key, issuer, sha256, begins, ends }
    }
}

/// A key as text that is wiped when it is dropped.
mod key_text {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(key: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(key)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

/// That the last orders failed, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub(super) v: u8,
    /// What was wanted, as a digest.
    pub(super) plan: String,
    /// How many failed since one succeeded.
    pub failures: u32,
    /// When the last one did.
    pub at: Timestamp,
    /// When it is tried again.
    pub again: Timestamp,
    /// Why it failed.
    pub because: String,
    /// What an operator is to do.
    pub fix: String,
}

impl Failure {
    pub(super) fn new(plan: String, failures: u32, at: Timestamp, error: &acme::AcmeError) -> Self {
        let again = super::due::again(failures, at);
        Self { v: VERSION, plan, failures, at, again, because: error.to_string(), fix: error.fix() }
    }
}

/// An answer to a challenge.
#[derive(Serialize, Deserialize)]
pub(super) enum KeptAnswer {
    Text(String),
    Digest([u8; 32]),
}

/// The certificate that is kept.
///
/// # Errors
/// [`CertificateTrouble`] as it says.
pub async fn kept(journey: &Journey, organisation: &Organisation) -> Result<Option<Kept>, CertificateTrouble> {
    let kept: Option<Kept> = read(journey, organisation, CERTIFICATE).await?;
    checked(kept, |kept| kept.v)
}

/// How the last orders failed; none after one that succeeded.
///
/// # Errors
/// [`CertificateTrouble`] as it says.
pub async fn standing(journey: &Journey, organisation: &Organisation) -> Result<Option<Failure>, CertificateTrouble> {
    let failure: Option<Option<Failure>> = read(journey, organisation, STANDING).await?;
    checked(failure.flatten(), |failure| failure.v)
}

fn checked<T>(found: Option<T>, version: impl Fn(&T) -> u8) -> Result<Option<T>, CertificateTrouble> {
    match &found {
        Some(one) if version(one) != VERSION => Err(CertificateTrouble::NotKept),
        _ => Ok(found),
    }
}

pub(super) async fn account(
    journey: &Journey,
    organisation: &Organisation,
) -> Result<Option<KeptAccount>, CertificateTrouble> {
    read(journey, organisation, ACCOUNT).await
}

pub(super) async fn answer(
    journey: &Journey,
    organisation: &Organisation,
    name: &str,
) -> Result<Option<KeptAnswer>, CertificateTrouble> {
    let row = journey.store.acme(organisation.org, name).await?;
    // An order that was never ended leaves its answers until the next one is.
    row.filter(|row| journey.clock.now() <= row.until).map(|row| opened(organisation, &row)).transpose()
}

pub(super) fn keep_account(
    journey: &Journey,
    organisation: &Organisation,
    account: &KeptAccount,
) -> Result<Write, CertificateTrouble> {
    write(journey, organisation, ACCOUNT, NEVER, account)
}

pub(super) fn keep(journey: &Journey, organisation: &Organisation, kept: &Kept) -> Result<Write, CertificateTrouble> {
    write(journey, organisation, CERTIFICATE, NEVER, kept)
}

pub(super) fn keep_standing(
    journey: &Journey,
    organisation: &Organisation,
    failure: Option<&Failure>,
) -> Result<Write, CertificateTrouble> {
    write(journey, organisation, STANDING, NEVER, &failure)
}

pub(super) fn keep_answer(
    journey: &Journey,
    organisation: &Organisation,
    name: &str,
    until: Timestamp,
    answer: &KeptAnswer,
) -> Result<Write, CertificateTrouble> {
    write(journey, organisation, name, until, answer)
}

async fn read<T: DeserializeOwned>(
    journey: &Journey,
    organisation: &Organisation,
    name: &str,
) -> Result<Option<T>, CertificateTrouble> {
    let row = journey.store.acme(organisation.org, name).await?;
    row.map(|row| opened(organisation, &row)).transpose()
}

fn opened<T: DeserializeOwned>(organisation: &Organisation, row: &AcmeRow) -> Result<T, CertificateTrouble> {
    let bytes = Zeroizing::new(organisation.vault.open(Label::Acme, row.name.as_bytes(), &row.sealed)?);
    serde_json::from_slice(&bytes).map_err(|_| CertificateTrouble::NotKept)
}

fn write<T: Serialize>(
    journey: &Journey,
    organisation: &Organisation,
    name: &str,
    until: Timestamp,
    what: &T,
) -> Result<Write, CertificateTrouble> {
    let bytes = Zeroizing::new(serde_json::to_vec(what).map_err(|_| CertificateTrouble::NotKept)?);
    let sealed = organisation.vault.seal(Label::Acme, name.as_bytes(), &bytes, journey.entropy.as_ref());
    Ok(Write::Acme(AcmeRow { name: name.to_owned(), until, sealed }))
}
