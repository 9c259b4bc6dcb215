//! Everything a mail's words are made from: one template per part, one catalogue per language.
//!
//! Turns the built-in files, or them with an operator's folder over them, into one set of templates per
//! language. Guarantees: a pack that was loaded holds whole catalogues (`languages`) and templates that parse; nothing of a folder is used unless all of it can be. Reads at the start
//! only, so that a folder changed later cannot change half a run.

use std::path::Path;
use std::sync::Arc;

use minijinja::value::{Kwargs, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};

use crate::domain::{MAX_WORD_CHARS, visible};
use crate::languages::{Catalogue, Languages, PackError, Piece, Source, read_folder};

/// Steps a template may take; the built-in ones take some 10,000 for 50 accounts. An operator's must end too.
const FUEL: u64 = 1_000_000;

/// The templates, one per part of a mail; a folder may replace them by these names.
const TEMPLATES: [(&str, &str); 3] = [
    ("subject.txt", include_str!("templates/subject.txt")),
    ("notice.txt", include_str!("templates/notice.txt")),
    ("notice.html", include_str!("templates/notice.html")),
];

/// Templates and phrases in all languages.
pub(super) struct Pack {
    languages: Languages,
    /// One of each, English first.
    speaking: Vec<Language>,
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
        Self::build(Vec::new())
    }

    /// The built-in files, those replaced that `folder` holds, and the languages it adds.
    pub(super) fn from_folder(folder: &Path) -> Result<Self, PackError> {
        Self::build(read_folder(folder)?)
    }

    fn build(own: Vec<Source>) -> Result<Self, PackError> {
        let (catalogues, own): (Vec<Source>, Vec<Source>) = own.into_iter().partition(Source::is_catalogue);
        let mut templates: Vec<Source> = TEMPLATES.iter().map(|(name, text)| Source::built_in(name, text)).collect();
        for source in own {
            match templates.iter_mut().find(|known| known.name == source.name) {
                Some(known) => *known = source,
                None => templates.push(source),
            }
        }
        let languages = Languages::with(catalogues)?;
        let speaking = languages.all().map(|catalogue| speak(&templates, Arc::clone(catalogue)));
        let speaking = speaking.collect::<Result<_, _>>()?;
        let files = templates.into_iter().map(|source| (source.name, source.file)).collect();
        Ok(Self { languages, speaking, files })
    }

    /// The language for a reader.
    pub(super) fn language(&self, locale: Option<&str>) -> &Language {
        let nearest = self.languages.for_mail(locale);
        self.speaking.iter().find(|known| known.catalogue.tag == nearest.tag).unwrap_or(&self.speaking[0])
    }

    pub(super) fn languages(&self) -> &[Language] {
        &self.speaking
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
        let template = self.speaking.first()?.templates.get_template(name).ok()?;
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
