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
    // What stands between quotation marks is every second piece.
    let pieces = turned.split('"').enumerate();
    pieces.map(|(n, text)| if n % 2 == 1 { hebrew(text) } else { text.to_owned() }).collect::<Vec<_>>().join("\"")
}

/// A text in Hebrew letters (U+05D0 and those behind it), but for its placeholders.
pub fn hebrew(text: &str) -> String {
    let mut inside = false;
    let letter = |c: char| {
        inside = (inside || c == '{') && c != '}';
        let place = u32::from(c.to_ascii_lowercase()).wrapping_sub(u32::from('a'));
        if c.is_ascii_alphabetic() && !inside { char::from_u32(0x5d0 + place).unwrap_or(c) } else { c }
    };
    text.chars().map(letter).collect()
}

/// Writes files into a folder.
pub fn put(folder: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
