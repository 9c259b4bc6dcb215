//! The report as a page, without a browser: whole, escaped, read like any document, and saying what the report says.
//! What it looks like is looked at in `browser/report.rs`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a step that fails ends its test")]

mod ends;
mod figures;
mod lead;
pub mod samples;
mod structure;
mod trend;

use reconnectd::domain::Colour;
use reconnectd::report::reconnect::{Frame, ReconnectReport, Trend, html, trend_html};
use roxmltree::{Document, Node, ParsingOptions};

pub fn frame() -> Frame {
    Frame::file("Acme", Colour::ACCENT)
}

pub fn page(report: &ReconnectReport) -> String {
    html(report, &frame()).unwrap()
}

pub fn trend_page(trend: &Trend) -> String {
    trend_html(trend, &frame()).unwrap()
}

/// The page as a reader of XML has it; fails on anything that is not closed, not escaped, or no character.
fn parsed(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).expect(page)
}

fn named<'a>(document: &'a Document<'a>, name: &str) -> Vec<Node<'a, 'a>> {
    document.descendants().filter(|node| node.tag_name().name() == name).collect()
}

/// All text within, on one line.
fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text).filter_map(|node| node.text());
    texts.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}
