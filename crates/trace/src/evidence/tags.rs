//! Tag lists of DKIM and ARC: `a=rsa-sha256; d=a.example` (RFC 6376 §3.2).

/// The tags of a field, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    tags: Vec<(String, String)>,
}

/// More tags than any signature or key has.
const TAGS_MAX: usize = 64;

/// Why a text is no tag list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoTags;

impl Tags {
    /// Reads a list. Folds around names and values are dropped; inside values
    /// they stay, since what they mean depends on the tag.
    pub(crate) fn read(text: &str) -> Result<Self, NoTags> {
        let mut tags: Vec<(String, String)> = Vec::new();
        let text = text.trim();
        for part in text.strip_suffix(';').unwrap_or(text).split(';') {
            let (name, value) = part.split_once('=').ok_or(NoTags)?;
            let name = name.trim();
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            // RFC 6376 §3.2: a tag that stands twice makes the whole list invalid.
            if !is_name || tags.len() >= TAGS_MAX || tags.iter().any(|(known, _)| known == name) {
                return Err(NoTags);
            }
            tags.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Self { tags })
    }

    /// The value of a tag; names are case-sensitive.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value without any blank, as domains, selectors and base 64 are read.
    pub(crate) fn compact(&self, name: &str) -> Option<String> {
        self.value(name).map(|value| value.chars().filter(|c| !c.is_whitespace()).collect())
    }

    /// The parts of a value that stand between colons.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<String>> {
        Some(self.compact(name)?.split(':').map(str::to_ascii_lowercase).collect())
    }

    /// A value that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<Result<u64, NoTags>> {
        let digits = self.compact(name)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(if is_number { digits.parse().map_err(|_| NoTags) } else { Err(NoTags) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_folds() {
        let tags =
            Tags::read(" v=1; a = rsa-sha256;\r\n\td=a.example; h=From : To:\r\n\tDate; b=ab\r\n\tcd=;").unwrap();
        assert_eq!(tags.value("a"), Some("rsa-sha256"));
        assert_eq!(tags.compact("b").as_deref(), Some("abcd="));
        assert_eq!(tags.list("h").unwrap(), ["from", "to", "date"]);
        assert_eq!(tags.number("v"), Some(Ok(1)));
        assert_eq!(tags.number("a"), Some(Err(NoTags)));
        assert_eq!(tags.value("A"), None);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", ";", "a", "a=1;;", "a=1;; b=2", "a=1; a=2", "=1", "a b=1", "1a=1"] {
            assert_eq!(Tags::read(text), Err(NoTags), "{text}");
        }
        assert_eq!(Tags::read(&"a=1;".repeat(2)), Err(NoTags));
        let many: String = (0..100).map(|number| format!("a{number}=1;")).collect();
        assert_eq!(Tags::read(&many), Err(NoTags));
    }
}
