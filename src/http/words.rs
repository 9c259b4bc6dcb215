//! Turns what is on record into what the reconnect pages say of it, in people's words.
//!
//! Guarantees: names of somebody else's making pass `visible` before they are shown; nothing of the provider's texts
//! is.

use chrono::Datelike as _;

use super::language::Language;
use super::page::{Fact, Field, Form, Link, Page};
use super::phrases::Phrases;
use crate::domain::{MAX_WORD_CHARS, ReasonHint, ReconnectUrl, Timestamp, ToolkitSlug, toolkit_name, visible};
use crate::reconnect::{PageView, Standing};
use crate::store::LinkedIncident;

/// Writes the pages about one toolkit, for one reader.
pub(super) struct Speaker<'a> {
    phrases: &'static Phrases,
    product: &'a str,
    toolkit: String,
    slug: &'a ToolkitSlug,
    settings_url: &'a ReconnectUrl,
    return_url: &'a ReconnectUrl,
}

impl<'a> Speaker<'a> {
    pub(super) fn new(
        language: Language,
        product: &'a str,
        slug: &'a ToolkitSlug,
        settings_url: &'a ReconnectUrl,
        return_url: &'a ReconnectUrl,
    ) -> Self {
        let toolkit = toolkit_name(slug.as_str()).unwrap_or_else(|| "?".to_owned());
        Self { phrases: language.phrases(), product, toolkit, slug, settings_url, return_url }
    }

    /// The page behind a link. `form` is what its button sends.
    pub(super) fn view(&self, view: &PageView, form: String) -> Page {
        let words = self.phrases;
        match view.standing {
            Standing::Open => self.open(view, form),
            Standing::Reconnected => {
                let page = self.page("good", words.good, words.good_text, Some(self.to_product()));
                self.with_siblings(page, view.siblings)
            }
            Standing::Removed => self.page("good", words.good, words.removed_text, Some(self.to_product())),
            Standing::Team => self.team(),
            Standing::SwitchedOff => self.to_settings(words.switched_off, words.switched_off_text),
            Standing::Expired => self.to_settings(words.expired, words.expired_text),
            Standing::Revoked => self.to_settings(words.revoked, words.revoked_text),
        }
    }

    fn open(&self, view: &PageView, form: String) -> Page {
        let words = self.phrases;
        let account = &view.incident.anchor.account;
        let label = account.label().and_then(|label| visible(label, MAX_WORD_CHARS));
        let mut facts: Vec<Fact> =
            label.map(|label| Fact { name: words.account.into(), value: label }).into_iter().collect();
        facts.push(Fact { name: words.since.into(), value: self.date(view.incident.broke_at) });
        facts.push(Fact { name: words.why.into(), value: self.fill(self.reason(account.reason)) });
        let mut text = vec![self.fill(words.open_text)];
        if view.second_account {
            text.push(self.fill(words.second_account));
        }
        let mut notes = vec![self.fill(words.open_yours), self.fill(words.open_note)];
        let others: Vec<String> = view.others.iter().filter_map(|slug| toolkit_name(slug.as_str())).collect();
        if !others.is_empty() {
            notes.push(self.fill(words.others).replace("{list}", &self.list(&others)));
        }
        notes.extend(self.counted(words.siblings, view.siblings));
        let button = self.fill(words.open_button);
        let form = Form { fields: vec![Field { name: "form", value: form }], button, ..Form::default() };
        let also = (!others.is_empty() || view.siblings > 0).then(|| self.settings());
        Page { heading: self.fill(words.open), text, facts, form: Some(form), also, notes, ..Page::default() }
    }

    /// The product's side must be mended first.
    pub(super) fn team(&self) -> Page {
        self.page("", self.phrases.team, self.phrases.team_text, Some(self.to_product()))
    }

    /// Another tab is getting the page; `page` is where to try again.
    pub(super) fn busy(&self, page: &str) -> Page {
        self.or_settings(self.page("", self.phrases.busy, self.phrases.busy_text, Some(link(page, self.phrases.again))))
    }

    /// The provider could not be asked; `page` is where to try again.
    pub(super) fn later(&self, page: &str) -> Page {
        let again = Some(link(page, self.phrases.again));
        self.or_settings(self.page("bad", self.phrases.later, self.phrases.later_text, again))
    }

    /// A form that is not our page's, or too old.
    pub(super) fn foreign(&self, page: &str) -> Page {
        let back = Some(link(page, self.phrases.to_page));
        self.or_settings(self.page("bad", self.phrases.foreign, self.phrases.foreign_text, back))
    }

    /// Back from the provider, and it works. `others` of the toolkit's accounts stopped as well and are not back.
    pub(super) fn works(&self, others: u64) -> Page {
        let page = self.page("good", self.phrases.works, self.phrases.works_text, Some(self.to_product()));
        self.with_siblings(page, others)
    }

    /// With word of accounts of the same toolkit that do not work, where there are any.
    fn with_siblings(&self, page: Page, siblings: u64) -> Page {
        let notes: Vec<String> = self.counted(self.phrases.siblings_left, siblings).into_iter().collect();
        if notes.is_empty() { page } else { self.or_settings(Page { notes, ..page }) }
    }

    fn counted(&self, phrase: &str, count: u64) -> Option<String> {
        (count > 0).then(|| self.fill(phrase).replace("{count}", &count.to_string()))
    }

    /// Back from the provider, which has not decided; `here` answers again.
    pub(super) fn waiting(&self, here: &str) -> Page {
        let again = Some(link(here, self.phrases.look_again));
        self.or_settings(self.page("", self.phrases.waiting, self.phrases.waiting_text, again))
    }

    /// Back from the provider, and it does not work; `page` is where to begin anew.
    pub(super) fn not_done(&self, incident: &LinkedIncident, page: &str) -> Page {
        if incident.closed.is_some() {
            return self.page("good", self.phrases.good, self.phrases.good_text, Some(self.to_product()));
        }
        let words = self.phrases;
        let steps = words.not_done_steps.iter().map(|step| self.fill(step)).collect();
        let page = self.page("bad", words.not_done, words.not_done_text, Some(link(page, words.again)));
        self.or_settings(Page { steps, ..page })
    }

    /// Back from the provider, which could not be asked; `here` answers again.
    pub(super) fn unseen(&self, here: &str) -> Page {
        let again = Some(link(here, self.phrases.look_again));
        self.or_settings(self.page("", self.phrases.unseen, self.phrases.unseen_text, again))
    }

    fn page(&self, tone: &'static str, heading: &str, text: &str, link: Option<Link>) -> Page {
        Page { heading: self.fill(heading), tone, text: vec![self.fill(text)], link, ..Page::default() }
    }

    fn to_settings(&self, heading: &str, text: &str) -> Page {
        self.page("", heading, text, Some(self.settings()))
    }

    /// With the product's settings as the way for whom trying again does not help.
    fn or_settings(&self, page: Page) -> Page {
        Page { also: Some(self.settings()), ..page }
    }

    fn settings(&self) -> Link {
        let label = self.fill(self.phrases.to_settings);
        Link { to: self.settings_url.for_toolkit(self.slug), label }
    }

    fn to_product(&self) -> Link {
        Link { to: self.return_url.for_toolkit(self.slug), label: self.fill(self.phrases.to_product) }
    }

    fn reason(&self, hint: ReasonHint) -> &'static str {
        match hint {
            ReasonHint::RefreshRefused | ReasonHint::Revoked => self.phrases.why_refused,
            ReasonHint::TooManyFailures => self.phrases.why_failures,
            ReasonHint::Transient => self.phrases.why_transient,
            ReasonHint::None
            | ReasonHint::NeverCompleted
            | ReasonHint::CallbackFailed
            | ReasonHint::SetByUser
            | ReasonHint::AuthConfigDisabled
            | ReasonHint::IdentityMismatch
            | ReasonHint::Other => self.phrases.why_unknown,
        }
    }

    /// A day in UTC: nobody knows the reader's time zone here.
    fn date(&self, at: Timestamp) -> String {
        let month = usize::try_from(at.month0()).ok().and_then(|month| self.phrases.months.get(month)).copied();
        self.phrases
            .date
            .replace("{day}", &at.day().to_string())
            .replace("{month}", month.unwrap_or_default())
            .replace("{year}", &at.year().to_string())
    }

    fn list(&self, names: &[String]) -> String {
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} {} {last}", rest.join(", "), self.phrases.and),
            None => String::new(),
        }
    }

    fn fill(&self, phrase: &str) -> String {
        let compound = format!("{}-", self.toolkit.replace(' ', "-"));
        phrase.replace("{toolkit}-", &compound).replace("{toolkit}", &self.toolkit).replace("{product}", self.product)
    }
}

fn link(to: &str, label: &str) -> Link {
    Link { to: to.to_owned(), label: label.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_two_words_is_one_in_a_german_compound() {
        let url = ReconnectUrl::parse("https://app.example.com/{toolkit}").unwrap();
        let (slug, language) = (ToolkitSlug::new("googlecalendar"), Language::German);
        let page = Speaker::new(language, "Acme", &slug, &url, &url).works(0);
        assert_eq!(page.heading, "Google Calendar ist wieder verbunden");
        assert_eq!(page.text, ["Danke. Acme kann Ihr Google-Calendar-Konto wieder nutzen."]);
    }
}
