//! The report as a letter: from its figures to what a mail program shows.
//!
//! ```text
//! ReconnectReport ─▶ charts ─▶ pictures (PNG) ─┐
//!                 └▶ page (HTML by template) ──┼▶ Letter ─▶ the channel `report-mail`
//!                 └▶ text, JSON, CSV ──────────┘
//! ```
//!
//! Guarantees: every figure stands in the text part, which is the report for a terminal; every picture is named in the HTML
//! part, once, with a sentence for who cannot see it; files larger than [`MAX_FILE_BYTES`] are left out, and both parts say
//! so. The same report and product give the same letter, byte for byte. It holds no address and no user's id.

mod page;
mod picture;
mod source;

use super::charts::{ChartError, charts};
use super::model::{Headline, ReconnectReport};
use super::word::{coverage, worst};
use super::wording::{length, name, number, percent, plain};
use super::{csv, text};
use crate::domain::visible;
use crate::ports::Letter;

pub use picture::PictureError;
pub use source::{MailedReports, StateSlot};

use page::{Page, Picture, Row};

/// The most that one attached file may have. Two of them and the pictures fit into 10 MiB, which the pickiest mail servers
/// take, also in base64.
const MAX_FILE_BYTES: usize = 2_000_000;

/// The product's name in a subject.
const MAX_PRODUCT_CHARS: usize = 60;

/// A report cannot be made into a letter.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// A chart cannot be drawn.
    #[error("a chart cannot be drawn")]
    Chart(#[from] ChartError),
    /// A chart cannot be made into a picture.
    #[error("a chart cannot be made into a picture")]
    Picture(#[from] PictureError),
    /// The HTML part cannot be rendered.
    #[error("the HTML part cannot be rendered")]
    Page(#[from] minijinja::Error),
    /// The report cannot be made into this form.
    #[error("the report cannot be made into JSON")]
    Json(#[from] serde_json::Error),
    /// The report cannot be made into this form.
    #[error("the report cannot be made into CSV")]
    Csv(#[from] ::csv::Error),
}

/// The letter of a report about the users of `product`. To be called where blocking is allowed: it draws.
pub fn letter(report: &ReconnectReport, product: &str) -> Result<Letter, LetterError> {
    letter_within(report, product, MAX_FILE_BYTES)
}

fn letter_within(report: &ReconnectReport, product: &str, most: usize) -> Result<Letter, LetterError> {
    let (mut pictures, mut shown) = (Vec::new(), Vec::new());
    for chart in charts(report)? {
        let (png, width, height) = picture::picture(&chart.svg)?;
        let id = format!("chart-{}", chart.id);
        shown.push(Picture { id: id.clone(), title: chart.title, summary: chart.summary, width, height });
        pictures.push((id, png));
    }
    let (mut files, mut notes) = (Vec::new(), Vec::new());
    let day = report.period.to.date_naive();
    for (form, kind, content) in
        [("json", "application/json", report.json()?), ("csv", "text/csv; charset=utf-8", csv(report)?)]
    {
        if content.len() <= most {
            files.push((format!("reconnect-report-{day}.{form}"), kind, content.into_bytes()));
        } else {
            notes.push(left_out(report, form, content.len()));
        }
    }
    let subject = subject(report, product);
    let warning = coverage(&report.coverage).warning();
    let page = Page {
        title: subject.clone(),
        product: visible(product, MAX_PRODUCT_CHARS).unwrap_or_default(),
        period: period(report),
        figure: figure(report),
        warning: warning.clone(),
        headline: headline(report),
        toolkits: worst(report)
            .iter()
            .map(|of| [name(&of.toolkit), number(of.newly_broken), number(of.open)])
            .collect(),
        funnel: funnel(report),
        own_app: report.auth_configs.iter().filter(|of| of.stands_out).map(|of| plain(&of.auth_config)).collect(),
        pictures: shown,
        attached: files.iter().map(|(name, ..)| name.clone()).collect(),
        notes: notes.clone(),
    };
    let mut words = warning.into_iter().chain([text(report)]).chain(notes).collect::<Vec<_>>().join("\n\n");
    words.push('\n');
    Ok(Letter { subject, text: words, html: page.html()?, pictures, files })
}

fn left_out(report: &ReconnectReport, form: &str, bytes: usize) -> String {
    let (from, to) = (report.period.from.to_rfc3339(), report.period.to.to_rfc3339());
    format!(
        "The {} is not attached, because it is too large for a mail ({} kB). This makes it: reconnectd report --format \
         {form} --from {from} --to {to}",
        form.to_uppercase(),
        number(bytes.div_ceil(1000) as u64)
    )
}

/// Whose, about which time, and how many broke, against the time before.
fn subject(report: &ReconnectReport, product: &str) -> String {
    let of = visible(product, MAX_PRODUCT_CHARS).map_or_else(String::new, |product| format!("{product}: "));
    format!("{of}reconnect report {}, {}", period(report), figure(report))
}

fn period(report: &ReconnectReport) -> String {
    format!("{} to {}", report.period.from.format("%Y-%m-%d"), report.period.to.format("%Y-%m-%d"))
}

/// The one figure that matters.
fn figure(report: &ReconnectReport) -> String {
    let now = report.headline.newly_broken;
    let before = report
        .previous
        .as_ref()
        .map_or_else(String::new, |before| format!(" ({} before)", number(before.newly_broken)));
    format!("{} newly broken{before}", number(now))
}

fn headline(report: &ReconnectReport) -> Vec<Row> {
    let (now, before) = (&report.headline, report.previous.as_ref());
    let row = |what: &'static str, of: &dyn Fn(&Headline) -> String| Row {
        what,
        now: of(now),
        before: before.map_or_else(|| "–".to_owned(), of),
    };
    vec![
        row("Worked at the start", &|of| number(of.active_at_start)),
        row("Newly broken", &|of| number(of.newly_broken)),
        row("Break rate", &|of| percent(of.break_rate)),
        row("Back again", &|of| number(of.recovered)),
        row("Deleted", &|of| number(of.gone)),
        row("Broken at the end", &|of| number(of.open)),
        row("Of them, users who left", &|of| number(of.open_left)),
        row("Half noticed within", &|of| length(of.detect_median_seconds)),
        row("Half back within (of at least 12 weeks)", &|of| length(of.reconnect_median_seconds)),
    ]
}

fn funnel(report: &ReconnectReport) -> Vec<(&'static str, String)> {
    let of = &report.funnel;
    let known = |count: Option<u64>| count.map_or_else(|| "not known".to_owned(), number);
    vec![
        ("First told", number(of.notified)),
        ("Notice accepted", number(of.delivered)),
        ("Link opened", known(of.link_opened)),
        ("Reconnect begun", known(of.attempt_started)),
        ("Works again since", number(of.active_again)),
    ]
}
