//! Whether others believe the name that is said in EHLO: it leads to the
//! address that mail leaves from, and the address back to it. Big receivers
//! refuse mail from where it does not.

use std::net::IpAddr;

use mail::Domain;
use transport::{Answer, DnsName, RecordKind, SecureDns};

use super::Outcome;
use super::records::Record;
use crate::config::{Config, Source};

const ASK_AGAIN: &str = "ask again; if it stays, the name servers of the name or the address fail";

/// Each source, and each of its addresses.
pub async fn sources(dns: &dyn SecureDns, config: &Config) -> Vec<Record> {
    let mut found = Vec::new();
    for source in &config.source {
        for address in source.addresses() {
            found.push(name_of(dns, &source.helo, address).await);
        }
        found.extend(presence(source));
    }
    found
}

/// That this machine has the addresses of a source.
fn presence(source: &Source) -> Option<Record> {
    let all = transport::Source {
        name: source.name.clone(),
        ipv4: source.ipv4,
        ipv6: source.ipv6,
        helo: source.helo.clone(),
        since: None,
    };
    let missing: Vec<String> = all.missing().map(|address| address.to_string()).collect();
    let missing = missing.join(", ");
    (!missing.is_empty()).then(|| Record {
        record: "address",
        name: source.name.clone(),
        want: format!("the addresses of the source {} are this machine's", source.name),
        outcome: Outcome::Failed,
        found: format!("this machine has no address {missing}: nothing leaves from the source {}", source.name),
        fix: Some(format!("add it to this machine (ip address add {missing} dev …), or mend [[source]]")),
    })
}

/// That a name leads to an address, and back.
pub async fn name_of(dns: &dyn SecureDns, helo: &Domain, address: IpAddr) -> Record {
    let (outcome, found, fix) = judge(dns, helo, address).await;
    let kind = if address.is_ipv4() { "A" } else { "AAAA" };
    let want = format!("{helo}. {kind} {address}, and PTR of {address} is {helo}");
    Record { record: "EHLO", name: helo.to_string(), want, outcome, found, fix }
}

async fn judge(dns: &dyn SecureDns, helo: &Domain, address: IpAddr) -> (Outcome, String, Option<String>) {
    let warn = |found: String, fix: String| (Outcome::Warning, found, Some(fix));
    let publish = format!("publish: {helo}. {} {address}", if address.is_ipv4() { "A" } else { "AAAA" });
    let name = format!("ask who gave you {address} to set its PTR record to {helo}");
    match leads_to(dns, &DnsName::from(helo), address).await {
        None => return warn(format!("no answer about {helo}"), ASK_AGAIN.to_owned()),
        Some(false) => return (Outcome::Failed, format!("{helo} does not lead to {address}"), Some(publish)),
        Some(true) => {}
    }
    let Some(reverse) = provenance::reverse_name(address) else {
        return warn(format!("{address} can have no name"), name);
    };
    let Ok(answer) = dns.lookup(&reverse, RecordKind::Ptr).await else {
        return warn(format!("no answer about the name of {address}"), ASK_AGAIN.to_owned());
    };
    let names: Vec<DnsName> = pointers(&answer).collect();
    if names.contains(&DnsName::from(helo)) {
        return (Outcome::Ok, format!("{helo} leads to {address}, and {address} back to it"), None);
    }
    let Some(other) = names.first() else {
        return warn(format!("{address} has no name: big receivers refuse mail from there"), name);
    };
    let told = match leads_to(dns, other, address).await {
        Some(true) => format!("{address} is called {other}, which leads back to it, and is not what EHLO says"),
        Some(false) => format!("{address} is called {other}, which does not lead back: that counts as no name"),
        None => format!("{address} is called {other}, about which no answer came"),
    };
    warn(told, name)
}

/// None where nobody knows.
async fn leads_to(dns: &dyn SecureDns, name: &DnsName, address: IpAddr) -> Option<bool> {
    let kind = if address.is_ipv4() { RecordKind::A } else { RecordKind::Aaaa };
    let answer = dns.lookup(name, kind).await.ok()?;
    Some(answer.addresses().any(|found| found == address))
}

fn pointers(answer: &Answer) -> impl Iterator<Item = DnsName> {
    answer.records.iter().filter_map(|record| match record {
        transport::Record::Pointer(name) => Some(name.clone()),
        _ => None,
    })
}
