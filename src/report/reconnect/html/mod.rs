//! The report as one HTML file that needs nothing beside it: no script, nothing loaded, its style and charts within.
//!
//! ```text
//! ReconnectReport ─▶ lead (what matters, warnings) ┐
//!                 ─▶ figures, sections (tables)    ├─▶ Page ─▶ page.html
//!                 ─▶ charts (SVG)                  ┘
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

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};

use super::charts::{Chart, ChartError, charts};
use super::model::ReconnectReport;
use super::wording::{instant, name, plain};

pub use frame::{Frame, Nav, NavGroup, NavLink, content_security_policy};

/// Rows of a table on the page; CSV and JSON hold all of them.
const MOST_ROWS: usize = 20;

const PAGE: &str = include_str!("page.html");
const NAME: &str = "page.html";

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
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.add_template(NAME, PAGE)?;
    let charts = charts(report)?;
    let about = report.toolkit.as_deref().map(name);
    let title = about.as_ref().map_or_else(|| "Reconnect report".to_owned(), |of| format!("Reconnect report: {of}"));
    let sections: Vec<page::Section> = sections::all(report, &charts);
    Ok(templates.get_template(NAME)?.render(context! {
        policy => content_security_policy(frame),
        style => Value::from_safe_string(frame.style()),
        product => plain(&frame.product),
        nav => frame.nav,
        title => title,
        one_toolkit => about.is_some(),
        from => instant(report.period.from),
        to => instant(report.period.to),
        made => instant(report.generated_at),
        lead => lead::sentences(report),
        warnings => lead::warnings(report),
        coverage => lead::coverage(report),
        tiles => figures::tiles(report),
        figures => figures::table(report),
        sections => sections,
    })?)
}

/// A chart among those of the report.
fn chart<'a>(charts: &'a [Chart], id: &str) -> Option<&'a Chart> {
    charts.iter().find(|chart| chart.id == id)
}
