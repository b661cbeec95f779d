//! `sealpost send`: hands a message in beside the server, by the same
//! transaction as every other door, and wakes it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use flow::application::{Applications, Attachment, Content, Correspondent, Letter, Request};
use identity::{Action, Resource};
use mail::header::{self, fields};
use mail::mailbox::mailboxes;
use mail::{Address, Envelope};
use serde_json::json;
use zeroize::Zeroizing;

use super::open::usage;
use super::{Opened, policy, print, say};
use crate::cli::{Cli, Mailbox, Parts, Send};
use crate::wake;

/// Runs it.
pub async fn run(cli: &Cli, wanted: &Send) -> Result<ExitCode> {
    let content = match &wanted.message {
        Some(path) => whole(path, wanted)?,
        None => Content::Letter(Box::new(letter(wanted)?)),
    };
    let opened = Opened::new(cli, &wanted.organisation).await?;
    let org = opened.organisation.org;
    opened.may(Action::Submit, &Resource::Organisation(org))?;
    if wanted.dry_run {
        return dry_run(cli, &opened, content).await;
    }
    // What an idempotency key stands for: all that was asked, in one text.
    let asked = Zeroizing::new(format!("{content:?}"));
    let request = wanted.idempotency_key.as_deref().map(|key| Request { key, body: asked.as_bytes() });
    let door = Applications::new(opened.installation.journey.clone());
    let done = door.send(org, &super::operator(), content, request).await?;
    wake::ring(&opened.loaded.config);
    let id = done.message.to_string();
    match cli.json {
        true => print(&json!({ "id": id, "status": "queued", "replayed": done.replayed }).to_string())?,
        false => print(&id)?,
    }
    let what = if done.replayed { "was taken before" } else { "is taken" };
    say(&format!("✓ {id} {what}; sealpost message show {id} tells what becomes of it"));
    Ok(ExitCode::SUCCESS)
}

/// What policy would decide about each copy, and by which method it would go.
async fn dry_run(cli: &Cli, opened: &Opened, content: Content) -> Result<ExitCode> {
    let from = content.from().clone();
    let (Envelope { recipients, .. }, bytes) = content.written()?;
    let to: Vec<Address> = recipients.into_iter().map(|recipient| recipient.address).collect();
    let (rules, name) = (&opened.organisation.policy, &opened.organisation.profile.name);
    let verdict = policy::judge(rules, name, &bytes, Some(from), &to);
    let outlooks = policy::look_in(opened, &verdict).await?;
    policy::tell(cli, &verdict, &outlooks)?;
    say("nothing was written and nothing will be sent");
    Ok(ExitCode::SUCCESS)
}

/// A message of its own, without Bcc: its recipients stand in the envelope alone.
fn whole(path: &Path, wanted: &Send) -> Result<Content> {
    let bytes = policy::wire_form(super::open::message_file(path)?);
    ensure!(!bytes.contains(&0), "the message has a zero byte; encode it as base64");
    let has_bare_return =
        bytes.iter().enumerate().any(|(at, byte)| *byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    ensure!(!has_bare_return, "the message has a carriage return that ends no line; encode it as base64");
    let header::Split { header: block, body } = header::split(&bytes);
    let named: Vec<Address> =
        wanted.to.iter().chain(&wanted.cc).chain(&wanted.bcc).map(|one| one.0.address.clone()).collect();
    let recipients = if named.is_empty() { addresses(block, &["To", "Cc", "Bcc"])? } else { named };
    if recipients.is_empty() {
        usage("send", "the message names nobody in To, Cc or Bcc: --to is needed");
    }
    let from = match &wanted.from {
        Some(from) => from.0.address.clone(),
        None => {
            addresses(block, &["From"])?.into_iter().next().context("the message has no author: --from is needed")?
        }
    };
    let kept = fields(block).filter(|field| !field.is("Bcc")).flat_map(|field| field.raw.iter().copied());
    let bytes = kept.chain(*b"\r\n").chain(body.iter().copied()).collect();
    Ok(Content::Message { from, recipients, bytes })
}

/// The addresses of fields; one that can't be read is an error, not a recipient less.
fn addresses(block: &[u8], names: &[&str]) -> Result<Vec<Address>> {
    let mut found = Vec::new();
    for field in fields(block).filter(|field| names.iter().any(|name| field.is(name))) {
        for address in mailboxes(field.value).addresses {
            found.push(address.context("an address of the message can't be read")?);
        }
    }
    Ok(found)
}

fn letter(wanted: &Send) -> Result<Letter> {
    let from = wanted.from.as_ref().context("--from is needed")?;
    if wanted.to.is_empty() && wanted.cc.is_empty() && wanted.bcc.is_empty() {
        usage("send", "--to, --cc or --bcc is needed");
    }
    let parts = &wanted.parts;
    let from_stdin = [&parts.text, &parts.html, &parts.passphrase_file];
    let is_stdin = |path: &&&Option<std::path::PathBuf>| path.as_deref() == Some(Path::new("-"));
    if from_stdin.iter().filter(is_stdin).count() > 1 {
        usage("send", "stdin can be only one of --text, --html and --passphrase-file");
    }
    let all = |all: &[Mailbox]| -> Vec<Correspondent> { all.iter().map(|one| one.0.clone()).collect() };
    Ok(Letter {
        from: from.0.clone(),
        reply_to: all(&parts.reply_to),
        to: all(&wanted.to),
        cc: all(&wanted.cc),
        bcc: all(&wanted.bcc),
        subject: parts.subject.clone().unwrap_or_default(),
        text: parts.text.as_deref().map(text_of).transpose()?,
        html: parts.html.as_deref().map(text_of).transpose()?,
        attachments: parts.attach.iter().map(|path| attachment(path)).collect::<Result<_>>()?,
        headers: parts.headers.iter().cloned().collect::<BTreeMap<_, _>>(),
        instructions: instructions(parts)?,
    })
}

fn instructions(parts: &Parts) -> Result<Vec<(&'static str, String)>> {
    let passphrase = parts.passphrase_file.as_deref().map(first_line).transpose()?;
    let single = [
        ("X-Sealpost-Stream", &parts.stream),
        ("X-Sealpost-Campaign", &parts.campaign),
        ("X-Sealpost-Protect", &parts.protect),
        ("X-Sealpost-Language", &parts.language),
        ("X-Sealpost-Passphrase", &passphrase),
        ("X-Sealpost-Passphrase-Hint", &parts.passphrase_hint),
    ];
    let single = single.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
    Ok(single.chain(parts.tags.iter().map(|tag| ("X-Sealpost-Tag", tag.clone()))).collect())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("can't read stdin")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("can't read {}", path.display()))
}

fn text_of(path: &Path) -> Result<String> {
    let text = String::from_utf8(read(path)?).with_context(|| format!("{} is no UTF-8", path.display()))?;
    ensure!(!text.contains('\0'), "{} has a zero character", path.display());
    Ok(text)
}

fn first_line(path: &Path) -> Result<String> {
    let text = Zeroizing::new(text_of(path)?);
    let line = text.lines().next().unwrap_or_default().to_owned();
    ensure!(!line.trim().is_empty(), "there is no passphrase in {}", path.display());
    Ok(line)
}

fn attachment(path: &Path) -> Result<Attachment> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    ensure!(!name.chars().any(char::is_control), "the name of {} can't be sent", path.display());
    let content_type = media_type(&name).to_owned();
    Ok(Attachment { name, content_type, content_id: None, content: read(path)? })
}

/// By the end of the name; what is not known is mere bytes.
fn media_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    match end.as_str() {
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "html" | "htm" => "text/html",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "zip" => "application/zip",
        "doc" => "application/msword",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls" => "application/vnd.ms-excel",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}
