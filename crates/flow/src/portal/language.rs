//! The languages that recipients are spoken to in, and the Fluent catalogues
//! with every word that they read.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use serde::{Deserialize, Serialize};
use unic_langid::LanguageIdentifier;

/// A language that is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
}

/// The text names no language that is complete here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not one of the languages en, es")]
pub struct UnknownLanguage;

impl Language {
    /// Every language.
    pub const ALL: [Language; 2] = [Language::En, Language::Es];

    /// The tag of BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Es => "es",
        }
    }

    /// The language's name in itself.
    pub const fn own_name(self) -> &'static str {
        match self {
            Language::En => "English",
            Language::Es => "Español",
        }
    }

    /// The best of an Accept-Language field (RFC 9110 §12.5.4), if any fits.
    pub fn accepted(field: &str) -> Option<Language> {
        let weighted = field.split(',').filter_map(|range| {
            let mut parts = range.split(';');
            let language = parts.next()?.parse().ok()?;
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok())?;
            (weight > 0.0).then_some((weight, language))
        });
        // The first of equal weight wins.
        weighted
            .fold(None, |best: Option<(f32, Language)>, (weight, language)| match best {
                Some((best_weight, _)) if best_weight >= weight => best,
                _ => Some((weight, language)),
            })
            .map(|(_, language)| language)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads a language tag by its primary subtag: `es-MX` is Spanish.
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let primary = text.trim().split(['-', '_']).next().unwrap_or_default();
        Language::ALL.into_iter().find(|known| known.tag().eq_ignore_ascii_case(primary)).ok_or(UnknownLanguage)
    }
}

/// The words of one Fluent file in one language.
pub struct Catalogue {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Catalogue {
    /// Reads a Fluent file that was built in.
    ///
    /// # Panics
    /// If the file is broken: it is part of the program.
    pub fn new(language: Language, source: &str) -> Self {
        let tag: LanguageIdentifier = language.tag().parse().expect("a language tag of our own");
        let resource = FluentResource::try_new(source.to_owned()).expect("a Fluent file of our own");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Isolation marks would show up as boxes in plain-text mail; what comes
        // from outside is stripped of direction marks where it is shown.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).expect("a Fluent file without repeated keys");
        Self { language, bundle }
    }

    /// The language of the words.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The text under `key`.
    pub fn text(&self, key: &str) -> Cow<'_, str> {
        self.format(key, None)
    }

    /// The text under `key`, with values put in.
    pub fn text_with(&self, key: &str, values: &[(&'static str, &str)]) -> String {
        let mut args = FluentArgs::with_capacity(values.len());
        for (name, value) in values {
            args.set(*name, *value);
        }
        self.format(key, Some(&args)).into_owned()
    }

    /// A missing text is a defect that tests find; a visitor sees its key rather than nothing.
    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Cow<'_, str> {
        let mut errors = Vec::new();
        let pattern = self.bundle.get_message(key).and_then(|message| message.value());
        let text = pattern.map(|pattern| self.bundle.format_pattern(pattern, args, &mut errors));
        debug_assert!(text.is_some() && errors.is_empty(), "{key} in {}: {errors:?}", self.language);
        text.map_or_else(|| Cow::Owned(key.to_owned()), |text| Cow::Owned(text.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_greatest_weight_is_accepted() {
        let check = |field, expect| assert_eq!(Language::accepted(field), expect, "{field}");
        check("es-MX,es;q=0.9,en;q=0.8", Some(Language::Es));
        check("fr-FR,fr;q=0.9,en;q=0.5,es;q=0.7", Some(Language::Es));
        check("en, es", Some(Language::En));
        check("es;q=0, en;q=0.1", Some(Language::En));
        check("de", None);
        check("es;q=x", None);
        check("", None);
    }
}
