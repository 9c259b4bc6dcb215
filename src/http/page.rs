//! Turns what a page says into HTML that works without scripts, with the headers that keep it private.
//!
//! Guarantees: nothing is loaded from anywhere else, every text is escaped, no browser or proxy keeps the page, no
//! other page frames it, and the link, which is a secret of its reader, is passed on as a referrer to nobody.

use std::sync::Arc;

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
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::brand::Look;
use super::subject::Subject;
use crate::languages::{Languages, PageLanguage, Phrase};

const PAGE: &str = include_str!("page.html");
const NAME: &str = "page.html";

/// What a page says.
#[derive(Debug, Default, Serialize)]
pub(super) struct Page {
    pub heading: String,
    /// `good`, `bad`, or nothing in between.
    pub tone: &'static str,
    pub text: Vec<String>,
    pub facts: Vec<Fact>,
    pub steps: Vec<String>,
    pub form: Option<Form>,
    /// A form that is not what most people came for.
    pub second: Option<Form>,
    pub link: Option<Link>,
    /// Another way, where the first may lead nowhere.
    pub also: Option<Link>,
    pub notes: Vec<String>,
}

/// A line of what is known.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    pub name: String,
    pub value: String,
    /// Whether the value is somebody's own text, which has a direction of its own.
    pub theirs: bool,
}

/// A button, and what it sends.
#[derive(Debug, Default, Serialize)]
pub(super) struct Form {
    pub fields: Vec<Field>,
    pub legend: String,
    pub choices: Vec<Choice>,
    pub button: String,
}

/// What a form sends without asking.
#[derive(Debug, Serialize)]
pub(super) struct Field {
    pub name: &'static str,
    pub value: String,
}

/// A box to tick.
#[derive(Debug, Serialize)]
pub(super) struct Choice {
    pub name: &'static str,
    pub value: String,
    pub label: String,
    pub checked: bool,
}

/// Where to go on.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    pub to: String,
    pub label: String,
}

/// The pages of one product.
pub(super) struct Pages {
    templates: Environment<'static>,
    product: String,
    look: Look,
    policy: String,
    /// For pages whose form may end at the provider's hosted page.
    policy_leaving: String,
    /// The product's page on which accounts are connected, for whoever cannot be helped here.
    settings: String,
    languages: Arc<Languages>,
}

impl Pages {
    /// `hosted` is where a form's answer may send people, as a source of the Content Security Policy. Browsers apply
    /// `form-action` to the redirects behind a form, too, and the provider's page may send on to any toolkit's.
    /// `settings` is where accounts are connected in the product.
    pub(super) fn new(
        product: &str,
        look: Look,
        hosted: &str,
        settings: String,
        languages: Arc<Languages>,
    ) -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.add_template(NAME, PAGE)?;
        // The hash allows the style that is in the page and no other (Content Security Policy Level 3, section 2.3).
        let style = STANDARD.encode(Sha256::digest(&look.style));
        let images = if look.logo.is_some() { " img-src 'self';" } else { "" };
        let policy = |forms: &str| {
            format!(
                "default-src 'none'; style-src 'sha256-{style}';{images} form-action {forms}; base-uri 'none'; \
                 frame-ancestors 'none'"
            )
        };
        let (policy, policy_leaving) = (policy("'self'"), policy(&format!("'self' {hosted}")));
        let pages = Self { templates, product: product.to_owned(), look, policy, policy_leaving, settings, languages };
        let english = pages.languages.for_page(None, None);
        pages.html(english, &pages.plain(english, Subject::Ask))?;
        Ok(pages)
    }

    /// The language of the mail that led here, where it is known; else the one the browser asks for, else English.
    pub(super) fn language(&self, mail: Option<&str>, accept_language: Option<&str>) -> &PageLanguage {
        self.languages.for_page(mail, accept_language)
    }

    /// The product's name.
    pub(super) fn product(&self) -> &str {
        &self.product
    }

    /// An answer that is the same for everybody.
    pub(super) fn answer(&self, status: StatusCode, language: &PageLanguage, subject: Subject) -> Response {
        self.show(status, language, &self.plain(language, subject))
    }

    /// The whole answer.
    pub(super) fn show(&self, status: StatusCode, language: &PageLanguage, page: &Page) -> Response {
        self.respond(status, language, page, &self.policy)
    }

    /// The same for a page whose form may end at the provider's.
    pub(super) fn show_leaving(&self, status: StatusCode, language: &PageLanguage, page: &Page) -> Response {
        self.respond(status, language, page, &self.policy_leaving)
    }

    fn respond(&self, status: StatusCode, language: &PageLanguage, page: &Page, policy: &str) -> Response {
        // One was rendered when the program started; a failure here would be memory running out.
        let html = self.html(language, page).unwrap_or_default();
        (status, headers(language, policy), html).into_response()
    }

    fn plain(&self, language: &PageLanguage, subject: Subject) -> Page {
        let words = subject.words(language);
        let say = |phrase: &Phrase| language.say(phrase, None, &[("product", &self.product)]);
        let form = words.button.map(|button| Form {
            fields: vec![Field { name: "List-Unsubscribe", value: "One-Click".to_owned() }],
            button: say(button),
            ..Form::default()
        });
        let label = || say(&language.words().reconnect.to_settings);
        let settings = || Some(Link { to: self.settings.clone(), label: label() });
        let (link, also) = match subject {
            Subject::Expired | Subject::Retired => (settings(), None),
            Subject::NothingHere | Subject::Unseen => (None, settings()),
            Subject::Ask | Subject::Done | Subject::NotUnderstood | Subject::Slower | Subject::Later => (None, None),
        };
        let text = vec![say(words.text)];
        Page { heading: say(words.heading), text, form, link, also, ..Page::default() }
    }

    fn html(&self, language: &PageLanguage, page: &Page) -> Result<String, minijinja::Error> {
        self.templates.get_template(NAME)?.render(context! {
            lang => language.tag(),
            dir => language.direction(),
            product => self.product,
            logo => self.look.logo,
            page => page,
            style => Value::from_safe_string(self.look.style.clone()),
        })
    }
}

fn headers(language: &PageLanguage, policy: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (VARY, "Accept-Language"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A tag is letters, digits and hyphens.
    headers.extend(HeaderValue::from_str(language.tag()).ok().map(|tag| (CONTENT_LANGUAGE, tag)));
    // Base64, quotes and a checked origin are characters of a header.
    headers.extend(HeaderValue::from_str(policy).ok().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    headers
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
