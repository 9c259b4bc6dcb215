//! What every page keeps to: whole, escaped, nothing loaded, readable.

use super::super::brand::Brand;
use super::*;
use crate::domain::Colour;

fn languages() -> Arc<Languages> {
    Arc::new(Languages::load(None).unwrap())
}

const SUBJECTS: [Subject; 9] = [
    Subject::Ask,
    Subject::Done,
    Subject::Expired,
    Subject::Retired,
    Subject::NothingHere,
    Subject::NotUnderstood,
    Subject::Slower,
    Subject::Later,
    Subject::Unseen,
];

const SETTINGS: &str = "https://app.example.com/settings";

fn pages(product: &str) -> Pages {
    Pages::new(product, Look::of(&Brand::default(), None), "https:", SETTINGS.to_owned(), languages()).unwrap()
}

fn html(pages: &Pages, language: &str, subject: Subject) -> String {
    let language = pages.language(Some(language), None);
    pages.html(language, &pages.plain(language, subject)).unwrap()
}

#[test]
fn every_page_is_whole_in_every_language_and_loads_nothing() {
    let pages = pages("Acme");
    for language in ["en", "de"] {
        for subject in SUBJECTS {
            let html = html(&pages, language, subject);
            assert!(html.contains(&format!("<html lang=\"{language}\" dir=\"ltr\">")), "{html}");
            assert_eq!(html.matches("<h1>").count(), 1);
            assert_eq!(html.matches("<form method=\"post\">").count(), usize::from(subject == Subject::Ask), "{html}");
            let leads = [Subject::Expired, Subject::Retired, Subject::NothingHere, Subject::Unseen].contains(&subject);
            let link = format!("href=\"{SETTINGS}\"");
            let html = html.replace("&#x2f;", "/");
            assert_eq!(html.matches(&link).count(), usize::from(leads), "a way on: {html}");
            let html = html.replace(&link, "");
            for loads in ["http://", "https://", "src=", "href=", "url(", "<script", "@import", "{product}"] {
                assert!(!html.contains(loads), "{subject:?} {loads}: {html}");
            }
        }
    }
}

#[test]
fn a_hostile_product_name_is_text() {
    let pages = pages("<script>alert(1)</script> & \"Söhne\" {{ 7 * 7 }}");
    let html = html(&pages, "de", Subject::Ask);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;") && html.contains("{{ 7 * 7 }}"), "{html}");
}

#[test]
fn the_policy_allows_the_style_that_is_in_the_page() {
    let pages = pages("Acme");
    let html = html(&pages, "en", Subject::Ask);
    let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = STANDARD.encode(Sha256::digest(style));
    for policy in [&pages.policy, &pages.policy_leaving] {
        assert!(policy.contains(&format!("'sha256-{hash}'")) && !policy.contains("img-src"), "{policy}");
    }
    assert!(
        pages.policy.contains("form-action 'self';") && pages.policy_leaving.contains("form-action 'self' https:;")
    );
    assert!(!style.contains('<'));
}

#[test]
fn a_logo_is_our_own_and_the_only_image() {
    let brand = Brand { logo: Some(vec![1, 2, 3].into()), ..Brand::default() };
    let base = url::Url::parse("https://acme.example/notices/").unwrap();
    let pages = Pages::new("Acme", Look::of(&brand, Some(&base)), "https:", SETTINGS.to_owned(), languages()).unwrap();
    let html = html(&pages, "en", Subject::Ask);
    let html = html.replace("&#x2f;", "/"); // The templates escape slashes, too.
    assert!(html.contains("<img src=\"/notices/logo.png\" alt=\"Acme\">"), "{html}");
    assert!(pages.policy.contains("img-src 'self';"), "{}", pages.policy);
}

#[test]
fn text_stands_out_in_light_and_dark_whatever_the_product_s_colour() {
    for colour in ["#1f4fa3", "#7a0000", "#005c00", "#000000", "#5b2be0", "#767676"] {
        let brand = Brand { colour: Colour::parse(colour).unwrap(), ..Brand::default() };
        let style = Look::of(&brand, None).style;
        let roots: Vec<&str> = style.lines().filter(|line| line.contains("--paper:")).collect();
        assert_eq!(roots.len(), 2, "light and dark");
        for root in roots {
            let colour = |name: &str| {
                let after = root.split_once(&format!("--{name}: ")).unwrap().1;
                Colour::parse(after.split(';').next().unwrap()).unwrap()
            };
            for (text, ground) in [
                ("ink", "paper"),
                ("quiet", "paper"),
                ("ink", "around"),
                ("on-accent", "accent"),
                ("accent", "paper"),
                ("good", "paper"),
                ("bad", "paper"),
            ] {
                let contrast = colour(text).contrast(colour(ground));
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2} in {root}");
            }
        }
    }
}
