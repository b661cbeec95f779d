//! ARC sets (RFC 8617): what each forwarder says it found, and whether the
//! chain of their seals holds.
//!
//! A seal proves who says it, never that what is said is true.

use super::dkim::{Algorithm, NoSignature, Signature, base64_of, canonical_relaxed, name, without_signature};
use super::tags::Tags;
use crate::Block;
use crate::header::Field;

/// RFC 8617 §4.2.1: no chain is longer.
const SETS_MAX: usize = 50;

/// What a seal says of the chain before it (RFC 8617 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    None,
    Pass,
    Fail,
}

impl Status {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// One ARC-Seal, read.
#[derive(Clone, Debug)]
pub(crate) struct Seal {
    pub(crate) algorithm: Algorithm,
    pub(crate) domain: String,
    pub(crate) selector: String,
    pub(crate) status: Status,
    pub(crate) signature: Vec<u8>,
}

/// One set: three fields of one number.
pub(crate) struct Set<'a, 'h> {
    pub(crate) results: &'a Field<'h>,
    pub(crate) message_signature: &'a Field<'h>,
    pub(crate) seal_field: &'a Field<'h>,
    pub(crate) seal: Seal,
    pub(crate) signature: Signature,
}

/// A chain whose sets are whole, the oldest first.
pub(crate) struct Chain<'a, 'h> {
    pub(crate) sets: Vec<Set<'a, 'h>>,
}

/// Why the fields make no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoChain(pub(crate) &'static str);

/// The fields of one number.
#[derive(Default)]
struct Slot<'a, 'h> {
    results: Option<&'a Field<'h>>,
    message_signature: Option<&'a Field<'h>>,
    seal: Option<&'a Field<'h>>,
}

impl<'a, 'h> Chain<'a, 'h> {
    /// Collects the sets of a header block; None where there is no ARC field.
    /// The structure is judged as RFC 8617 §5.2 says, steps 1 to 3.
    pub(crate) fn collect(block: &'a Block<'h>) -> Option<Result<Self, NoChain>> {
        let fields: Vec<&Field<'_>> = block.fields().iter().filter(|field| is_arc(field)).collect();
        (!fields.is_empty()).then(|| Self::from_fields(&fields))
    }

    fn from_fields(fields: &[&'a Field<'h>]) -> Result<Self, NoChain> {
        if fields.len() > SETS_MAX * 3 {
            return Err(NoChain("there are too many sets"));
        }
        let mut slots: Vec<Slot<'a, 'h>> = Vec::new();
        for field in fields {
            let number = instance(field).ok_or(NoChain("a field has no number"))?;
            if number > SETS_MAX {
                return Err(NoChain("there are too many sets"));
            }
            while slots.len() < number {
                slots.push(Slot::default());
            }
            let slot = slots.get_mut(number - 1).ok_or(NoChain("a field has no number"))?;
            let place = match () {
                () if field.is("ARC-Seal") => &mut slot.seal,
                () if field.is("ARC-Message-Signature") => &mut slot.message_signature,
                () => &mut slot.results,
            };
            if place.replace(field).is_some() {
                return Err(NoChain("a set has a field twice"));
            }
        }
        let sets = slots.into_iter().enumerate().map(|(at, slot)| slot.set(at)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { sets })
    }

    /// The newest set.
    pub(crate) fn newest(&self) -> Option<&Set<'a, 'h>> {
        self.sets.last()
    }

    /// The bytes that the seal of set `at` is over (RFC 8617 §5.1.1).
    pub(crate) fn sealed(&self, at: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(4096);
        for (index, set) in self.sets.iter().enumerate().take(at + 1) {
            canonical_relaxed(set.results.raw, &mut bytes);
            canonical_relaxed(set.message_signature.raw, &mut bytes);
            if index < at {
                canonical_relaxed(set.seal_field.raw, &mut bytes);
            } else {
                canonical_relaxed(&without_signature(set.seal_field.raw), &mut bytes);
                let end = bytes.len() - bytes.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                bytes.truncate(end);
            }
        }
        bytes
    }
}

impl<'a, 'h> Slot<'a, 'h> {
    fn set(self, at: usize) -> Result<Set<'a, 'h>, NoChain> {
        let (Some(results), Some(message_signature), Some(seal_field)) =
            (self.results, self.message_signature, self.seal)
        else {
            return Err(NoChain("a set is not whole"));
        };
        let seal = seal(&seal_field.text()).ok_or(NoChain("a seal can't be read"))?;
        let is_first = at == 0;
        if seal.status != Status::Fail && (seal.status == Status::None) != is_first {
            return Err(NoChain("a seal says what it can't say"));
        }
        let tags = Tags::read(&message_signature.text()).map_err(|_| NoChain("a signature can't be read"))?;
        let signature = Signature::read_arc(&tags).map_err(|NoSignature(_)| NoChain("a signature can't be read"))?;
        // RFC 8617 §4.1.2: the message signature is never over a seal.
        if signature.signed.iter().any(|name| name == "arc-seal") {
            return Err(NoChain("a signature is over a seal"));
        }
        Ok(Set { results, message_signature, seal_field, seal, signature })
    }
}

pub(crate) fn is_arc(field: &Field<'_>) -> bool {
    ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"].iter().any(|name| field.is(name))
}

/// The number of a field: the tag `i=`, which stands first in results.
fn instance(field: &Field<'_>) -> Option<usize> {
    let text = field.text();
    let number = if field.is("ARC-Authentication-Results") {
        let (name, value) = text.split(';').next()?.split_once('=')?;
        (name.trim() == "i").then(|| value.trim().to_owned())?
    } else {
        Tags::read(&text).ok()?.compact("i")?
    };
    let is_number = number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse().ok().filter(|number| is_number && *number > 0)
}

fn seal(text: &str) -> Option<Seal> {
    let tags = Tags::read(text).ok()?;
    let status = match tags.compact("cv")?.to_ascii_lowercase().as_str() {
        "none" => Status::None,
        "pass" => Status::Pass,
        "fail" => Status::Fail,
        _ => return None,
    };
    // RFC 8617 §4.1.3: a seal names no fields.
    if tags.value("h").is_some() {
        return None;
    }
    Some(Seal {
        algorithm: Algorithm::from_word(&tags.compact("a")?),
        domain: name(&tags, "d")?,
        selector: name(&tags, "s")?,
        status,
        signature: base64_of(&tags, "b")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn set(number: usize, status: &str) -> String {
        format!(
            "ARC-Seal: i={number}; a=rsa-sha256; d=f{number}.example; s=a; cv={status}; b=YQ==\n\
             ARC-Message-Signature: i={number}; a=rsa-sha256; d=f{number}.example; s=a; h=from; bh=YQ==; b=YQ==\n\
             ARC-Authentication-Results: i={number}; f{number}.example; spf=pass\n"
        )
    }

    fn check(header: &str, expect: Option<Result<usize, NoChain>>) {
        let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
        let found = Chain::collect(&block).map(|chain| chain.map(|chain| chain.sets.len()));
        assert_eq!(found, expect, "{header}");
    }

    #[test]
    fn sets_are_collected_and_what_is_no_chain_says_why() {
        check("From: a@b.example\n", None);
        check(&set(1, "none"), Some(Ok(1)));
        check(&[set(2, "pass"), set(1, "none")].concat(), Some(Ok(2)));
        check(&[set(1, "none"), set(2, "fail")].concat(), Some(Ok(2)));
        check(&set(1, "pass"), Some(Err(NoChain("a seal says what it can't say"))));
        check(&[set(1, "none"), set(2, "none")].concat(), Some(Err(NoChain("a seal says what it can't say"))));
        check(&set(2, "pass"), Some(Err(NoChain("a set is not whole"))));
        check(&[set(1, "none"), set(1, "none")].concat(), Some(Err(NoChain("a set has a field twice"))));
        check(&set(51, "pass"), Some(Err(NoChain("there are too many sets"))));
        check("ARC-Seal: x\n", Some(Err(NoChain("a field has no number"))));
        check(&set(1, "maybe"), Some(Err(NoChain("a seal can't be read"))));
    }
}
