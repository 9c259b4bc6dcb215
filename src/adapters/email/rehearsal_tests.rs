//! What comes along passes; what would fail on some mail some day fails at the start.

use super::*;
use crate::adapters::email::pack::Pack;

fn rehearsed(files: &[(&str, &str)]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let pack = Pack::from_folder(folder.path()).unwrap();
    let done = rehearse(&Writer::new(pack, "Acme", None, 3));
    done.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), "DIR"))
}

#[test]
fn what_comes_along_passes() {
    rehearse(&Writer::new(Pack::built_in().unwrap(), "Acme", Some("a@b.example".to_owned()), 1)).unwrap();
    assert_eq!(rehearsed(&[]), Ok(()));
}

#[test]
fn what_fails_in_one_situation_only_is_found() {
    const LINKS: &str = "{% for item in items %}{{ item.url }} {% endfor %}{{ unsubscribe }}\n";
    let with = |line: &str| format!("{LINKS}{line}\n");
    for (name, text, expected) in [
        ("notice.txt", with("{{ produkt }}"), "DIR/notice.txt, line 2: undefined value"),
        ("notice.txt", with("{{ items[0].colour }}"), "DIR/notice.txt, line 2: undefined value"),
        (
            "notice.txt",
            with("{% if situation == 'last' %}{{ t('lastt') }}{% endif %}"),
            "DIR/notice.txt, line 2: invalid operation: there is no phrase lastt in the built-in en.toml; ",
        ),
        (
            "notice.txt",
            with("{{ t('greeting_name', name=greeting) }}"),
            "DIR/notice.txt, line 2: invalid operation: the phrase greeting_name needs name= of some value; ",
        ),
        (
            "notice.html",
            with("{{ t('why_recovered') }}"),
            "DIR/notice.html, line 2: invalid operation: the phrase why_recovered depends on a number: give count=; ",
        ),
        ("notice.txt", with("{% include 'secrets.txt' %}"), "DIR/notice.txt, line 2: template not found"),
        (
            "notice.txt",
            with("{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}"),
            "DIR/notice.txt, line 2: engine ran out of fuel",
        ),
        (
            "notice.html",
            "{{ unsubscribe }}".to_owned(),
            "DIR/notice.html: the link https://app.example.com/settings?toolkit=slack&from=mail is missing (situation first, language en); ",
        ),
        (
            "notice.txt",
            LINKS.replace("{{ unsubscribe }}", ""),
            "DIR/notice.txt: the link https://example.com/u/sample is missing (situation first, language en); ",
        ),
        (
            "subject.txt",
            "{% if situation != 'recovered' %}Acme{% endif %}".to_owned(),
            "DIR/subject.txt: the subject is empty (situation recovered, language en); write one",
        ),
    ] {
        let error = rehearsed(&[(name, &text)]).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    assert_eq!(rehearsed(&[("notice.txt", &with("{{ t('greeting') }}")), ("subject.txt", "Hi\n")]), Ok(()));
}
