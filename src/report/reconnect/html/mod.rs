//! The report, and a trend by itself, as one HTML file that needs nothing beside it: no script, nothing loaded, its style and charts within.
//!
//! ```text
//! ReconnectReport ─▶ lead (what matters, warnings) ┐
//!                 ─▶ figures, sections (tables)    ├─▶ Page ─▶ page.html
//!                 ─▶ charts (SVG)                  │
//! Trend           ─▶ trend (the same of it)        ┘
//! ```
//!
//! Guarantees: words of others are escaped, also in charts; a policy within the page forbids scripts, everything from
//! elsewhere and every style but its own, so that it holds for a file that was mailed on, too; no address and no user's id
//! is in it. Written so that readers of XML read it, too (W3C, "Polyglot Markup"). Readable in light and dark, in print, at 360 pixels, and by ear: what charts show is in tables.

mod figures;
mod frame;
mod lead;
mod page;
mod people;
mod sections;
mod told;
mod trend;

use super::charts::{Chart, ChartError, charts};
use super::model::ReconnectReport;
use super::wording::{instant, name};
use page::Page;

pub use frame::{Frame, Nav, NavGroup, NavLink, content_security_policy};
pub use trend::trend_html;

/// Rows of a table on the page; CSV and JSON hold all of them.
const MOST_ROWS: usize = 20;

/// What holds for every figure of every page.
const COUNTED: &str = "One account of a user for one toolkit counts once, however often it was seen broken. No address and \
    no user's id is in here.";

/// The report could not be made into a page.
#[derive(Debug, thiserror::Error)]
pub enum HtmlError {
    /// A chart of it could not be drawn.
    #[error("a chart of the report could not be drawn")]
    Chart(#[from] ChartError),
    /// The template did not come to its end.
    #[error("the report's page could not be put together")]
    Page(#[from] minijinja::Error),
}

/// The report as a page: a whole file, or what `GET /report` answers with.
pub fn html(report: &ReconnectReport, frame: &Frame) -> Result<String, HtmlError> {
    let charts = charts(report)?;
    let made = instant(report.generated_at);
    let page = Page {
        title: titled("Reconnect report", report.toolkit.as_deref()),
        period: Some(format!("{} to {}", instant(report.period.from), instant(report.period.to))),
        heading: Some("In short"),
        lead: lead::sentences(report),
        warnings: lead::warnings(report),
        tiles: figures::tiles(report),
        coverage: Some(lead::coverage(report)),
        figures: Some(figures::table(report)),
        sections: sections::all(report, &charts),
        remark: report
            .toolkit
            .as_ref()
            .map(|_| "This report is about one toolkit. Audits, silences and notices are counted for all of them."),
        footer: Some(format!("Made by reconnectd {made}. Every figure is as of the end of the period. {COUNTED}")),
    };
    Ok(page.html(frame)?)
}

/// A page that says something instead of what was asked for.
pub fn words_html(title: &str, words: &str, frame: &Frame) -> Result<String, HtmlError> {
    let page = Page { title: title.to_owned(), lead: vec![words.to_owned()], ..Page::default() };
    Ok(page.html(frame)?)
}

/// What a page is, and of which toolkit.
fn titled(what: &str, toolkit: Option<&str>) -> String {
    toolkit.map_or_else(|| what.to_owned(), |toolkit| format!("{what}: {}", name(toolkit)))
}

/// A chart among those of the report.
fn chart<'a>(charts: &'a [Chart], id: &str) -> Option<&'a Chart> {
    charts.iter().find(|chart| chart.id == id)
}
