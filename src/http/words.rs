//! Turns what is on record into what the reconnect pages say of it, in people's words.
//!
//! Guarantees: names of somebody else's making pass `visible` before they are shown; nothing of the provider's texts
//! is.

use super::page::{Fact, Field, Form, Link, Page};
use crate::domain::{MAX_WORD_CHARS, ReasonHint, ReconnectUrl, ToolkitSlug, toolkit_name, visible};
use crate::languages::{CallbackWords, PageLanguage, Phrase, ReconnectWords};
use crate::reconnect::{PageView, Standing};
use crate::store::LinkedIncident;

/// Writes the pages about one toolkit, for one reader.
pub(super) struct Speaker<'a> {
    language: &'a PageLanguage,
    /// Of the page behind a link.
    words: &'a ReconnectWords,
    /// Of the way back.
    back: &'a CallbackWords,
    product: &'a str,
    toolkit: String,
    slug: &'a ToolkitSlug,
    settings_url: &'a ReconnectUrl,
    return_url: &'a ReconnectUrl,
}

impl<'a> Speaker<'a> {
    pub(super) fn new(
        language: &'a PageLanguage,
        product: &'a str,
        slug: &'a ToolkitSlug,
        settings_url: &'a ReconnectUrl,
        return_url: &'a ReconnectUrl,
    ) -> Self {
        let toolkit = toolkit_name(slug.as_str()).unwrap_or_else(|| "?".to_owned());
        let words = language.words();
        let (words, back) = (&words.reconnect, &words.callback);
        Self { language, words, back, product, toolkit, slug, settings_url, return_url }
    }

    /// The page behind a link. `form` is what its button sends.
    pub(super) fn view(&self, view: &PageView, form: String) -> Page {
        let words = self.words;
        match view.standing {
            Standing::Open => self.open(view, form),
            Standing::Reconnected => {
                let page = self.page("good", &words.good, &words.good_text, Some(self.to_product()));
                self.with_siblings(page, view.siblings)
            }
            Standing::Removed => self.page("good", &words.good, &words.removed_text, Some(self.to_product())),
            Standing::Team => self.team(),
            Standing::SwitchedOff => self.to_settings(&words.switched_off, &words.switched_off_text),
            Standing::Expired => self.to_settings(&words.expired, &words.expired_text),
            Standing::Revoked => self.to_settings(&words.revoked, &words.revoked_text),
        }
    }

    fn open(&self, view: &PageView, form: String) -> Page {
        let words = self.words;
        let account = &view.incident.anchor.account;
        let label = account.label().and_then(|label| visible(label, MAX_WORD_CHARS));
        let mut facts: Vec<Fact> = label
            .map(|label| Fact { name: self.fill(&words.account), value: label, theirs: true })
            .into_iter()
            .collect();
        let ours = |name: &Phrase, value: String| Fact { name: self.fill(name), value, theirs: false };
        facts.push(ours(&words.since, self.language.date(view.incident.broke_at)));
        facts.push(ours(&words.why, self.fill(self.reason(account.reason))));
        let mut text = vec![self.fill(&words.open_text)];
        if view.second_account {
            text.push(self.fill(&words.second_account));
        }
        let mut notes = vec![self.fill(&words.open_yours), self.fill(&words.open_note)];
        let others: Vec<String> = view.others.iter().filter_map(|slug| toolkit_name(slug.as_str())).collect();
        if !others.is_empty() {
            notes.push(self.fill_with(&words.others, None, &[("list", &self.language.list(&others))]));
        }
        notes.extend(self.counted(&words.siblings, view.siblings));
        let button = self.fill(&words.open_button);
        let form = Form { fields: vec![Field { name: "form", value: form }], button, ..Form::default() };
        let also = (!others.is_empty() || view.siblings > 0).then(|| self.settings());
        Page { heading: self.fill(&words.open), text, facts, form: Some(form), also, notes, ..Page::default() }
    }

    /// The product's side must be mended first.
    pub(super) fn team(&self) -> Page {
        self.page("", &self.words.team, &self.words.team_text, Some(self.to_product()))
    }

    /// Another tab is getting the page; `page` is where to try again.
    pub(super) fn busy(&self, page: &str) -> Page {
        self.or_settings(self.page(
            "",
            &self.words.busy,
            &self.words.busy_text,
            Some(self.link(page, &self.words.again)),
        ))
    }

    /// The provider could not be asked; `page` is where to try again.
    pub(super) fn later(&self, page: &str) -> Page {
        let again = Some(self.link(page, &self.words.again));
        self.or_settings(self.page("bad", &self.words.later, &self.words.later_text, again))
    }

    /// A form that is not our page's, or too old.
    pub(super) fn foreign(&self, page: &str) -> Page {
        let back = Some(self.link(page, &self.words.to_page));
        self.or_settings(self.page("bad", &self.words.foreign, &self.words.foreign_text, back))
    }

    /// Back from the provider, and it works. `others` of the toolkit's accounts stopped as well and are not back.
    pub(super) fn works(&self, others: u64) -> Page {
        let page = self.page("good", &self.back.works, &self.back.works_text, Some(self.to_product()));
        self.with_siblings(page, others)
    }

    /// With word of accounts of the same toolkit that do not work, where there are any.
    fn with_siblings(&self, page: Page, siblings: u64) -> Page {
        let notes: Vec<String> = self.counted(&self.words.siblings_left, siblings).into_iter().collect();
        if notes.is_empty() { page } else { self.or_settings(Page { notes, ..page }) }
    }

    /// A phrase about so many; none about none.
    fn counted(&self, phrase: &Phrase, count: u64) -> Option<String> {
        (count > 0).then(|| self.fill_with(phrase, Some(count), &[("count", &count.to_string())]))
    }

    /// Back from the provider, which has not decided; `here` answers again.
    pub(super) fn waiting(&self, here: &str) -> Page {
        let again = Some(self.link(here, &self.back.look_again));
        self.or_settings(self.page("", &self.back.waiting, &self.back.waiting_text, again))
    }

    /// Back from the provider, and it does not work; `page` is where to begin anew.
    pub(super) fn not_done(&self, incident: &LinkedIncident, page: &str) -> Page {
        if incident.closed.is_some() {
            return self.page("good", &self.words.good, &self.words.good_text, Some(self.to_product()));
        }
        let back = self.back;
        let steps = [&back.step_account, &back.step_allow, &back.step_in_time].map(|step| self.fill(step)).into();
        let page = self.page("bad", &back.not_done, &back.not_done_text, Some(self.link(page, &self.words.again)));
        self.or_settings(Page { steps, ..page })
    }

    /// Back from the provider, which could not be asked; `here` answers again.
    pub(super) fn unseen(&self, here: &str) -> Page {
        let again = Some(self.link(here, &self.back.look_again));
        self.or_settings(self.page("", &self.back.unseen, &self.back.unseen_text, again))
    }

    fn page(&self, tone: &'static str, heading: &Phrase, text: &Phrase, link: Option<Link>) -> Page {
        Page { heading: self.fill(heading), tone, text: vec![self.fill(text)], link, ..Page::default() }
    }

    fn to_settings(&self, heading: &Phrase, text: &Phrase) -> Page {
        self.page("", heading, text, Some(self.settings()))
    }

    /// With the product's settings as the way for whom trying again does not help.
    fn or_settings(&self, page: Page) -> Page {
        Page { also: Some(self.settings()), ..page }
    }

    fn settings(&self) -> Link {
        let label = self.fill(&self.words.to_settings);
        Link { to: self.settings_url.for_toolkit(self.slug), label }
    }

    fn to_product(&self) -> Link {
        Link { to: self.return_url.for_toolkit(self.slug), label: self.fill(&self.words.to_product) }
    }

    fn reason(&self, hint: ReasonHint) -> &'a Phrase {
        match hint {
            ReasonHint::RefreshRefused | ReasonHint::Revoked => &self.words.why_refused,
            ReasonHint::TooManyFailures => &self.words.why_failures,
            ReasonHint::Transient => &self.words.why_transient,
            ReasonHint::None
            | ReasonHint::NeverCompleted
            | ReasonHint::CallbackFailed
            | ReasonHint::SetByUser
            | ReasonHint::AuthConfigDisabled
            | ReasonHint::IdentityMismatch
            | ReasonHint::Other => &self.words.why_unknown,
        }
    }

    fn link(&self, to: &str, label: &Phrase) -> Link {
        Link { to: to.to_owned(), label: self.fill(label) }
    }

    fn fill(&self, phrase: &Phrase) -> String {
        self.fill_with(phrase, None, &[])
    }

    /// With what else it needs beside the names, in the form for a number.
    fn fill_with(&self, phrase: &Phrase, count: Option<u64>, more: &[(&str, &str)]) -> String {
        let names = [("toolkit", self.toolkit.as_str()), ("product", self.product)];
        self.language.say(phrase, count, &[&names, more].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::languages::Languages;

    #[test]
    fn a_name_of_two_words_is_one_in_a_german_compound() {
        let url = ReconnectUrl::parse("https://app.example.com/{toolkit}").unwrap();
        let (slug, languages) = (ToolkitSlug::new("googlecalendar"), Languages::load(None).unwrap());
        let page = Speaker::new(languages.for_page(Some("de"), None), "Acme", &slug, &url, &url).works(0);
        assert_eq!(page.heading, "Google Calendar ist wieder verbunden");
        assert_eq!(page.text, ["Danke. Acme kann Ihr Google-Calendar-Konto wieder nutzen."]);
    }
}
