//! The legs on the other side: the mail system, and a probe through it and
//! back by the connector.

use std::time::{Duration, Instant};

use anyhow::Result;
use flow::gateway::probe::{Found, Probe};
use flow::{Journey, Organisation};
use jiff::Timestamp;
use transport::Judgement;

use super::check::{Kit, Leg};
use super::talk::{Ended, Talk};
use crate::config::gateway::Inbound;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The next hop of these domains, and the way back where a mailbox for it is named.
pub async fn through(
    kit: &Kit<'_>,
    inbound: &Inbound,
    journey: &Journey,
    organisation: &Organisation,
) -> Result<Vec<Leg>> {
    let (leg, talk) = next_hop(kit, inbound).await?;
    let mut legs = vec![leg];
    match (talk, &inbound.probe) {
        (Some(talk), Some(mailbox)) => legs.push(probe(kit, talk, &mailbox.to_string(), journey, organisation).await?),
        (Some(talk), None) => talk.end().await,
        (None, _) => {}
    }
    Ok(legs)
}

async fn next_hop(kit: &Kit<'_>, inbound: &Inbound) -> Result<(Leg, Option<Talk>)> {
    let bad = |found: String, fix: &str| (Leg::bad("next_hop", &inbound.host, found, fix), None);
    let own = kit.next_hop_anchors(inbound)?;
    let addresses = match kit.next_hop(inbound).await {
        Ok(addresses) => addresses,
        Err(why) => return Ok(bad(format!("its address is not known: {why}"), "look at gateway.inbound.host")),
    };
    let mut last = bad("it has no address".to_owned(), "look at gateway.inbound.host");
    for address in addresses {
        let name = kit.next_hop_name(inbound);
        let reached = async {
            let talk = Talk::begin(address, kit.helo()).await?;
            talk.secure(&kit.tls, name, own.as_ref(), kit.helo()).await
        };
        last = match reached.await {
            Ok((talk, judgement @ (Judgement::Verified { .. } | Judgement::Dane { .. }))) => {
                return Ok((Leg::good("next_hop", &inbound.host, format!("{judgement}, at {address}")), Some(talk)));
            }
            Ok((talk, judgement)) => {
                talk.end().await;
                bad(
                    judgement.to_string(),
                    "inbound mail waits: mend its certificate, or gateway.inbound.tls_name or anchors",
                )
            }
            Err(why @ (Ended::NoTls | Ended::Tls(_))) => bad(why.to_string(), "inbound mail waits until it has TLS"),
            Err(why) => bad(why.to_string(), "look at gateway.inbound.host and port, and at firewalls between"),
        };
    }
    Ok(last)
}

/// A message to the mailbox that sends back: it must come in again through a
/// connector, with the tenant's proof.
async fn probe(
    kit: &Kit<'_>,
    mut talk: Talk,
    mailbox: &str,
    journey: &Journey,
    organisation: &Organisation,
) -> Result<Leg> {
    let probe = Probe::new(journey.clock.now(), journey.entropy.as_ref());
    let now = journey.clock.now();
    if let Err(why) = hand_over(kit, &mut talk, mailbox, &probe, (organisation, now)).await {
        let found = format!("the mail system did not take it: {why}");
        return Ok(Leg::bad("probe", mailbox, found, "make the mailbox that gateway.inbound.probe names"));
    }
    talk.end().await;
    let began = Instant::now();
    while began.elapsed() < kit.wait {
        match probe.found(journey, organisation).await? {
            Some(Found::Proven(connector)) => {
                let found = format!("it came back by the connector {connector}, proven");
                return Ok(Leg::good("probe", mailbox, found));
            }
            Some(Found::NotProven) => {
                let fix = "put the newest secret into the mail system's rule: sealpost gateway secret show --reveal";
                return Ok(Leg::bad(
                    "probe",
                    mailbox,
                    "it came back without a secret that is good, and was refused",
                    fix,
                ));
            }
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
    let found = format!("it was taken, and did not come back within {} seconds", kit.wait.as_secs());
    let fix = format!(
        "let {mailbox} redirect its mail to probe@{}, see that the rule routes it, and look into the server's log",
        kit.hostname()
    );
    Ok(Leg::bad("probe", mailbox, found, fix))
}

async fn hand_over(
    kit: &Kit<'_>,
    talk: &mut Talk,
    mailbox: &str,
    probe: &Probe,
    (organisation, now): (&Organisation, Timestamp),
) -> Result<(), Ended> {
    let hostname = kit.hostname();
    let own = organisation.profile.domains.first().unwrap_or(hostname);
    let from = format!("postmaster@{own}");
    talk.expect(&format!("MAIL FROM:<{from}>"), 250).await?;
    talk.expect(&format!("RCPT TO:<{mailbox}>"), 250).await?;
    talk.expect("DATA", 354).await?;
    let now = now.strftime("%a, %d %b %Y %H:%M:%S +0000");
    let field = probe.field(&organisation.vault);
    let id = field.split_whitespace().nth(2).unwrap_or_default();
    let lines = format!(
        "{field}From: Sealpost <{from}>\r\nTo: <{mailbox}>\r\nReply-To: <probe@{hostname}>\r\nSubject: A probe of the gateway\r\n\
         Date: {now}\r\nMessage-ID: <probe-{id}@{hostname}>\r\nAuto-Submitted: auto-generated\r\n\r\n\
         Sealpost checks whether mail comes back through its connector.\r\n."
    );
    talk.expect(&lines, 250).await.map(drop)
}
