//! Everything a mail's words are made from: one template per part, one catalogue per language.
//!
//! Turns the built-in files, or them with an operator's folder over them, into one set of templates per
//! language. Guarantees: a pack that was loaded holds English, every phrase of English in every other
//! language, and templates that parse; nothing of a folder is used unless all of it can be. Reads at the start
//! only, so that a folder changed later cannot change half a run.

use std::path::Path;
use std::sync::Arc;

use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};

use super::catalogue::{Catalogue, CatalogueFile, DEFAULT_TAG};
use super::pack_error::PackError;
use super::pack_files::{self, Source, catalogue_stem};
use super::phrase::Piece;
use crate::domain::{MAX_WORD_CHARS, visible};

/// Steps a template may take; the built-in ones take some 10,000 for 50 accounts. An operator's must end too.
const FUEL: u64 = 1_000_000;

/// The longest language tag looked at; RFC 5646 (section 4.4.1) needs 35 characters.
const MAX_TAG_CHARS: usize = 64;

/// Templates and phrases in all languages.
pub(super) struct Pack {
    /// The first is the default.
    languages: Vec<Language>,
    /// Name and file of each template.
    files: Vec<(String, String)>,
}

/// Templates that speak one language.
pub(super) struct Language {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) templates: Environment<'static>,
}

impl Pack {
    /// What comes with the program.
    pub(super) fn built_in() -> Result<Self, PackError> {
        Self::build(pack_files::built_in())
    }

    /// The built-in files, those replaced that `folder` holds, and the languages it adds.
    pub(super) fn from_folder(folder: &Path) -> Result<Self, PackError> {
        let mut sources = pack_files::built_in();
        for source in pack_files::read_folder(folder)? {
            match sources.iter_mut().find(|known| known.name == source.name) {
                Some(known) => *known = source,
                None => sources.push(source),
            }
        }
        Self::build(sources)
    }

    fn build(sources: Vec<Source>) -> Result<Self, PackError> {
        let (catalogues, templates): (Vec<Source>, Vec<Source>) =
            sources.into_iter().partition(|source| catalogue_stem(&source.name).is_some());
        let read = |source: &Source| {
            let stem = catalogue_stem(&source.name).unwrap_or_default();
            Catalogue::read(&CatalogueFile { stem, file: &source.file, text: &source.text }).map(Arc::new)
        };
        let mut all: Vec<Arc<Catalogue>> = catalogues.iter().map(read).collect::<Result<_, _>>()?;
        let english = all.iter().position(|catalogue| catalogue.tag == DEFAULT_TAG);
        all.swap(0, english.unwrap_or_default());
        for (at, catalogue) in all.iter().enumerate() {
            catalogue.compare(&all[0])?;
            if all[..at].iter().any(|earlier| earlier.tag == catalogue.tag) {
                let what = format!("two files are for the language {}", catalogue.tag);
                return Err(PackError::new(catalogue.file(), None, what, "remove one of them"));
            }
        }
        let languages = all.into_iter().map(|catalogue| speak(&templates, catalogue)).collect::<Result<_, _>>()?;
        let files = templates.into_iter().map(|source| (source.name, source.file)).collect();
        Ok(Self { languages, files })
    }

    /// The language for a reader: the tag as it is, then less and less of it (RFC 4647, section 3.4), then
    /// English. Tolerates what databases hold: `de_AT`, `DE`, `de_DE.UTF-8`, nothing, garbage.
    pub(super) fn language(&self, locale: Option<&str>) -> &Language {
        let asked: String = locale.unwrap_or_default().trim().chars().take(MAX_TAG_CHARS).collect();
        let asked = asked.split(['.', '@']).next().unwrap_or_default().replace('_', "-");
        let mut range = asked.as_str();
        loop {
            if let Some(found) = self.languages.iter().find(|known| known.catalogue.tag.eq_ignore_ascii_case(range)) {
                return found;
            }
            match range.rsplit_once('-') {
                Some((shorter, _)) => range = shorter,
                None => return &self.languages[0],
            }
        }
    }

    pub(super) fn languages(&self) -> &[Language] {
        &self.languages
    }

    /// The file a template of this name came from.
    pub(super) fn file_of<'a>(&'a self, template: &'a str) -> &'a str {
        self.files.iter().find(|(name, _)| name == template).map_or(template, |(_, file)| file)
    }

    /// A rendering that failed, with the file it failed in.
    pub(super) fn rendering_error(&self, error: &minijinja::Error) -> PackError {
        let name = error.name().unwrap_or("a template");
        let mut wrong = template_error(self.file_of(name), error);
        if error.kind() == ErrorKind::UndefinedError
            && let Some(expression) = self.expression(name, error)
        {
            wrong.what = format!("{}: {expression}", wrong.what);
        }
        wrong
    }

    /// What an error points at in a template; the same text in all languages.
    fn expression(&self, name: &str, error: &minijinja::Error) -> Option<String> {
        let template = self.languages.first()?.templates.get_template(name).ok()?;
        let expression = template.source().get(error.range()?)?;
        visible(expression, MAX_WORD_CHARS)
    }
}

/// The templates with the phrases of one language.
fn speak(sources: &[Source], catalogue: Arc<Catalogue>) -> Result<Language, PackError> {
    let mut templates = Environment::new();
    templates.set_trim_blocks(true);
    templates.set_lstrip_blocks(true);
    templates.set_keep_trailing_newline(true);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.set_fuel(Some(FUEL));
    templates.set_formatter(escape);
    let phrases = Arc::clone(&catalogue);
    templates.add_function("t", move |state: &State<'_, '_>, key: String, values: Kwargs| {
        say(&phrases, state, &key, &values)
    });
    for source in sources {
        // The end of the name decides whether values are escaped.
        let added = templates.add_template_owned(source.name.clone(), source.text.clone());
        added.map_err(|error| template_error(&source.file, &error))?;
    }
    Ok(Language { catalogue, templates })
}

/// `t("key", name=value, count=2)`: a phrase filled in, escaped where the template is HTML.
fn say(phrases: &Catalogue, state: &State<'_, '_>, key: &str, values: &Kwargs) -> Result<Value, minijinja::Error> {
    let wrong = |what: String| minijinja::Error::new(ErrorKind::InvalidOperation, what);
    let html = matches!(state.auto_escape(), AutoEscape::Html);
    let count = values.peek::<Option<u64>>("count")?;
    let mut said = String::new();
    for piece in phrases.phrase(key, count).map_err(wrong)? {
        match piece {
            Piece::Words(words) if html => push_escaped(&mut said, words),
            Piece::Words(words) => said.push_str(words),
            Piece::Placeholder(name) => {
                let value =
                    values.peek::<Option<Value>>(name)?.filter(|value| !value.is_undefined() && !value.is_none());
                let value = value.ok_or_else(|| wrong(format!("the phrase {key} needs {name}= of some value")))?;
                let text = value.to_string();
                if html && !value.is_safe() { push_escaped(&mut said, &text) } else { said.push_str(&text) }
            }
        }
    }
    Ok(if html { Value::from_safe_string(said) } else { Value::from(said) })
}

/// HTML escaping that leaves slashes alone (minijinja's own writes `&#x2f;`), so that URLs stay legible in
/// the source and to link checkers.
fn escape(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match (state.auto_escape(), value.as_str()) {
        (AutoEscape::Html, Some(text)) if !value.is_safe() => {
            let mut escaped = String::with_capacity(text.len());
            push_escaped(&mut escaped, text);
            out.write_str(&escaped).map_err(minijinja::Error::from)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn push_escaped(escaped: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
}

/// What the template engine says, with the place.
fn template_error(file: &str, error: &minijinja::Error) -> PackError {
    let what = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let remedy = "mend the template; docs/operations.md lists what templates can use";
    PackError::new(file, error.line(), what, remedy)
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
