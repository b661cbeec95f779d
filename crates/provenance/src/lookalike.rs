//! Whether a domain looks like another: the same shape in other letters
//! (UTS #39), a slip or two away, or with the other's whole name in it. Pure.

use mail::Domain;
use unicode_security::confusable_detection::skeleton;

/// A domain that others may want to look like.
#[derive(Clone, Debug)]
pub(crate) struct Protected {
    pub domain: Domain,
    /// The shape of each label.
    shapes: Vec<String>,
    /// The label by which people know it.
    name: usize,
}

/// Names of fewer letters resemble too much.
const NAME_LETTERS_MIN: usize = 5;
/// From so many letters on, a name under another suffix is no chance.
const NAME_LETTERS_TELLING: usize = 8;

impl Protected {
    pub fn new(domain: &Domain) -> Self {
        let shapes = shapes(domain);
        let names = shapes.iter().enumerate().take(shapes.len().saturating_sub(1).max(1));
        let name = names.max_by_key(|(at, shape)| (shape.chars().count(), *at)).map_or(0, |(at, _)| at);
        Self { domain: domain.clone(), shapes, name }
    }

    /// Whether another domain looks like this one. This one, and what lies
    /// below it, does not.
    pub fn looks_like(&self, other: &Domain) -> bool {
        if other.is_within(&self.domain) {
            return false;
        }
        let others = shapes(other);
        self.has_same_shape(&others)
            || self.is_a_slip_away(&others)
            || self.is_inside(&others)
            || self.is_under_other_suffix(&others)
    }

    /// The last labels of the other, as many as this has.
    fn end_of<'o>(&self, others: &'o [String]) -> Option<&'o [String]> {
        others.len().checked_sub(self.shapes.len()).and_then(|from| others.get(from..))
    }

    fn has_same_shape(&self, others: &[String]) -> bool {
        self.end_of(others) == Some(&self.shapes)
    }

    fn is_a_slip_away(&self, others: &[String]) -> bool {
        let Some(end) = self.end_of(others) else { return false };
        let (own, other) = (self.shapes.join("."), end.join("."));
        let letters = self.shapes.get(self.name).map_or(0, |name| name.chars().count());
        let allowed = match letters {
            0..NAME_LETTERS_MIN => return false,
            letters if letters < 2 * NAME_LETTERS_MIN => 1,
            _ => 2,
        };
        distance(&own, &other) <= allowed
    }

    /// `clinic.example.evil.test`, `clinic-example.test`, `clinicexample.test`.
    fn is_inside(&self, others: &[String]) -> bool {
        let is_sequence =
            self.shapes.len() > 1 && others.windows(self.shapes.len()).any(|window| window == self.shapes);
        let (dashed, joined) = (self.shapes.join("-"), self.shapes.concat());
        let is_telling = joined.chars().count() >= NAME_LETTERS_TELLING;
        is_sequence || (is_telling && others.iter().any(|label| label.contains(&dashed) || label.contains(&joined)))
    }

    fn is_under_other_suffix(&self, others: &[String]) -> bool {
        let Some(name) = self.shapes.get(self.name).filter(|name| name.chars().count() >= NAME_LETTERS_TELLING) else {
            return false;
        };
        let before_suffix = others.len().saturating_sub(1);
        others.iter().take(before_suffix).any(|label| label == name)
    }
}

/// The shape of each label, as it is shown.
fn shapes(domain: &Domain) -> Vec<String> {
    let (shown, _) = idna::domain_to_unicode(domain.as_str());
    shown.split('.').map(shape).collect()
}

/// What a text looks like: confusable letters as one, and pairs of letters
/// that are read as one.
pub(crate) fn shape(text: &str) -> String {
    let shape: String = skeleton(&text.to_lowercase()).collect();
    let folded: String = shape
        .to_lowercase()
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '|' => 'l',
            '5' => 's',
            c => c,
        })
        .collect();
    folded.replace("vv", "w").replace("cl", "d")
}

/// Slips between two texts: letters added, left out, exchanged or swapped with
/// their neighbours. No more than three are counted.
fn distance(one: &str, other: &str) -> usize {
    const COUNTED_MAX: usize = 3;
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) >= COUNTED_MAX {
        return COUNTED_MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let exchanged = row[j] + usize::from(a != b);
            let mut best = exchanged.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default().min(COUNTED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: &str, other: &str, expect: bool) {
        let domain = |text: &str| Domain::parse(text).unwrap();
        assert_eq!(Protected::new(&domain(own)).looks_like(&domain(other)), expect, "{own} {other}");
    }

    #[test]
    fn the_same_shape_in_other_letters_looks_alike() {
        check("clinic.example", "cl\u{456}nic.example", true);
        check("clinic.example", "\u{441}linic.example", true);
        check("harmony.example", "harrnony.example", true);
        check("wellness.example", "vvellness.example", true);
        check("lakeside.example", "1akeside.example", true);
        check("lakeside.example", "mail.1akeside.example", true);
        check("toledo.example", "t0ledo.example", true);
        check("medical.example", "medica1.example", true);
        check("ab.example", "\u{430}b.example", true);
    }

    #[test]
    fn a_slip_away_looks_alike() {
        check("clinic.example", "clinics.example", true);
        check("clinic.example", "clniic.example", true);
        check("clinic.example", "clinik.example", true);
        check("lakeside-clinic.example", "lakesyde-clinik.example", true);
        check("clinic.example", "cliniqx.example", false);
        check("gp.example", "ga.example", false);
    }

    #[test]
    fn the_whole_name_inside_another_looks_alike() {
        check("clinic.example", "clinic.example.evil.test", true);
        check("clinic.example", "login.clinic.example.evil.test", true);
        check("clinic.example", "clinic-example.test", true);
        check("clinic.example", "secure-clinicexample.test", true);
        check("lakeside-clinic.example", "lakeside-clinic.test", true);
        check("lakeside-clinic.example", "lakeside-clinic.evil.test", true);
    }

    #[test]
    fn itself_and_what_is_only_similar_does_not() {
        check("clinic.example", "clinic.example", false);
        check("clinic.example", "mail.clinic.example", false);
        check("clinic.example", "clinic.test", false);
        check("clinic.example", "my-clinic.example", false);
        check("clinic.example", "hospital.example", false);
        check("clinic.example", "example", false);
    }
}
