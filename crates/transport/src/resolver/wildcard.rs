//! Whether a signed answer that was expanded from a wildcard may stand for the
//! name that was asked (RFC 4035 §5.3.4). Pure.
//!
//! The signature alone doesn't tell: whoever is on the path could answer with
//! a wildcard's records where the name has records of its own. The zone must
//! also prove that nothing nearer exists. Hickory's own verdict on positive
//! wildcard answers of NSEC zones is not used: up to 0.26.3 it calls them all
//! bogus, so that mail for such a domain would wait for ever.

use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC, RRSIG};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// The names in an answer section whose records were expanded from wildcards.
pub(super) fn expanded(answers: &[Record]) -> Vec<&Name> {
    answers
        .iter()
        .filter(|record| signature(record).is_some_and(|(labels, _)| labels < record.name.num_labels()))
        .map(|record| &record.name)
        .collect()
}

/// Whether the zone proves by NSEC that nothing nearer to this name exists
/// than the wildcard that its records were expanded from.
pub(super) fn is_proven_by_nsec(owner: &Name, message: &Message) -> bool {
    let here = message.answers.iter().filter(|record| record.name == *owner && record.proof == Proof::Secure);
    let Some((labels, signer)) = here.filter_map(signature).min_by_key(|(labels, _)| *labels) else { return false };
    secure_nsecs(message, signer).any(|(name, nsec)| {
        covers(name, nsec, owner) && !leads_below(name, nsec, owner) && nearest(name, nsec, owner) == labels
    })
}

/// Whether there is a valid NSEC3 record; what it proves is judged by Hickory,
/// which reads those well.
pub(super) fn has_nsec3(message: &Message) -> bool {
    message.authorities.iter().any(|record| record.record_type() == RecordType::NSEC3 && record.proof == Proof::Secure)
}

/// The labels and the signer of a signature.
fn signature(record: &Record) -> Option<(u8, &Name)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => Some((rrsig.input().num_labels, &rrsig.input().signer_name)),
        _ => None,
    }
}

/// The NSEC records of this zone that hold.
fn secure_nsecs<'a>(message: &'a Message, signer: &'a Name) -> impl Iterator<Item = (&'a Name, &'a NSEC)> {
    message.authorities.iter().filter_map(move |record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(nsec))
            if record.proof == Proof::Secure && is_signed_by(&message.authorities, &record.name, signer) =>
        {
            Some((&record.name, nsec))
        }
        _ => None,
    })
}

fn is_signed_by(authorities: &[Record], owner: &Name, signer: &Name) -> bool {
    let is_it = |rrsig: &RRSIG| rrsig.input().type_covered == RecordType::NSEC && rrsig.input().signer_name == *signer;
    authorities.iter().any(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => {
            record.name == *owner && record.proof == Proof::Secure && is_it(rrsig)
        }
        _ => false,
    })
}

/// Whether a name falls between an NSEC's owner and the next one. The last
/// NSEC of a zone leads back to its apex.
fn covers(owner: &Name, nsec: &NSEC, name: &Name) -> bool {
    let next = nsec.next_domain_name();
    owner < name && (name < next || next <= owner)
}

/// Whether the NSEC stands at a delegation or a DNAME above the name, where
/// another zone or rule has the word (RFC 6840 §4.1, §4.2).
fn leads_below(owner: &Name, nsec: &NSEC, name: &Name) -> bool {
    let types = nsec.type_set();
    let is_cut = types.contains(RecordType::NS) && !types.contains(RecordType::SOA);
    let is_dname = types.contains(RecordType::Unknown(39));
    owner.zone_of(name) && (is_cut || is_dname)
}

/// The labels of the nearest existing ancestor, which is above the owner or the
/// next name too.
fn nearest(owner: &Name, nsec: &NSEC, name: &Name) -> u8 {
    let shared = |other: &Name| {
        let labels = name.num_labels().saturating_sub(1).min(other.num_labels());
        (0..=labels).rev().find(|labels| name.trim_to((*labels).into()).zone_of(other)).unwrap_or(0)
    };
    shared(owner).max(shared(nsec.next_domain_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn check(owner: &str, next: &str, types: &[RecordType], asked: &str, expect: (bool, bool, u8)) {
        let nsec = NSEC::new(name(next), types.iter().copied());
        let (owner, asked) = (name(owner), name(asked));
        let got = (covers(&owner, &nsec, &asked), leads_below(&owner, &nsec, &asked), nearest(&owner, &nsec, &asked));
        assert_eq!(got, expect, "{owner} {next} {asked}");
    }

    #[test]
    fn an_nsec_speaks_of_what_lies_between() {
        let plain = &[RecordType::A];
        check("*._tcp.mx.z.", "a.z.", plain, "_25._tcp.mx.z.", (true, false, 3));
        check("a.z.", "c.z.", plain, "b.z.", (true, false, 1));
        check("a.z.", "c.z.", plain, "d.z.", (false, false, 1));
        check("m.z.", "z.", plain, "x.z.", (true, false, 1));
        check("a.z.", "c.z.", plain, "x.b.z.", (true, false, 1));
        check("b.z.", "c.z.", plain, "x.b.z.", (true, false, 2));
        check("a.z.", "y.b.z.", plain, "x.b.z.", (true, false, 2));
    }

    #[test]
    fn an_nsec_at_a_cut_says_nothing_of_what_is_below() {
        check("b.z.", "c.z.", &[RecordType::NS], "x.b.z.", (true, true, 2));
        check("b.z.", "c.z.", &[RecordType::NS, RecordType::SOA], "x.b.z.", (true, false, 2));
        check("b.z.", "c.z.", &[RecordType::Unknown(39)], "x.b.z.", (true, true, 2));
        check("a.z.", "c.z.", &[RecordType::NS], "b.z.", (true, false, 1));
    }
}
