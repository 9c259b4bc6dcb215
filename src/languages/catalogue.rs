//! The phrases of one language, read from a TOML file and checked against English.
//!
//! Guarantees: a catalogue that was read has every phrase of English with the same placeholders, twelve
//! months and a direction; its file name is a language tag. What is wrong is said with file and line.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use toml::de::{DeTable, DeValue};

use super::pack_error::PackError;
use super::phrase::{Phrase, Piece, Text};
use crate::domain::Timestamp;

/// The language every other is compared with, and what people read whose own is not there.
pub(super) const DEFAULT_TAG: &str = "en";

/// The phrases of one language.
#[derive(Debug)]
pub(super) struct Catalogue {
    /// BCP 47, in its canonical form: `pt-BR`.
    pub(super) tag: String,
    /// `ltr` or `rtl`.
    pub(super) direction: &'static str,
    months: Vec<String>,
    phrases: BTreeMap<String, (usize, Phrase)>,
    rules: PluralRules,
    file: String,
}

/// A file's content and what to call the file.
pub(super) struct CatalogueFile<'a> {
    /// `de` of `de.toml`.
    pub(super) stem: &'a str,
    /// As errors name it.
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Catalogue {
    /// Reads one file.
    pub(super) fn read(source: &CatalogueFile<'_>) -> Result<Self, PackError> {
        let error = |line, what: String, remedy: &str| PackError::new(source.file, line, what, remedy);
        let locale = Locale::try_from_str(source.stem).map_err(|_| {
            error(None, "its name is no language tag".into(), "name it by BCP 47, such as fr.toml or pt-BR.toml")
        })?;
        let rules = PluralRules::try_new_cardinal((&locale).into())
            .map_err(|_| error(None, "its language has no known plural forms".into(), "use another language tag"))?;
        let parsed = DeTable::parse(source.text).map_err(|e| {
            error(e.span().map(|span| line_of(source.text, span.start)), e.message().to_owned(), "mend the TOML")
        })?;
        let reader = Reader { source, rules: &rules };
        let (mut direction, mut months, mut phrases) = (None, None, None);
        for (key, value) in parsed.get_ref() {
            let line = line_of(source.text, key.span().start);
            match key.get_ref().as_ref() {
                "direction" => direction = Some(reader.direction(line, value.get_ref())?),
                "months" => months = Some(reader.months(line, value.get_ref())?),
                "phrases" => phrases = Some(reader.phrases(line, value.get_ref())?),
                other => {
                    let remedy = "the keys are direction, months and phrases";
                    return Err(error(Some(line), format!("{other} is no key of a catalogue"), remedy));
                }
            }
        }
        let missing = |key: &str| error(None, format!("{key} is missing"), "copy it from the English catalogue");
        Ok(Self {
            tag: locale.to_string(),
            direction: direction.ok_or_else(|| missing("direction"))?,
            months: months.ok_or_else(|| missing("months"))?,
            phrases: phrases.ok_or_else(|| missing("phrases"))?,
            rules,
            file: source.file.to_owned(),
        })
    }

    /// As errors name it.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Whether every phrase of `english` is here and can be filled in with the same.
    pub(super) fn compare(&self, english: &Self) -> Result<(), PackError> {
        for (key, (_, theirs)) in &english.phrases {
            let Some((line, ours)) = self.phrases.get(key) else {
                let what = format!("the phrase {key} is missing, which {} has", english.file);
                return Err(PackError::new(&self.file, None, what, "add it under [phrases]"));
            };
            let wrong = |what, remedy| Err(PackError::new(&self.file, Some(*line), what, remedy));
            let (main, all) = (theirs.main().placeholders(), theirs.placeholders());
            if ours.main().placeholders() != main || !ours.placeholders().is_subset(&all) {
                let names = if main.is_empty() {
                    "none".to_owned()
                } else {
                    main.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(", ")
                };
                return wrong(
                    format!("the phrase {key} has other placeholders than in {}", english.file),
                    format!("there it has {names}"),
                );
            }
            if ours.is_counted() && !theirs.is_counted() && !all.contains("count") {
                return wrong(format!("the phrase {key} depends on no number"), "write it as one text".to_owned());
            }
        }
        Ok(())
    }

    /// The pieces of a phrase; the error says what is missing.
    pub(super) fn phrase(&self, key: &str, count: Option<u64>) -> Result<&[Piece], String> {
        let (_, phrase) = self.phrases.get(key).ok_or_else(|| format!("there is no phrase {key} in {}", self.file))?;
        let text = phrase.text(&self.rules, count);
        Ok(text.ok_or_else(|| format!("the phrase {key} depends on a number: give count="))?.pieces())
    }

    /// A phrase as plain text; what it does not find it leaves out, as a check at the start has shown that
    /// everything is there.
    pub(super) fn say(&self, key: &str, count: Option<u64>, values: &[(&str, &str)]) -> String {
        let pieces = self.phrase(key, count).unwrap_or_default();
        let filled = pieces.iter().map(|piece| match piece {
            Piece::Words(words) => words.as_str(),
            Piece::Placeholder(name) => values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value),
        });
        filled.collect()
    }

    /// A day in words: the hour would be in the wrong zone.
    pub(super) fn date(&self, at: Timestamp) -> String {
        let month =
            usize::try_from(at.month0()).ok().and_then(|index| self.months.get(index)).map_or("", String::as_str);
        let (day, year) = (at.day().to_string(), at.year().to_string());
        self.say("date", None, &[("day", &day), ("month", month), ("year", &year)])
    }

    /// `Slack`, `Slack and Gmail`, `Slack, Gmail and GitHub`, `Slack, Gmail, GitHub and 2 more`.
    pub(super) fn list(&self, names: &[String]) -> String {
        match names {
            [] => String::new(),
            [one] => one.clone(),
            [a, b] => self.say("list_two", None, &[("a", a), ("b", b)]),
            [a, b, c] => self.say("list_three", None, &[("a", a), ("b", b), ("c", c)]),
            [a, b, c, more @ ..] => {
                let count = more.len().to_string();
                let values = [("a", a.as_str()), ("b", b), ("c", c), ("count", &count)];
                self.say("list_more", Some(more.len() as u64), &values)
            }
        }
    }
}

struct Reader<'a> {
    source: &'a CatalogueFile<'a>,
    rules: &'a PluralRules,
}

impl Reader<'_> {
    fn error(&self, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> PackError {
        PackError::new(self.source.file, Some(line), what, remedy)
    }

    fn direction(&self, line: usize, value: &DeValue<'_>) -> Result<&'static str, PackError> {
        match value.as_str() {
            Some("ltr") => Ok("ltr"),
            Some("rtl") => Ok("rtl"),
            _ => Err(self.error(line, "this is no direction", "write \"ltr\" or \"rtl\"")),
        }
    }

    fn months(&self, line: usize, value: &DeValue<'_>) -> Result<Vec<String>, PackError> {
        let names = value.as_array().map(|array| array.iter().filter_map(|name| name.get_ref().as_str()));
        let names: Vec<String> = names.into_iter().flatten().map(str::to_owned).collect();
        if names.len() == 12 {
            Ok(names)
        } else {
            Err(self.error(line, "these are not twelve months", "write a list of twelve texts, January first"))
        }
    }

    fn phrases(&self, line: usize, value: &DeValue<'_>) -> Result<BTreeMap<String, (usize, Phrase)>, PackError> {
        let Some(table) = value.as_table() else {
            return Err(self.error(line, "phrases is no section", "write [phrases] and the phrases below"));
        };
        let mut phrases = BTreeMap::new();
        for (key, value) in table {
            let line = line_of(self.source.text, key.span().start);
            phrases.insert(key.get_ref().to_string(), (line, self.one_phrase(line, value.get_ref())?));
        }
        Ok(phrases)
    }

    fn one_phrase(&self, line: usize, value: &DeValue<'_>) -> Result<Phrase, PackError> {
        let forms = match value {
            DeValue::String(text) => return self.text(line, text).map(Phrase::Plain),
            DeValue::Table(forms) => forms,
            _ => return Err(self.error(line, "this is no phrase", "write a text, or a text per plural form")),
        };
        let known: Vec<PluralCategory> = self.rules.categories().collect();
        let (mut other, mut rest) = (None, BTreeMap::new());
        for (form, value) in forms {
            let line = line_of(self.source.text, form.span().start);
            let category = PluralCategory::get_for_cldr_string(form.get_ref()).filter(|form| known.contains(form));
            let (Some(category), Some(text)) = (category, value.get_ref().as_str()) else {
                let names: Vec<String> = known.iter().map(|form| format!("{form:?}").to_lowercase()).collect();
                let remedy = format!("this language has: {}", names.join(", "));
                return Err(self.error(line, format!("{} is no plural form with a text", form.get_ref()), remedy));
            };
            let text = self.text(line, text)?;
            if category == PluralCategory::Other {
                other = Some(text);
            } else {
                rest.insert(category, text);
            }
        }
        let other = other.ok_or_else(|| self.error(line, "the plural form other is missing", "add it"))?;
        Ok(Phrase::Counted { other, rest })
    }

    fn text(&self, line: usize, text: &str) -> Result<Text, PackError> {
        if text.contains(char::is_control) {
            return Err(self.error(line, "a phrase is one line without control characters", "remove them"));
        }
        Text::parse(text).map_err(|what| self.error(line, what, "mend the braces"))
    }
}

/// The line of a byte offset, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
