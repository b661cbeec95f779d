//! What counts of a certificate at a given time: which statement is in force,
//! what has expired, what was revoked, what a component is meant for.

use jiff::Timestamp;
use pgp::crypto::aead::AeadAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{KeyFlags, Signature, SubpacketData};
use pgp::types::KeyDetails;

use crate::component::Component;
use crate::facts::{Bound, Facts, Statement};
use crate::{Certificate, Protection, Revocation, Unusable, UserId, UserIdState, algorithm, time, user_id};

/// What a component is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Encryption,
    Signing,
}

/// A certificate, seen at a time.
pub struct View<'a> {
    certificate: &'a Certificate,
    facts: &'a Facts,
    at: Timestamp,
    /// Whether a later statement may speak for a time before it.
    is_lenient: bool,
}

/// What a recipient's software can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    pub protection: Protection,
    pub ciphers: Option<Vec<SymmetricKeyAlgorithm>>,
    pub aeads: Vec<(SymmetricKeyAlgorithm, AeadAlgorithm)>,
}

impl<'a> View<'a> {
    /// As it is now.
    pub fn now(certificate: &'a Certificate, now: Timestamp) -> Self {
        Self { certificate, facts: certificate.facts(), at: time::latest(now), is_lenient: false }
    }

    /// As it was when a signature was made. Copies of a certificate often hold
    /// only the newest statements: where there was none yet, the earliest later
    /// one speaks, since the owner stood by the component then.
    pub fn then(certificate: &'a Certificate, at: Timestamp) -> Self {
        Self { certificate, facts: certificate.facts(), at, is_lenient: true }
    }

    /// The statement in force: the newest that was made and has not ended.
    fn in_force(&self, statements: &'a [Statement]) -> Option<&'a Statement> {
        let lives = |one: &&Statement| one.ends.is_none_or(|end| end > self.at);
        let found = statements.iter().find(|one| one.at <= self.at);
        match found {
            None if self.is_lenient => statements.last().filter(lives),
            found => found.filter(lives),
        }
    }

    /// The revocation of the whole certificate.
    pub fn revocation(&self) -> Option<Revocation> {
        self.reaching(&self.facts.revocations)
    }

    /// A hard revocation reaches all times; a soft one those after it. None is ever undone.
    fn reaching(&self, revocations: &[Revocation]) -> Option<Revocation> {
        revocations.iter().filter(|one| one.hard || one.at <= self.at).min_by_key(|one| (!one.hard, one.at)).cloned()
    }

    /// The statements over the primary key itself, the weightiest first: for
    /// version 4 the primary user id's, for version 6 the direct one (RFC 9580 §5.2.3.10).
    fn about_primary(&self) -> impl Iterator<Item = &'a Signature> {
        let direct = self.in_force(&self.facts.direct);
        let user = self.primary_user().map(|(_, statement)| statement);
        let (first, second) = if self.certificate.version() == 6 { (direct, user) } else { (user, direct) };
        first.into_iter().chain(second).map(|one| &one.signature)
    }

    /// The valid user id that is marked as primary, else the one signed last.
    fn primary_user(&self) -> Option<(usize, &'a Statement)> {
        let valid = self.facts.users.iter().enumerate().filter_map(|(index, user)| {
            (self.user_state(user) == UserIdState::Valid).then_some(())?;
            Some((index, self.in_force(&user.statements)?))
        });
        valid.max_by_key(|(_, one)| (one.signature.is_primary(), one.at))
    }

    pub fn expires_at(&self) -> Option<Timestamp> {
        let life = self.about_primary().find_map(Signature::key_expiration_time)?;
        time::end(self.certificate.created_at(), life.as_secs())
    }

    /// Whether the certificate as a whole can be used.
    pub fn check(&self) -> Result<(), Unusable> {
        let primary = self.certificate.primary();
        if let Some(revocation) = self.revocation() {
            return Err(Unusable::Revoked(revocation));
        }
        if self.certificate.created_at() > self.at {
            return Err(Unusable::NotYet(self.certificate.created_at()));
        }
        primary.check()?;
        if self.about_primary().next().is_none() {
            return Err(self.earliest_statement().map_or(Unusable::NotBound, Unusable::NotYet));
        }
        match self.expires_at() {
            Some(end) if end <= self.at => Err(Unusable::Expired(end)),
            _ => Ok(()),
        }
    }

    fn earliest_statement(&self) -> Option<Timestamp> {
        let users = self.facts.users.iter().flat_map(|user| &user.statements);
        users.chain(&self.facts.direct).map(|one| one.at).min().filter(|at| *at > self.at)
    }

    fn user_state(&self, user: &'a Bound) -> UserIdState {
        let Some(statement) = self.in_force(&user.statements) else {
            let ended = user.statements.iter().filter_map(|one| one.ends).find(|end| *end <= self.at);
            return ended.map_or(UserIdState::Unsigned, UserIdState::Expired);
        };
        // A user id that was taken back may be signed anew (RFC 9580 §5.2.1.16).
        let is_revoked = user.revocations.iter().any(|one| one.at >= statement.at && one.at <= self.at);
        if is_revoked { UserIdState::Revoked } else { UserIdState::Valid }
    }

    pub fn user_ids(&self) -> Vec<UserId> {
        let primary = self.primary_user().map(|(index, _)| index);
        let users = self.certificate.key().details.users.iter().zip(&self.facts.users).enumerate();
        let judged = users.map(|(index, (user, bound))| UserId {
            text: String::from_utf8_lossy(user.id.id()).into_owned(),
            address: user.id.as_str().and_then(user_id::address),
            state: self.user_state(bound),
            is_primary: primary == Some(index),
        });
        judged.collect()
    }

    /// All components with what binds them; the primary key binds itself.
    fn components(&self) -> impl Iterator<Item = (Component<'a>, Option<&'a Bound>)> {
        let components = self.certificate.components();
        components.map(|(component, index)| (component, index.and_then(|index| self.facts.subkeys.get(index))))
    }

    /// The component for a purpose, the newest where there are several: the one
    /// that GnuPG and others take too.
    pub fn component(&self, purpose: Purpose) -> Result<Usable<'a>, Unusable> {
        self.check()?;
        let mut best: Option<Usable<'a>> = None;
        let mut worst = Unusable::NoPart;
        for (component, bound) in self.components() {
            match self.component_for(component, bound, purpose) {
                Ok(usable) if best.as_ref().is_none_or(|best| usable.rank() > best.rank()) => best = Some(usable),
                Ok(_) => {}
                Err(reason) if weight(&reason) > weight(&worst) => worst = reason,
                Err(_) => {}
            }
        }
        best.ok_or(worst)
    }

    /// Whether this component could be used for the purpose, whatever is with the whole.
    fn component_for(
        &self,
        component: Component<'a>,
        bound: Option<&'a Bound>,
        purpose: Purpose,
    ) -> Result<Usable<'a>, Unusable> {
        let statement = match bound {
            None => None,
            Some(bound) => Some(self.in_force(&bound.statements).ok_or(Unusable::NoPart)?),
        };
        if !self.is_meant_for(component, statement, purpose) {
            return Err(Unusable::NoPart);
        }
        if let Some(revocation) = bound.and_then(|bound| self.reaching(&bound.revocations)) {
            return Err(Unusable::PartRevoked(revocation));
        }
        component.check()?;
        let created_at = time::from_packet(component.created_at());
        if created_at > self.at {
            return Err(Unusable::NotYet(created_at));
        }
        let life = statement.and_then(|one| one.signature.key_expiration_time());
        let own_end = life.and_then(|life| time::end(created_at, life.as_secs()));
        match own_end {
            Some(end) if end <= self.at => Err(Unusable::PartExpired(end)),
            own_end => Ok(Usable { component, expires_at: earlier(own_end, self.expires_at()), created_at }),
        }
    }

    /// Whether the component, by its place among the subkeys, can be used for the purpose.
    pub fn usable(
        &self,
        component: Component<'a>,
        index: Option<usize>,
        purpose: Purpose,
    ) -> Result<Usable<'a>, Unusable> {
        self.check()?;
        let bound = index.and_then(|index| self.facts.subkeys.get(index));
        self.component_for(component, bound, purpose)
    }

    pub fn direct_statement(&self) -> Option<&'a Signature> {
        self.in_force(&self.facts.direct).map(|one| &one.signature)
    }

    pub fn user_statement(&self, index: usize) -> Option<&'a Signature> {
        let bound = self.facts.users.get(index)?;
        self.in_force(&bound.statements).map(|one| &one.signature)
    }

    pub fn subkey_statement(&self, index: usize) -> Option<&'a Signature> {
        let bound = self.facts.subkeys.get(index)?;
        self.in_force(&bound.statements).map(|one| &one.signature)
    }

    /// The statement over a user id that was not taken back.
    pub fn live_user_statement(&self, index: usize) -> Option<&'a Signature> {
        let bound = self.facts.users.get(index)?;
        (self.user_state(bound) == UserIdState::Valid).then(|| self.user_statement(index)).flatten()
    }

    /// The statement over a subkey that was not revoked.
    pub fn live_subkey_statement(&self, index: usize) -> Option<&'a Signature> {
        let bound = self.facts.subkeys.get(index)?;
        let is_revoked = self.reaching(&bound.revocations).is_some();
        (!is_revoked).then(|| self.subkey_statement(index)).flatten()
    }

    /// Whether a correspondent needs the subkey: to use it, or to learn that it was revoked.
    pub fn is_told(&self, index: usize) -> bool {
        let Some((component, bound)) = self.components().nth(index.saturating_add(1)) else {
            return false;
        };
        let is_told =
            |purpose| matches!(self.component_for(component, bound, purpose), Ok(_) | Err(Unusable::PartRevoked(_)));
        is_told(Purpose::Encryption) || is_told(Purpose::Signing)
    }

    fn is_meant_for(&self, component: Component<'a>, statement: Option<&'a Statement>, purpose: Purpose) -> bool {
        let flags = match statement {
            Some(one) => key_flags(&one.signature),
            None => self.about_primary().find_map(key_flags),
        };
        match purpose {
            Purpose::Encryption => {
                // Old keys have no flags; the algorithm alone says what they are for.
                algorithm::encrypts(component.algorithm())
                    && flags.is_none_or(|flags| flags.encrypt_comms() || flags.encrypt_storage())
            }
            Purpose::Signing => {
                let is_returned = statement.is_none_or(|one| one.is_returned);
                algorithm::signs(component.algorithm())
                    && is_returned
                    && flags.map_or(component.is_primary(), KeyFlags::sign)
            }
        }
    }

    pub fn abilities(&self) -> Abilities {
        let features = self.about_primary().find_map(Signature::features);
        let is_aead = features.is_some_and(|features| features.seipd_v2());
        let ciphers = self.about_primary().map(Signature::preferred_symmetric_algs).find(|list| !list.is_empty());
        let aeads = self.about_primary().map(Signature::preferred_aead_algs).find(|list| !list.is_empty());
        Abilities {
            protection: if is_aead { Protection::Aead } else { Protection::Mdc },
            ciphers: ciphers.map(<[_]>::to_vec),
            aeads: aeads.unwrap_or_default().to_vec(),
        }
    }
}

/// A component that can be used.
#[derive(Debug, Clone, Copy)]
pub struct Usable<'a> {
    pub component: Component<'a>,
    pub expires_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl Usable<'_> {
    /// Subkeys before the primary key, then the newest.
    fn rank(&self) -> (bool, Timestamp) {
        (!self.component.is_primary(), self.created_at)
    }
}

fn key_flags(signature: &Signature) -> Option<&KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|part| match &part.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// Of several reasons, the one that tells the most is named.
const fn weight(reason: &Unusable) -> u8 {
    match reason {
        Unusable::PartExpired(_) => 6,
        Unusable::PartRevoked(_) => 5,
        Unusable::NotYet(_) => 4,
        Unusable::Weak(_) => 3,
        Unusable::Unsupported(_) => 2,
        Unusable::Revoked(_) | Unusable::Expired(_) | Unusable::NotBound => 1,
        Unusable::NoPart => 0,
    }
}
