//! What a catalogue must hold, what is said of one that does not, and how languages put numbers.

use super::*;
use crate::domain::from_millis;

const ENGLISH: &str = include_str!("built_in/en.toml");
const GERMAN: &str = include_str!("built_in/de.toml");

fn read(stem: &str, text: &str) -> Result<Catalogue, PackError> {
    let name = format!("{stem}.toml");
    Catalogue::read(&Source { file: name.clone(), name, text: text.to_owned() }).map(|(words, _)| words)
}

#[test]
fn the_languages_that_come_along_hold_the_same_phrases() {
    let (english, german) = (read("en", ENGLISH).unwrap(), read("de", GERMAN).unwrap());
    german.compare(&english).unwrap();
    english.compare(&german).unwrap();
}

/// A change to the German catalogue, and how the error begins; `@` and a key stand for the key's line.
const FAULTS: [(&str, &str, &str); 15] = [
    ("greeting = ", "gruss = ", "de.toml: the phrase greeting is missing, which en.toml has; add it under [phrases]"),
    (
        "Tag {name},",
        "Tag,",
        "de.toml, line @greeting_name: the phrase greeting_name has other placeholders than in en.toml; ",
    ),
    ("Tag {name},", "Tag {name}, {product}", "de.toml, line @greeting_name: the phrase greeting_name has other"),
    ("Tag {name},", "Tag {name,", "de.toml, line @greeting_name: a brace has no counterpart; mend the braces"),
    ("Tag {name},", "Tag {{ name }},", "de.toml, line @greeting_name: a placeholder is {name}, of letters a-z and _; "),
    (
        "Tag {name},",
        "Tag\\n {name},",
        "de.toml, line @greeting_name: a phrase is one line without control characters; ",
    ),
    (
        "call = \"",
        "call = \"\" #",
        "de.toml, line @call: the phrase call has other placeholders than in en.toml; there it has {product}, {toolkit}",
    ),
    (
        "call = \"",
        "call = { few = \"\" } #",
        "de.toml, line @call: few is no plural form with a text; this language has: one, other",
    ),
    ("call = \"", "call = { one = \"\" } #", "de.toml, line @call: the plural form other is missing; add it"),
    ("call = \"", "call = 3 #", "de.toml, line @call: this is no phrase; write a text, or a text per plural form"),
    ("call = \"", "call = \" \" \" ", "de.toml, line @call: "),
    ("direction = \"ltr\"", "direction = \"up\"", "de.toml, line 3: this is no direction; write \"ltr\" or \"rtl\""),
    ("direction = \"ltr\"", "", "de.toml: direction is missing; copy it from the English catalogue"),
    (
        "direction = ",
        "title = ",
        "de.toml, line 3: title is no key of a catalogue; the keys are direction, months, phrases and pages",
    ),
    ("\"Januar\", ", "", "de.toml, line 4: these are not twelve months; write a list of twelve texts, January first"),
];

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let english = read("en", ENGLISH).unwrap();
    let line_of = |key: &str| GERMAN.lines().position(|line| line.starts_with(&format!("{key} = "))).unwrap() + 1;
    for (from, to, expected) in FAULTS {
        assert!(GERMAN.contains(from), "{from}");
        let text = GERMAN.replacen(from, to, 1);
        let error = read("de", &text).and_then(|german| german.compare(&english)).unwrap_err().to_string();
        let expected = ["greeting_name", "call"]
            .iter()
            .fold(expected.to_owned(), |text, key| text.replace(&format!("@{key}"), &line_of(key).to_string()));
        assert!(error.starts_with(&expected), "{from} -> {to}: {error}");
    }
    let error = read("deutsch.neu", GERMAN).unwrap_err().to_string();
    assert_eq!(
        error,
        "deutsch.neu.toml: its name is no language tag; name it by BCP 47, such as fr.toml or pt-BR.toml"
    );
}

#[test]
fn numbers_choose_the_form_of_their_language() {
    let polish = ENGLISH.replace(
        "[phrases.more]\none = \"and {count} more.\"\nother = \"and {count} more.\"",
        "[phrases.more]\none = \"{count} konto\"\nfew = \"{count} konta\"\nmany = \"{count} kont\"\nother = \"{count} konta.\"",
    );
    let polish = read("pl", &polish).unwrap();
    polish.compare(&read("en", ENGLISH).unwrap()).unwrap();
    for (count, text) in [(1, "1 konto"), (2, "2 konta"), (5, "5 kont"), (12, "12 kont"), (22, "22 konta")] {
        let shown = u64::to_string(&count);
        assert_eq!(polish.say("more", Some(count), &[("count", &shown)]), text);
    }
    let english = read("en", ENGLISH).unwrap();
    let say = |count| english.say("why", Some(count), &[("toolkits", "X"), ("product", "Y")]);
    assert!(say(1).contains("need it there") && say(2).contains("need them there"));
    assert_eq!(english.phrase("why", None).unwrap_err(), "the phrase why depends on a number: give count=");
    assert_eq!(english.phrase("whence", None).unwrap_err(), "there is no phrase whence in en.toml");
}

#[test]
fn lists_and_days_read_as_people_write_them() {
    let (english, german) = (read("en", ENGLISH).unwrap(), read("de", GERMAN).unwrap());
    let names = ["A", "B", "C", "D", "E"].map(str::to_owned);
    for (count, en, de) in [
        (0, "", ""),
        (1, "A", "A"),
        (2, "A and B", "A und B"),
        (3, "A, B and C", "A, B und C"),
        (4, "A, B, C and 1 more", "A, B, C und 1 weiteres"),
        (5, "A, B, C and 2 more", "A, B, C und 2 weitere"),
    ] {
        assert_eq!((english.list(&names[..count]).as_str(), german.list(&names[..count]).as_str()), (en, de));
    }
    let day = from_millis(1_772_496_000_000);
    assert_eq!((english.date(day).as_str(), german.date(day).as_str()), ("3 March 2026", "3. März 2026"));
}

#[test]
fn what_fills_a_placeholder_is_not_filled_in_again() {
    let english = read("en", ENGLISH).unwrap();
    assert_eq!(english.say("greeting_name", None, &[("name", "{product}{{ 7*7 }}")]), "Hello {product}{{ 7*7 }},");
}
