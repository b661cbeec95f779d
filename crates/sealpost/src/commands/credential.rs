//! `sealpost credential …`: logins of submission.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use flow::{Journey, Organisation, credentials};
use identity::{Action, Credential, Resource, SenderPattern};

use super::confirm::confirm;
use super::{Opened, line_from_stdin, operator, print, say};
use crate::cli::{Cli, CredentialVerb};

/// Runs it.
pub async fn run(cli: &Cli, verb: &CredentialVerb) -> Result<ExitCode> {
    match verb {
        CredentialVerb::Add { login, senders, password, organisation } => {
            let opened = Opened::new(cli, organisation).await?;
            opened.may(Action::ManageCredentials, &Resource::Organisation(opened.organisation.org))?;
            let senders = patterns(senders)?;
            let journey = &opened.installation.journey;
            if *password {
                choose(journey, &opened.organisation, login, senders).await?;
                say(&format!("✓ {login} can log in with the password that was given"));
            } else {
                print(&generate(journey, &opened.organisation, login, &senders).await?)?;
                say(&format!("✓ {login} can log in with the secret above. It is shown this once."));
            }
        }
        CredentialVerb::Revoke { login, organisation } => {
            let opened = Opened::new(cli, organisation).await?;
            opened.may(Action::ManageCredentials, &Resource::Organisation(opened.organisation.org))?;
            confirm(cli, &format!("end the login {login}"))?;
            revoke(&opened.installation.journey, &opened.organisation, login).await?;
            say(&format!("✓ {login} is ended, in sessions that are open too"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The patterns that these texts are.
pub fn patterns(texts: &[String]) -> Result<Vec<SenderPattern>> {
    let pattern =
        |text: &String| text.parse().with_context(|| format!("--sender {text:?} is neither an address nor *@domain"));
    texts.iter().map(pattern).collect()
}

/// Makes a login with a generated secret, which is given and never kept.
pub async fn generate(
    journey: &Journey,
    organisation: &Organisation,
    login: &str,
    senders: &[SenderPattern],
) -> Result<String> {
    let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
    let (credential, secret) =
        Credential::generate(organisation.org, login, own(organisation, senders)?, now, entropy)?;
    credentials::keep(journey, organisation, &credential, &by()).await?;
    Ok(secret.expose().to_owned())
}

async fn choose(
    journey: &Journey,
    organisation: &Organisation,
    login: &str,
    senders: Vec<SenderPattern>,
) -> Result<()> {
    let password = line_from_stdin("password")?;
    let (now, entropy) = (journey.clock.now(), journey.entropy.as_ref());
    let senders = own(organisation, &senders)?;
    let credential = Credential::choose(organisation.org, login, senders, &password, now, entropy)?;
    Ok(credentials::keep(journey, organisation, &credential, &by()).await?)
}

/// Who does it, for the ledger.
fn by() -> String {
    format!("operator:{}", operator())
}

/// A credential sends only as the organisation that it belongs to.
pub fn own(organisation: &Organisation, senders: &[SenderPattern]) -> Result<Vec<SenderPattern>> {
    for sender in senders {
        let domain = match sender {
            SenderPattern::Exact(address) => address.domain(),
            SenderPattern::Domain(domain) => domain,
        };
        anyhow::ensure!(
            organisation.profile.domains.contains(domain),
            "{domain} is not a domain of {}: add it to organisation.domains first",
            organisation.profile.slug
        );
    }
    Ok(senders.to_vec())
}

async fn revoke(journey: &Journey, organisation: &Organisation, login: &str) -> Result<()> {
    let found = credentials::find(journey, organisation, login).await?;
    let mut credential = found.with_context(|| format!("there is no login {login:?}"))?;
    credential.revoke(journey.clock.now());
    Ok(credentials::keep(journey, organisation, &credential, &by()).await?)
}
