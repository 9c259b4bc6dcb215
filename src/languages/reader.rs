//! Reads the file of a catalogue; what is wrong in it is said with its line.

use std::collections::BTreeMap;

use icu_plurals::{PluralCategory, PluralRules};
use toml::de::DeValue;

use super::error::PackError;
use super::files::Source;
use super::phrase::{Forms, Phrase, Text};

/// Phrases by their keys, with the line each stands in.
pub(super) type Phrases = BTreeMap<String, (usize, Phrase)>;

pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) rules: &'a PluralRules,
}

impl Reader<'_> {
    fn error(&self, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> PackError {
        PackError::new(&self.source.file, Some(line), what, remedy)
    }

    pub(super) fn direction(&self, line: usize, value: &DeValue<'_>) -> Result<&'static str, PackError> {
        match value.as_str() {
            Some("ltr") => Ok("ltr"),
            Some("rtl") => Ok("rtl"),
            _ => Err(self.error(line, "this is no direction", "write \"ltr\" or \"rtl\"")),
        }
    }

    pub(super) fn months(&self, line: usize, value: &DeValue<'_>) -> Result<Vec<String>, PackError> {
        let names = value.as_array().map(|array| array.iter().filter_map(|name| name.get_ref().as_str()));
        let names: Vec<String> = names.into_iter().flatten().map(str::to_owned).collect();
        if names.len() == 12 {
            Ok(names)
        } else {
            Err(self.error(line, "these are not twelve months", "write a list of twelve texts, January first"))
        }
    }

    pub(super) fn phrases(&self, line: usize, value: &DeValue<'_>) -> Result<Phrases, PackError> {
        let Some(table) = value.as_table() else {
            return Err(self.error(line, "phrases is no section", "write [phrases] and the phrases below"));
        };
        let mut phrases = BTreeMap::new();
        for (key, value) in table {
            let line = line_of(&self.source.text, key.span().start);
            phrases.insert(key.get_ref().to_string(), (line, self.one_phrase(line, value.get_ref())?));
        }
        Ok(phrases)
    }

    /// The tables below `[pages]`, as `table.key`.
    pub(super) fn pages(&self, line: usize, value: &DeValue<'_>) -> Result<Phrases, PackError> {
        let remedy = "write tables such as [pages.reconnect], and the phrases below them";
        let Some(tables) = value.as_table() else { return Err(self.error(line, "pages is no section", remedy)) };
        let mut pages = BTreeMap::new();
        for (name, table) in tables {
            let (line, name) = (line_of(&self.source.text, name.span().start), name.get_ref());
            let Some(phrases) = table.get_ref().as_table() else {
                return Err(self.error(line, format!("pages.{name} is no table"), remedy));
            };
            for (key, value) in phrases {
                let line = line_of(&self.source.text, key.span().start);
                pages.insert(format!("{name}.{}", key.get_ref()), (line, self.one_phrase(line, value.get_ref())?));
            }
        }
        Ok(pages)
    }

    fn one_phrase(&self, line: usize, value: &DeValue<'_>) -> Result<Phrase, PackError> {
        let forms = match value {
            DeValue::String(text) => return self.text(line, text).map(|text| Phrase(Forms::Plain(text))),
            DeValue::Table(forms) => forms,
            _ => return Err(self.error(line, "this is no phrase", "write a text, or a text per plural form")),
        };
        let known: Vec<PluralCategory> = self.rules.categories().collect();
        let (mut other, mut rest) = (None, BTreeMap::new());
        for (form, value) in forms {
            let line = line_of(&self.source.text, form.span().start);
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
        Ok(Phrase(Forms::Counted { other, rest }))
    }

    fn text(&self, line: usize, text: &str) -> Result<Text, PackError> {
        if text.contains(char::is_control) {
            return Err(self.error(line, "a phrase is one line without control characters", "remove them"));
        }
        Text::parse(text).map_err(|what| self.error(line, what, "mend the braces"))
    }
}

/// The line of a byte offset, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}
