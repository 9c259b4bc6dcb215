//! All languages there are, and which of them a reader gets.

use std::path::Path;
use std::sync::Arc;

use super::DEFAULT_TAG;
use super::accepted::{lookup, preferred};
use super::catalogue::Catalogue;
use super::error::PackError;
use super::files::{self, Source};
use super::page::PageLanguage;
use super::page_words::PageTexts;

/// The languages of mails and pages: those built in, and an operator's.
pub struct Languages {
    /// English, whosever.
    english: Arc<Catalogue>,
    /// Every other.
    others: Vec<Arc<Catalogue>>,
    english_page: PageLanguage,
    /// Those of the others that have words for pages.
    other_pages: Vec<PageLanguage>,
}

impl Languages {
    /// Those that come with the program, replaced and added to by the catalogues of an operator's folder.
    pub fn load(folder: Option<&Path>) -> Result<Self, PackError> {
        Self::with(folder.map(files::read_folder).transpose()?.unwrap_or_default())
    }

    /// The same with the files of a folder that was read; those that are no catalogues are passed over.
    pub fn with(own: Vec<Source>) -> Result<Self, PackError> {
        let mut own: Vec<Source> = own.into_iter().filter(Source::is_catalogue).collect();
        let (mut all, mut english_pages) = (Vec::new(), None);
        for source in files::built_in() {
            let (words, pages) = Catalogue::read(&source)?;
            if words.tag == DEFAULT_TAG {
                english_pages.clone_from(&pages);
            }
            all.push(match own.iter().position(|theirs| theirs.name == source.name) {
                None => (words, pages),
                Some(at) => {
                    let (own_words, own_pages) = Catalogue::read(&own.remove(at))?;
                    own_words.compare_dates_and_lists(&words)?;
                    // Whoever replaces the mails' words alone keeps the pages that come along.
                    (own_words, own_pages.or(pages))
                }
            });
        }
        for source in &own {
            all.push(Catalogue::read(source)?);
        }
        let none =
            || PackError::new("the built-in en.toml", None, "[pages] is missing", "this is a fault of the program");
        Self::of(all, &english_pages.ok_or_else(none)?)
    }

    /// `all` begins with English; every page is compared with the English one that comes with the program.
    fn of(all: Vec<(Catalogue, Option<PageTexts>)>, english_pages: &PageTexts) -> Result<Self, PackError> {
        let mut all = all.into_iter().map(|(words, pages)| (Arc::new(words), pages));
        let Some((english, pages)) = all.next() else {
            return Err(PackError::new("the catalogues", None, "there is none", "this is a fault of the program"));
        };
        let page = |words: &Arc<Catalogue>, texts: PageTexts| {
            texts.compare(english_pages)?;
            Ok(PageLanguage::new(Arc::clone(words), texts.words()?))
        };
        let english_page = page(&english, pages.unwrap_or_else(|| english_pages.clone()))?;
        let (mut others, mut other_pages) = (Vec::<Arc<Catalogue>>::new(), Vec::new());
        for (words, pages) in all {
            words.compare(&english)?;
            if words.tag == english.tag || others.iter().any(|earlier| earlier.tag == words.tag) {
                let what = format!("two files are for the language {}", words.tag);
                return Err(PackError::new(words.file(), None, what, "remove one of them"));
            }
            other_pages.extend(pages.map(|texts| page(&words, texts)).transpose()?);
            others.push(words);
        }
        Ok(Self { english, others, english_page, other_pages })
    }

    /// All of them, English first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Catalogue>> {
        std::iter::once(&self.english).chain(&self.others)
    }

    /// All that pages are in, English first.
    pub fn pages(&self) -> impl Iterator<Item = &PageLanguage> {
        std::iter::once(&self.english_page).chain(&self.other_pages)
    }

    /// The tags of those that mails are in and pages are not.
    pub fn without_pages(&self) -> Vec<&str> {
        let tags = self.others.iter().map(|words| words.tag.as_str());
        tags.filter(|tag| self.other_pages.iter().all(|page| page.tag() != *tag)).collect()
    }

    /// The language of a mail to somebody with this locale: the nearest there is, else English.
    pub fn for_mail(&self, locale: Option<&str>) -> &Arc<Catalogue> {
        self.known(locale.unwrap_or_default()).unwrap_or(&self.english)
    }

    /// The language of a page: that of the mail which led there, or English where that language has no words for
    /// pages; where no mail is known to have led there, what the browser likes best; else English.
    pub fn for_page(&self, mail: Option<&str>, accept_language: Option<&str>) -> &PageLanguage {
        let page = |tag: &str| self.pages().find(|page| page.tag().eq_ignore_ascii_case(tag));
        if let Some(words) = mail.and_then(|tag| self.known(tag)) {
            return page(&words.tag).unwrap_or(&self.english_page);
        }
        // Whoever takes anything gets English.
        let range = |range: &str| if range == "*" { Some(&self.english_page) } else { lookup(range, page) };
        preferred(accept_language.unwrap_or_default(), range).unwrap_or(&self.english_page)
    }

    fn known(&self, tag: &str) -> Option<&Arc<Catalogue>> {
        lookup(tag, |tag| self.all().find(|words| words.tag.eq_ignore_ascii_case(tag)))
    }
}

#[cfg(test)]
#[path = "set_tests.rs"]
mod tests;
