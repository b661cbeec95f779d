//! What a detector found: what, where, how sure, and masked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A kind of health information or of what identifies a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// Social security number.
    Ssn,
    /// National Provider Identifier.
    Npi,
    /// Medicare Beneficiary Identifier.
    Mbi,
    /// DEA registration number.
    Dea,
    /// Payment card number.
    Card,
    /// Diagnosis code of ICD-10-CM.
    Icd10,
    /// Date of birth.
    Dob,
    /// Name of a drug.
    Drug,
    /// Medical record number.
    Mrn,
    /// Health plan member id.
    MemberId,
    /// Phone number.
    Phone,
}

impl Detector {
    /// Every detector.
    pub const ALL: [Detector; 11] = [
        Detector::Ssn,
        Detector::Npi,
        Detector::Mbi,
        Detector::Dea,
        Detector::Card,
        Detector::Icd10,
        Detector::Dob,
        Detector::Drug,
        Detector::Mrn,
        Detector::MemberId,
        Detector::Phone,
    ];

    /// The word for it in configuration and JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Detector::Ssn => "ssn",
            Detector::Npi => "npi",
            Detector::Mbi => "mbi",
            Detector::Dea => "dea",
            Detector::Card => "card",
            Detector::Icd10 => "icd10",
            Detector::Dob => "dob",
            Detector::Drug => "drug",
            Detector::Mrn => "mrn",
            Detector::MemberId => "member_id",
            Detector::Phone => "phone",
        }
    }

    /// The detector that `word` names, if any.
    pub fn from_word(word: &str) -> Option<Detector> {
        Detector::ALL.into_iter().find(|detector| detector.word() == word)
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where in a message something was found, for its reader.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Where {
    /// The subject.
    Subject,
    /// The plain text.
    Text,
    /// The HTML, as text.
    Html,
    /// An attachment or its name; what was found in the name is masked in it.
    Attachment(String),
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Where::Subject => f.write_str("subject"),
            Where::Text => f.write_str("text"),
            Where::Html => f.write_str("html"),
            Where::Attachment(name) => write!(f, "attachment:{name}"),
        }
    }
}

/// One thing that a detector found. What was found itself never leaves this
/// crate: only `masked` does.
#[derive(Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub detector: Detector,
    /// Where it is.
    pub place: Where,
    /// How sure the detector is, 0 to 1.
    pub confidence: f64,
    /// What was found, with all but its last characters hidden.
    pub masked: String,
    /// What was found, in one spelling, so that repeats count once.
    pub(crate) value: String,
}

impl fmt::Debug for Finding {
    /// Without the value: health information has no place in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finding")
            .field("detector", &self.detector)
            .field("place", &self.place)
            .field("confidence", &self.confidence)
            .field("masked", &self.masked)
            .finish_non_exhaustive()
    }
}
