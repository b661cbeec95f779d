//! Whether everything was as it should be.

use anyhow::Result;
use flow::Timeline;
use ledger::{Receipt, ReceiptKind, Salt, Status, audit, recipient_digest};
use mail::{Address, Level, Method, OrgId};

use super::clinic::Clinic;
use super::story::{Fate, MARKERS, Scene};
use crate::commands::print;
use crate::installation::origin;

/// Checks a scene's receipts.
pub fn scene(clinic: &Clinic, scene: &Scene, timeline: &Timeline) -> Vec<String> {
    let mut failures = Vec::new();
    let Some(organisation) = clinic.engine.journey.organisations.iter().next() else {
        return vec!["the clinic is gone".to_owned()];
    };
    let verified: Vec<Receipt> =
        timeline.receipts.iter().filter_map(|jws| Receipt::verify(jws, organisation.signing_key.jwk()).ok()).collect();
    if verified.len() != timeline.receipts.len() {
        failures.push(format!("{}: a receipt does not verify", timeline.message));
    }
    for (recipient, fate) in scene.recipients {
        let own: Vec<&Receipt> = verified.iter().filter(|receipt| is_for(receipt, &timeline.salt, recipient)).collect();
        if !own.iter().any(|receipt| fits(receipt, *fate)) {
            failures.push(format!("{} to {recipient}: no receipt shows {fate:?}", timeline.message));
        }
        let was_opened = own.iter().any(|receipt| receipt.status == Status::Opened);
        if was_opened != matches!(fate, Fate::Portal | Fate::PortalWithPassphrase) {
            failures.push(format!("{} to {recipient}: opened is {was_opened}", timeline.message));
        }
    }
    failures
}

fn is_for(receipt: &Receipt, salt: &Salt, recipient: &str) -> bool {
    Address::parse(recipient).is_ok_and(|address| recipient_digest(salt, &address) == receipt.recipient_sha256)
}

fn fits(receipt: &Receipt, fate: Fate) -> bool {
    let (method, kind) = (receipt.method, receipt.kind);
    match fate {
        Fate::Tls => method == Method::Tls && kind == ReceiptKind::Content && receipt.proved == Some(Level::Verified),
        Fate::Portal | Fate::PortalWithPassphrase | Fate::Held => {
            method == Method::Portal && kind == ReceiptKind::Notice && receipt.proved.is_some()
        }
    }
}

/// No word about health has crossed a connection in clear.
pub fn wire(clinic: &Clinic) -> Vec<String> {
    let all = clinic.world.mailboxes.all();
    let in_clear = all.iter().filter(|mail| !mail.tls && MARKERS.iter().any(|marker| mail.content.contains(marker)));
    in_clear.map(|mail| format!("health information crossed in clear to {}", mail.to.join(", "))).collect()
}

/// The ledger is whole.
pub async fn ledger(clinic: &Clinic, org: OrgId) -> Result<Vec<String>> {
    clinic.engine.seal_ledger().await?;
    let journey = &clinic.engine.journey;
    let Some(organisation) = journey.organisations.find(org) else {
        return Ok(vec!["the clinic is gone".to_owned()]);
    };
    let verifier = organisation.signing_key.verifier(&origin(&clinic.config, &organisation.profile.slug));
    let report = audit(journey.store.as_ref(), org, &verifier, &[]).await?;
    print(&format!("Ledger: {} entries, {}.", report.size, if report.is_clean() { "whole" } else { "broken" }))?;
    Ok(report.findings.iter().map(ToString::to_string).collect())
}
