//! Reading TOML tables key by key, so that each mistake has its path and each
//! unknown key a suggestion.

use std::collections::BTreeMap;
use std::fmt;

use toml::{Table, Value};

/// Why a policy was not read: every mistake that was found. All are the
/// administrator's to mend; nothing of the policy is used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PolicyError {
    /// The mistakes, in the order of the text.
    pub mistakes: Vec<Mistake>,
}

/// One mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The path of the key: `policy.rule[0].detector`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.problem) } else { write!(f, "{}: {}", self.path, self.problem) }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.mistakes.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

/// A table that is being read. [`Keys::end`] reports the keys that nobody asked for.
pub(super) struct Keys<'a> {
    path: String,
    left: BTreeMap<&'a str, &'a Value>,
    asked: Vec<&'static str>,
}

/// Where mistakes are gathered.
pub(super) type Mistakes = Vec<Mistake>;

/// Files a mistake.
pub(super) fn mistake(mistakes: &mut Mistakes, path: &str, problem: impl Into<String>) {
    mistakes.push(Mistake { path: path.to_owned(), problem: problem.into() });
}

impl<'a> Keys<'a> {
    pub(super) fn new(path: impl Into<String>, table: &'a Table) -> Self {
        let left = table.iter().map(|(key, value)| (key.as_str(), value)).collect();
        Self { path: path.into(), left, asked: Vec::new() }
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value of a key.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.left.remove(key)
    }

    /// The value of a key, read by `read`, which says what it wants instead.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes,
        read: impl FnOnce(&'a Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        read(value).map_err(|problem| mistake(mistakes, &self.path(key), problem)).ok()
    }

    /// One value or a list of them, each read by `read`.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        mistakes: &mut Mistakes,
        read: impl Fn(&'a Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let value = self.take(key)?;
        let is_list = value.is_array();
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        if values.is_empty() {
            // An empty list would match everything where a reader expects nothing.
            mistake(mistakes, &self.path(key), "is empty: name at least one, or leave the key out");
        }
        let mut found = Vec::new();
        for (number, value) in values.iter().enumerate() {
            match read(value) {
                Ok(one) => found.push(one),
                Err(problem) if !is_list => mistake(mistakes, &self.path(key), problem),
                Err(problem) => mistake(mistakes, &format!("{}[{number}]", self.path(key)), problem),
            }
        }
        Some(found)
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &'static str, mistakes: &mut Mistakes) -> Option<Keys<'a>> {
        let table = self.read(key, mistakes, |value| value.as_table().ok_or_else(|| wants("a table", value)))?;
        Some(Keys::new(self.path(key), table))
    }

    /// Reports what is left: keys that there are not.
    pub(super) fn end(self, mistakes: &mut Mistakes) {
        for key in self.left.keys() {
            let problem = format!("there is no such key{}", suggestion(key, &self.asked));
            mistake(mistakes, &self.path(key), problem);
        }
    }
}

/// A text.
pub(super) fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| wants("a text", value))
}

/// True or false.
pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| wants("true or false", value))
}

/// A share from 0 to 1.
pub(super) fn share(value: &Value) -> Result<f64, String> {
    let number =
        value.as_float().or_else(|| value.as_integer().and_then(|whole| i32::try_from(whole).ok()).map(f64::from));
    number.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| wants("a number from 0 to 1", value))
}

/// A whole number within bounds.
pub(super) fn whole(value: &Value, min: u64, max: u64) -> Result<u64, String> {
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    number
        .filter(|number| (min..=max).contains(number))
        .ok_or_else(|| wants(&format!("a whole number from {min} to {max}"), value))
}

/// One of a few words.
pub(super) fn word<T>(
    value: &Value,
    what: &str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| wants(what, value))?;
    read(text).ok_or_else(|| format!("\"{text}\" is no {what}{}", suggestion(text, known)))
}

/// What would have been right, and what kind of value stands there.
pub(super) fn wants(what: &str, value: &Value) -> String {
    format!("wants {what}, not {}", value.type_str())
}

/// `: did you mean "x"?` or the words that there are.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|known| (distance(word, known), known)).min();
    match nearest {
        Some((steps, known)) if steps <= 1 + known.len() / 4 => format!(": did you mean \"{known}\"?"),
        _ => format!("; there are {}", known.join(", ")),
    }
}

/// How many letters have to be put in, left out or changed (Levenshtein); two
/// that are swapped count once.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(64).collect(), to.chars().collect());
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    for (line, a) in from.iter().enumerate() {
        let mut next = vec![line + 1];
        for (column, b) in to.iter().enumerate() {
            let changed = at(&row, column) + usize::from(a != b);
            let mut steps = changed.min(at(&row, column + 1) + 1).min(at(&next, column) + 1);
            let before = (line.checked_sub(1).and_then(|i| from.get(i)), column.checked_sub(1).and_then(|i| to.get(i)));
            if before == (Some(b), Some(a)) {
                steps = steps.min(at(&above, column.saturating_sub(1)) + 1);
            }
            next.push(steps);
        }
        above = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested() {
        let known = ["recipient", "sender", "hold"];
        assert_eq!(suggestion("recipent", &known), ": did you mean \"recipient\"?");
        assert_eq!(suggestion("sedner", &known), ": did you mean \"sender\"?");
        assert_eq!(suggestion("hodl", &known), ": did you mean \"hold\"?");
        assert_eq!(suggestion("xyzzy", &known), "; there are recipient, sender, hold");
    }
}
