//! Whether a displayed name is somebody's on the staff, however it is written:
//! in another order, with titles, in letters that only look the same. Pure.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::lookalike::shape;

/// A name on the list.
#[derive(Clone, Debug)]
pub(crate) struct StaffName {
    /// As it was written.
    pub written: String,
    words: Vec<String>,
}

/// Words that say nothing of who it is.
const TITLES: [&str; 16] =
    ["dr", "md", "do", "rn", "np", "pa", "phd", "dds", "mr", "mrs", "ms", "prof", "jr", "sr", "esq", "mba"];
/// A shown name has so many more words at most: more make a sentence.
const WORDS_BESIDE_MAX: usize = 3;

impl StaffName {
    /// A name of two words at least; one word is anybody's.
    pub fn new(written: &str) -> Option<Self> {
        let words = words(written);
        (words.len() >= 2).then(|| Self { written: written.to_owned(), words })
    }

    /// Whether a shown name is this one.
    pub fn is_in(&self, shown: &str) -> bool {
        let shown = words(shown);
        shown.len() <= self.words.len() + WORDS_BESIDE_MAX && self.words.iter().all(|word| shown.contains(word))
    }
}

/// The words by their shapes, without titles and accents.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.nfd().filter(|c| !is_combining_mark(*c)).collect();
    let words = plain.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.filter(|word| !TITLES.contains(&word.to_lowercase().as_str())).map(shape).collect()
}
