//! `sealpost dkim …`: the keys that sign for own domains, and the next ones.
//!
//! A key is of one domain and one selector, and never changes. It is replaced
//! by another selector: `next` makes its key, its record is published and
//! checked, `dkim.selectors` names it, and the old record goes a week later.

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use identity::{Action, Resource};
use mail::Domain;
use seal::DkimKey;
use serde_json::json;

use super::{Opened, print, say};
use crate::cli::{Cli, DkimKind, DkimVerb};
use crate::doctor::Outcome;
use crate::doctor::records;
use crate::installation::{MakeDkim, Seams};
use crate::reach;

/// Runs it.
pub async fn run(cli: &Cli, verb: &DkimVerb) -> Result<ExitCode> {
    match verb {
        DkimVerb::Show { organisation } => {
            let opened = Opened::new(cli, organisation).await?;
            opened.may(Action::ReadPolicy, &Resource::Organisation(opened.organisation.org))?;
            opened.organisation.dkim.values().flat_map(DkimKey::all).try_for_each(|key| show(cli, key))?;
            Ok(ExitCode::SUCCESS)
        }
        DkimVerb::Next { domain, selector, kind, organisation } => {
            let opened = Opened::new(cli, organisation).await?;
            opened.may(Action::ManageOrgKeys, &Resource::Organisation(opened.organisation.org))?;
            next(cli, &opened, domain, selector, *kind).await
        }
        DkimVerb::Check { domain, selector, organisation } => {
            let opened = Opened::new(cli, organisation).await?;
            opened.may(Action::ReadPolicy, &Resource::Organisation(opened.organisation.org))?;
            check(cli, &opened, domain, selector).await
        }
    }
}

/// Makes the key of another selector. It signs nothing before the configuration names it.
async fn next(cli: &Cli, opened: &Opened, domain: &Domain, selector: &str, kind: DkimKind) -> Result<ExitCode> {
    let is_own = opened.organisation.profile.domains.contains(domain);
    ensure!(is_own, "{domain} is no domain of the organisation {}", opened.organisation.profile.slug);
    ensure!(Domain::parse(selector).is_ok(), "{selector:?} is no selector: letters, digits, hyphens, dots");
    let known = opened.installation.dkim_key(&opened.organisation, domain, selector, None).await?;
    let is_new = known.is_none();
    let make: MakeDkim = match kind {
        DkimKind::Rsa => DkimKey::generate_rsa,
        DkimKind::Ed25519 => DkimKey::generate_ed25519,
    };
    let key = opened.installation.dkim_key(&opened.organisation, domain, selector, Some(make)).await?;
    let key = key.context("the key that was made is not there")?;
    show(cli, &key)?;
    say(&format!("{} The record is to be published first; then:", if is_new { "✓ made." } else { "It was there." }));
    say(&format!("  sealpost dkim check {domain} {selector}"));
    say(&format!("  in the configuration: dkim.selectors.\"{domain}\" = \"{selector}\", and reload the server"));
    say("  the old record stays for a week, for mail that is still on its way");
    Ok(ExitCode::SUCCESS)
}

/// Whether the record of a selector is published: only then it may sign.
async fn check(cli: &Cli, opened: &Opened, domain: &Domain, selector: &str) -> Result<ExitCode> {
    let key = opened.installation.dkim_key(&opened.organisation, domain, selector, None).await?;
    let key =
        key.with_context(|| format!("no key of {domain} under {selector}: sealpost dkim next {domain} {selector}"))?;
    let dns = reach::dns(&opened.loaded.config.delivery, &Seams::default())?;
    let record = records::dkim(dns.secure.as_ref(), &key).await.context("the record has no name in the DNS")?;
    print(&match cli.json {
        true => serde_json::to_string(&record)?,
        false => super::domain::told(&record),
    })?;
    Ok(if record.outcome == Outcome::Ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(cli: &Cli, key: &DkimKey) -> Result<()> {
    print(&match cli.json {
        true => json!({ "name": key.record_name(), "type": "TXT", "value": key.record() }).to_string(),
        false => zone_line(key),
    })
}

/// A key's record as a line of a zone: a string of TXT has at most 255 bytes
/// (RFC 1035 §3.3.14), and receivers join them (RFC 6376 §3.6.2.2).
pub fn zone_line(key: &DkimKey) -> String {
    const STRING_BYTES_MAX: usize = 255;
    let record = key.record();
    let strings: Vec<String> = record
        .as_bytes()
        .chunks(STRING_BYTES_MAX)
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part)))
        .collect();
    format!("{}. TXT {}", key.record_name(), strings.join(" "))
}
