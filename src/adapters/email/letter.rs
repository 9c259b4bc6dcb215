//! Turns a notice into the words of a mail: subject, text and HTML, in the language of its reader.
//!
//! Guarantees: text from outside passes `wording` before it is used, is a value and never a template or a
//! phrase, and is escaped in HTML; however many accounts are named, at most [`MAX_ITEMS`] are listed and the
//! rest is counted.

use minijinja::value::Value;
use serde::Serialize;

use super::pack::Pack;
use super::situation::{Situation, works_again};
use crate::domain::{MAX_WORD_CHARS, greeting_name, toolkit_name, visible};
use crate::domain::{Notice, NoticeItem, NoticeKind};
use crate::languages::{Catalogue, PackError};

/// More accounts than this are counted, not listed.
pub(super) const MAX_ITEMS: usize = 50;

/// Columns of the text part: what RFC 5322 (section 2.1.1) asks of lines, and a terminal shows.
const TEXT_COLUMNS: usize = 78;

/// The longest subject in characters; mail programs show 40 to 70 of them.
const MAX_SUBJECT_CHARS: usize = 200;

/// The words of one mail.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// The language tag of all three.
    pub(super) language: String,
}

/// Writes letters for one product.
pub(super) struct Writer {
    pack: Pack,
    product: String,
    /// The address people write to, shown in the body.
    reply_to: Option<String>,
    /// How many notices an incident gets at most: the last one says so.
    notices: u32,
}

/// What the templates can say; docs/operations.md lists it for operators.
#[derive(Serialize)]
struct Facts<'a> {
    product: &'a str,
    greeting: Option<String>,
    reply_to: Option<&'a str>,
    /// `first`, `reminder`, `last`, `mixed` or `recovered`.
    situation: &'static str,
    lang: &'a str,
    dir: &'static str,
    /// The accounts as the subject names them.
    accounts: String,
    /// The toolkits, each once, as "why you get this" names them.
    toolkits: String,
    toolkit_count: usize,
    items: Vec<Item>,
    /// How many accounts are not in `items`.
    more: usize,
    total: usize,
    unsubscribe: Option<&'a str>,
}

#[derive(Serialize)]
struct Item {
    account: String,
    toolkit: String,
    /// None where there is nothing to reconnect.
    url: Option<String>,
    /// When it broke, or worked again.
    date: String,
    second_account: bool,
    /// `reminder` or `last`, where that tells it apart from its neighbours.
    remark: Option<&'static str>,
}

impl Writer {
    pub(super) fn new(pack: Pack, product: &str, reply_to: Option<String>, notices: u32) -> Self {
        let unnamed = || pack.language(None).catalogue.say("unnamed_product", None, &[]);
        let product = visible(product, MAX_WORD_CHARS).unwrap_or_else(unnamed);
        Self { pack, product, reply_to, notices }
    }

    pub(super) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// As it is shown.
    pub(super) fn product(&self) -> &str {
        &self.product
    }

    pub(super) fn notices(&self) -> u32 {
        self.notices
    }

    /// The letter for a notice, listing at most `max_items` accounts; `unsubscribe` is where mails are ended.
    pub(super) fn write(
        &self,
        notice: &Notice,
        unsubscribe: Option<&str>,
        max_items: usize,
    ) -> Result<Letter, PackError> {
        self.write_as(notice, unsubscribe, max_items, self.notices)
    }

    /// The same, as if an incident got `notices` notices.
    pub(super) fn write_as(
        &self,
        notice: &Notice,
        unsubscribe: Option<&str>,
        max_items: usize,
        notices: u32,
    ) -> Result<Letter, PackError> {
        let language = self.pack.language(notice.contact.locale.as_deref());
        let situation = (Situation::of(notice, notices), notices);
        let facts = self.facts(notice, unsubscribe, max_items, situation, &language.catalogue);
        let render = |name: &str, context: Value| {
            let rendered = language.templates.get_template(name).and_then(|template| template.render(context));
            rendered.map_err(|error| self.pack.rendering_error(&error))
        };
        let subject = render("subject.txt", Value::from_serialize(&facts))?;
        let subject = visible(&subject, MAX_SUBJECT_CHARS).unwrap_or_default();
        let text = wrapped(&render("notice.txt", Value::from_serialize(&facts))?);
        let html = render("notice.html", minijinja::context! { subject, ..Value::from_serialize(&facts) })?;
        Ok(Letter { subject, text, html, language: language.catalogue.tag.clone() })
    }

    fn facts<'a>(
        &'a self,
        notice: &Notice,
        unsubscribe: Option<&'a str>,
        max_items: usize,
        (situation, notices): (Situation, u32),
        phrases: &'a Catalogue,
    ) -> Facts<'a> {
        let about: Vec<&NoticeItem> =
            notice.items.iter().filter(|item| notice.kind == NoticeKind::Reconnect || works_again(item)).collect();
        let names: Vec<String> = about.iter().map(|item| account_name(item, phrases)).collect();
        let mut toolkits: Vec<String> = Vec::new();
        for item in &about {
            let toolkit = toolkit_of(item, phrases);
            if !toolkits.contains(&toolkit) {
                toolkits.push(toolkit);
            }
        }
        let listed = about.iter().take(max_items.min(MAX_ITEMS));
        let items: Vec<Item> = listed.map(|item| item_of(item, situation, notices, phrases)).collect();
        Facts {
            product: &self.product,
            greeting: notice.contact.name.as_deref().and_then(greeting_name),
            reply_to: self.reply_to.as_deref(),
            situation: situation.code(),
            lang: &phrases.tag,
            dir: phrases.direction,
            accounts: phrases.list(&names),
            toolkits: phrases.list(&toolkits),
            toolkit_count: toolkits.len(),
            more: about.len() - items.len(),
            total: about.len(),
            items,
            unsubscribe,
        }
    }
}

/// Breaks longer lines at spaces, each rest as far in as its line began. A word that is longer, such as a link, stays
/// whole, so that it can be clicked.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive('\n') {
        let (words, end) = line.strip_suffix('\n').map_or((line, ""), |words| (words, "\n"));
        if textwrap::core::display_width(words) <= TEXT_COLUMNS {
            wrapped.push_str(line);
            continue;
        }
        let indent = &words[..words.len() - words.trim_start_matches(' ').len()];
        let options = textwrap::Options::new(TEXT_COLUMNS)
            .initial_indent(indent)
            .subsequent_indent(indent)
            .break_words(false)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        wrapped.push_str(&textwrap::fill(words.trim_start_matches(' '), options));
        wrapped.push_str(end);
    }
    wrapped
}

fn toolkit_of(item: &NoticeItem, phrases: &Catalogue) -> String {
    toolkit_name(item.toolkit.as_str()).unwrap_or_else(|| phrases.say("unnamed_toolkit", None, &[]))
}

/// `Slack`, or `Slack (work)` where the account has a label.
fn account_name(item: &NoticeItem, phrases: &Catalogue) -> String {
    let toolkit = toolkit_of(item, phrases);
    match item.label.as_deref().and_then(|label| visible(label, MAX_WORD_CHARS)) {
        Some(label) => format!("{toolkit} ({label})"),
        None => toolkit,
    }
}

fn item_of(item: &NoticeItem, situation: Situation, notices: u32, phrases: &Catalogue) -> Item {
    let reconnect = situation != Situation::Recovered;
    let at = item.recovery.filter(|_| !reconnect).map_or(item.broke_at, |recovery| recovery.at);
    Item {
        account: account_name(item, phrases),
        toolkit: toolkit_of(item, phrases),
        // A URL has neither; a template of the operator's may.
        url: reconnect.then(|| item.reconnect_url.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect()),
        date: phrases.date(at),
        second_account: item.second_account && reconnect,
        remark: situation.remark(item, notices),
    }
}

#[cfg(test)]
#[path = "letter_tests.rs"]
pub(in crate::adapters::email) mod tests;
