//! Microsoft 365: cmdlets of Exchange Online PowerShell, as Microsoft
//! documents them (New-OutboundConnector, New-InboundConnector,
//! Set-InboundConnector, New-TransportRule, Set-ArcConfig;
//! learn.microsoft.com/powershell/module/exchangepowershell).
//!
//! The transport rule is made last and switched off, so that nothing happens
//! before somebody means it to; the rollback takes it away first.

use std::net::IpAddr;

use super::setup::{Facts, Step};

/// What is set up.
pub fn setup(facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = vec![
        Step::new("Run this in Exchange Online PowerShell, as an Exchange administrator.", ["Connect-ExchangeOnline"]),
        secret(facts),
        outbound_connector(facts),
    ];
    if !facts.inbound.is_empty() {
        steps.extend(inbound_connector(facts));
    }
    steps.push(rule(facts));
    steps.push(Step::new(
        "Try it: this sends a test message by the new connector, over TLS with a certificate that must be valid.",
        [format!(
            "Validate-OutboundConnector -Identity {} -Recipients (Read-Host 'An address of yours outside')",
            name(facts, "outbound")
        )],
    ));
    steps.push(Step::new(
        "Begin. From now on mail to people outside goes by Sealpost; Disable-TransportRule ends it at once.",
        [format!("Enable-TransportRule -Identity {}", name(facts, "route"))],
    ));
    if !facts.inbound.is_empty() {
        steps.push(mx(facts));
    }
    steps
}

/// How it is undone: first what routes mail, then where it went.
pub fn rollback(facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = vec![Step::new(
        "Run this in Exchange Online PowerShell, as an Exchange administrator.",
        ["Connect-ExchangeOnline"],
    )];
    if !facts.inbound.is_empty() {
        let lines = facts.inbound.iter().map(|(domain, host)| format!("#   {domain}. MX 0 {host}."));
        steps.push(Step::new(
            "First the way in is open for all again.",
            [format!("Set-InboundConnector -Identity {} -Enabled $false", name(facts, "inbound"))],
        ));
        steps.push(Step::new("Then, in the DNS: mail from outside comes straight to Microsoft 365 again. Wait for the old MX to be forgotten.", lines));
    }
    let quiet = "-Confirm:$false";
    steps.push(Step::new(
        "No more mail is routed.",
        [
            format!("Disable-TransportRule -Identity {} {quiet}", name(facts, "route")),
            format!("Remove-TransportRule -Identity {} {quiet}", name(facts, "route")),
        ],
    ));
    steps.push(Step::new(
        "Then the connectors go: queued mail would have nowhere to go without the step before.",
        [format!("Remove-OutboundConnector -Identity {} {quiet}", name(facts, "outbound"))],
    ));
    if !facts.inbound.is_empty() {
        steps.push(Step::new(
            "The way in.",
            [format!("Remove-InboundConnector -Identity {} {quiet}", name(facts, "inbound"))],
        ));
    }
    steps.push(Step::new(
        "At last, on this machine: take the [[gateway.connector]] out of the configuration and the secret away.",
        [format!(
            "#   rm {}",
            facts.connector.secret_files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
        )],
    ));
    steps
}

/// The secret is asked for when the script runs, so that neither a file nor
/// the history of a terminal keeps it.
fn secret(facts: &Facts<'_>) -> Step {
    let line = match &facts.secret {
        Some(secret) => format!("$secret = {}", quoted(secret)),
        None => format!(
            "$secret = Read-Host {}",
            quoted(&format!("The secret (sealpost gateway secret show --connector {} --reveal)", facts.connector.name))
        ),
    };
    Step::new("The secret by which Sealpost knows this tenant from the others.", [line])
}

fn outbound_connector(facts: &Facts<'_>) -> Step {
    let hostname = quoted(facts.hostname.as_str());
    Step::new(
        "The way out: over TLS, to a server whose certificate is valid for its name. It takes only what the rule routes to it.",
        continued(&[
            format!("New-OutboundConnector -Name {}", name(facts, "outbound")),
            "-ConnectorType Partner".to_owned(),
            "-IsTransportRuleScoped $true".to_owned(),
            "-UseMXRecord $false".to_owned(),
            format!("-SmartHosts {hostname}"),
            "-TlsSettings DomainValidation".to_owned(),
            format!("-TlsDomain {hostname}"),
            "-CloudServicesMailEnabled $false".to_owned(),
            "-Enabled $true".to_owned(),
        ]),
    )
}

/// The addresses count only where others are turned away, and a connector for
/// all senders that is on without that would have Microsoft skip the true
/// sender of every message: so it is made for these addresses alone, and off.
/// It takes no IPv6 addresses (Set-InboundConnector, -SenderIPAddresses).
fn inbound_connector(facts: &Facts<'_>) -> Vec<Step> {
    let mut steps = vec![Step::new(
        "The way in: what Sealpost hands on comes over TLS, from its IPv4 addresses and no others. Microsoft then judges the server before it. Switched off at first: it would turn away what still comes by the old way.",
        continued(&[
            format!("New-InboundConnector -Name {}", name(facts, "inbound")),
            "-ConnectorType Partner".to_owned(),
            "-SenderDomains '*'".to_owned(),
            format!("-SenderIPAddresses {}", listed(facts.addresses.iter().filter(|address| address.is_ipv4()))),
            "-RestrictDomainsToIPAddresses $true".to_owned(),
            "-RequireTls $true".to_owned(),
            "-EFSkipLastIP $true".to_owned(),
            "-Enabled $false".to_owned(),
        ]),
    )];
    if let Some(sealer) = &facts.sealer {
        steps.push(Step::new(
            "What Sealpost found of a sender counts, though a banner changed the message: its ARC seals are trusted.",
            [
                "$sealers = @((Get-ArcConfig).ArcTrustedSealers -split ',' | Where-Object { $_ })".to_owned(),
                format!(
                    "Set-ArcConfig -Identity Default -ArcTrustedSealers (@($sealers + {}) | Select-Object -Unique)",
                    quoted(sealer.as_str())
                ),
            ],
        ));
    }
    steps
}

/// One rule routes and shows the secret, so that nothing shows it to anybody
/// else. What came in from Sealpost is excepted by address: a field could be
/// written by anyone in the tenant to slip past.
fn rule(facts: &Facts<'_>) -> Step {
    let senders: Vec<String> = facts.senders.iter().map(|domain| quoted(domain.as_str())).collect();
    Step::new(
        "Which mail takes it: that of these domains to people outside, but not what has just come from Sealpost. Switched off at first.",
        continued(&[
            format!("New-TransportRule -Name {}", name(facts, "route")),
            "-FromScope InOrganization".to_owned(),
            "-SentToScope NotInOrganization".to_owned(),
            format!("-SenderDomainIs {}", senders.join(", ")),
            format!("-ExceptIfSenderIpRanges {}", listed(facts.addresses.iter())),
            format!("-RouteMessageOutboundConnector {}", name(facts, "outbound")),
            format!("-SetHeaderName {}", quoted(&facts.connector.secret_field)),
            "-SetHeaderValue $secret".to_owned(),
            "-StopRuleProcessing $true".to_owned(),
            "-Enabled $false".to_owned(),
        ]),
    )
}

fn mx(facts: &Facts<'_>) -> Step {
    let lines = facts.inbound.iter().map(|(domain, _)| format!("#   {domain}. MX 10 {}.", facts.hostname));
    let after = [
        "# Once no mail comes by the old way any more, the way in is opened for Sealpost and closed for all others:"
            .to_owned(),
        format!("#   Set-InboundConnector -Identity {} -Enabled $true", name(facts, "inbound")),
    ];
    Step::new("Mail from outside: when `sealpost gateway check` is well, publish this in the DNS.", lines.chain(after))
}

fn listed<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> String {
    addresses.map(|address| quoted(&address.to_string())).collect::<Vec<_>>().join(", ")
}

/// The name of a thing in the tenant.
fn name(facts: &Facts<'_>, what: &str) -> String {
    quoted(&format!("Sealpost {} {what}", facts.connector.name))
}

/// A string of PowerShell that is taken as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A command over several lines.
fn continued(parts: &[String]) -> Vec<String> {
    let last = parts.len().saturating_sub(1);
    let line = |(at, part): (usize, &String)| {
        let indent = if at == 0 { "" } else { "    " };
        let more = if at == last { "" } else { " `" };
        format!("{indent}{part}{more}")
    };
    parts.iter().enumerate().map(line).collect()
}
