//! Reads a DNS message as an answer: follows the aliases from the name that
//! was asked for, and nothing that is not on that way. Pure.

use hickory_proto::rr::{Name, RData, Record as WireRecord, RecordType};

use super::secure::{Answer, Caa, DnsName, Presence, Record, RecordKind, Tlsa};
use super::secure::{DnsProof, LookupError};

/// The longest chain of aliases that is followed.
const ALIASES_MAX: usize = 16;

/// A record and how it is known.
pub(super) type Known<'a> = (&'a WireRecord, DnsProof);

pub(super) const fn wire_kind(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Mx => RecordType::MX,
        RecordKind::Txt => RecordType::TXT,
        RecordKind::Caa => RecordType::CAA,
        RecordKind::Tlsa => RecordType::TLSA,
        RecordKind::Cname => RecordType::CNAME,
        RecordKind::Ptr => RecordType::PTR,
    }
}

/// What the records of an answer section say of a name. Where they end in an
/// alias, there is nothing of the kind at its end: [`Presence::NoData`], to be
/// asked or judged further.
pub(super) fn read(asked: &Name, kind: RecordKind, records: &[Known<'_>]) -> Result<Answer, LookupError> {
    let mut name = asked.to_lowercase();
    let mut proof = DnsProof::Secure;
    let mut alias = None;
    for _ in 0..ALIASES_MAX {
        let here: Vec<&Known<'_>> = records.iter().filter(|(record, _)| record.name.to_lowercase() == name).collect();
        let wanted: Vec<&&Known<'_>> =
            here.iter().filter(|(record, _)| record.record_type() == wire_kind(kind)).collect();
        if !wanted.is_empty() {
            let proof = wanted.iter().map(|(_, proof)| *proof).fold(proof, Ord::min);
            let records = wanted.iter().filter_map(|(record, _)| value(&record.data)).collect();
            return Ok(Answer { presence: Presence::Present, records, proof, name: DnsName::from_wire(&name), alias });
        }
        let target = here.iter().find_map(|(record, known)| match &record.data {
            RData::CNAME(target) => Some((target.0.to_lowercase(), *known)),
            _ => None,
        });
        let Some((target, known)) = target else {
            let name = DnsName::from_wire(&name);
            return Ok(Answer { alias, ..Answer::none(name, Presence::NoData, proof) });
        };
        proof = proof.min(known);
        alias.get_or_insert(known);
        name = target;
    }
    Err(LookupError::Failed)
}

fn value(data: &RData) -> Option<Record> {
    match data {
        RData::A(address) => Some(Record::Address(address.0.into())),
        RData::AAAA(address) => Some(Record::Address(address.0.into())),
        RData::MX(mx) => Some(Record::Exchange { preference: mx.preference, host: DnsName::from_wire(&mx.exchange) }),
        RData::TXT(text) => Some(Record::Text(text.txt_data.concat())),
        RData::CAA(caa) => Some(Record::Authority(Caa {
            is_critical: caa.issuer_critical,
            tag: caa.tag.clone(),
            value: caa.value.clone(),
        })),
        RData::TLSA(tlsa) => Some(Record::Association(Tlsa {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        })),
        RData::CNAME(target) => Some(Record::Alias(DnsName::from_wire(&target.0))),
        RData::PTR(target) => Some(Record::Pointer(DnsName::from_wire(&target.0))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{A, CNAME};

    use super::*;

    fn name(text: &str) -> Name {
        let mut name = Name::from_ascii(text).unwrap();
        name.set_fqdn(true);
        name
    }

    fn record(line: &str) -> WireRecord {
        let fields: Vec<&str> = line.split(' ').collect();
        let data = match fields[1] {
            "A" => RData::A(A(fields[2].parse().unwrap())),
            _ => RData::CNAME(CNAME(name(fields[2]))),
        };
        WireRecord::from_rdata(name(fields[0]), 60, data)
    }

    /// Lines that begin with `!` are insecure.
    fn check(lines: &[&str], expect: &str) {
        let records: Vec<(WireRecord, DnsProof)> = lines
            .iter()
            .map(|line| match line.strip_prefix('!') {
                Some(line) => (record(line), DnsProof::Insecure),
                None => (record(line), DnsProof::Secure),
            })
            .collect();
        let known: Vec<Known<'_>> = records.iter().map(|(record, proof)| (record, *proof)).collect();
        let answer = read(&name("a.example"), RecordKind::A, &known);
        let text = match answer {
            Err(error) => format!("{error:?}"),
            Ok(answer) => format!(
                "{:?} {} {} {:?} {:?}",
                answer.presence,
                answer.records.len(),
                answer.name,
                answer.proof,
                answer.alias
            ),
        };
        assert_eq!(text, expect, "{lines:?}");
    }

    #[test]
    fn aliases_are_followed_and_nothing_else() {
        check(&["a.example A 192.0.2.1", "a.example A 192.0.2.2"], "Present 2 a.example Secure None");
        check(&["A.Example A 192.0.2.1"], "Present 1 a.example Secure None");
        check(&["a.example A 192.0.2.1", "!b.example A 192.0.2.2"], "Present 1 a.example Secure None");
        check(&["a.example CNAME b.example", "b.example A 192.0.2.1"], "Present 1 b.example Secure Some(Secure)");
        check(&["a.example CNAME b.example", "!b.example A 192.0.2.1"], "Present 1 b.example Insecure Some(Secure)");
        check(&["!a.example CNAME b.example", "b.example A 192.0.2.1"], "Present 1 b.example Insecure Some(Insecure)");
        check(&["a.example CNAME b.example"], "NoData 0 b.example Secure Some(Secure)");
        check(&["b.example A 192.0.2.1"], "NoData 0 a.example Secure None");
        check(&["a.example CNAME a.example"], "Failed");
    }
}
