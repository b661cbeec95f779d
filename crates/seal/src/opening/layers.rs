//! The layers of a message, peeled one after the other until what is left is
//! content. Each step looks at the exact bytes that the layer before it gave.

use std::ops::Range;

use jiff::Timestamp;
use mail::entity::Entity;
use mail::{Address, Wiped, mailbox};

use super::cover::{Cover, bare, cover};
use super::report::{Covers, Format, ProtectedFields, Report};
use super::step::{Inside, Step, step};
use super::verdict::{Bench, Verdict};
use super::{Keys, Limits, Opened, Refused, headers};
use crate::protect::Integrity;

/// See [`super::open`].
pub(super) fn open(message: &[u8], keys: &Keys<'_>, now: Timestamp, limits: &Limits) -> Result<Opened, Refused> {
    let mut opening = Opening {
        keys,
        now,
        limits,
        bytes: Held::Message(message),
        range: 0..message.len(),
        covers: Covers::Whole,
        is_entity: true,
        is_entered: false,
        layers: Vec::new(),
        verdicts: Vec::new(),
    };
    while opening.peel()? {}
    opening.look_inside()?;
    Ok(opening.finish(Entity::read(message).header))
}

/// What is being opened: some bytes, of which a range is the entity at hand.
struct Opening<'a> {
    keys: &'a Keys<'a>,
    now: Timestamp,
    limits: &'a Limits,
    bytes: Held<'a>,
    range: Range<usize>,
    covers: Covers,
    is_entity: bool,
    /// Whether anything protected was found.
    is_entered: bool,
    layers: Vec<Layer>,
    verdicts: Vec<(Covers, Verdict)>,
}

/// The message, or what came out of it.
enum Held<'a> {
    Message(&'a [u8]),
    Inside(Wiped),
}

/// A layer that was peeled.
struct Layer {
    format: Format,
    /// How it was encrypted, if it was.
    encryption: Option<(String, Integrity)>,
}

impl Opening<'_> {
    fn at_hand(&self) -> &[u8] {
        let bytes: &[u8] = match &self.bytes {
            Held::Message(bytes) => bytes,
            Held::Inside(bytes) => bytes,
        };
        bytes.get(self.range.clone()).unwrap_or_default()
    }

    /// Goes on with the only part among these, if there is one.
    fn narrow(&mut self, parts: &[Range<usize>]) -> Result<bool, Refused> {
        match parts {
            [] => Ok(false),
            [part] => {
                let from = self.range.start;
                self.range = from + part.start..from + part.end;
                self.covers = Covers::Part;
                Ok(true)
            }
            _ => Err(Refused::Several),
        }
    }

    /// Peels one layer, or finds where the first one is; false if there is no more.
    fn peel(&mut self) -> Result<bool, Refused> {
        let entity = Entity::read(self.at_hand());
        let is_inside = !self.layers.is_empty();
        let found = if is_inside { cover(&entity, false) } else { bare(entity.raw).or_else(|| cover(&entity, true)) };
        let Some(found) = found.filter(|_| self.is_entity) else {
            return if self.is_entered { self.descend() } else { self.enter() };
        };
        if self.layers.len() >= self.limits.layers_max {
            return Err(Refused::TooDeep);
        }
        let is_inline = matches!(found, Cover::Inline(_));
        let step = step(&entity, found, self.keys, self.now, self.limits)?;
        if is_inline {
            self.covers = Covers::Part;
        }
        self.is_entered = true;
        self.apply(step);
        Ok(true)
    }

    /// The whole message is not protected: goes on with the one part of it that is.
    fn enter(&mut self) -> Result<bool, Refused> {
        self.is_entered = true;
        let parts = protected_parts(&Entity::read(self.at_hand()), self.limits, &|_| true)?;
        if self.narrow(&parts)? { Ok(true) } else { Err(Refused::Nothing) }
    }

    /// A list server signs what it passes on: one sealed part within a signed
    /// message is opened too.
    fn descend(&mut self) -> Result<bool, Refused> {
        if !self.is_entity || self.layers.iter().any(|layer| layer.encryption.is_some()) {
            return Ok(false);
        }
        let parts = protected_parts(&Entity::read(self.at_hand()), self.limits, &|found| found.is_encrypted())?;
        self.narrow(&parts)
    }

    fn apply(&mut self, step: Step) {
        let Step { format, inside, encryption, verdicts, is_entity } = step;
        self.verdicts.extend(verdicts.into_iter().map(|verdict| (self.covers, verdict)));
        self.layers.push(Layer { format, encryption });
        self.is_entity = is_entity;
        match inside {
            Inside::Range(range) => {
                let from = self.range.start;
                self.range = from + range.start..from + range.end;
            }
            Inside::Bytes(bytes) => {
                self.range = 0..bytes.len();
                self.bytes = Held::Inside(bytes);
            }
        }
    }

    /// Signatures over parts of the content, which are told and left as they are.
    fn look_inside(&mut self) -> Result<(), Refused> {
        if !self.is_entity {
            return Ok(());
        }
        let entity = Entity::read(self.at_hand());
        let mut verdicts = Vec::new();
        for range in protected_parts(&entity, self.limits, &|found| found.is_signed())? {
            let part = Entity::read(entity.raw.get(range).unwrap_or_default());
            let Some(found) = cover(&part, false) else { continue };
            if let Ok(step) = step(&part, found, self.keys, self.now, self.limits) {
                verdicts.extend(step.verdicts.into_iter().map(|verdict| (Covers::Part, verdict)));
            }
        }
        self.verdicts.extend(verdicts);
        Ok(())
    }

    fn finish(self, outer: &[u8]) -> Opened {
        let payload = Entity::read(self.at_hand());
        let is_whole = self.is_entity && self.covers == Covers::Whole;
        let headers = is_whole.then(|| headers::protected(&payload, outer)).flatten();
        let author = author(outer, headers.as_ref());
        let bench = |covers| Bench { given: self.keys.given, author: author.as_ref(), covers };
        let signatures = self.verdicts.iter().map(|(covers, verdict)| bench(*covers).judge(verdict)).collect();
        let announced =
            self.verdicts.iter().filter_map(|(covers, verdict)| bench(*covers).announced(verdict)).collect();
        let encryptions = || self.layers.iter().filter_map(|layer| layer.encryption.as_ref());
        let report = Report {
            format: self.layers.first().map_or(Format::Smime, |layer| layer.format),
            encrypted: encryptions().next().is_some(),
            integrity: encryptions().map(|(_, integrity)| *integrity).min().unwrap_or(Integrity::None),
            ciphers: encryptions().map(|(cipher, _)| cipher.clone()).collect(),
            covers: self.covers,
            signatures,
            headers,
        };
        let is_entity = self.is_entity;
        Opened { entity: self.into_bytes(), is_entity, report, announced }
    }

    fn into_bytes(self) -> Wiped {
        match self.bytes {
            Held::Inside(bytes) => bytes.narrowed(self.range),
            Held::Message(bytes) => Wiped::new(bytes.get(self.range).unwrap_or_default().to_vec()),
        }
    }
}

/// Who wrote the message: whoever From names outside, if the protected From
/// does not name somebody else. Without a From outside, the protected one.
fn author(outer: &[u8], headers: Option<&ProtectedFields>) -> Option<Address> {
    let has_from = mail::header::fields(outer).any(|field| field.is("From"));
    let outside = mailbox::author(outer);
    match headers {
        Some(inside) if !has_from => inside.from.clone(),
        Some(inside) if inside.mismatch.iter().any(|name| name == "From") && inside.from != outside => None,
        _ => outside,
    }
}

/// Whether any part of the entity is protected, or there are more than are looked at.
pub(super) fn has_protected_part(entity: &Entity<'_>) -> bool {
    protected_parts(entity, &Limits::default(), &|_| true).map_or(true, |found| !found.is_empty())
}

/// Where in the entity the outermost protected parts are that are wanted.
/// Messages within the message are attachments, which nobody opens on the way.
fn protected_parts(
    entity: &Entity<'_>,
    limits: &Limits,
    is_wanted: &dyn Fn(&Cover<'_>) -> bool,
) -> Result<Vec<Range<usize>>, Refused> {
    let mut search = Search { limits, is_wanted, parts: 0, found: Vec::new() };
    search.children(entity, 0, 0)?;
    Ok(search.found)
}

struct Search<'a> {
    limits: &'a Limits,
    is_wanted: &'a dyn Fn(&Cover<'_>) -> bool,
    parts: usize,
    found: Vec<Range<usize>>,
}

impl Search<'_> {
    /// `at` is where the entity begins.
    fn children(&mut self, entity: &Entity<'_>, at: usize, depth: usize) -> Result<(), Refused> {
        if depth > self.limits.depth_max {
            return Err(Refused::TooDeep);
        }
        let body_at = at + entity.raw.len().saturating_sub(entity.body.len());
        for range in entity.part_ranges() {
            self.parts += 1;
            if self.parts > self.limits.parts_max {
                return Err(Refused::TooDeep);
            }
            let part = Entity::read(entity.body.get(range.clone()).unwrap_or_default());
            let place = body_at + range.start..body_at + range.end;
            match cover(&part, true) {
                Some(found) if (self.is_wanted)(&found) => self.found.push(place),
                Some(_) => {}
                None => self.children(&part, place.start, depth + 1)?,
            }
        }
        Ok(())
    }
}
