//! Which language a person gets, and what an operator's folder may and may not hold.

use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn wrong(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let error = Pack::from_folder(folder.path()).map(|_| ()).unwrap_err().to_string();
    error.replace(&folder.path().display().to_string(), "DIR")
}

const GERMAN: &str = include_str!("../../languages/built_in/de.toml");
const ENGLISH: &str = include_str!("../../languages/built_in/en.toml");

#[test]
fn the_nearest_language_speaks() {
    let swiss = folder(&[("de-CH.toml", GERMAN), ("pt-BR.toml", GERMAN)]);
    let pack = Pack::from_folder(swiss.path()).unwrap();
    for (locale, tag) in [
        (None, "en"),
        (Some(""), "en"),
        (Some("de"), "de"),
        (Some("DE"), "de"),
        (Some("de-AT"), "de"),
        (Some("de_AT"), "de"),
        (Some(" de_DE.UTF-8 "), "de"),
        (Some("de_DE@euro"), "de"),
        (Some("de-Latn-CH-1996"), "de"),
        (Some("de-ch-1996"), "de-CH"),
        (Some("pt-br"), "pt-BR"),
        (Some("pt"), "en"),
        (Some("fr-FR"), "en"),
        (Some("deutsch"), "en"),
        (Some("C"), "en"),
        (Some("-"), "en"),
        (Some("--de"), "en"),
        (Some("de-\r\nBcc: x@y"), "de"),
        (Some("{{ 7*7 }}"), "en"),
    ] {
        assert_eq!(pack.language(locale).catalogue.tag, tag, "{locale:?}");
    }
    assert_eq!(pack.language(Some(&"de-".repeat(10_000))).catalogue.tag, "de");
}

#[test]
fn a_folder_replaces_by_name_and_adds_languages() {
    let files = folder(&[("subject.txt", "{{ t('greeting') }} {{ lang }}\n"), ("fr.toml", ENGLISH), (".hidden", "x")]);
    std::fs::create_dir(files.path().join("..data")).unwrap();
    let pack = Pack::from_folder(files.path()).unwrap();
    let tags: Vec<&str> = pack.languages().iter().map(|language| language.catalogue.tag.as_str()).collect();
    assert_eq!(tags, ["en", "de", "fr"]);
    let rendered = |tag: &str| {
        let language = pack.language(Some(tag));
        language.templates.get_template("subject.txt").unwrap().render(minijinja::context! { lang => tag }).unwrap()
    };
    assert_eq!((rendered("fr").as_str(), rendered("de").as_str()), ("Hello, fr\n", "Guten Tag, de\n"));
    assert_eq!(pack.file_of("notice.txt"), "the built-in notice.txt");
}

#[test]
fn a_folder_is_used_whole_or_not_at_all() {
    let incomplete = GERMAN.replace("greeting = ", "gruss = ");
    let more = format!("{ENGLISH}\n[phrases.slogan]\nother = \"Ho\"\n");
    for (files, expected) in [
        (vec![("notice.htm", "x")], "DIR/notice.htm: this replaces no template; the names are subject.txt,"),
        (vec![("notice.html~", "x")], "DIR/notice.html~: this replaces no template; "),
        (vec![("notice.txt", "a\n{% if %}")], "DIR/notice.txt, line 2: syntax error: unexpected end of block; "),
        (vec![("notice.txt", "a\nb {{ c")], "DIR/notice.txt, line 2: syntax error: "),
        (
            vec![("de.toml", &incomplete)],
            "DIR/de.toml: the phrase greeting is missing, which the built-in en.toml has;",
        ),
        (vec![("en.toml", &more)], "the built-in de.toml: the phrase slogan is missing, which DIR/en.toml has;"),
        (vec![("DE.toml", GERMAN)], "DIR/DE.toml: two files are for the language de; "),
        (vec![("x y.toml", GERMAN)], "DIR/x y.toml: its name is no language tag; "),
    ] {
        let error = wrong(&files);
        assert!(error.starts_with(expected), "{error}");
    }
    let odd = folder(&[]);
    std::fs::create_dir(odd.path().join("de.toml")).unwrap();
    let error = Pack::from_folder(odd.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("de.toml: cannot be read (is a directory); put a readable file there"), "{error}");
    std::fs::remove_dir(odd.path().join("de.toml")).unwrap();
    std::fs::write(odd.path().join("notice.txt"), [0xff]).unwrap();
    let error = Pack::from_folder(odd.path()).map(|_| ()).unwrap_err().to_string();
    assert!(error.ends_with("notice.txt: not UTF-8 text; save it as UTF-8"), "{error}");
    let error = Pack::from_folder(&odd.path().join("absent")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("cannot be read (entity not found); name a folder"), "{error}");
}

#[test]
fn phrases_are_escaped_where_the_template_is_html_and_only_there() {
    let pack = Pack::built_in().unwrap();
    let templates = &pack.language(None).templates;
    let render = |name: &str, source: &str| {
        let facts = minijinja::context! { name => "<b>&'\"{{ 7*7 }}{name}" };
        templates.render_named_str(name, source, facts).unwrap()
    };
    let source = "{{ t('greeting_name', name=name) }}";
    assert_eq!(render("x.txt", source), "Hello <b>&'\"{{ 7*7 }}{name},");
    assert_eq!(render("x.html", source), "Hello &lt;b&gt;&amp;&#39;&quot;{{ 7*7 }}{name},");
    let marked = "{% set n %}<i>{{ name }}</i>{% endset %}{{ t('greeting_name', name=n) }}";
    assert_eq!(render("x.html", marked), "Hello <i>&lt;b&gt;&amp;&#39;&quot;{{ 7*7 }}{name}</i>,");
}
