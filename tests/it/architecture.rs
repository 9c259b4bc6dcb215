//! The shape of the source, kept by a test: who may import whom, how long a file may be, what may not be
//! written. The rules are functions over a path and its text (`architecture/`), so that each is shown to fail.

pub mod code;
mod imports;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};

/// One place where the source breaks a rule.
#[derive(Debug, PartialEq, Eq)]
struct Offence {
    path: String,
    line: usize,
    rule: String,
    remedy: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.rule, self.remedy)
    }
}

/// Collects offences of one file.
struct Report<'a> {
    path: &'a str,
    offences: Vec<Offence>,
}

impl<'a> Report<'a> {
    fn new(path: &'a str) -> Self {
        Self { path, offences: Vec::new() }
    }

    fn add(&mut self, line: usize, rule: impl Into<String>, remedy: impl Into<String>) {
        self.offences.push(Offence { path: self.path.to_owned(), line, rule: rule.into(), remedy: remedy.into() });
    }
}

/// All rules over one file; `path` is relative to the package, with `/` between its parts.
fn check(path: &str, text: &str) -> Vec<Offence> {
    let mut report = Report::new(path);
    text::check(text, &mut report);
    if path.starts_with("src/") {
        let source = code::Source::new(path, text);
        text::check_source(&source, &mut report);
        imports::check(&source, &mut report);
    }
    report.offences
}

pub fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn the_source_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files).unwrap();
    rust_files(&root.join("tests"), &mut files).unwrap();
    assert!(files.len() > 20, "the source was not found under {}", root.display());
    let mut offences = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let path = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        offences.extend(check(&path, &text).into_iter().map(|offence| offence.to_string()));
    }
    offences.sort();
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn banned_crates_are_not_in_the_tree() {
    let parsed = |text: &str| toml::from_str::<toml::Table>(text).unwrap();
    let (deny, lock) = (parsed(include_str!("../../deny.toml")), parsed(include_str!("../../Cargo.lock")));
    let locked: Vec<&str> =
        lock["package"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert!(locked.contains(&"ring"), "Cargo.lock was not understood");
    let banned = deny["bans"]["deny"].as_array().unwrap();
    for name in ["openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys", "rsa"] {
        assert!(banned.iter().any(|ban| ban["crate"].as_str() == Some(name)), "deny.toml no longer bans {name}");
    }
    for ban in banned {
        let (name, reason) = (ban["crate"].as_str().unwrap(), ban["reason"].as_str().unwrap());
        assert!(
            !locked.contains(&name),
            "{name} came into the tree; find who brings it with: cargo tree -i {name} ({reason})"
        );
    }
}
