//! What the owner of an address wants to be written to about: everything, some toolkits, or nothing.
//!
//! Turns what is on record into the page behind an unsubscribe link, and its form into a choice. The toolkits to choose
//! from come with the link, because a hash of an address says nothing of its accounts, and from earlier choices; a
//! toolkit in a link changes nothing by itself.

use std::collections::BTreeSet;

use axum::http::Uri;
use url::form_urlencoded;

use super::page::{Choice, Field, Form, Page};
use crate::domain::{AddressHash, SuppressionCause, Timestamp, ToolkitSlug, toolkit_name};
use crate::languages::{PageLanguage, Phrase, PreferenceWords};
use crate::store::{StoreError, Work};

/// More boxes than this are no choice anybody makes.
const MAX_BOXES: usize = 30;

/// The longest slug that is taken from a link.
const MAX_SLUG_CHARS: usize = 64;

/// What is on record of an address.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// Why nothing is sent at all.
    pub suppressed: Option<SuppressionCause>,
    /// Toolkits nothing is sent about.
    pub stopped: BTreeSet<ToolkitSlug>,
}

/// What a form of the page says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Mail again; what was said of single toolkits goes on.
    Again,
    /// Of the toolkits shown, these and no others.
    Only {
        /// Those with a tick.
        wanted: BTreeSet<ToolkitSlug>,
        /// Those without.
        unwanted: BTreeSet<ToolkitSlug>,
    },
}

impl Wishes {
    pub(super) async fn read(work: &mut Work, hash: &AddressHash) -> Result<Self, StoreError> {
        let suppressed = work.suppression(hash).await?.map(|row| row.cause);
        Ok(Self { suppressed, stopped: work.suppressed_toolkits(hash).await? })
    }

    /// The page that shows them. `about` is what the link names.
    pub(super) fn page(
        &self,
        language: &PageLanguage,
        product: &str,
        about: &BTreeSet<ToolkitSlug>,
        saved: bool,
    ) -> Page {
        let words = &language.words().preferences;
        let fill = |phrase: &Phrase| language.say(phrase, None, &[("product", product)]);
        match self.suppressed {
            None => self.choice(words, &fill, about, saved),
            Some(SuppressionCause::Unsubscribed) => Page {
                heading: fill(&words.none),
                tone: "good",
                text: vec![fill(&words.none_text)],
                second: Some(Form {
                    fields: vec![Field { name: "mail", value: "again".to_owned() }],
                    button: fill(&words.again),
                    ..Form::default()
                }),
                ..Page::default()
            },
            // Not their word, so not theirs to take back here: a refused address would be refused again.
            Some(SuppressionCause::Refused | SuppressionCause::Operator) => {
                Page { heading: fill(&words.none), text: vec![fill(&words.ask_support)], ..Page::default() }
            }
        }
    }

    fn choice(
        &self,
        words: &PreferenceWords,
        fill: &dyn Fn(&Phrase) -> String,
        about: &BTreeSet<ToolkitSlug>,
        saved: bool,
    ) -> Page {
        let all = Form {
            fields: vec![Field { name: "List-Unsubscribe", value: "One-Click".to_owned() }],
            button: fill(&words.stop_all),
            ..Form::default()
        };
        // What the mail was about comes first where there are too many; then by name, as people look for them.
        let others = self.stopped.difference(about);
        let boxes: BTreeSet<&ToolkitSlug> = about.iter().chain(others).take(MAX_BOXES).collect();
        let text = vec![fill(if saved { &words.saved_text } else { &words.text })];
        if boxes.is_empty() {
            return Page { heading: fill(&words.heading), text, form: Some(all), ..Page::default() };
        }
        let mut fields = vec![Field { name: "mail", value: "some".to_owned() }];
        fields.extend(boxes.iter().map(|slug| Field { name: "shown", value: slug.as_str().to_owned() }));
        let choices = boxes.iter().map(|slug| Choice {
            name: "about",
            value: slug.as_str().to_owned(),
            label: toolkit_name(slug.as_str()).unwrap_or_else(|| "?".to_owned()),
            checked: !self.stopped.contains(*slug),
        });
        let (legend, button) = (fill(&words.legend), fill(&words.save));
        let form = Form { fields, legend, choices: choices.collect(), button };
        let heading = fill(if saved { &words.saved } else { &words.heading });
        let tone = if saved { "good" } else { "" };
        Page { heading, tone, text, form: Some(form), second: Some(all), ..Page::default() }
    }
}

/// Writes a wish down. Says whether there was anything to change: what an operator or a server said stays.
pub(super) async fn keep(work: &mut Work, hash: &AddressHash, wish: &Wish, now: Timestamp) -> Result<bool, StoreError> {
    let mut changed = false;
    match wish {
        Wish::Again => {
            let theirs = work.suppression(hash).await?.is_some_and(|row| row.cause == SuppressionCause::Unsubscribed);
            changed |= theirs && work.unsuppress(hash, true).await?;
        }
        Wish::Only { wanted, unwanted } => {
            for (toolkits, stop) in [(wanted, false), (unwanted, true)] {
                for toolkit in toolkits {
                    changed |= work.suppress_toolkit(hash, toolkit, stop, now).await?;
                }
            }
        }
    }
    Ok(changed)
}

/// Reads a form of the page; none of anything else.
pub(super) fn wish_of(body: &[u8]) -> Option<Wish> {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
    let (first, rest) = pairs.split_first()?;
    match (first.0.as_str(), first.1.as_str()) {
        ("mail", "again") if rest.is_empty() => Some(Wish::Again),
        ("mail", "some") if rest.len() <= 2 * MAX_BOXES => {
            let mut boxes = (BTreeSet::new(), BTreeSet::new());
            for (name, value) in rest {
                let slug = slug(value)?;
                match name.as_str() {
                    "shown" => boxes.0.insert(slug),
                    "about" => boxes.1.insert(slug),
                    _ => return None,
                };
            }
            let (shown, wanted) = boxes;
            let unwanted = shown.difference(&wanted).cloned().collect();
            wanted.is_subset(&shown).then_some(Wish::Only { wanted, unwanted })
        }
        _ => None,
    }
}

/// The toolkits a link names: `?about=slack.gmail`.
pub(super) fn about(uri: &Uri) -> BTreeSet<ToolkitSlug> {
    let query = uri.query().unwrap_or_default();
    let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "about").map(|(_, value)| value);
    named.iter().flat_map(|value| value.split('.')).take(MAX_BOXES).filter_map(slug).collect()
}

fn slug(text: &str) -> Option<ToolkitSlug> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    (!text.is_empty() && text.len() <= MAX_SLUG_CHARS && text.chars().all(plain)).then(|| ToolkitSlug::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slugs(of: &[&str]) -> BTreeSet<ToolkitSlug> {
        of.iter().map(|slug| ToolkitSlug::new(*slug)).collect()
    }

    #[test]
    fn only_the_page_s_own_forms_say_something() {
        let only =
            |wanted: &[&str], unwanted: &[&str]| Some(Wish::Only { wanted: slugs(wanted), unwanted: slugs(unwanted) });
        for (body, expected) in [
            ("mail=again", Some(Wish::Again)),
            ("mail=again&x=y", None),
            ("mail=some&shown=slack&shown=gmail&about=gmail", only(&["gmail"], &["slack"])),
            ("mail=some&shown=slack", only(&[], &["slack"])),
            ("mail=some", only(&[], &[])),
            ("mail=some&about=gmail", None),
            ("mail=some&shown=Sl%20ack", None),
            ("mail=some&else=slack", None),
            ("mail=none", None),
            ("shown=slack&mail=some", None),
            ("", None),
        ] {
            assert_eq!(wish_of(body.as_bytes()), expected, "{body}");
        }
        let many = format!("mail=some{}", "&shown=slack".repeat(61));
        assert_eq!(wish_of(many.as_bytes()), None);
    }

    #[test]
    fn what_a_mail_was_about_has_a_box_however_many_toolkits_were_stopped() {
        let stopped: BTreeSet<ToolkitSlug> = (0..40).map(|number| ToolkitSlug::new(format!("app{number}"))).collect();
        let wishes = Wishes { suppressed: None, stopped };
        let languages = crate::languages::Languages::load(None).unwrap();
        let form = wishes.page(languages.for_page(None, None), "Acme", &slugs(&["zoom"]), false).form.unwrap();
        let boxes: Vec<(&str, bool)> =
            form.choices.iter().map(|choice| (choice.value.as_str(), choice.checked)).collect();
        assert!(boxes.len() == MAX_BOXES && boxes.last() == Some(&("zoom", true)), "{boxes:?}");
    }

    #[test]
    fn a_link_names_plain_slugs_and_not_too_many() {
        for (query, expected) in [
            ("/u/x?about=slack.gmail", &["gmail", "slack"][..]),
            ("/u/x?a=b&about=one_drive", &["one_drive"]),
            ("/u/x?about=<b>.Slack.%00..x%20y", &[]),
            ("/u/x", &[]),
        ] {
            assert_eq!(about(&query.parse().unwrap_or_else(|_| Uri::from_static("/u/x"))), slugs(expected), "{query}");
        }
        let many: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
        assert_eq!(about(&format!("/u/x?about={}", many.join(".")).parse().unwrap()).len(), MAX_BOXES);
    }
}
