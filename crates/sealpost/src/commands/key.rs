//! `sealpost key …`: recipients' keys.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::keys::{self, NotKept, Sought};
use identity::{Action, Resource};
use keyring::{Found, Known, Lesson, Material};
use mail::{Address, KeySource, OrgKeyId, RecipientKeyId};
use serde_json::{Value, json};

use super::confirm::confirm;
use super::key_list::{self, Item};
use super::{Opened, orgkey, print, say};
use crate::cli::{Cli, KeyVerb, OrgKeyVerb, Organisation};
use crate::installation::Seams;
use crate::{engine, wake};

/// Keys read in one step.
const PAGE: usize = 500;

/// Runs it.
pub async fn run(cli: &Cli, verb: &KeyVerb) -> Result<ExitCode> {
    match verb {
        KeyVerb::Add { file, address, note, organisation } => {
            let opened = open(cli, organisation, Action::ManageKeys).await?;
            let item = Item { file: file.clone(), address: address.clone() };
            import(cli, &opened, vec![item], note.as_deref()).await
        }
        KeyVerb::Import { path, note, organisation } => {
            let opened = open(cli, organisation, Action::ManageKeys).await?;
            import(cli, &opened, key_list::items(path)?, note.as_deref()).await
        }
        KeyVerb::List { held, organisation } => list(cli, *held, organisation).await,
        KeyVerb::Show { id, export, organisation } => show(cli, *id, *export, organisation).await,
        KeyVerb::Find { address, organisation } => find(cli, address, organisation).await,
        KeyVerb::Accept { id, organisation } => judge(cli, *id, organisation, Judgement::Accept).await,
        KeyVerb::Reject { id, organisation } => judge(cli, *id, organisation, Judgement::Reject).await,
        KeyVerb::Publish { id, organisation } => publish(cli, id, organisation).await,
        KeyVerb::Remove { id, organisation } => judge(cli, *id, organisation, Judgement::Remove).await,
    }
}

async fn open(cli: &Cli, organisation: &Organisation, action: Action) -> Result<Opened> {
    let opened = Opened::new(cli, organisation).await?;
    opened.may(action, &Resource::Organisation(opened.organisation.org))?;
    Ok(opened)
}

/// How an import went; every key that was found is accounted for.
#[derive(Default)]
struct Balance {
    added: usize,
    unchanged: usize,
    refused: usize,
}

async fn import(cli: &Cli, opened: &Opened, items: Vec<Item>, note: Option<&str>) -> Result<ExitCode> {
    let mut balance = Balance::default();
    for item in items {
        let name = item.file.display().to_string();
        match read(&item.file) {
            Ok(materials) => {
                for material in materials {
                    add(cli, opened, &item, material, note, &mut balance).await?;
                }
            }
            Err(error) => balance.refuse(cli, &name, None, &format!("{error:#}"))?,
        }
    }
    wake::ring(&opened.loaded.config);
    let Balance { added, unchanged, refused } = balance;
    say(&format!("{added} added or changed, {unchanged} known already, {refused} refused"));
    Ok(if refused == 0 && added + unchanged > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> Result<Vec<Material>> {
    let bytes = match file == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes)?;
            bytes
        }
        false => std::fs::read(file).context("can't be read")?,
    };
    Ok(Material::read_all(&bytes)?)
}

/// Adds one key for the address that was given, or for each that it names.
async fn add(
    cli: &Cli,
    opened: &Opened,
    item: &Item,
    material: Material,
    note: Option<&str>,
    balance: &mut Balance,
) -> Result<()> {
    let journey = &opened.installation.journey;
    let now = journey.clock.now();
    let named = material.addresses(now);
    let addresses = item.address.clone().map_or_else(|| named.clone(), |address| vec![address]);
    let name = item.file.display().to_string();
    if addresses.is_empty() {
        let why = "the key names no address: say whose it is with --address";
        return balance.refuse(cli, &name, Some(&material), why);
    }
    for address in addresses {
        let found = Found {
            is_bound_by_hand: !named.contains(&address),
            address,
            material: material.clone(),
            source: KeySource::Staff,
            detail: note.map_or_else(|| format!("file {name}"), str::to_owned),
            vouched_by: Vec::new(),
            prefers_encryption: None,
            at: now,
        };
        let by = opened.principal.to_string();
        if found.is_bound_by_hand {
            // A slip in a list would seal one's mail to another.
            let (fingerprint, address) = (material.fingerprint(), &found.address);
            say(&format!("! {name} {fingerprint} does not name {address}: it is bound to it by hand"));
        }
        match keys::learn(journey, &opened.organisation, found, &by).await {
            Ok(lesson) => balance.take(cli, &lesson)?,
            Err(NotKept::NotLearned(why)) => balance.refuse(cli, &name, Some(&material), &why.to_string())?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

impl Balance {
    fn take(&mut self, cli: &Cli, lesson: &Lesson) -> Result<()> {
        let (word, known) = match lesson {
            Lesson::New(known, _) => ("added", known),
            Lesson::Held(known) | Lesson::Withheld(known) => ("held back", known),
            Lesson::Updated(known) => ("updated", known),
            Lesson::Accepted(known, _) => ("accepted", known),
            Lesson::Seen(known) => ("known already", known),
        };
        match lesson {
            Lesson::Seen(_) => self.unchanged += 1,
            _ => self.added += 1,
        }
        match cli.json {
            true => print(&to_json(known).to_string()),
            false => print(&format!("{}  {word}", line(known))),
        }
    }

    fn refuse(&mut self, cli: &Cli, file: &str, material: Option<&Material>, why: &str) -> Result<()> {
        self.refused += 1;
        let fingerprint = material.map(Material::fingerprint);
        match cli.json {
            true => print(&json!({ "file": file, "fingerprint": fingerprint, "refused": why }).to_string()),
            false => {
                say(&format!("✗ {file} {}: {why}", fingerprint.unwrap_or_default()));
                Ok(())
            }
        }
    }
}

async fn list(cli: &Cli, held: bool, organisation: &Organisation) -> Result<ExitCode> {
    let opened = open(cli, organisation, Action::ReadKeys).await?;
    let mut after = None;
    loop {
        let page = keys::all(&opened.installation.journey, &opened.organisation, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(ExitCode::SUCCESS) };
        after = Some(last.known.id);
        for kept in page.iter().filter(|kept| !held || kept.known.waits()) {
            print(&match cli.json {
                true => to_json(&kept.known).to_string(),
                false => line(&kept.known),
            })?;
        }
    }
}

async fn show(cli: &Cli, id: RecipientKeyId, export: bool, organisation: &Organisation) -> Result<ExitCode> {
    let opened = open(cli, organisation, Action::ReadKeys).await?;
    let kept = keys::find(&opened.installation.journey, &opened.organisation, id).await?;
    let known = kept.with_context(|| format!("there is no key {id}"))?.known;
    let now = opened.installation.journey.clock.now();
    if export {
        print(known.material.to_text().trim_end())?;
    } else if cli.json {
        print(&with_judgement(&known, now).to_string())?;
    } else {
        print(&describe(&known, now))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn find(cli: &Cli, address: &Address, organisation: &Organisation) -> Result<ExitCode> {
    let opened = open(cli, organisation, Action::ManageKeys).await?;
    let finder = engine::finder(&opened.loaded.config, &Seams::default(), opened.installation.journey.clone())?;
    let sought = finder.look_up(&opened.organisation, address).await?;
    say(sought.words());
    let is_learned = ask_issuers(&opened, address).await?;
    wake::ring(&opened.loaded.config);
    for kept in keys::of(&opened.installation.journey, &opened.organisation, address).await? {
        print(&match cli.json {
            true => to_json(&kept.known).to_string(),
            false => line(&kept.known),
        })?;
    }
    Ok(if sought == Sought::Found || is_learned { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks the issuers of an address's certificates whether they revoked them; whether any of them answered.
async fn ask_issuers(opened: &Opened, address: &Address) -> Result<bool> {
    let journey = &opened.installation.journey;
    engine::ask_issuers(&opened.loaded.config, &Seams::default(), journey)?;
    let mut is_learned = false;
    for kept in keys::of(journey, &opened.organisation, address).await? {
        if let Some(checked) = keys::check(journey, &opened.organisation, kept.known.id).await? {
            say(&format!("{}: its issuer was asked: {}", kept.known.id, checked.words()));
            is_learned |= checked.trouble.is_none();
        }
    }
    Ok(is_learned)
}

enum Judgement {
    Accept,
    Reject,
    Remove,
}

async fn judge(cli: &Cli, id: RecipientKeyId, which: &Organisation, judgement: Judgement) -> Result<ExitCode> {
    let opened = open(cli, which, Action::ManageKeys).await?;
    let (journey, organisation) = (&opened.installation.journey, &opened.organisation);
    let by = opened.principal.to_string();
    if matches!(judgement, Judgement::Remove) {
        confirm(cli, &format!("forget the key {id}, and what is known of it"))?;
    }
    let (known, words) = match judgement {
        Judgement::Accept => (keys::accept(journey, organisation, id, &by).await?, "may be used"),
        Judgement::Reject => (keys::reject(journey, organisation, id, &by).await?, "is never used"),
        Judgement::Remove => (keys::remove(journey, organisation, id, &by).await?, "is forgotten"),
    };
    wake::ring(&opened.loaded.config);
    say(&format!("✓ {id} of {} {words}", known.address));
    if cli.json {
        print(&to_json(&known).to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Only own keys are published, which are another noun's.
async fn publish(cli: &Cli, id: &str, organisation: &Organisation) -> Result<ExitCode> {
    let own: OrgKeyId = id.parse().ok().with_context(|| {
        format!("{id} is none of the organisation's own keys, and no others are published: sealpost orgkey list")
    })?;
    orgkey::run(cli, &OrgKeyVerb::Publish { id: own, organisation: organisation.clone() }).await
}

/// A key on one line.
pub fn line(known: &Known) -> String {
    let (id, address, format, state) = (known.id, &known.address, known.format(), known.state);
    let more = match (&known.claim, known.unwanted_since) {
        (_, Some(_)) => ", its holder wants it used no more".to_owned(),
        (Some(claim), None) => format!(", and held back from {}", claim.source),
        (None, None) => String::new(),
    };
    format!("{id}  {address}  {format}  {}  {}  {state}{more}", known.fingerprint(), known.counts_as())
}

/// A key as JSON.
pub fn to_json(known: &Known) -> Value {
    json!({
        "id": known.id, "address": known.address, "format": known.format(), "fingerprint": known.fingerprint(),
        "state": known.state, "because": known.because, "held_since": known.held_since,
        "claim": known.claim, "unwanted_since": known.unwanted_since, "source": known.source, "detail": known.detail,
        "confirmed_by": known.confirmed_by, "bound_by_hand": known.is_bound_by_hand,
        "prefers_encryption": known.prefers_encryption, "first_seen": known.first_seen, "last_seen": known.last_seen,
        "revocation": known.revocation.as_ref().map(|checked| {
            json!({ "said": checked.words(), "asked_at": checked.at, "again_at": checked.again })
        }),
    })
}

/// The same with what can be done with it now.
pub fn with_judgement(known: &Known, now: jiff::Timestamp) -> Value {
    let mut value = to_json(known);
    value["expires_at"] = json!(known.material.expires_at(now));
    value["usable"] = match known.material.usable(now) {
        Ok(usable) => json!({ "algorithm": usable.algorithm, "aead": usable.is_aead }),
        Err(why) => json!({ "refused": why.to_string() }),
    };
    value
}

/// A key for people.
pub fn describe(known: &Known, now: jiff::Timestamp) -> String {
    let mut lines = vec![
        format!("{}  {}", known.id, known.address),
        format!("  {} {}", known.format(), known.fingerprint()),
        format!("  {}, from {} ({})", known.state, known.source, known.detail),
    ];
    if let Some(because) = &known.because {
        lines.push(format!("  held back since {} because {because}", known.held_since));
    }
    if let Some(claim) = &known.claim {
        let (source, detail, since, because) = (claim.source, &claim.detail, claim.since, &claim.because);
        lines.push(format!("  also from {source} ({detail}), which is held back since {since} because {because}"));
    }
    if let Some(since) = known.unwanted_since {
        lines.push(format!("  its holder asked at {since} that it be used no more: reject it, or accept it again"));
    }
    if let Some(by) = &known.confirmed_by {
        lines.push(format!("  accepted by {by}"));
    }
    if known.is_bound_by_hand {
        lines.push("  a person bound it to this address, which it does not name".to_owned());
    }
    if let Some(prefers) = known.prefers_encryption {
        let words = if prefers { "prefers encrypted mail" } else { "does not ask for encrypted mail" };
        lines.push(format!("  its holder {words}"));
    }
    lines.push(format!("  first seen {}, last seen {}", known.first_seen, known.last_seen));
    if let Some(checked) = &known.revocation {
        lines.push(format!("  {} (its issuer was asked at {})", checked.words(), checked.at));
    }
    lines.push(match known.material.usable(now) {
        Ok(usable) => {
            let aead = if usable.is_aead { "authenticated encryption" } else { "no authenticated encryption" };
            let ends = usable.expires_at.map_or_else(String::new, |at| format!(", until {at}"));
            format!("  can be used: {}, {aead}{ends}", usable.algorithm)
        }
        Err(why) => format!("  can't be used: {why}"),
    });
    lines.join("\n")
}
