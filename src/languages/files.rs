//! The files words come from: the catalogues built in, and those of an operator's folder, which may hold templates of
//! mails, too.
//!
//! Guarantees: a folder is read whole or not at all, within bounds, and every file in it has a name that means
//! something.

use std::path::Path;

use super::error::PackError;

/// One file, wherever it comes from.
pub struct Source {
    /// Its name in the folder.
    pub name: String,
    /// As errors name it.
    pub file: String,
    /// What it holds.
    pub text: String,
}

/// The templates that a folder may replace, one per part of a mail.
pub const TEMPLATES: [&str; 3] = ["subject.txt", "notice.txt", "notice.html"];

/// The catalogues, English first.
const CATALOGUES: [(&str, &str); 2] =
    [("en.toml", include_str!("built_in/en.toml")), ("de.toml", include_str!("built_in/de.toml"))];

/// No template or catalogue comes near this.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// There are not this many languages.
const MAX_FILES: usize = 200;

impl Source {
    /// A file that comes with the program.
    pub fn built_in(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), file: format!("the built-in {name}"), text: text.to_owned() }
    }

    /// The language's tag of a catalogue, as its name has it: `de` of `de.toml`; none for a template.
    pub(super) fn stem(&self) -> Option<&str> {
        stem(&self.name)
    }

    /// Whether it is a catalogue and no template.
    pub fn is_catalogue(&self) -> bool {
        self.stem().is_some()
    }
}

/// The catalogues that come with the program, English first.
pub(super) fn built_in() -> Vec<Source> {
    CATALOGUES.iter().map(|(name, text)| Source::built_in(name, text)).collect()
}

/// The files of an operator's folder, in the order of their names. Hidden ones are somebody else's: editors'
/// and Kubernetes'.
pub fn read_folder(folder: &Path) -> Result<Vec<Source>, PackError> {
    let shown = folder.display().to_string();
    let unreadable = |error: &std::io::Error| {
        PackError::new(
            &shown,
            None,
            format!("cannot be read ({})", error.kind()),
            "name a folder this account may read",
        )
    };
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| unreadable(&e))? {
        let entry = entry.map_err(|e| unreadable(&e))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if sources.len() == MAX_FILES {
            let what = format!("holds more than {MAX_FILES} files");
            return Err(PackError::new(&shown, None, what, "name the folder of the mail templates"));
        }
        sources.push(read_source(&entry.path(), name)?);
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

fn read_source(path: &Path, name: String) -> Result<Source, PackError> {
    let file = path.display().to_string();
    let wrong = |what: String, remedy: &str| PackError::new(&file, None, what, remedy);
    if stem(&name).is_none() && !TEMPLATES.contains(&name.as_str()) {
        let remedy = "the names are subject.txt, notice.txt, notice.html, and LANGUAGE.toml; move it elsewhere";
        return Err(wrong("this replaces no template".to_owned(), remedy));
    }
    let size = std::fs::metadata(path)
        .and_then(|found| if found.is_file() { Ok(found.len()) } else { Err(std::io::ErrorKind::IsADirectory.into()) });
    if size.as_ref().is_ok_and(|size| *size > MAX_FILE_BYTES) {
        return Err(wrong(format!("larger than {MAX_FILE_BYTES} bytes"), "make it smaller"));
    }
    let bytes = size.and_then(|_| std::fs::read(path));
    let bytes = bytes.map_err(|e| wrong(format!("cannot be read ({})", e.kind()), "put a readable file there"))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("not UTF-8 text".to_owned(), "save it as UTF-8"))?;
    Ok(Source { name, file, text })
}

fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".toml")
}
