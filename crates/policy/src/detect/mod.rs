//! The detectors: what looks like health information, checked, with how sure.
//!
//! They read a message as its reader sees it: subject, text, HTML as text, text
//! attachments, nested messages and the names of attachments. Every pattern is
//! bounded in length and every look around it too, so the time is linear in the
//! size of the message.

mod candidate;
mod columns;
mod dob;
mod drug;
mod icd10;
mod labelled;
mod luhn;
mod normal;
mod phone;
mod registry;
mod scan;
mod ssn;
mod text;

use std::collections::BTreeSet;

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::finding::Detector;
use candidate::Candidate;
use text::Text;

pub use drug::Drugs;
pub use labelled::{Labelled, LabelledError};
pub use scan::scan;

/// The edition of the detectors: it rises when what they find in the same text
/// changes by more than the lists that ship.
pub(crate) const EDITION: u32 = 1;

/// A digest of the lists that ship, so that a policy's hash says which judged.
pub(crate) fn lists() -> String {
    let digest = Sha256::new().chain_update(drug::LIST).chain_update(text::LIST).finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What the detectors look for.
#[derive(Clone, Debug, PartialEq)]
pub struct Detectors {
    /// Detectors that are switched off.
    pub off: BTreeSet<Detector>,
    /// What is a medical record number.
    pub mrn: Labelled,
    /// What is a member id.
    pub member_id: Labelled,
    /// What is a drug.
    pub drug: Drugs,
}

impl Default for Detectors {
    fn default() -> Self {
        Self { off: BTreeSet::new(), mrn: Labelled::mrn(), member_id: Labelled::member_id(), drug: Drugs::default() }
    }
}

impl Detectors {
    /// What all detectors that are on propose for a text.
    fn candidates(&self, text: &Text<'_>) -> Vec<Candidate> {
        let mut out = Vec::new();
        for detector in Detector::ALL.into_iter().filter(|detector| !self.off.contains(detector)) {
            match detector {
                Detector::Ssn => ssn::find(text, &mut out),
                Detector::Npi => luhn::find_npi(text, &mut out),
                Detector::Mbi => registry::find_mbi(text, &mut out),
                Detector::Dea => registry::find_dea(text, &mut out),
                Detector::Card => luhn::find_card(text, &mut out),
                Detector::Icd10 => icd10::find(text, &mut out),
                Detector::Dob => dob::find(text, &mut out),
                Detector::Drug => drug::find(&self.drug, text, &mut out),
                Detector::Mrn => labelled::find(Detector::Mrn, &self.mrn, text, &mut out),
                Detector::MemberId => labelled::find(Detector::MemberId, &self.member_id, text, &mut out),
                Detector::Phone => phone::find(text, &mut out),
            }
        }
        out
    }
}

/// A pattern of ours. It is text in this crate, so it is asserted to compile.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a built-in pattern compiles")
}

#[cfg(test)]
mod tests;
