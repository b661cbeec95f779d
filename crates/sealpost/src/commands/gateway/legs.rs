//! The legs on this side: what the DNS says, what others find at port 25, and
//! whether there are secrets.

use std::net::SocketAddr;

use flow::gateway::SecretField;
use transport::Judgement;

use super::check::{Kit, Leg};
use super::talk::{Ended, Talk};

/// Nobody's mail, for the question whether strangers' mail is passed on.
const STRANGER: &str = "check@stranger.example";

/// Whether mail for the inbound domains comes here.
pub async fn dns(kit: &Kit<'_>) -> Vec<Leg> {
    let mut legs = Vec::new();
    for domain in kit.config.gateway.inbound.iter().flat_map(|inbound| &inbound.domains) {
        let fix = || format!("publish: {domain}. MX 10 {}.", kit.hostname());
        legs.push(match kit.resolver.exchanges(domain).await {
            Ok(found) => {
                let hosts: Vec<String> = found.hosts.iter().map(|one| one.host.to_string()).collect();
                match found.hosts.iter().all(|one| one.host == *kit.hostname()) {
                    true => Leg::good("mx", domain, format!("its mail comes to {}", kit.hostname())),
                    false => Leg::bad("mx", domain, format!("its mail goes to {}", hosts.join(", ")), fix()),
                }
            }
            Err(why) => Leg::bad("mx", domain, format!("its MX is not known: {why}"), fix()),
        });
    }
    legs
}

/// What others find at port 25.
pub async fn door(kit: &Kit<'_>) -> Vec<Leg> {
    let hostname = kit.hostname();
    let addresses = match kit.resolver.addresses(hostname).await {
        Ok(addresses) => addresses,
        Err(why) => {
            let fix = format!("publish an A or AAAA record for {hostname}");
            return vec![Leg::bad("connect", hostname, format!("it has no address: {why}"), fix)];
        }
    };
    let mut legs = Vec::new();
    for address in addresses {
        legs.extend(door_at(kit, SocketAddr::from((address, kit.config.delivery.mx_port))).await);
    }
    legs
}

async fn door_at(kit: &Kit<'_>, address: SocketAddr) -> Vec<Leg> {
    let talk = match Talk::begin(address, kit.helo()).await {
        Ok(talk) => talk,
        Err(why) => {
            let fix = "start the server, and let port 25 through firewalls in front of it (some networks block it)";
            return vec![Leg::bad("connect", address, why.to_string(), fix)];
        }
    };
    let mut legs = vec![Leg::good("connect", address, "it answers")];
    let hostname = kit.hostname().as_str();
    match talk.secure(&kit.tls, hostname, None, kit.helo()).await {
        Err(why @ (Ended::NoTls | Ended::Tls(_))) => {
            legs.push(Leg::bad("tls", address, why.to_string(), "set gateway.certificate and gateway.key"));
        }
        Err(why) => legs.push(Leg::bad("tls", address, why.to_string(), "look into the server's log")),
        Ok((talk, judgement)) => {
            legs.push(Leg::good("tls", address, "STARTTLS is offered and works"));
            legs.push(certificate(address, &judgement, hostname));
            legs.push(relay(address, talk).await);
        }
    }
    legs
}

fn certificate(address: SocketAddr, judgement: &Judgement, hostname: &str) -> Leg {
    match judgement {
        Judgement::Verified { .. } | Judgement::Dane { .. } => Leg::good("certificate", address, judgement.to_string()),
        Judgement::NotVerified { .. } => {
            let fix = format!("put a certificate for {hostname} of a public authority into gateway.certificate");
            Leg::bad("certificate", address, judgement.to_string(), fix)
        }
    }
}

/// A stranger's mail for a stranger must be refused, before any content.
async fn relay(address: SocketAddr, mut talk: Talk) -> Leg {
    let asked = async {
        talk.expect(&format!("MAIL FROM:<{STRANGER}>"), 250).await?;
        talk.say(&format!("RCPT TO:<{STRANGER}>")).await
    };
    let leg = match asked.await {
        Ok(said) if said.code >= 500 => Leg::good("relay", address, "a stranger's mail for a stranger is refused"),
        Ok(said) if said.code < 300 => {
            let fix = "look at gateway.connector: networks that are nobody's own make this an open relay";
            Leg::bad("relay", address, "a stranger's mail for a stranger is taken", fix)
        }
        Ok(said) => Leg::bad("relay", address, format!("it was not decided: {}", said.text), "try again"),
        Err(why) => Leg::bad("relay", address, why.to_string(), "try again"),
    };
    talk.end().await;
    leg
}

/// Whether the connectors' secrets are there and can be read.
pub fn secrets(kit: &Kit<'_>) -> Vec<Leg> {
    let with_secret = kit.config.gateway.connector.iter().filter(|connector| !connector.secret_files.is_empty());
    let one = |connector: &crate::config::gateway::Connector| match SecretField::read(
        &connector.secret_field,
        connector.secret_files.clone(),
    ) {
        Ok(field) => {
            let found = format!("{} good in {}", field.count(), connector.secret_field);
            Leg::good("secret", &connector.name, found)
        }
        Err(why) => {
            let fix = format!("sealpost gateway secret rotate --connector {}", connector.name);
            Leg::bad("secret", &connector.name, why.to_string(), fix)
        }
    };
    with_secret.map(one).collect()
}
