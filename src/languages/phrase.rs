//! One phrase of a catalogue: plain words with `{placeholders}`, in the plural forms of its language.
//!
//! Guarantees: what fills a placeholder is never read for placeholders again, so that no name or alias can
//! bring one in.

use std::collections::{BTreeMap, BTreeSet};

use icu_plurals::{PluralCategory, PluralRules};

/// A phrase: one text, or one per plural form.
#[derive(Debug, Clone)]
pub struct Phrase(pub(super) Forms);

/// The texts of a phrase.
#[derive(Debug, Clone)]
pub(super) enum Forms {
    Plain(Text),
    Counted { other: Text, rest: BTreeMap<PluralCategory, Text> },
}

/// Words and placeholders in turn.
#[derive(Debug, Clone)]
pub(super) struct Text(Vec<Piece>);

/// A part of a phrase.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As it is.
    Words(String),
    /// To be filled in: its name.
    Placeholder(String),
}

impl Phrase {
    /// The text for a number; for none, of a phrase that does not depend on one.
    pub(super) fn text(&self, rules: &PluralRules, count: Option<u64>) -> Option<&Text> {
        match &self.0 {
            Forms::Plain(text) => Some(text),
            Forms::Counted { other, rest } => Some(rest.get(&rules.category_for(count?)).unwrap_or(other)),
        }
    }

    pub(super) fn is_counted(&self) -> bool {
        matches!(self.0, Forms::Counted { .. })
    }

    /// The text that must use all placeholders.
    pub(super) fn main(&self) -> &Text {
        match &self.0 {
            Forms::Plain(text) | Forms::Counted { other: text, .. } => text,
        }
    }

    /// Every placeholder of any form.
    pub(super) fn placeholders(&self) -> BTreeSet<&str> {
        let mut all = self.main().placeholders();
        if let Forms::Counted { rest, .. } = &self.0 {
            all.extend(rest.values().flat_map(Text::placeholders));
        }
        all
    }
}

impl Text {
    /// Reads a text; the error says what is wrong with its braces.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (words, brace) = rest.split_at(at);
            let Some((name, after)) = brace.strip_prefix('{').and_then(|inside| inside.split_once('}')) else {
                return Err("a brace has no counterpart");
            };
            if name.is_empty() || name.contains(|c: char| !(c.is_ascii_lowercase() || c == '_')) {
                return Err("a placeholder is {name}, of letters a-z and _");
            }
            if !words.is_empty() {
                pieces.push(Piece::Words(words.to_owned()));
            }
            pieces.push(Piece::Placeholder(name.to_owned()));
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    pub(super) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    pub(super) fn placeholders(&self) -> BTreeSet<&str> {
        self.0
            .iter()
            .filter_map(|piece| if let Piece::Placeholder(name) = piece { Some(name.as_str()) } else { None })
            .collect()
    }
}

/// Whether `ours` can be filled in with what `theirs`, of the file `their_file`, is filled in with; else what is wrong
/// and the remedy.
pub(super) fn must_fill_alike(
    key: &str,
    ours: &Phrase,
    theirs: &Phrase,
    their_file: &str,
) -> Result<(), (String, String)> {
    let (main, all) = (theirs.main().placeholders(), theirs.placeholders());
    if ours.main().placeholders() != main || !ours.placeholders().is_subset(&all) {
        let names: Vec<String> = main.iter().map(|name| format!("{{{name}}}")).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let what = format!("the phrase {key} has other placeholders than in {their_file}");
        return Err((what, format!("there it has {names}")));
    }
    if ours.is_counted() && !theirs.is_counted() && !all.contains("count") {
        return Err((format!("the phrase {key} depends on no number"), "write it as one text".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_read_and_odd_braces_refused() {
        let text = Text::parse("{account} in {product}!").unwrap();
        assert_eq!(text.placeholders(), BTreeSet::from(["account", "product"]));
        assert_eq!(text.pieces()[1], Piece::Words(" in ".to_owned()));
        assert!(Text::parse("no placeholder").unwrap().placeholders().is_empty());
        for odd in ["{", "}", "{a", "a}", "{}", "{A}", "{{ a }}", "{a b}", "{%}"] {
            assert!(Text::parse(odd).is_err(), "{odd}");
        }
    }
}
