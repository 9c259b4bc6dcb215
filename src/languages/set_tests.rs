//! Which language a mail and a page are in, and what an operator's catalogues may and may not say on pages.

use super::*;

const ENGLISH: &str = include_str!("built_in/en.toml");
const GERMAN: &str = include_str!("built_in/de.toml");

fn languages(files: &[(&str, &str)]) -> Result<Languages, PackError> {
    let source = |(name, text): &(&str, &str)| Source {
        name: (*name).to_owned(),
        file: format!("DIR/{name}"),
        text: (*text).to_owned(),
    };
    Languages::with(files.iter().map(source).collect())
}

/// What stands before `[pages]` and its comments: a catalogue of mails alone.
fn mails_only(catalogue: &str) -> &str {
    catalogue.split("[pages.").next().unwrap()
}

/// How the page of this language is headed.
fn heading(page: &PageLanguage) -> String {
    page.say(&page.words().reconnect.open, None, &[("toolkit", "Google Calendar"), ("product", "Acme")])
}

#[test]
fn a_page_is_in_the_language_of_the_mail_else_in_the_browser_s_else_in_english() {
    let own = [("pt-BR.toml", ENGLISH), ("pt.toml", ENGLISH), ("he.toml", ENGLISH), ("fr.toml", mails_only(ENGLISH))];
    let languages = languages(&own).unwrap();
    for (mail, browser, expected) in [
        (None, None, "en"),
        (None, Some(""), "en"),
        (None, Some("de"), "de"),
        (None, Some("DE-at"), "de"),
        (None, Some("de-DE,de;q=0.9,en;q=0.8"), "de"),
        (None, Some("en-GB,en;q=0.9,de;q=0.8"), "en"),
        (None, Some("pl,de;q=0.5,en;q=0.4"), "de"),
        (None, Some("pl,cs;q=0.5"), "en"),
        (None, Some("de;q=0"), "en"),
        (None, Some("de;q=0.001"), "de"),
        (None, Some("de;q=1.000"), "de"),
        (None, Some("de;q=2"), "en"),
        (None, Some("de;q=x, en;q=0.1"), "en"),
        (None, Some("*, de;q=0.9"), "en"),
        (None, Some(",,;;q=;,de"), "de"),
        (None, Some("pt-BR,pt;q=0.9"), "pt-BR"),
        (None, Some("pt-PT,pt-BR;q=0.9"), "pt"),
        (None, Some("pt_BR"), "pt-BR"),
        // French mails have no French page: what the browser likes next.
        (None, Some("fr,de;q=0.5"), "de"),
        (Some("de"), Some("en"), "de"),
        (Some("en"), Some("de"), "en"),
        (Some("pt-BR"), Some("de"), "pt-BR"),
        (Some("pt"), Some("pt-BR"), "pt"),
        (Some("pt-AO"), Some("de"), "pt"),
        (Some("he"), None, "he"),
        (Some("fr"), Some("de"), "en"),
        // A catalogue that is there no more, and what nobody wrote.
        (Some("sv"), Some("de"), "de"),
        (Some("{{ 7*7 }}"), Some("de"), "de"),
        (Some(""), Some("de"), "de"),
    ] {
        assert_eq!(languages.for_page(mail, browser).tag(), expected, "{mail:?} {browser:?}");
    }
    let long = format!("{}de", "xx,".repeat(100_000));
    assert_eq!(languages.for_page(None, Some(&long)).tag(), "en");
    assert_eq!(languages.without_pages(), ["fr"]);
    assert_eq!(languages.for_mail(Some("fr-CA")).tag, "fr");
}

#[test]
fn who_replaces_the_mails_words_alone_keeps_the_pages_that_come_along() {
    let informal = mails_only(GERMAN).replace("Guten Tag,", "Hallo,");
    let kept = languages(&[("de.toml", &informal), ("en.toml", mails_only(ENGLISH))]).unwrap();
    assert_eq!(kept.for_mail(Some("de")).say("greeting", None, &[]), "Hallo,");
    assert_eq!(heading(kept.for_page(Some("de"), None)), "Google Calendar neu verbinden");
    assert_eq!(heading(kept.for_page(Some("en"), None)), "Reconnect Google Calendar");
    assert_eq!(kept.without_pages(), Vec::<&str>::new());

    let own = ENGLISH.replace("open = \"Reconnect {toolkit}\"", "open = \"{toolkit} needs you\"");
    let own = languages(&[("en.toml", &own)]).unwrap();
    assert_eq!(heading(own.for_page(None, None)), "Google Calendar needs you");
    assert_eq!(heading(own.for_page(Some("de"), None)), "Google Calendar neu verbinden");
}

#[test]
fn pages_are_whole_or_refused_with_the_key_and_the_line() {
    for (from, to, key, expected) in [
        (
            "works = \"{toolkit} ist wieder verbunden\"\n",
            "",
            None,
            "pages.callback.works is missing, which the built-in en.toml has; add works under [pages.callback]",
        ),
        (
            "[pages.errors]",
            "[pages.mistakes]",
            Some("later"),
            "no page says pages.mistakes.later; the keys are those of",
        ),
        (
            "step_allow = ",
            "step_alow = ",
            Some("step_allow"),
            "no page says pages.callback.step_alow; the keys are those",
        ),
        (
            "since = \"Gestört seit\"",
            "since = \"Gestört seit {date}\"",
            Some("since"),
            "the phrase pages.reconnect.since has other placeholders than in the built-in en.toml; there it has none",
        ),
        (
            "{list}. Das geht",
            "Das geht",
            Some("others"),
            "the phrase pages.reconnect.others has other placeholders than in the built-in en.toml; there it has {list}, \
             {product}",
        ),
        ("account = \"Konto\"", "account = 7", Some("account"), "this is no phrase; "),
        (
            "account = \"Konto\"",
            "account = { other = \"\" }",
            Some("account"),
            "the phrase pages.reconnect.account depends on no number; ",
        ),
        (
            "account = \"Konto\"",
            "account = \"Konto {\"",
            Some("account"),
            "a brace has no counterpart; mend the braces",
        ),
    ] {
        assert!(GERMAN.contains(from), "{from}");
        let text = GERMAN.replacen(from, to, 1);
        let error = languages(&[("de.toml", &text)]).map(|_| ()).unwrap_err().to_string();
        // The last of its name: `later` stands under [pages.reconnect], too.
        let line = key.map(|key| {
            GERMAN.lines().count()
                - GERMAN.lines().rev().position(|line| line.starts_with(&format!("{key} = "))).unwrap()
        });
        let place = line.map_or("DIR/de.toml: ".to_owned(), |line| format!("DIR/de.toml, line {line}: "));
        assert!(error.starts_with(&format!("{place}{expected}")), "{from} -> {to}: {error}");
    }
}

#[test]
fn english_is_compared_with_the_english_that_comes_along_and_a_page_has_its_dates() {
    for (from, to, expected) in [
        ("look_again = \"Look again\"\n", "", "DIR/en.toml: pages.callback.look_again is missing, which the built-in"),
        (
            "date = \"{day} {month} {year}\"\n",
            "",
            "DIR/en.toml: the phrase date is missing, which the built-in en.toml",
        ),
    ] {
        let text = ENGLISH.replacen(from, to, 1);
        assert_ne!(text, ENGLISH);
        let error = languages(&[("en.toml", &text)]).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let flat = format!("pages = 1\n{}", mails_only(GERMAN));
    let error = languages(&[("de.toml", &flat)]).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.starts_with("DIR/de.toml, line 1: pages is no section; write tables such as [pages.reconnect]"),
        "{error}"
    );
}

#[test]
fn names_are_written_as_the_language_writes_them_and_never_read_again() {
    let right_to_left = ENGLISH.replace("direction = \"ltr\"", "direction = \"rtl\"");
    let languages = languages(&[("he.toml", &right_to_left)]).unwrap();
    let say = |tag: &str, toolkit: &str| {
        let page = languages.for_page(Some(tag), None);
        page.say(&page.words().callback.works_text, None, &[("toolkit", toolkit), ("product", "{toolkit} <b>")])
    };
    assert_eq!(say("de", "Google Calendar"), "Danke. {toolkit} <b> kann Ihr Google-Calendar-Konto wieder nutzen.");
    let isolated = "Thank you. \u{2068}{toolkit} <b>\u{2069} can use your \u{2068}Slack\u{2069} account again.";
    assert_eq!(say("he", "Slack"), isolated, "their direction moves no words around them");
    assert_eq!(languages.for_page(Some("he"), None).direction(), "rtl");
}
