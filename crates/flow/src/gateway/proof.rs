//! The proof of a tenant by DKIM: a fresh signature of the sender's own domain
//! over all that says what the message is and whom it is for, so that nobody
//! can use it for another message, for others, or again.

use std::time::Duration;

use jiff::Timestamp;
use mail::header::{self, Field};
use mail::{Address, Domain, mailbox};
use provenance::{CheckResult, Dkim};

use super::Connector;

/// How old a signature may be.
pub const AGE_MAX: Duration = Duration::from_secs(15 * 60);
/// How far the signer's clock may be ahead.
const AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// Fields that say what the message is and whom it is for. None may be there
/// twice, and each that is there must be signed.
const BOUND: [&str; 5] = ["From", "To", "Cc", "Date", "Message-ID"];

/// What of a message's header block the proof looks at, kept until the body
/// is whole.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The bound fields that are there; none where one is there twice.
    present: Option<Vec<&'static str>>,
    /// Everybody in To and Cc.
    named: Vec<Address>,
    dated: Option<Timestamp>,
    message_id: Option<String>,
}

impl Claim {
    /// Reads the header block as it was received.
    pub fn read(raw: &[u8]) -> Self {
        let fields: Vec<Field<'_>> = header::fields(raw).collect();
        let count = |name: &str| fields.iter().filter(|field| field.is(name)).count();
        let is_single = BOUND.iter().all(|name| count(name) <= 1);
        let named = fields.iter().filter(|field| field.is("To") || field.is("Cc"));
        let date = header::first(raw, "Date");
        Self {
            present: is_single.then(|| BOUND.into_iter().filter(|name| count(name) == 1).collect()),
            named: named.flat_map(|field| mailbox::mailboxes(field.value).addresses).flatten().collect(),
            dated: date.and_then(|text| jiff::fmt::rfc2822::parse(&text).ok()).map(|date| date.timestamp()),
            message_id: header::first(raw, "Message-ID").filter(|id| !id.is_empty()),
        }
    }

    /// The message's id, by which a second use is found.
    pub fn message_id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    /// Whether one of these signatures proves the connector's tenant for these
    /// authors and recipients now.
    pub fn is_proven(
        &self,
        connector: &Connector,
        signatures: &[Dkim],
        authors: &[Address],
        recipients: &[Address],
        now: Timestamp,
    ) -> bool {
        let Some(present) = &self.present else { return false };
        let is_whole = ["From", "To", "Date", "Message-ID"].iter().all(|name| present.contains(name));
        let names_all = recipients.iter().all(|recipient| self.named.contains(recipient));
        let proves = |signature: &Dkim| {
            let signs = |name: &str| signature.signed.iter().any(|signed| signed.eq_ignore_ascii_case(name));
            signature.result == CheckResult::Pass
                && Domain::parse(&signature.domain).is_ok_and(|domain| is_aligned(connector, &domain, authors))
                && present.iter().all(|name| signs(name))
                && self.is_fresh(signature, now)
        };
        is_whole && names_all && signatures.iter().any(proves)
    }

    fn is_fresh(&self, signature: &Dkim, now: Timestamp) -> bool {
        let signed_at = signature.signed_at.and_then(|at| Timestamp::from_second(i64::try_from(at).ok()?).ok());
        let Some(at) = signed_at.or(self.dated) else { return false };
        let age = now.duration_since(at);
        let (oldest, newest) =
            (age.as_secs() <= AGE_MAX.as_secs().cast_signed(), age.as_secs() >= -AHEAD_MAX.as_secs().cast_signed());
        oldest && newest
    }
}

/// An own domain, and every author at it or below it.
fn is_aligned(connector: &Connector, signer: &Domain, authors: &[Address]) -> bool {
    connector.owns(signer) && !authors.is_empty() && authors.iter().all(|author| author.domain().is_within(signer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::Proof;
    use mail::OrgId;

    const HEADER: &str = "From: a@clinic.example\r\nTo: p@x.example, q@x.example\r\nSubject: s\r\n\
        Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@clinic.example>\r\n";
    const NOW: i64 = 1_700_000_000;

    fn check(header: &str, domain: &str, signed: &[&str], signed_at: Option<u64>, to: &[&str], expect: bool) {
        let connector = Connector {
            name: "m365".to_owned(),
            org: OrgId(1),
            networks: Vec::new(),
            certificate: None,
            senders: vec![Domain::parse("clinic.example").unwrap()],
            proof: Proof { secret: None, dkim: true },
        };
        let signature = Dkim {
            result: CheckResult::Pass,
            domain: domain.to_owned(),
            selector: "s".to_owned(),
            because: None,
            signed: signed.iter().map(|name| (*name).to_owned()).collect(),
            signed_at,
        };
        let address = |text: &&str| Address::parse(text).unwrap();
        let recipients: Vec<Address> = to.iter().map(address).collect();
        let authors = [address(&"a@clinic.example")];
        let now = Timestamp::from_second(NOW).unwrap();
        let claim = Claim::read(header.as_bytes());
        assert_eq!(
            claim.is_proven(&connector, &[signature], &authors, &recipients, now),
            expect,
            "{header} {domain} {signed:?} {to:?}"
        );
    }

    const SIGNED: [&str; 5] = ["from", "to", "date", "message-id", "subject"];

    #[test]
    fn a_fresh_signature_over_all_that_counts_proves_the_tenant() {
        check(HEADER, "clinic.example", &SIGNED, None, &["p@x.example"], true);
        check(HEADER, "clinic.example", &SIGNED, Some(1_700_000_000 - 899), &["p@x.example", "q@x.example"], true);
        let with_cc = format!("{HEADER}Cc: r@x.example\r\n");
        check(&with_cc, "clinic.example", &[&SIGNED[..], &["cc"]].concat(), None, &["r@x.example"], true);
    }

    #[test]
    fn anything_less_does_not() {
        let ok = &["p@x.example"];
        check(HEADER, "other.example", &SIGNED, None, ok, false);
        check(HEADER, "example", &SIGNED, None, ok, false);
        for left_out in 0..4 {
            let signed: Vec<&str> =
                SIGNED.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, name)| *name).collect();
            check(HEADER, "clinic.example", &signed, None, ok, false);
        }
        check(HEADER, "clinic.example", &SIGNED, Some(1_700_000_000 - 901), ok, false);
        check(HEADER, "clinic.example", &SIGNED, Some(1_700_000_000 + 301), ok, false);
        check(HEADER, "clinic.example", &SIGNED, None, &["hidden@x.example"], false);
        // A second field of a name, or one that is not signed, could be put in by whoever replays it.
        check(
            &format!("To: hidden@x.example\r\n{HEADER}"),
            "clinic.example",
            &SIGNED,
            None,
            &["hidden@x.example"],
            false,
        );
        check(
            &format!("{HEADER}Cc: hidden@x.example\r\n"),
            "clinic.example",
            &SIGNED,
            None,
            &["hidden@x.example"],
            false,
        );
    }
}
