//! Evidence collected from a header block, each piece with its weight.
//!
//! A server puts its fields on top, so place tells who can have written one:
//! what stands above the `Received` field of a trusted server was written by
//! that server or one after it, whatever the field says of itself. What stands
//! right below the lowest such field may be that server's too, or the sender's:
//! there a name counts, since a border server takes out fields that bear its
//! own (RFC 8601 §5).

use super::arc::{Chain, NoChain};
use super::authentication::Results;
use super::dkim::{Checked, NoSignature, Outcome, Signature};
use super::{Content, Evidence, Item, Kind, NAMELESS, Weight, fields};
use crate::header::Field;
use crate::name::same_organisation;
use crate::{Block, Trace};

/// More pieces than this tell nobody more.
const ITEMS_MAX: usize = 100;
/// Characters of what one piece says.
const SAYS_MAX: usize = 500;

/// Collects what a header block tells besides its hops. `body_start` is the
/// beginning of the body, where there is one; `checked` what became of the
/// signatures.
pub fn gather(block: &Block<'_>, trace: &Trace<'_>, body_start: &[u8], checked: &Checked) -> Evidence {
    let trusted = trace.hops.iter().take_while(|hop| hop.trusted).count();
    let mut gathering = Gathering { trace, trusted, above: 0, items: Vec::new(), signatures: 0, checked };
    for field in block.fields() {
        if field.is("Received") {
            gathering.above += 1;
        } else if gathering.items.len() < ITEMS_MAX {
            gathering.field(field);
        }
    }
    gathering.chain(block);
    Evidence { items: gathering.items, content: Content::notice(block, body_start) }
}

struct Gathering<'t> {
    trace: &'t Trace<'t>,
    /// So many hops from the top are trusted.
    trusted: usize,
    /// So many `Received` fields stand above.
    above: usize,
    items: Vec<Item>,
    /// DKIM signatures so far.
    signatures: usize,
    checked: &'t Checked,
}

impl Gathering<'_> {
    fn field(&mut self, field: &Field<'_>) {
        match field.name.first() {
            Some(b'A' | b'a') if field.is("Authentication-Results") => self.results(field),
            Some(b'D' | b'd') if field.is("DKIM-Signature") => self.signature(field),
            Some(b'T' | b't') if field.is("TLS-Required") => self.tls_required(field),
            Some(b'X' | b'x') if field.is("X-ME-Authentication-Results") => self.results(field),
            Some(b'X' | b'x') => self.known(field),
            _ => {}
        }
    }

    fn results(&mut self, field: &Field<'_>) {
        let results = Results::read(&field.text());
        let server = results.server.clone().unwrap_or_else(|| NAMELESS.to_owned());
        let weight = self.weight(results.server.as_deref());
        let tls = results.tls().map(|(is_used, _)| is_used);
        self.push(Kind::AuthenticationResults, &server, &results.says(), weight, tls);
    }

    fn signature(&mut self, field: &Field<'_>) {
        let outcome = self.checked.dkim.get(self.signatures).unwrap_or(&Outcome::NoKey).clone();
        self.signatures += 1;
        let (source, says) = match Signature::read(&field.text()) {
            Ok(signature) => {
                let outcome = self.aged(&signature, &outcome);
                let says = format!("{} {}: {outcome}", signature.algorithm.word(), signature.key_name());
                self.push(Kind::Dkim, &signature.domain, &says, weight_of(&outcome), None);
                return;
            }
            Err(NoSignature(tag)) => ("an unknown domain", format!("can't be read: {tag}")),
        };
        self.push(Kind::Dkim, source, &says, Weight::Refuted, None);
    }

    /// A signature that was over when the message arrived proves nothing
    /// (RFC 6376 §3.5, `x=`). The topmost field tells when that was.
    fn aged(&self, signature: &Signature, outcome: &Outcome) -> Outcome {
        let arrived = self.trace.hops.first().and_then(|hop| hop.time).and_then(|time| u64::try_from(time.0).ok());
        let is_over = signature.expires_at.zip(arrived).is_some_and(|(expires, arrived)| expires < arrived);
        if is_over && matches!(outcome, Outcome::Valid { .. }) { Outcome::Expired } else { outcome.clone() }
    }

    fn tls_required(&mut self, field: &Field<'_>) {
        let value = field.text();
        // RFC 8689 §5: `No` is the only value there is.
        let says = if value.eq_ignore_ascii_case("no") {
            "No: the sender asks that it be delivered even where TLS can't be had".to_owned()
        } else {
            value
        };
        let weight = self.weight(None);
        self.push(Kind::TlsRequired, "TLS-Required", &says, weight, None);
    }

    fn known(&mut self, field: &Field<'_>) {
        if let Some(said) = fields::read(field.name, || field.text()) {
            let name = String::from_utf8_lossy(field.name).into_owned();
            let weight = self.weight(None);
            self.push(said.kind, &name, &said.says, weight, said.tls);
        }
    }

    fn chain(&mut self, block: &Block<'_>) {
        match Chain::collect(block) {
            None => {}
            Some(Err(NoChain(why))) => {
                self.push(Kind::Arc, "", &format!("no chain: {why}"), Weight::Refuted, None);
            }
            Some(Ok(chain)) => {
                let outcome = self.checked.arc.clone().unwrap_or(Outcome::NoKey);
                let of_set = |(at, set): (usize, &super::arc::Set<'_, '_>)| {
                    let says = Results::read(set.results.text().split_once(';').map_or("", |(_, rest)| rest)).says();
                    format!("i={} {} cv={} {says}", at + 1, set.seal.domain, set.seal.status.word())
                };
                let sets: Vec<String> = chain.sets.iter().enumerate().rev().map(of_set).collect();
                let sealer = chain.newest().map(|set| set.seal.domain.clone()).unwrap_or_default();
                let says = format!("{outcome}; {}", sets.join(" | "));
                self.push(Kind::Arc, &sealer, &says, weight_of(&outcome), None);
            }
        }
    }

    /// What a field at this place is worth that says it is of this server.
    fn weight(&self, server: Option<&str>) -> Weight {
        let is_above = self.above < self.trusted;
        let is_at_the_line = self.above == self.trusted && self.trusted > 0;
        let is_own = |server: &str| {
            let hops = self.trace.hops.iter().take(self.trusted);
            hops.filter_map(|hop| hop.by.name).any(|by| is_kin(by, server))
        };
        if is_above || (is_at_the_line && server.is_some_and(is_own)) { Weight::Believed } else { Weight::Claimed }
    }

    fn push(&mut self, kind: Kind, source: &str, says: &str, weight: Weight, tls: Option<bool>) {
        let hop = (self.above < self.trace.hops.len() && kind != Kind::Dkim && kind != Kind::Arc).then_some(self.above);
        self.items.push(Item { kind, source: tidied(source), says: tidied(says), weight, tls, hop });
    }
}

/// What a check is worth.
fn weight_of(outcome: &Outcome) -> Weight {
    match outcome {
        Outcome::Valid { .. } => Weight::Proved,
        Outcome::NoKey | Outcome::NoBody => Weight::Claimed,
        Outcome::BodyChanged
        | Outcome::Mismatch
        | Outcome::Revoked
        | Outcome::SmallKey
        | Outcome::Algorithm
        | Outcome::Expired
        | Outcome::Malformed(_) => Weight::Refuted,
    }
}

/// Whether two names are of one host or of one organisation.
fn is_kin(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other) || same_organisation(one, other).is_some()
}

/// Text without controls and bounded.
fn tidied(text: &str) -> String {
    let mut tidied: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAYS_MAX).collect::<String>();
    if text.chars().nth(SAYS_MAX).is_some() {
        tidied.push('…');
    }
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Trust, trace};

    /// What is found, with so many hops trusted: kind, source, weight, hop.
    fn found(header: &str, trusted: usize) -> Vec<(Kind, String, Weight, Option<usize>)> {
        let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
        let trust = Trust::default();
        let mut trace = trace(&block, &trust);
        for (at, hop) in trace.hops.iter_mut().enumerate() {
            hop.trusted = at < trusted;
            hop.by.name = Some("mx.clinic.example");
        }
        let evidence = gather(&block, &trace, b"", &Checked::default());
        evidence.items.into_iter().map(|item| (item.kind, item.source, item.weight, item.hop)).collect()
    }

    #[test]
    fn place_and_name_tell_who_can_have_written_a_field() {
        let results = "Authentication-Results: mx.clinic.example; spf=pass\n";
        let foreign = "Authentication-Results: mx.elsewhere.example; spf=pass\n";
        let header = format!("{foreign}Received: 1\n{results}{foreign}Received: 2\n{results}");
        let weights = |trusted| found(&header, trusted).into_iter().map(|item| item.2).collect::<Vec<_>>();
        use Weight::{Believed, Claimed};
        assert_eq!(weights(0), [Claimed, Claimed, Claimed, Claimed]);
        assert_eq!(weights(1), [Believed, Believed, Claimed, Claimed]);
        assert_eq!(weights(2), [Believed, Believed, Believed, Believed]);
        let hops: Vec<_> = found(&header, 1).into_iter().map(|item| item.3).collect();
        assert_eq!(hops, [Some(0), Some(1), Some(1), None]);
    }

    #[test]
    fn each_kind_is_found() {
        let header = "TLS-Required: No\nX-Pm-Transfer-Encryption: TLSv1.3\nX-MS-Exchange-Organization-AuthAs: Internal\n\
            X-Google-Smtp-Source: x\nReceived: 1\n\
            DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s1; h=from; bh=YQ==; b=YQ==\n\
            DKIM-Signature: rubbish\nARC-Seal: i=1; x\n";
        let kinds: Vec<_> = found(header, 1).into_iter().map(|item| (item.0, item.1, item.2)).collect();
        let expect = [
            (Kind::TlsRequired, "TLS-Required", Weight::Believed),
            (Kind::Transport, "X-Pm-Transfer-Encryption", Weight::Believed),
            (Kind::Microsoft, "X-MS-Exchange-Organization-AuthAs", Weight::Believed),
            (Kind::Google, "X-Google-Smtp-Source", Weight::Believed),
            (Kind::Dkim, "a.example", Weight::Claimed),
            (Kind::Dkim, "an unknown domain", Weight::Refuted),
            (Kind::Arc, "", Weight::Refuted),
        ];
        assert_eq!(kinds, expect.map(|(kind, source, weight)| (kind, source.to_owned(), weight)));
    }

    #[test]
    fn what_is_said_is_bounded_and_clean() {
        assert_eq!(tidied("a\x1b[31mb"), "a [31mb");
        assert_eq!(tidied(&"é".repeat(600)).chars().count(), SAYS_MAX + 1);
        let many = "X-Originating-IP: 192.0.2.1\n".repeat(500);
        assert_eq!(found(&many, 0).len(), ITEMS_MAX);
    }
}
