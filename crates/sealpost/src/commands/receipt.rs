//! `sealpost receipt …`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::{Timeline, timeline};
use identity::{Action, Resource};
use ledger::{Jwk, Receipt, Salt};
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
        false => receipts.iter().try_for_each(|receipt| print(&describe(receipt)))?,
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
    if let (Some(salt), Some(message), Some(recipient)) = (&wanted.salt, &wanted.message, &wanted.recipient) {
        let salt: Salt = read(salt)?.parse().context("the salt is 64 hexadecimal digits")?;
        let stored = std::fs::read(message).with_context(|| format!("can't read {}", message.display()))?;
        if !receipt.is_about_recipient(&salt, recipient) {
            return not_verified(cli, "the receipt is about another recipient");
        }
        if !receipt.is_about_content(&salt, &stored) {
            return not_verified(cli, "the receipt is about another message");
        }
    }
    match cli.json {
        true => print(&serde_json::json!({ "verified": true, "receipt": receipt }).to_string())?,
        false => {
            print(&describe(&receipt))?;
            say("✓ verified");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn not_verified(cli: &Cli, why: &str) -> Result<ExitCode> {
    match cli.json {
        true => print(&serde_json::json!({ "verified": false, "because": why }).to_string())?,
        false => say(&format!("✗ not verified: {why}")),
    }
    Ok(ExitCode::FAILURE)
}

/// A receipt for people.
pub fn describe(receipt: &Receipt) -> String {
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
