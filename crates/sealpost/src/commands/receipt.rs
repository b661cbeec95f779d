//! `sealpost receipt …`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::{Timeline, timeline};
use identity::{Action, Resource};
use ledger::{Digest, Event, Jwk, Receipt, Salt, key_digest};
use mail::MessageId;

use super::{Opened, print, say};
use crate::cli::{Cli, Organisation, ReceiptVerb, Verify};

/// Runs it.
pub async fn run(cli: &Cli, verb: &ReceiptVerb) -> Result<ExitCode> {
    match verb {
        ReceiptVerb::Show { id, organisation } => show(cli, *id, organisation).await,
        ReceiptVerb::Export { id, out, organisation } => {
            let (opened, timeline) = open(cli, *id, organisation).await?;
            let files = export(&timeline, &opened.organisation.signing_key.jwk().to_json(), out)?;
            for file in files {
                print(&file.display().to_string())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        ReceiptVerb::Verify(wanted) => verify(cli, wanted),
    }
}

async fn open(cli: &Cli, id: MessageId, organisation: &Organisation) -> Result<(Opened, Timeline)> {
    let opened = Opened::new(cli, organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::ReadReceipts, &Resource::Message(org, id))?;
    let timeline = timeline(&opened.installation.journey, org, id).await?;
    Ok((opened, timeline))
}

async fn show(cli: &Cli, id: MessageId, organisation: &Organisation) -> Result<ExitCode> {
    let (opened, timeline) = open(cli, id, organisation).await?;
    let jwk = opened.organisation.signing_key.jwk();
    let mut receipts = Vec::new();
    for jws in &timeline.receipts {
        receipts.push(Receipt::verify(jws, jwk).context("a receipt in the store does not verify")?);
    }
    match cli.json {
        true => print(&serde_json::to_string(&receipts)?)?,
        false => receipts.iter().try_for_each(|receipt| print(&describe(receipt, &fingerprints(&timeline))))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the receipts, the salt beside each, and the public key.
pub fn export(timeline: &Timeline, jwk: &str, out: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(out).with_context(|| format!("can't make {}", out.display()))?;
    let mut written = Vec::new();
    let mut write = |name: String, text: &str| -> Result<()> {
        let path = out.join(name);
        std::fs::write(&path, format!("{text}\n")).with_context(|| format!("can't write {}", path.display()))?;
        written.push(path);
        Ok(())
    };
    for (at, jws) in timeline.receipts.iter().enumerate() {
        let name = format!("{}-{:02}", timeline.message, at + 1);
        write(format!("{name}.jws"), jws)?;
        write(format!("{name}.salt"), &timeline.salt.to_string())?;
    }
    write("receipts.jwk".to_owned(), jwk)?;
    Ok(written)
}

fn verify(cli: &Cli, wanted: &Verify) -> Result<ExitCode> {
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()));
    let jws = read(&wanted.file)?;
    let jwk = Jwk::from_json(&read(&wanted.key)?).with_context(|| format!("{} is no key", wanted.key.display()))?;
    let receipt = match Receipt::verify(&jws, &jwk) {
        Ok(receipt) => receipt,
        Err(why) => return not_verified(cli, &why.to_string()),
    };
    if let Some(salt) = &wanted.salt {
        let salt: Salt = read(salt)?.parse().context("the salt is 64 hexadecimal digits")?;
        if let Some(why) = other_than(&receipt, &salt, wanted)? {
            return not_verified(cli, why);
        }
    }
    match cli.json {
        true => print(&serde_json::json!({ "verified": true, "receipt": receipt }).to_string())?,
        false => {
            print(&describe(&receipt, &[]))?;
            say("✓ verified");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the receipt is not about of what was given with its salt.
fn other_than(receipt: &Receipt, salt: &Salt, wanted: &Verify) -> Result<Option<&'static str>> {
    if let (Some(message), Some(recipient)) = (&wanted.message, &wanted.recipient) {
        let stored = std::fs::read(message).with_context(|| format!("can't read {}", message.display()))?;
        if !receipt.is_about_recipient(salt, recipient) {
            return Ok(Some("the receipt is about another recipient"));
        }
        if !receipt.is_about_content(salt, &stored) {
            return Ok(Some("the receipt is about another message"));
        }
    }
    let is_other = |fingerprint: &String| receipt.seal.as_ref().is_none_or(|seal| !seal.is_to_key(salt, fingerprint));
    Ok(wanted
        .fingerprint
        .as_ref()
        .filter(|fingerprint| is_other(fingerprint))
        .map(|_| "the receipt is about no copy that was sealed to this key"))
}

fn not_verified(cli: &Cli, why: &str) -> Result<ExitCode> {
    match cli.json {
        true => print(&serde_json::json!({ "verified": false, "because": why }).to_string())?,
        false => say(&format!("✗ not verified: {why}")),
    }
    Ok(ExitCode::FAILURE)
}

/// The keys to which copies of the message were sealed, as digests that a
/// receipt holds and as they are.
pub fn fingerprints(timeline: &Timeline) -> Vec<(Digest, String)> {
    let of = |event: &Event| match event {
        Event::Delivered { sealing: Some(sealing), .. } => {
            Some((key_digest(&timeline.salt, &sealing.fingerprint), sealing.fingerprint.clone()))
        }
        _ => None,
    };
    timeline.events.iter().filter_map(|(_, event)| of(event)).collect()
}

/// A receipt for people; `fingerprints` are those that the timeline knows.
pub fn describe(receipt: &Receipt, fingerprints: &[(Digest, String)]) -> String {
    let mut lines = vec![
        format!("message    {}", receipt.message),
        format!("status     {} ({})", word(&receipt.status), word(&receipt.kind)),
        format!("decision   {} because {}", receipt.decision, receipt.because.join(", ")),
        format!("method     {}", receipt.method),
    ];
    if let Some(need) = receipt.need {
        lines.push(format!("needed     {need}"));
    }
    if let Some(proved) = receipt.proved {
        lines.push(format!("proved     {proved}"));
    }
    if let (Some(mx), Some(address)) = (&receipt.mx, receipt.mx_address) {
        let known = receipt.mx_lookup.map_or("", mail::MxLookup::word);
        lines.push(format!("mx         {mx} [{address}], known by {known} lookup"));
    }
    if let Some(tls) = &receipt.tls {
        lines.push(format!("tls        {} {}", tls.version, tls.cipher));
        lines.push(format!("           {}, certificate {}", tls.verified, tls.certificate_sha256));
    }
    if receipt.requiretls {
        lines.push("           the server promised REQUIRETLS for the rest of the way".to_owned());
    }
    if let Some(seal) = &receipt.seal {
        let known = fingerprints.iter().find(|(digest, _)| *digest == seal.key_sha256);
        let key =
            known.map_or_else(|| format!("of digest {}", seal.key_sha256), |(_, fingerprint)| fingerprint.clone());
        let (format, cipher, integrity, algorithm) =
            (seal.format, &seal.cipher, seal.integrity.word(), &seal.algorithm);
        lines.push(format!("sealed     {format} with {cipher} ({integrity}), {algorithm}, key {key}"));
        lines.extend(seal.signed_by.as_ref().map(|by| format!("           signed by {by}")));
    }
    if let Some(signature) = &receipt.signature {
        lines.push(format!("signed     {}, by {}", signature.format, signature.signed_by));
    }
    if let Some(reply) = &receipt.reply {
        lines.push(format!("reply      {} {} {}", reply.code, reply.enhanced.as_deref().unwrap_or(""), reply.text));
    }
    lines.push(format!("accepted   {}", receipt.accepted_at));
    lines.push(format!("sent       {}", receipt.sent_at));
    lines.push(format!("policy     {}", receipt.policy_sha256));
    lines.join("\n") + "\n"
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}
