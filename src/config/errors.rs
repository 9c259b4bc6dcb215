//! What is wrong with a configuration, in words an operator can act on.
//!
//! Every problem names the key, the place it was given, what is wrong and what to do. None repeats a
//! value or a line of the file: any of them could be a secret that was pasted into the wrong place.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// Names of keys and files are shown up to this length: long enough for every real one, short enough that
/// a text pasted in their place does not flood the terminal.
const SHOWN_CHARS: usize = 200;

/// Where a key was given, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A position in the configuration file.
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// The configuration file as a whole: the key is absent, or the file cannot be read.
    File(PathBuf),
    /// An environment variable, by its name.
    Variable(String),
    /// No file was given, the default one is not there, and no variable names the key.
    Environment,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { path, line, column } => write!(f, "{}:{line}:{column}", shown(&path.to_string_lossy())),
            Self::File(path) => f.write_str(&shown(&path.to_string_lossy())),
            Self::Variable(name) => f.write_str(&shown(name)),
            Self::Environment => write!(f, "no {} here", super::DEFAULT_FILE),
        }
    }
}

/// One thing that must change before the program can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was given.
    pub place: Place,
    /// The key as a person would write it, `[composio] api_key`; none where no single key is at fault.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

/// The configuration cannot be used. Holds every problem found, in the order of the sections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// What must change; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot be used")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// What is wrong with one value and what to do, before it is known where the value came from.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) what: Cow<'static, str>,
    pub(super) remedy: Cow<'static, str>,
}

/// A fault from its two halves.
pub(super) fn fault(what: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Fault {
    Fault { what: what.into(), remedy: remedy.into() }
}

/// `state.url` as `[state] url`, `webhook.0.url` as `[[webhook]] url`, `state` as `[state]`.
pub(super) fn key_name(path: &str) -> String {
    let mut parts = path.split('.');
    let section = parts.next().unwrap_or_default();
    let head = if section == "webhook" { "[[webhook]]".to_owned() } else { format!("[{}]", shown(section)) };
    match parts.next_back() {
        Some(key) if !key.bytes().all(|b| b.is_ascii_digit()) => format!("{head} {}", shown(key)),
        _ => head,
    }
}

/// The environment variable that overrides the key at `path`.
pub(super) fn variable_name(path: &str) -> String {
    format!("RECONNECTD__{}", path.replace('.', "__").to_uppercase())
}

/// A name as it may be shown: one line, bounded.
pub(super) fn shown(name: &str) -> String {
    let escaped: String = name.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if name.chars().nth(SHOWN_CHARS).is_some() { format!("{escaped}…") } else { escaped }
}
