//! Turns what a letter says into the HTML that mail programs show: tables, inline styles, at most 640 pixels wide.
//!
//! Guarantees: nothing is loaded but the pictures that come along; every word is escaped; without the style block, which
//! some mail programs drop, it is whole on light ground; with it it is dark where the reader's screen is.

use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

const TEMPLATE: &str = include_str!("page.html");
const NAME: &str = "page.html";

/// What the page says.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub(super) title: String,
    pub(super) product: String,
    pub(super) period: String,
    pub(super) figure: String,
    /// Why the figures are to be read with care.
    pub(super) warning: Option<String>,
    pub(super) headline: Vec<Row>,
    /// Name, newly broken, open.
    pub(super) toolkits: Vec<[String; 3]>,
    pub(super) funnel: Vec<(&'static str, String)>,
    /// Auth configs of which so many broke that the product's own OAuth app may be the reason.
    pub(super) own_app: Vec<String>,
    pub(super) pictures: Vec<Picture>,
    /// Names of files.
    pub(super) attached: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// A headline figure.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) now: String,
    pub(super) before: String,
}

/// A chart.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) summary: String,
    /// Pixels on the screen.
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Page {
    pub(super) fn html(&self) -> Result<String, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_trim_blocks(true);
        templates.set_lstrip_blocks(true);
        templates.add_template(NAME, TEMPLATE)?;
        templates.get_template(NAME)?.render(context! { page => self })
    }
}
