//! Turns a notice into the words of a mail: subject, text and HTML, from the templates beside this file.
//!
//! Guarantees: text from outside passes `wording` before it is used and is escaped in HTML; however many
//! accounts are named, at most [`MAX_ITEMS`] are listed and the rest is counted.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, Output, State};
use serde::Serialize;

use super::wording::{MAX_WORD_CHARS, greeting_name, list_up_to_three, toolkit_name, visible};
use crate::domain::{Notice, NoticeItem};

/// More accounts than this are counted, not listed.
pub(super) const MAX_ITEMS: usize = 50;

/// The longest subject in characters; mail programs show 40 to 70 of them.
const MAX_SUBJECT_CHARS: usize = 200;

/// The words of one mail.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

/// Writes letters for one product.
pub(super) struct Writer {
    templates: Environment<'static>,
    product: String,
    /// The address people write to, shown in the body.
    reply_to: Option<String>,
}

/// What the templates can say.
#[derive(Serialize)]
struct Facts<'a> {
    product: &'a str,
    greeting: Option<String>,
    reply_to: Option<&'a str>,
    reminder: bool,
    /// The accounts as the subject names them.
    named: String,
    /// The toolkits, each once, as "why you get this" names them.
    toolkits: String,
    items: Vec<Item>,
    /// How many accounts are not in `items`.
    more: usize,
    total: usize,
}

#[derive(Serialize)]
struct Item {
    name: String,
    toolkit: String,
    url: String,
    since: String,
    second_account: bool,
}

impl Writer {
    /// Loads the templates. Fails only when a template cannot be parsed, which a test would have shown.
    pub(super) fn new(product: &str, reply_to: Option<String>) -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_trim_blocks(true);
        templates.set_lstrip_blocks(true);
        templates.set_keep_trailing_newline(true);
        templates.set_formatter(escape);
        templates.add_template("subject.txt", include_str!("templates/subject.txt"))?;
        templates.add_template("notice.txt", include_str!("templates/notice.txt"))?;
        templates.add_template("notice.html", include_str!("templates/notice.html"))?;
        let product = visible(product, MAX_WORD_CHARS).unwrap_or_else(|| "the product".to_owned());
        Ok(Self { templates, product, reply_to })
    }

    /// The letter for a notice, listing at most `max_items` accounts.
    pub(super) fn write(&self, notice: &Notice, max_items: usize) -> Result<Letter, minijinja::Error> {
        let facts = self.facts(notice, max_items);
        let render = |name: &str, context: Value| self.templates.get_template(name)?.render(context);
        let subject = render("subject.txt", Value::from_serialize(&facts))?;
        let subject = visible(&subject, MAX_SUBJECT_CHARS).unwrap_or_default();
        let text = render("notice.txt", Value::from_serialize(&facts))?;
        let html = render("notice.html", minijinja::context! { subject, ..Value::from_serialize(&facts) })?;
        Ok(Letter { subject, text, html })
    }

    fn facts(&self, notice: &Notice, max_items: usize) -> Facts<'_> {
        let names: Vec<String> = notice.items.iter().map(name_of).collect();
        let mut toolkits: Vec<String> = Vec::new();
        for item in &notice.items {
            let toolkit = toolkit_name(item.toolkit.as_str());
            if !toolkits.contains(&toolkit) {
                toolkits.push(toolkit);
            }
        }
        let items: Vec<Item> = notice.items.iter().take(max_items.min(MAX_ITEMS)).map(item_of).collect();
        Facts {
            product: &self.product,
            greeting: notice.contact.name.as_deref().and_then(greeting_name),
            reply_to: self.reply_to.as_deref(),
            reminder: notice.items.iter().all(|item| item.number > 0),
            named: list_up_to_three(&names),
            toolkits: list_up_to_three(&toolkits),
            more: notice.items.len() - items.len(),
            total: notice.items.len(),
            items,
        }
    }
}

/// `Slack`, or `Slack (work)` where the account has a label.
fn name_of(item: &NoticeItem) -> String {
    let toolkit = toolkit_name(item.toolkit.as_str());
    match item.label.as_deref().and_then(|label| visible(label, MAX_WORD_CHARS)) {
        Some(label) => format!("{toolkit} ({label})"),
        None => toolkit,
    }
}

fn item_of(item: &NoticeItem) -> Item {
    Item {
        name: name_of(item),
        toolkit: toolkit_name(item.toolkit.as_str()),
        // A URL has neither; a template of the operator's may.
        url: item.reconnect_url.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect(),
        // A day, in words, because the hour would be in the wrong zone.
        since: item.broke_at.format("%-d %B %Y").to_string(),
        second_account: item.second_account,
    }
}

/// HTML escaping that leaves slashes alone (minijinja's own writes `&#x2f;`), so that URLs stay legible in
/// the source and to link checkers.
fn escape(out: &mut Output<'_>, state: &State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    let text = match (state.auto_escape(), value.as_str()) {
        (AutoEscape::Html, Some(text)) if !value.is_safe() => text,
        _ => return minijinja::escape_formatter(out, state, value),
    };
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    out.write_str(&escaped).map_err(minijinja::Error::from)
}

#[cfg(test)]
#[path = "letter_tests.rs"]
pub(in crate::adapters::email) mod tests;
