//! Catalogues as an operator might write them, made from those that come along.

#![expect(clippy::panic, reason = "a fixture that fails ends its test")]

use std::path::Path;

pub const ENGLISH: &str = include_str!("../../../src/languages/built_in/en.toml");
pub const GERMAN: &str = include_str!("../../../src/languages/built_in/de.toml");

/// A catalogue with other sentences; every one that is replaced must be in it.
pub fn with(catalogue: &str, sentences: &[(&str, &str)]) -> String {
    sentences.iter().fold(catalogue.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// A catalogue of mails alone.
pub fn mails_only(catalogue: &str) -> String {
    catalogue.split("[pages.").next().unwrap_or_default().to_owned()
}

/// English in Hebrew letters, written from right to left.
pub fn right_to_left() -> String {
    let turned = with(ENGLISH, &[("direction = \"ltr\" # or \"rtl\"", "direction = 'rtl'")]);
    turned
        .split('"')
        .enumerate()
        .map(|(n, text)| if n % 2 == 1 { hebrew(text) } else { text.to_owned() })
        .fold(String::new(), |whole, text| if whole.is_empty() { text } else { format!("{whole}\"{text}") })
}

/// A text in Hebrew letters, but for its placeholders.
pub fn hebrew(text: &str) -> String {
    let mut inside = false;
    let letter = |c: char| {
        inside = (inside || c == '{') && c != '}';
        let turned =
            char::from_u32(u32::from('\u{5d0}') + (u32::from(c.to_ascii_lowercase()).wrapping_sub(u32::from('a'))));
        if c.is_ascii_alphabetic() && !inside { turned.unwrap_or(c) } else { c }
    };
    text.chars().map(letter).collect()
}

/// Writes files into a folder.
pub fn put(folder: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
