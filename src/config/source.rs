//! The configuration file as values, and where each of them stands.
//!
//! Turns the bytes of a TOML file into a table and a map from key path (`state.url`, `webhook.0.url`) to
//! line and column. A file that is no TOML is described by position and by the parser's own words, never by
//! the line at fault.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Table;
use toml::de::{DeTable, DeValue};

use super::errors::{Place, Problem, key_name};

/// A configuration file is a few kilobytes; whatever is larger than this is something else.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Words this short (`key`, `or`) may stand both in the parser's message and in the line it speaks of.
const TELLING_CHARS: usize = 4;

/// Where every given key stands.
#[derive(Debug, Default)]
pub(super) struct Places {
    file: Option<PathBuf>,
    known: BTreeMap<String, Place>,
}

impl Places {
    /// The place of a key; of its section where the key is absent; of the whole where that is absent too.
    pub(super) fn of(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.known.get(path) {
                return place.clone();
            }
            let Some((parent, _)) = path.rsplit_once('.') else { break };
            path = parent;
        }
        self.file.clone().map_or(Place::Environment, Place::File)
    }

    pub(super) fn set(&mut self, path: String, place: Place) {
        self.known.insert(path, place);
    }

    /// A problem with the key at `path`.
    pub(super) fn problem(&self, path: &str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        let key = (!path.is_empty()).then(|| key_name(path));
        Problem { place: self.of(path), key, what: what.into(), remedy: remedy.into() }
    }
}

/// Reads the file at `path`.
pub(super) fn read_file(path: &Path) -> Result<(Table, Places), Problem> {
    let refuse = |what: String, remedy: &str| Problem {
        place: Place::File(path.to_owned()),
        key: None,
        what,
        remedy: remedy.to_owned(),
    };
    let size = std::fs::metadata(path).map(|found| found.len());
    if size.as_ref().is_ok_and(|size| *size > MAX_FILE_BYTES) {
        return Err(refuse(format!("larger than {MAX_FILE_BYTES} bytes"), "give the configuration file with --config"));
    }
    let bytes = size.and_then(|_| std::fs::read(path)).map_err(|error| {
        let what = format!("the configuration file cannot be read ({})", error.kind());
        refuse(what, "give an existing file with --config; config.example.toml shows every key")
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse("not UTF-8 text".to_owned(), "save the configuration file as UTF-8"))?;
    read_text(&text, path)
}

/// Reads `text`, which is the content of `path`.
fn read_text(text: &str, path: &Path) -> Result<(Table, Places), Problem> {
    let at = |span: Range<usize>| {
        let (line, column) = position(text, span.start);
        Place::Line { path: path.to_owned(), line, column }
    };
    let refuse = |error: &toml::de::Error| Problem {
        place: error.span().map_or_else(|| Place::File(path.to_owned()), at),
        key: None,
        what: format!("not valid TOML ({})", safe_message(error, text)),
        remedy: "mend this line; texts stand in double quotes, sections in brackets, one key per line".to_owned(),
    };
    let spans = DeTable::parse(text).map_err(|error| refuse(&error))?;
    let table = toml::from_str::<Table>(text).map_err(|error| refuse(&error))?;
    let mut places = Places { file: Some(path.to_owned()), known: BTreeMap::new() };
    note(spans.get_ref(), "", &at, &mut places);
    Ok((table, places))
}

fn note(table: &DeTable<'_>, parent: &str, at: &impl Fn(Range<usize>) -> Place, places: &mut Places) {
    for (key, value) in table {
        let path = if parent.is_empty() { key.get_ref().to_string() } else { format!("{parent}.{}", key.get_ref()) };
        places.set(path.clone(), at(key.span()));
        match value.get_ref() {
            DeValue::Table(inner) => note(inner, &path, at, places),
            DeValue::Array(entries) => {
                for (index, entry) in entries.iter().enumerate() {
                    let path = format!("{path}.{index}");
                    places.set(path.clone(), at(entry.span()));
                    if let DeValue::Table(inner) = entry.get_ref() {
                        note(inner, &path, at, places);
                    }
                }
            }
            _ => {}
        }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The parser's words, unless one of them also stands in the lines they speak of: then it could be a value.
fn safe_message(error: &toml::de::Error, text: &str) -> String {
    let span = error.span().unwrap_or(0..text.len());
    let start = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let end = text.get(span.end..).and_then(|after| after.find('\n')).map_or(text.len(), |len| span.end + len);
    let lines = text.get(start..end).unwrap_or(text);
    let mut words = lines.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() >= TELLING_CHARS);
    if words.any(|word| error.message().contains(word)) {
        "the rest of the message is withheld because it repeats the line".to_owned()
    } else {
        error.message().replace('\n', " ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_counted_from_one_in_characters() {
        for (offset, expected) in [(0, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 1)), (99, (2, 2))] {
            assert_eq!(position("éa\nb", offset), expected, "{offset}");
        }
    }
}
