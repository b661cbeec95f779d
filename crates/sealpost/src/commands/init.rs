//! `sealpost init`: writes a configuration, keys and a database. Safe to run
//! again: what is there already stays as it is.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use identity::{Action, Principal, Resource, authorize};
use rcgen::{CertificateParams, KeyPair};
use seal::DkimKey;
use vault::RootKey;

use super::dkim::zone_line;
use super::{loaded, operator, print, say};
use crate::cli::{Cli, Init};
use crate::installation::{Installation, Seams, private_dir};

/// Runs it.
pub async fn run(cli: &Cli, wanted: &Init) -> Result<ExitCode> {
    authorize(&Principal::Host { account: operator() }, Action::ManageOrganisations, &Resource::Deployment)?;
    let dir = cli.config.parent().map(Path::to_owned).unwrap_or_default();
    private_dir(&dir)?;
    private_dir(&wanted.data_dir)?;
    let files = Files::in_dir(&dir);
    let seams = Seams::default();
    keep("root key", &files.root_key, || {
        RootKey::generate_file(&files.root_key, &wanted.data_dir, seams.entropy.as_ref())?;
        Ok(())
    })?;
    keep("certificate", &files.certificate, || certificate(wanted, &files))?;
    keep("configuration", &cli.config, || write_new(&cli.config, &configuration(wanted, &files)))?;
    let loaded = loaded(cli)?;
    let installation = match Installation::open(&loaded.config, &seams).await {
        Ok(installation) => installation,
        // A server runs on it already: what is there stays, and what is missing is made beside it.
        Err(error) => Installation::beside(&loaded.config, &seams).await.map_err(|_| error)?,
    };
    say(&format!("✓ database   {}", loaded.config.server.data_dir.display()));
    for key in installation.organisation(None)?.dkim.values().flat_map(DkimKey::all) {
        say("  publish this DNS record, so that your mail is known as yours:");
        print(&zone_line(key))?;
    }
    installation.journey.store.close().await?;
    next_steps(wanted, &files);
    Ok(ExitCode::SUCCESS)
}

/// What a new administrator does next, in order.
fn next_steps(wanted: &Init, files: &Files) {
    say("Next: have a real certificate ([acme] in the configuration, or files in place of the self-signed one),");
    say("make a login and start the server; a first message, and what became of it:");
    let main = wanted.domains.first().map_or("", |one| one.as_str());
    say(&format!("  sealpost credential add LOGIN --sender '*@{main}'"));
    // The unit has the right to bind the ports below 1024, and this shell may not.
    let has_unit = std::path::Path::new("/lib/systemd/system/sealpost.service").exists();
    say(if has_unit { "  systemctl enable --now sealpost" } else { "  sealpost serve" });
    say(&format!("  sealpost send --from you@{main} --to YOUR-ADDRESS --subject Hello --text -"));
    say("  sealpost message show msg_…");
    say("What is still to be mended, each with its fix: sealpost doctor");
    say(&format!("Back up {} apart from the data: without it nothing can be read.", files.root_key.display()));
}

struct Files {
    root_key: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn in_dir(dir: &Path) -> Self {
        Self { root_key: dir.join("root.key"), certificate: dir.join("tls.crt"), key: dir.join("tls.key") }
    }
}

fn keep(what: &str, path: &Path, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let was_there = path.exists();
    if !was_there {
        make().with_context(|| format!("the {what} {} can't be made", path.display()))?;
    }
    say(&format!("✓ {what:<10} {}{}", path.display(), if was_there { " (kept as it was)" } else { "" }));
    Ok(())
}

/// Enough to try with; clients will warn until a real one takes its place.
fn certificate(wanted: &Init, files: &Files) -> Result<()> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec![wanted.hostname.to_string()])?.self_signed(&key)?;
    write_new(&files.key, &key.serialize_pem())?;
    write_new(&files.certificate, &certificate.pem())
}

fn write_new(path: &Path, text: &str) -> Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

fn configuration(wanted: &Init, files: &Files) -> String {
    let main = wanted.domains.first().map_or("", |domain| domain.as_str());
    let slug: String = main.split('.').next().unwrap_or("main").to_owned();
    let name = wanted.name.clone().unwrap_or_else(|| main.to_owned());
    let domains: Vec<String> = wanted.domains.iter().map(|domain| quoted(domain.as_str())).collect();
    let mut text = String::from(
        "# Sealpost. Every key and its default: docs/configuration.md (of the package: in /usr/share/doc/sealpost),\n\
         # or: sealpost config show\n\n",
    );
    let mut line = |written: std::fmt::Arguments<'_>| {
        text.write_fmt(written).expect("a String takes everything");
        text.push('\n');
    };
    line(format_args!("[organisation]\nslug = {}\nname = {}", quoted(&slug), quoted(&name)));
    if let Some(phone) = &wanted.phone {
        line(format_args!("phone = {}", quoted(phone)));
    }
    line(format_args!("domains = [{}]\n", domains.join(", ")));
    line(format_args!("[server]\nhostname = {}", quoted(wanted.hostname.as_str())));
    line(format_args!("data_dir = {}\n", quoted(&wanted.data_dir.display().to_string())));
    line(format_args!("[vault]\nroot_key_file = {}\n", quoted(&files.root_key.display().to_string())));
    line(format_args!("[submission]\ncertificate = {}", quoted(&files.certificate.display().to_string())));
    line(format_args!("key = {}\n", quoted(&files.key.display().to_string())));
    line(format_args!("# A certificate that everybody trusts, renewed by itself, where port 443 of the"));
    line(format_args!("# hostname reaches this machine: read the authority's terms and take the # away."));
    line(format_args!("# [acme]\n# directory = \"https://acme-v02.api.letsencrypt.org/directory\""));
    line(format_args!("# contact = [{}]\n# terms_agreed = true", quoted(&format!("postmaster@{main}"))));
    text
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
