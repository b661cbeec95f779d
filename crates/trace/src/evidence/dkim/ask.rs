//! What must be known before signatures can be checked, for a reader who asks
//! DNS for the keys: who signs, by which keys, and whether there is a chain.

use std::collections::BTreeSet;

use super::signature::{NoSignature, Signature, key_name};
use crate::Block;
use crate::evidence::arc::{Chain, NoChain, Status};

/// A signature as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// `d=`: the domain that answers for the message.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// The name of the record with its key.
    pub key_name: String,
    /// `h=` in lower case: the names of the signed fields, each as often as it
    /// is signed.
    pub signed: Vec<String>,
    /// `t=`, in seconds since 1970.
    pub signed_at: Option<u64>,
    /// `x=`, in seconds since 1970.
    pub expires_at: Option<u64>,
}

/// The signers of a message, as [`Checked::dkim`](super::Checked) has their
/// outcomes; for a field that can't be read the tag that is wrong.
pub fn signers(block: &Block<'_>) -> Vec<Result<Signer, &'static str>> {
    let fields = block.fields().iter().filter(|field| field.is("DKIM-Signature")).take(super::check::SIGNATURES_MAX);
    fields.map(|field| Signature::read(&field.text()).map(Signer::from).map_err(|NoSignature(tag)| tag)).collect()
}

/// The names of the records with the keys that [`Checks`](super::Checks) want.
pub fn key_names(block: &Block<'_>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = signers(block).into_iter().flatten().map(|signer| signer.key_name).collect();
    if let Some(Ok(chain)) = Chain::collect(block) {
        names.extend(chain.sets.iter().map(|set| key_name(&set.seal.selector, &set.seal.domain)));
        names.extend(chain.newest().map(|newest| newest.signature.key_name()));
    }
    names
}

/// What stands of ARC in a header block (RFC 8617).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArcState {
    /// Nothing.
    None,
    /// Fields that make no chain, and why.
    Broken(&'static str),
    /// A chain, whose seals are another matter.
    Chain {
        /// How many sets it has.
        sets: usize,
        /// Who sealed the newest.
        sealer: String,
        /// The field with what the newest sealer says that it found.
        results: String,
        /// Whether a seal says that the chain was broken before it.
        is_given_up: bool,
    },
}

/// Looks at the ARC fields of a header block.
pub fn arc_state(block: &Block<'_>) -> ArcState {
    match Chain::collect(block) {
        None => ArcState::None,
        Some(Err(NoChain(why))) => ArcState::Broken(why),
        Some(Ok(chain)) => match chain.newest() {
            None => ArcState::None,
            Some(newest) => ArcState::Chain {
                sets: chain.sets.len(),
                sealer: newest.seal.domain.clone(),
                results: newest.results.text(),
                is_given_up: chain.sets.iter().any(|set| set.seal.status == Status::Fail),
            },
        },
    }
}

impl From<Signature> for Signer {
    fn from(signature: Signature) -> Self {
        Self {
            key_name: signature.key_name(),
            domain: signature.domain,
            selector: signature.selector,
            signed: signature.signed,
            signed_at: signature.signed_at,
            expires_at: signature.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn signers_and_the_keys_that_they_need_are_told() {
        let header = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s1; h=From:To:to; t=5; bh=YQ==; b=YQ==\n\
            DKIM-Signature: v=1; a=rsa-sha256; d=b.example; h=From; bh=YQ==; b=YQ==\n\
            ARC-Seal: i=1; a=rsa-sha256; d=f.example; s=seal; cv=none; b=YQ==\n\
            ARC-Message-Signature: i=1; a=rsa-sha256; d=f.example; s=arc; h=from; bh=YQ==; b=YQ==\n\
            ARC-Authentication-Results: i=1; f.example; dmarc=pass\n";
        let block = Block::read(header.as_bytes(), &Limits::default()).unwrap();
        let [Ok(first), Err("s=")] = &signers(&block)[..] else { panic!("two signatures") };
        assert_eq!((first.domain.as_str(), first.signed_at), ("a.example", Some(5)));
        assert_eq!(first.signed, ["from", "to", "to"]);
        let names: Vec<String> = key_names(&block).into_iter().collect();
        assert_eq!(names, ["arc._domainkey.f.example", "s1._domainkey.a.example", "seal._domainkey.f.example"]);
        let ArcState::Chain { sets: 1, sealer, results, is_given_up: false } = arc_state(&block) else {
            panic!("a chain")
        };
        assert_eq!((sealer.as_str(), results.as_str()), ("f.example", "i=1; f.example; dmarc=pass"));
    }
}
