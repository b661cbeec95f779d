//! `sealpost acme …`: the listeners' certificate, had from an authority.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use flow::certificates::{CertificateTrouble, Failure, Kept, Ordered, kept, standing};
use identity::{Action, Resource};
use serde_json::{Value, json};

use super::{Opened, print, say};
use crate::certificates::{keeper, organisation};
use crate::cli::{AcmeVerb, Cli, Organisation};
use crate::config::Config;
use crate::installation::Seams;
use crate::wake;

/// Runs it.
pub async fn run(cli: &Cli, verb: &AcmeVerb) -> Result<ExitCode> {
    let slug = super::loaded(cli)?.config.acme.organisation;
    let opened = Opened::new(cli, &Organisation { organisation: slug }).await?;
    let config = &opened.loaded.config;
    if config.acme.directory.is_none() {
        bail!("there is no ACME here: set acme.directory, such as https://acme-v02.api.letsencrypt.org/directory");
    }
    let resource = Resource::Organisation(opened.organisation.org);
    match verb {
        AcmeVerb::Status => {
            opened.may(Action::ReadCertificates, &resource)?;
            status(cli, &opened).await
        }
        AcmeVerb::Renew => {
            opened.may(Action::OrderCertificates, &resource)?;
            renew(cli, &opened).await
        }
    }
}

async fn status(cli: &Cli, opened: &Opened) -> Result<ExitCode> {
    let (config, journey) = (&opened.loaded.config, &opened.installation.journey);
    let whose = organisation(config, journey)?;
    let (kept, failure) = (kept(journey, whose).await?, standing(journey, whose).await?);
    print(&match cli.json {
        true => status_json(config, kept.as_ref(), failure.as_ref()).to_string(),
        false => status_text(config, kept.as_ref(), failure.as_ref()),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn status_text(config: &Config, kept: Option<&Kept>, failure: Option<&Failure>) -> String {
    let names: Vec<String> = config.acme_names().iter().map(ToString::to_string).collect();
    let directory = config.acme.directory.as_deref().unwrap_or_default();
    let has_ended = kept.is_some_and(|kept| kept.has_ended(jiff::Timestamp::now()));
    let mut lines = vec![
        format!("authority    {directory}"),
        format!("names        {} (by {})", names.join(", "), config.acme.challenge.word()),
    ];
    match kept {
        Some(kept) => lines.extend([
            format!(
                "certificate  by {}, {} {:.0}",
                kept.issuer,
                if has_ended { "ENDED at" } else { "until" },
                kept.ends
            ),
            format!("             SHA-256 {}", kept.sha256),
            format!("next         {:.0}", kept.renewal()),
        ]),
        None => lines.push("certificate  none yet".to_owned()),
    }
    if let Some(failure) = failure {
        lines.extend([
            format!("failed       {:.0}: {}", failure.at, failure.because),
            format!("             → {}", failure.fix),
            format!(
                "             again {:.0}, after {} in a row, or now: sealpost acme renew",
                failure.again, failure.failures
            ),
        ]);
    }
    lines.join("\n")
}

fn status_json(config: &Config, kept: Option<&Kept>, failure: Option<&Failure>) -> Value {
    let certificate = kept.map(|kept| {
        json!({ "issuer": kept.issuer, "sha256": kept.sha256, "names": kept.names, "begins": kept.begins,
            "ends": kept.ends, "next": kept.renewal() })
    });
    let failure = failure.map(|failure| {
        json!({ "at": failure.at, "because": failure.because, "fix": failure.fix, "failures": failure.failures,
            "again": failure.again })
    });
    json!({ "directory": config.acme.directory, "names": config.acme_names(),
        "challenge": config.acme.challenge.word(), "certificate": certificate, "failure": failure })
}

async fn renew(cli: &Cli, opened: &Opened) -> Result<ExitCode> {
    let (config, journey) = (&opened.loaded.config, &opened.installation.journey);
    let (keeper, _) = keeper(config, &Seams::default(), journey)?.context("there is no ACME here")?;
    match keeper.order_now().await {
        Ok(Ordered::Issued(kept)) => {
            wake::ring(config);
            print(&match cli.json {
                true => status_json(config, Some(&kept), None).to_string(),
                false => format!("issued by {}, until {:.0}", kept.issuer, kept.ends),
            })?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Ordered::Elsewhere | Ordered::NotDue) => {
            bail!("a certificate is being ordered already, by the server or by another node: sealpost acme status")
        }
        Err(CertificateTrouble::Acme(error)) => {
            say(&format!("sealpost: {error}\n  → {}", error.fix()));
            Ok(ExitCode::FAILURE)
        }
        Err(error) => Err(error.into()),
    }
}
