//! Turns a subject and a language into a page: HTML that works without scripts, with the headers that keep it
//! private.
//!
//! Guarantees: nothing is loaded from anywhere, the product's name is escaped, no browser or proxy keeps the page,
//! no other page frames it, and the link, which is a secret of its reader, is passed on as a referrer to nobody.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};
use sha2::{Digest as _, Sha256};

use super::language::{Language, Subject};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const NAME: &str = "page.html";

/// The pages of one product.
pub(super) struct Pages {
    templates: Environment<'static>,
    product: String,
    policy: String,
}

impl Pages {
    pub(super) fn new(product: &str) -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.add_template(NAME, PAGE)?;
        // The hash allows the style that is in the page and no other (Content Security Policy Level 3, section 2.3).
        let style = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        let pages = Self { templates, product: product.to_owned(), policy };
        pages.html(Language::English, Subject::Ask)?;
        Ok(pages)
    }

    /// The whole answer.
    pub(super) fn answer(&self, status: StatusCode, language: Language, subject: Subject) -> Response {
        // It was rendered once when the program started; a failure here would be memory running out.
        let html = self.html(language, subject).unwrap_or_default();
        (status, self.headers(language), html).into_response()
    }

    fn html(&self, language: Language, subject: Subject) -> Result<String, minijinja::Error> {
        let words = language.words(subject);
        self.templates.get_template(NAME)?.render(context! {
            lang => language.tag(),
            product => self.product,
            heading => words.heading,
            text => words.text.replace("{product}", &self.product),
            button => words.button,
            style => Value::from_safe_string(STYLE.to_owned()),
        })
    }

    fn headers(&self, language: Language) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_LANGUAGE, language.tag()),
            (VARY, "Accept-Language"),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // Base64 and quotes are characters of a header.
        headers.extend(HeaderValue::from_str(&self.policy).ok().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECTS: [Subject; 6] =
        [Subject::Ask, Subject::Done, Subject::NothingHere, Subject::NotUnderstood, Subject::Slower, Subject::Later];

    #[test]
    fn every_page_is_whole_in_every_language_and_loads_nothing() {
        let pages = Pages::new("Acme").unwrap();
        for language in Language::ALL {
            for subject in SUBJECTS {
                let html = pages.html(language, subject).unwrap();
                assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())), "{html}");
                assert_eq!(html.matches("<h1>").count(), 1);
                assert_eq!(
                    html.matches("<form method=\"post\">").count(),
                    usize::from(subject == Subject::Ask),
                    "{html}"
                );
                for loads in ["http://", "https://", "src=", "href=", "url(", "<script", "@import", "{product}"] {
                    assert!(!html.contains(loads), "{subject:?} {loads}: {html}");
                }
            }
        }
    }

    #[test]
    fn a_hostile_product_name_is_text() {
        let pages = Pages::new("<script>alert(1)</script> & \"Söhne\" {{ 7 * 7 }}").unwrap();
        let html = pages.html(Language::German, Subject::Ask).unwrap();
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;") && html.contains("{{ 7 * 7 }}"), "{html}");
    }

    #[test]
    fn the_policy_allows_the_style_that_is_in_the_page() {
        let pages = Pages::new("Acme").unwrap();
        let html = pages.html(Language::English, Subject::Ask).unwrap();
        let style = html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(style));
        assert!(pages.policy.contains(&format!("'sha256-{hash}'")), "{}", pages.policy);
        assert!(!style.contains('<'));
    }

    /// Relative luminance of `#rrggbb` (WCAG 2.2).
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn text_stands_out_in_light_and_dark() {
        let roots: Vec<&str> = STYLE.lines().filter(|line| line.contains("--paper:")).collect();
        assert_eq!(roots.len(), 2, "light and dark");
        for root in roots {
            let colour = |name: &str| {
                let after = root.split_once(&format!("--{name}: ")).unwrap().1;
                luminance(after.split(';').next().unwrap())
            };
            for (text, ground) in [("ink", "paper"), ("quiet", "paper"), ("on-accent", "accent"), ("accent", "paper")] {
                let (one, other) = (colour(text), colour(ground));
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2} in {root}");
            }
        }
    }
}
