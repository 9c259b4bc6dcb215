//! What is wrong with a template or a catalogue: the file, the line where there is one, and the remedy.

use std::fmt;

/// A file of words that cannot be used. Names files and phrases; holds nothing about anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackError {
    /// The path of the operator's file, or `the built-in notice.html`.
    pub file: String,
    /// Counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl PackError {
    /// What is wrong, where, and what to do.
    pub fn new(file: &str, line: Option<usize>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for PackError {}
