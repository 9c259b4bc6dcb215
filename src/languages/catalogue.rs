//! The words of one language, read from a TOML file and checked against English.
//!
//! Guarantees: a catalogue that was compared has every phrase of English with the same placeholders, twelve
//! months and a direction; its file name is a language tag. What is wrong is said with file and line.

use chrono::Datelike as _;
use icu_locale_core::Locale;
use icu_plurals::PluralRules;
use toml::de::DeTable;

use super::error::PackError;
use super::files::Source;
use super::page_words::PageTexts;
use super::phrase::{Phrase, Piece, must_fill_alike};
use super::reader::{Phrases, Reader, line_of};
use crate::domain::Timestamp;

/// The phrases that a date and a list are made of.
const DATES_AND_LISTS: [&str; 4] = ["date", "list_two", "list_three", "list_more"];

/// The phrases of mails in one language, and how it says dates, lists and numbers.
#[derive(Debug)]
pub struct Catalogue {
    /// BCP 47, in its canonical form: `pt-BR`.
    pub tag: String,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    months: Vec<String>,
    phrases: Phrases,
    rules: PluralRules,
    file: String,
}

impl Catalogue {
    /// Reads one file; the second is what it holds for pages, where it holds something.
    pub(super) fn read(source: &Source) -> Result<(Self, Option<PageTexts>), PackError> {
        let error = |line, what: String, remedy: &str| PackError::new(&source.file, line, what, remedy);
        let locale = Locale::try_from_str(source.stem().unwrap_or_default()).map_err(|_| {
            error(None, "its name is no language tag".into(), "name it by BCP 47, such as fr.toml or pt-BR.toml")
        })?;
        let rules = PluralRules::try_new_cardinal((&locale).into())
            .map_err(|_| error(None, "its language has no known plural forms".into(), "use another language tag"))?;
        let parsed = DeTable::parse(&source.text).map_err(|e| {
            error(e.span().map(|span| line_of(&source.text, span.start)), e.message().to_owned(), "mend the TOML")
        })?;
        let reader = Reader { source, rules: &rules };
        let (mut direction, mut months, mut phrases, mut pages) = (None, None, None, None);
        for (key, value) in parsed.get_ref() {
            let line = line_of(&source.text, key.span().start);
            match key.get_ref().as_ref() {
                "direction" => direction = Some(reader.direction(line, value.get_ref())?),
                "months" => months = Some(reader.months(line, value.get_ref())?),
                "phrases" => phrases = Some(reader.phrases(line, value.get_ref())?),
                "pages" => pages = Some(reader.pages(line, value.get_ref())?),
                other => {
                    let remedy = "the keys are direction, months, phrases and pages";
                    return Err(error(Some(line), format!("{other} is no key of a catalogue"), remedy));
                }
            }
        }
        let missing = |key: &str| error(None, format!("{key} is missing"), "copy it from the English catalogue");
        let words = Self {
            tag: locale.to_string(),
            direction: direction.ok_or_else(|| missing("direction"))?,
            months: months.ok_or_else(|| missing("months"))?,
            phrases: phrases.ok_or_else(|| missing("phrases"))?,
            rules,
            file: source.file.clone(),
        };
        Ok((words, pages.map(|pages| PageTexts::new(&source.file, pages))))
    }

    /// As errors name it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Whether every phrase of `english` is here and can be filled in with the same.
    pub(super) fn compare(&self, english: &Self) -> Result<(), PackError> {
        self.compare_those(english, |_| true)
    }

    /// The same of what [`Catalogue::date`] and [`Catalogue::list`] need, whoever else leaves phrases out.
    pub(super) fn compare_dates_and_lists(&self, english: &Self) -> Result<(), PackError> {
        self.compare_those(english, |key| DATES_AND_LISTS.contains(&key))
    }

    fn compare_those(&self, english: &Self, wanted: impl Fn(&str) -> bool) -> Result<(), PackError> {
        for (key, (_, theirs)) in english.phrases.iter().filter(|(key, _)| wanted(key)) {
            let Some((line, ours)) = self.phrases.get(key) else {
                let what = format!("the phrase {key} is missing, which {} has", english.file);
                return Err(PackError::new(&self.file, None, what, "add it under [phrases]"));
            };
            let wrong = |(what, remedy)| PackError::new(&self.file, Some(*line), what, remedy);
            must_fill_alike(key, ours, theirs, &english.file).map_err(wrong)?;
        }
        Ok(())
    }

    /// The pieces of a phrase; the error says what is missing.
    pub fn phrase(&self, key: &str, count: Option<u64>) -> Result<&[Piece], String> {
        let (_, phrase) = self.phrases.get(key).ok_or_else(|| format!("there is no phrase {key} in {}", self.file))?;
        let text = phrase.text(&self.rules, count);
        Ok(text.ok_or_else(|| format!("the phrase {key} depends on a number: give count="))?.pieces())
    }

    /// The pieces of a phrase of this language, of the form for a number where it depends on one; of the form for many
    /// where the number is not given.
    pub(super) fn pieces<'a>(&'a self, phrase: &'a Phrase, count: Option<u64>) -> &'a [Piece] {
        phrase.text(&self.rules, count).unwrap_or_else(|| phrase.main()).pieces()
    }

    /// A phrase as plain text; what it does not find it leaves out, as a check at the start has shown that
    /// everything is there.
    pub fn say(&self, key: &str, count: Option<u64>, values: &[(&str, &str)]) -> String {
        let pieces = self.phrase(key, count).unwrap_or_default();
        let filled = pieces.iter().map(|piece| match piece {
            Piece::Words(words) => words.as_str(),
            Piece::Placeholder(name) => values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value),
        });
        filled.collect()
    }

    /// A day in words: the hour would be in the wrong zone.
    pub fn date(&self, at: Timestamp) -> String {
        let month =
            usize::try_from(at.month0()).ok().and_then(|index| self.months.get(index)).map_or("", String::as_str);
        let (day, year) = (at.day().to_string(), at.year().to_string());
        self.say("date", None, &[("day", &day), ("month", month), ("year", &year)])
    }

    /// `Slack`, `Slack and Gmail`, `Slack, Gmail and GitHub`, `Slack, Gmail, GitHub and 2 more`.
    pub fn list(&self, names: &[String]) -> String {
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

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
