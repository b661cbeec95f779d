//! Keys: whether the organisation's own ones and those of the REST door end soon
//! or have ended, and whether recipients' keys wait for a person.

use flow::keys::Kept;
use flow::org_keys::{self, ends_soon};
use jiff::{SignedDuration, Timestamp};
use keyring::org::{OrgKey, OrgKeyState};
use mail::KeyFormat;

use super::Findings;
use crate::installation::{Installation, Seams};

/// An application is given a new key within this time.
const API_KEY_WARNING: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Keys read in one step.
const PAGE: usize = 500;

/// The keys of each organisation.
pub(super) async fn check(installation: &Installation, seams: &Seams, findings: &mut Findings) {
    for organisation in installation.journey.organisations.iter() {
        let slug = &organisation.profile.slug;
        own(installation, organisation, seams.clock.now(), findings).await;
        if let Err(error) = of_applications(installation, organisation, seams.clock.now(), findings).await {
            let fix = "look at the database: sealpost doctor --only store";
            findings.fail(format!("{slug}: keys of the REST door can't be read: {error}"), fix);
        }
        if let Err(error) = recipients(installation, organisation, findings).await {
            let fix = "look at the database: sealpost doctor --only store";
            findings.fail(format!("{slug}: recipients' keys can't be read: {error}"), fix);
        }
    }
}

async fn own(installation: &Installation, organisation: &flow::Organisation, now: Timestamp, findings: &mut Findings) {
    let slug = &organisation.profile.slug;
    let kept = match org_keys::all(&installation.journey, organisation).await {
        Ok(kept) => kept,
        Err(error) => {
            let fix = "look at the database: sealpost doctor --only store";
            return findings.fail(format!("{slug}: own keys can't be read: {error}"), fix);
        }
    };
    let ahead = installation.journey.settings.org_key_warning;
    let mut well = 0_usize;
    for key in kept.iter().map(|kept| &kept.key).filter(|key| key.state == OrgKeyState::Active) {
        match ends_soon(key, ahead, now) {
            None => well += 1,
            Some(ends_at) if ends_at <= now => {
                findings
                    .fail(format!("{slug}: {} ended at {ends_at:.0}: it signs no more", named(key)), fix(slug, key));
            }
            Some(ends_at) => findings.warn(format!("{slug}: {} ends at {ends_at:.0}", named(key)), fix(slug, key)),
        }
    }
    findings.ok(format!("{slug}: {well} own key{} can sign", if well == 1 { "" } else { "s" }));
}

/// Keys of the REST door: an application stops when its key does, and nobody sees it coming.
async fn of_applications(
    installation: &Installation,
    organisation: &flow::Organisation,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), flow::api_keys::ApiKeyTrouble> {
    let slug = &organisation.profile.slug;
    let keys = flow::api_keys::list(&installation.journey, organisation).await?;
    for key in keys.iter().filter(|key| key.revoked.is_none()) {
        match key.expires {
            Some(ends_at) if ends_at > now && ends_at.duration_since(now) < API_KEY_WARNING => findings.warn(
                format!("{slug}: the API key {} ends at {ends_at:.0}", key.id),
                format!("sealpost apikey create for its application, then sealpost apikey revoke {}", key.id),
            ),
            Some(_) | None => {}
        }
    }
    Ok(())
}

fn named(key: &OrgKey) -> String {
    let owners: Vec<String> = key.owners.iter().map(ToString::to_string).collect();
    format!("the own key {} of {}", key.id, owners.join(", "))
}

fn fix(slug: &str, key: &OrgKey) -> String {
    let renew = format!("sealpost orgkey renew {} --organisation {slug}", key.id);
    match key.format() {
        KeyFormat::OpenPgp => {
            format!("{renew}, and hand the key on again; sealpost orgkey retire, if it is no longer needed")
        }
        KeyFormat::Smime => format!(
            "{renew}, have your authority sign the request that it prints, then: sealpost orgkey import CERTIFICATE \
             --organisation {slug}"
        ),
    }
}

/// What a person is to decide; where policy lets keys go by time, only what
/// their holders ask.
async fn recipients(
    installation: &Installation,
    organisation: &flow::Organisation,
    findings: &mut Findings,
) -> Result<(), flow::keys::KeyTrouble> {
    let by_time = organisation.policy.keys.accept_after.is_some();
    let waits = |kept: &&Kept| kept.known.unwanted_since.is_some() || (!by_time && kept.known.waits());
    let (mut waiting, mut after) = (0_usize, None);
    loop {
        let page = flow::keys::all(&installation.journey, organisation, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.known.id);
        waiting = waiting.saturating_add(page.iter().filter(waits).count());
    }
    let slug = &organisation.profile.slug;
    match waiting {
        0 => findings.ok(format!("{slug}: no recipient's key waits for a person")),
        _ => findings.warn(
            format!("{slug}: recipients' keys that wait for a person: {waiting}"),
            format!("sealpost key list --held --organisation {slug}, then sealpost key accept or reject"),
        ),
    }
    Ok(())
}
