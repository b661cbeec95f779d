//! Names of drugs, from the list in `data/drugs.txt` and the configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind};

use super::candidate::Candidate;
use super::text::{Text, Word, is_whole_word};
use crate::finding::Detector;

/// The list that ships.
pub(super) const LIST: &str = include_str!("../../data/drugs.txt");

/// The names of drugs that are looked for.
#[derive(Clone, Debug)]
pub struct Drugs {
    /// Names that the configuration adds.
    pub add: Vec<String>,
    /// Names that the configuration takes away.
    pub remove: Vec<String>,
    finder: Arc<Finder>,
}

impl PartialEq for Drugs {
    fn eq(&self, other: &Self) -> bool {
        self.add == other.add && self.remove == other.remove
    }
}

impl Default for Drugs {
    fn default() -> Self {
        Self { add: Vec::new(), remove: Vec::new(), finder: Arc::clone(&BUILT_IN) }
    }
}

static BUILT_IN: LazyLock<Arc<Finder>> = LazyLock::new(|| Arc::new(Finder::new(names())));

#[derive(Debug)]
struct Finder {
    automaton: AhoCorasick,
    /// The name and whether it is also a common word, for each pattern.
    names: Vec<(String, bool)>,
}

impl Finder {
    fn new(names: BTreeMap<String, bool>) -> Self {
        let automaton =
            AhoCorasickBuilder::new().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(names.keys());
        Self { automaton: automaton.expect("the names make an automaton"), names: names.into_iter().collect() }
    }
}

impl Drugs {
    /// The list with names added and names taken away; case does not count.
    pub fn new(add: Vec<String>, remove: Vec<String>) -> Self {
        if add.is_empty() && remove.is_empty() {
            return Self::default();
        }
        let mut names = names();
        names.extend(add.iter().map(|name| (name.to_lowercase(), false)));
        for name in &remove {
            names.remove(&name.to_lowercase());
        }
        Self { add, remove, finder: Arc::new(Finder::new(names)) }
    }

    /// Whether the list that ships has a name.
    pub fn knows(name: &str) -> bool {
        BUILT_IN.names.binary_search_by(|(own, _)| own.as_str().cmp(&name.to_lowercase())).is_ok()
    }
}

/// The names of the list, each with whether it is also a common word.
fn names() -> BTreeMap<String, bool> {
    let lines = LIST.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| line.split([':', ','])).map(str::trim).filter(|name| !name.is_empty()).map(name).collect()
}

fn name(written: &str) -> (String, bool) {
    let plain = written.strip_prefix('?');
    (plain.unwrap_or(written).to_lowercase(), plain.is_some())
}

pub(super) fn find(drugs: &Drugs, text: &Text<'_>, out: &mut Vec<Candidate>) {
    for found in drugs.finder.automaton.find_overlapping_iter(text.plain) {
        let range = found.range();
        let Some((name, is_common)) = drugs.finder.names.get(found.pattern().as_usize()) else { continue };
        if !is_whole_word(text.plain, range.clone()) {
            continue;
        }
        let is_dosed = text.near(Word::Dose, &range, 40, 40);
        let confidence = match (is_dosed, is_common) {
            (true, false) => 0.9,
            (true, true) => 0.7,
            (false, false) => 0.7,
            // A common word alone is no finding at all.
            (false, true) => continue,
        };
        out.push(Candidate::new(Detector::Drug, range, confidence, name.as_str()));
    }
}
