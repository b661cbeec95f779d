//! Google Workspace: numbered steps in the Admin console (admin.google.com,
//! Apps > Google Workspace > Gmail), since it has no commands for these.

use super::setup::{Facts, Step};

/// What is set up.
pub fn setup(facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = vec![host(facts), rule(facts), relay()];
    if !facts.inbound.is_empty() {
        steps.push(inbound_gateway(facts));
    }
    steps.push(Step::new(
        "Begin",
        [
            "Switch the rule of step 2 on for one organizational unit, wait until it works there, then for all."
                .to_owned(),
            "It may take up to a day to be in force everywhere.".to_owned(),
        ],
    ));
    if !facts.inbound.is_empty() {
        let records = facts.inbound.iter().map(|(domain, _)| format!("{domain}. MX 10 {}.", facts.hostname));
        let lines = std::iter::once(
            "When `sealpost gateway check` is well, publish in the DNS, in place of the MX that are there:".to_owned(),
        );
        steps.push(Step::new("Mail from outside", lines.chain(records)));
    }
    steps
}

/// How it is undone.
pub fn rollback(facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if !facts.inbound.is_empty() {
        let records = facts.inbound.iter().map(|(domain, host)| format!("{domain}. MX 1 {host}."));
        steps.push(Step::new("The MX records go back, and you wait for the old ones to be forgotten", records));
        steps.push(Step::new(
            "Spam, phishing and malware > Inbound gateway",
            ["Take the tick from \"Reject all mail not from gateway IPs\" first, then the gateway's addresses away."
                .to_owned()],
        ));
    }
    steps.push(Step::new(
        "Compliance > Content compliance",
        [format!("Disable and delete \"{}\". From now on mail goes straight out again.", name(facts, "route"))],
    ));
    steps
        .push(Step::new("Hosts", [format!("Delete \"{}\", once no mail waits for it any more.", name(facts, "host"))]));
    let files: Vec<String> = facts.connector.secret_files.iter().map(|path| path.display().to_string()).collect();
    steps.push(Step::new(
        "On this machine",
        [
            "Take the [[gateway.connector]] out of the configuration, and the secret away:".to_owned(),
            format!("rm {}", files.join(" ")),
        ],
    ));
    steps
}

fn host(facts: &Facts<'_>) -> Step {
    Step::new(
        "Hosts > Add route",
        [
            format!("Name: {}", name(facts, "host")),
            format!("Single host: {}, port 25", facts.hostname),
            "Perform MX lookup on host: no".to_owned(),
            "Require mail to be transmitted via a secure (TLS) connection: yes".to_owned(),
            "Require CA signed certificate: yes".to_owned(),
            "Validate certificate hostname: yes".to_owned(),
        ],
    )
}

/// One rule routes and shows the secret. What came in from Sealpost is left
/// out by address: a field could be written by anyone to slip past.
fn rule(facts: &Facts<'_>) -> Step {
    let secret = match &facts.secret {
        Some(secret) => secret.clone(),
        None => format!("(what `sealpost gateway secret show --connector {} --reveal` prints)", facts.connector.name),
    };
    let mut lines = vec![
        format!("Name: {}", name(facts, "route")),
        "Email messages to affect: Outbound (not Internal - sending)".to_owned(),
        "Add expressions: If ALL of the following match the message".to_owned(),
    ];
    for address in &facts.addresses {
        lines.push(format!(
            "  Metadata match > Source IP > Source IP is not within the following range: {}",
            range(address)
        ));
    }
    lines.extend([
        "If the above expressions match: Modify message".to_owned(),
        format!("  Headers > Add custom headers: {} with the value {secret}", facts.connector.secret_field),
        format!("  Route > Change route: {}", name(facts, "host")),
        "  Encryption (onward delivery only) > Require secure transport (TLS): yes".to_owned(),
        "Options > Account types to affect: Users, Groups".to_owned(),
    ]);
    Step::new("Compliance > Content compliance > Configure", lines)
}

fn relay() -> Step {
    Step::new(
        "Routing > Outbound gateway, SMTP relay service",
        [
            "Leave both empty: an outbound gateway would take all mail without the secret,".to_owned(),
            "and Sealpost delivers by itself, so it needs no relay.".to_owned(),
        ],
    )
}

fn inbound_gateway(facts: &Facts<'_>) -> Step {
    let addresses: Vec<String> = facts.addresses.iter().map(ToString::to_string).collect();
    Step::new("Spam, phishing and malware > Inbound gateway", [
        format!("Gateway IPs: {}", addresses.join(", ")),
        "Automatically detect external IP: yes. Google makes no SPF and DMARC checks of what comes from these addresses;".to_owned(),
        "Sealpost has made them, and its policy acts on them (gateway.honour_dmarc, X-Sealpost-Warning)".to_owned(),
        "Require TLS for connections from the email gateways listed above: yes".to_owned(),
        "Reject all mail not from gateway IPs: only once the MX records have changed and no mail comes by the old way".to_owned(),
    ])
}

fn range(address: &std::net::IpAddr) -> String {
    format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 })
}

fn name(facts: &Facts<'_>, what: &str) -> String {
    format!("Sealpost {} {what}", facts.connector.name)
}
