//! A language that pages are in: its words, filled in.

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::page_words::PageWords;
use super::phrase::{Phrase, Piece};
use crate::domain::Timestamp;

/// What keeps a name's direction from moving the words around it (Unicode UAX #9, FSI and PDI).
const ISOLATE: [char; 2] = ['\u{2068}', '\u{2069}'];

/// A language that has words for pages.
#[derive(Debug)]
pub struct PageLanguage {
    catalogue: Arc<Catalogue>,
    words: PageWords,
}

impl PageLanguage {
    pub(super) fn new(catalogue: Arc<Catalogue>, words: PageWords) -> Self {
        Self { catalogue, words }
    }

    /// BCP 47, for `lang` and `Content-Language`.
    pub fn tag(&self) -> &str {
        &self.catalogue.tag
    }

    /// `ltr` or `rtl`, for `dir`.
    pub fn direction(&self) -> &'static str {
        self.catalogue.direction
    }

    /// What there is to say.
    pub fn words(&self) -> &PageWords {
        &self.words
    }

    /// A phrase with its placeholders filled in, as plain text. A name in a compound (`{toolkit}-Konto`) gets hyphens
    /// throughout. A phrase that depends on a number needs `count`.
    pub fn say(&self, phrase: &Phrase, count: Option<u64>, values: &[(&str, &str)]) -> String {
        let mut pieces = self.catalogue.pieces(phrase, count).iter().peekable();
        let mut said = String::new();
        while let Some(piece) = pieces.next() {
            let name = match piece {
                Piece::Words(words) => {
                    said.push_str(words);
                    continue;
                }
                Piece::Placeholder(name) => name,
            };
            let value = values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
            let compound = matches!(pieces.peek(), Some(Piece::Words(words)) if words.starts_with('-'));
            let value = if compound { value.replace(' ', "-") } else { value.to_owned() };
            if self.direction() == "rtl" {
                said.extend([ISOLATE[0].to_string(), value, ISOLATE[1].to_string()]);
            } else {
                said.push_str(&value);
            }
        }
        said
    }

    /// A day in words.
    pub fn date(&self, at: Timestamp) -> String {
        self.catalogue.date(at)
    }

    /// `Slack, Gmail and GitHub`.
    pub fn list(&self, names: &[String]) -> String {
        self.catalogue.list(names)
    }
}
