//! `sealpost orgkey …`: the organisation's own keys and certificates.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flow::org_keys::{self, Kept, NotChanged, Wanted, WantedKind};
use identity::{Action, Resource};
use jiff::Timestamp;
use keyring::org::{OrgKey, OrgKeyState, OrgMaterial, Owner, PrivateKey, Reason, SmimePair};
use mail::OrgKeyId;
use serde_json::{Value, json};

use super::confirm::confirm;
use super::key_file::{self, Private};
use super::passphrase::Passphrases;
use super::{Opened, print, say};
use crate::cli::{Cli, NewOrgKey, OrgKeyVerb, Organisation, PrivateKeyKind, RevokeReason, SealFormat};
use crate::wake;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Runs it.
pub async fn run(cli: &Cli, verb: &OrgKeyVerb) -> Result<ExitCode> {
    match verb {
        OrgKeyVerb::Generate { wanted, organisation } => generate(cli, wanted, organisation).await,
        OrgKeyVerb::Import { file, owners, passphrases, retired, organisation } => {
            let opened = open(cli, organisation).await?;
            let found = key_file::private(file, &Passphrases::read(cli, passphrases)?)?;
            import(cli, &opened, file, found, owners, *retired).await
        }
        OrgKeyVerb::Request { id, name, organisation } => request(cli, *id, name.as_deref(), organisation).await,
        OrgKeyVerb::List { organisation } => list(cli, organisation).await,
        OrgKeyVerb::Show { id, export, organisation } => show(cli, *id, *export, organisation).await,
        OrgKeyVerb::Renew { id, days, subkey, organisation } => renew(cli, *id, *days, *subkey, organisation).await,
        OrgKeyVerb::Retire { id, organisation } => {
            let (opened, kept) = found(cli, *id, organisation).await?;
            let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
            let key = org_keys::retire(journey, organisation, &kept, &opened.principal).await?;
            done(cli, &opened, &key, "signs no more, and still opens")
        }
        OrgKeyVerb::Revoke { id, reason, note, organisation } => revoke(cli, *id, *reason, note, organisation).await,
        OrgKeyVerb::Publish { id, organisation } => {
            let (opened, kept) = found(cli, *id, organisation).await?;
            let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
            let key = org_keys::publish(journey, organisation, &kept, &opened.principal).await?;
            done(cli, &opened, &key, "is published")
        }
        OrgKeyVerb::Withdraw { id, organisation } => {
            let (opened, kept) = found(cli, *id, organisation).await?;
            let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
            let key = org_keys::withdraw(journey, organisation, &kept, &opened.principal).await?;
            done(cli, &opened, &key, "is not published")
        }
    }
}

async fn open(cli: &Cli, organisation: &Organisation) -> Result<Opened> {
    let opened = Opened::new(cli, organisation).await?;
    opened.may(Action::ManageOrgKeys, &Resource::Organisation(opened.organisation.org))?;
    Ok(opened)
}

async fn found(cli: &Cli, id: OrgKeyId, organisation: &Organisation) -> Result<(Opened, Kept)> {
    let opened = open(cli, organisation).await?;
    let kept = org_keys::find(&opened.installation.journey, &opened.organisation, id).await?;
    Ok((opened, kept.with_context(|| format!("there is no own key {id}"))?))
}

async fn generate(cli: &Cli, new: &NewOrgKey, organisation: &Organisation) -> Result<ExitCode> {
    let opened = open(cli, organisation).await?;
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    ensure!(!new.v6 || new.format == SealFormat::Pgp, "--v6 is of OpenPGP");
    ensure!(!new.self_signed || new.format == SealFormat::Smime, "--self-signed is of S/MIME: --format smime");
    let kind = match (new.format, new.v6, new.self_signed) {
        (SealFormat::Pgp, false, _) => WantedKind::OpenPgp(openpgp::KeyKind::V4),
        (SealFormat::Pgp, true, _) => WantedKind::OpenPgp(openpgp::KeyKind::V6),
        (SealFormat::Smime, _, false) => WantedKind::Request(smime_kind(new.algorithm)),
        (SealFormat::Smime, _, true) => WantedKind::SelfSigned(smime_kind(new.algorithm)),
    };
    let name = new.name.clone().unwrap_or_else(|| organisation.profile.name.clone());
    let wanted = Wanted { owners: new.owners.clone(), name: name.clone(), kind, life: DAY * new.days };
    let key = org_keys::make(journey, organisation, &wanted)?;
    let key = org_keys::keep(journey, organisation, &key, "generated", &opened.principal).await?;
    match key.state {
        OrgKeyState::Pending => asked_for(cli, &opened, &key, &name),
        _ => done(cli, &opened, &key, "is made"),
    }
}

fn smime_kind(kind: PrivateKeyKind) -> smime::KeyKind {
    match kind {
        PrivateKeyKind::Rsa2048 => smime::KeyKind::Rsa2048,
        PrivateKeyKind::Rsa3072 => smime::KeyKind::Rsa3072,
        PrivateKeyKind::Rsa4096 => smime::KeyKind::Rsa4096,
        PrivateKeyKind::P256 => smime::KeyKind::P256,
        PrivateKeyKind::P384 => smime::KeyKind::P384,
    }
}

/// A key waits for its certificate: its request goes to stdout.
fn asked_for(cli: &Cli, opened: &Opened, key: &OrgKey, name: &str) -> Result<ExitCode> {
    wake::ring(&opened.loaded.config);
    let now = opened.installation.journey.clock.now();
    let request = pem(&org_keys::request(&opened.organisation, key, name, now)?);
    say(&format!("✓ {} waits for its certificate: have this request signed, then sealpost orgkey import it", key.id));
    match cli.json {
        true => {
            let mut value = to_json(key, opened);
            value["request"] = json!(request);
            print(&value.to_string())?;
        }
        false => print(request.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn request(cli: &Cli, id: OrgKeyId, name: Option<&str>, organisation: &Organisation) -> Result<ExitCode> {
    let (opened, kept) = found(cli, id, organisation).await?;
    let name = name.unwrap_or(&opened.organisation.profile.name);
    let now = opened.installation.journey.clock.now();
    print(pem(&org_keys::request(&opened.organisation, &kept.key, name, now)?).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// RFC 7468 §7.
fn pem(request: &[u8]) -> String {
    let digits = STANDARD.encode(request);
    let mut text = String::from("-----BEGIN CERTIFICATE REQUEST-----\n");
    let mut rest = digits.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE REQUEST-----\n");
    text
}

async fn import(
    cli: &Cli,
    opened: &Opened,
    file: &Path,
    found: Private,
    owners: &[Owner],
    retired: bool,
) -> Result<ExitCode> {
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    let mut materials: Vec<OrgMaterial> = found.openpgp_secret.into_iter().map(OrgMaterial::OpenPgp).collect();
    let all = found.smime.certificates.clone();
    let (people, chain): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| !one.is_authority());
    for key in found.smime.keys {
        let key = PrivateKey::Software(Arc::new(key));
        let pair = SmimePair { key, certificates: Vec::new(), chain: chain.clone() };
        let certificates = people.iter().filter(|one| pair.fits(one)).cloned().collect();
        materials.push(OrgMaterial::Smime(SmimePair { certificates, ..pair }));
    }
    if materials.is_empty() {
        return certify(cli, opened, file, &people, &chain).await;
    }
    for material in materials {
        let key = imported(opened, material, owners, retired)?;
        let key = org_keys::keep(journey, organisation, &key, "imported", &opened.principal).await?;
        done(cli, opened, &key, "is imported")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn imported(opened: &Opened, material: OrgMaterial, owners: &[Owner], retired: bool) -> Result<OrgKey> {
    let journey = &opened.installation.journey;
    let now = journey.clock.now();
    let may_own = |owner: &Owner| org_keys::may_own(journey, &opened.organisation, owner);
    let named = || material.addresses(now).into_iter().map(Owner::Address);
    let owners: Vec<Owner> = match owners.is_empty() {
        true => named().filter(may_own).collect(),
        false => owners.to_vec(),
    };
    ensure!(!owners.is_empty(), "the key names no address of the organisation's: say for whom it is with --owner");
    if let Some(foreign) = owners.iter().find(|owner| !may_own(owner)) {
        bail!("{foreign} is in no domain of the organisation's");
    }
    let has_certificate = material.smime().is_none_or(|pair| pair.certificate().is_some());
    let state = match (retired, has_certificate) {
        (true, _) => OrgKeyState::Retired,
        (false, true) => OrgKeyState::Active,
        (false, false) => OrgKeyState::Pending,
    };
    let id = OrgKeyId::new(now, journey.entropy.as_ref());
    Ok(OrgKey { id, owners, state, is_published: false, revoked: None, material, made_at: now })
}

/// The file has certificates alone: for private keys that are here.
async fn certify(
    cli: &Cli,
    opened: &Opened,
    file: &Path,
    people: &[smime::Certificate],
    chain: &[smime::Certificate],
) -> Result<ExitCode> {
    ensure!(!people.is_empty(), "{}: there is neither a private key nor a certificate for one", file.display());
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    for certificate in people {
        match org_keys::certify(journey, organisation, certificate, chain, &opened.principal).await {
            Ok(key) => drop(done(cli, opened, &key, "has its certificate")?),
            Err(error @ NotChanged::NoPrivateKey(_)) if people.len() > 1 => say(&format!("✗ {error}")),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(cli: &Cli, organisation: &Organisation) -> Result<ExitCode> {
    let opened = open(cli, organisation).await?;
    let all = org_keys::all(&opened.installation.journey, &opened.organisation).await?;
    for kept in &all {
        print(&match cli.json {
            true => to_json(&kept.key, &opened).to_string(),
            false => line(&kept.key, &opened),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(cli: &Cli, id: OrgKeyId, export: bool, organisation: &Organisation) -> Result<ExitCode> {
    let (opened, kept) = found(cli, id, organisation).await?;
    match (export, cli.json) {
        (true, _) => print(kept.key.material.to_text().context("there is no certificate yet")?.trim_end())?,
        (false, true) => print(&to_json(&kept.key, &opened).to_string())?,
        (false, false) => print(&describe(&kept.key, &opened))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn renew(cli: &Cli, id: OrgKeyId, days: u32, subkey: bool, organisation: &Organisation) -> Result<ExitCode> {
    let (opened, kept) = found(cli, id, organisation).await?;
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    let by = &opened.principal;
    let Some(pair) = kept.key.material.smime() else {
        let key = org_keys::renew(journey, organisation, &kept, DAY * days, subkey, by).await?;
        return done(cli, &opened, &key, "is renewed: whoever has it must get it again");
    };
    ensure!(!subkey, "--subkey is of OpenPGP");
    let name = pair.certificate().and_then(|one| one.subject().common_name());
    let name = name.map_or_else(|| organisation.profile.name.clone(), str::to_owned);
    let kind = WantedKind::Request(like(pair));
    let wanted = Wanted { owners: kept.key.owners.clone(), name: name.clone(), kind, life: DAY * days };
    let key = org_keys::make(journey, organisation, &wanted)?;
    let key = org_keys::keep(journey, organisation, &key, "renewed", by).await?;
    asked_for(cli, &opened, &key, &name)
}

/// The kind of a key's successor.
fn like(pair: &SmimePair) -> smime::KeyKind {
    use smime::algorithm::KeyAlgorithm as A;
    match pair.key.algorithm() {
        A::P256 => smime::KeyKind::P256,
        A::P384 => smime::KeyKind::P384,
        A::Rsa { bits: 3_073.. } => smime::KeyKind::Rsa4096,
        _ => smime::KeyKind::Rsa3072,
    }
}

async fn revoke(
    cli: &Cli,
    id: OrgKeyId,
    reason: RevokeReason,
    note: &str,
    organisation: &Organisation,
) -> Result<ExitCode> {
    let (opened, kept) = found(cli, id, organisation).await?;
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    let reason = match reason {
        RevokeReason::Compromised => Reason::Compromised,
        RevokeReason::Superseded => Reason::Superseded,
        RevokeReason::Retired => Reason::Retired,
    };
    confirm(cli, &format!("revoke the own key {id}, so that it never signs again"))?;
    let key = org_keys::revoke(journey, organisation, &kept, reason, note, &opened.principal).await?;
    if key.material.smime().is_some() {
        say("have its authority revoke the certificate too: only the authority tells others");
    }
    done(cli, &opened, &key, "is revoked: it signs no more, and still opens")
}

fn done(cli: &Cli, opened: &Opened, key: &OrgKey, words: &str) -> Result<ExitCode> {
    wake::ring(&opened.loaded.config);
    say(&format!("✓ {} of {} {words}", key.id, owners(key)));
    print(&match cli.json {
        true => to_json(key, opened).to_string(),
        false => line(key, opened),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn owners(key: &OrgKey) -> String {
    key.owners.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// When it ends, if that is to be told now.
fn soon(key: &OrgKey, opened: &Opened) -> Option<Timestamp> {
    let journey = &opened.installation.journey;
    org_keys::ends_soon(key, journey.settings.org_key_warning, journey.clock.now())
}

/// A key on one line.
fn line(key: &OrgKey, opened: &Opened) -> String {
    let published = if key.is_published { "  published" } else { "" };
    let ends = soon(key, opened).map_or_else(String::new, |at| format!("  ! ends {at}: renew it"));
    let (id, format, state) = (key.id, key.format(), key.state.word());
    format!("{id}  {}  {format}  {}  {state}{published}{ends}", owners(key), key.fingerprint())
}

/// A key as JSON.
fn to_json(key: &OrgKey, opened: &Opened) -> Value {
    let now = opened.installation.journey.clock.now();
    json!({
        "id": key.id, "owners": key.owners, "format": key.format(), "fingerprint": key.fingerprint(),
        "state": key.state, "published": key.is_published, "names": key.material.addresses(now),
        "algorithm": key.material.algorithm(now), "made_at": key.made_at, "expires_at": key.expires_at(now),
        "ends_soon": soon(key, opened).is_some(), "revoked": key.revoked,
        "signs": key.check_signing(now).is_ok(), "because": key.check_signing(now).err().map(|why| why.to_string()),
    })
}

/// A key for people.
fn describe(key: &OrgKey, opened: &Opened) -> String {
    let now = opened.installation.journey.clock.now();
    let published = if key.is_published { ", published" } else { "" };
    let names: Vec<String> = key.material.addresses(now).iter().map(ToString::to_string).collect();
    let mut lines = vec![
        format!("{}  {}", key.id, owners(key)),
        format!("  {} {}", key.format(), key.fingerprint()),
        format!("  {}{published}, made {}", key.state.word(), key.made_at),
        format!("  names {}", if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }),
    ];
    if let Some(revoked) = &key.revoked {
        lines.push(format!("  revoked {}, {} {}", revoked.at, revoked.reason.word(), revoked.note));
    }
    if let Some(ends_at) = key.expires_at(now) {
        let soon = if soon(key, opened).is_some() { ": renew it" } else { "" };
        lines.push(format!("  ends {ends_at}{soon}"));
    }
    lines.push(match key.check_signing(now) {
        Ok(()) => format!("  signs: {}", key.material.algorithm(now)),
        Err(why) => format!("  does not sign: {why}"),
    });
    lines.join("\n")
}
