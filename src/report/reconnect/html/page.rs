//! A page as values: sections of words, charts and tables, so that the template decides nothing.

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::super::charts::Chart;
use super::super::wording::plain;
use super::MOST_ROWS;
use super::figures::Tile;
use super::frame::{Frame, content_security_policy};

const TEMPLATE: &str = include_str!("page.html");
const NAME: &str = "page.html";

/// A page, from the top. What it does not have is left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Page {
    pub(super) title: String,
    /// The time it is about.
    pub(super) period: Option<String>,
    /// Above the sentences; none where they are all there is.
    pub(super) heading: Option<&'static str>,
    /// What somebody should know who reads nothing else.
    pub(super) lead: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) tiles: Vec<Tile>,
    /// What the figures rest on.
    pub(super) coverage: Option<String>,
    pub(super) figures: Option<Table>,
    pub(super) sections: Vec<Section>,
    /// What holds for all sections.
    pub(super) remark: Option<&'static str>,
    pub(super) footer: Option<String>,
}

/// A part of the page under a heading.
#[derive(Debug, Default, Serialize)]
pub(super) struct Section {
    pub(super) id: &'static str,
    pub(super) heading: &'static str,
    /// What it says in words, above everything.
    pub(super) text: Vec<String>,
    /// What needs somebody's hand, and is called out.
    pub(super) callout: Option<String>,
    pub(super) parts: Vec<Part>,
    /// How its figures are defined.
    pub(super) notes: Vec<&'static str>,
}

/// A chart with its table, or one of them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Part {
    pub(super) svg: Option<Value>,
    pub(super) heading: Option<String>,
    pub(super) table: Option<Table>,
    /// The table waits to be opened; in print it is open.
    pub(super) folded: bool,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Rows that are not shown.
    pub(super) more: usize,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Figures stand to the right.
    pub(super) figure: bool,
}

/// The first of a row is its heading.
#[derive(Debug, Default, Serialize)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) figure: bool,
    /// How dark it is shaded, 0 to 5; none for a cell that is not.
    pub(super) shade: Option<u8>,
}

impl Page {
    /// The whole document.
    pub(super) fn html(&self, frame: &Frame) -> Result<String, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.add_template(NAME, TEMPLATE)?;
        templates.get_template(NAME)?.render(context! {
            policy => content_security_policy(frame),
            style => Value::from_safe_string(frame.style()),
            product => plain(&frame.product),
            nav => frame.nav,
            page => self,
        })
    }
}

impl Section {
    /// One that is a table with a note.
    pub(super) fn of_table(id: &'static str, heading: &'static str, table: Table, note: &'static str) -> Self {
        Self { id, heading, parts: vec![Part::new(None, Some(table))], notes: vec![note], ..Self::default() }
    }
}

impl Part {
    pub(super) fn new(chart: Option<&Chart>, table: Option<Table>) -> Self {
        let table = table.filter(|table| !table.rows.is_empty());
        Self {
            svg: chart.map(|chart| Value::from_safe_string(chart.svg.clone())),
            heading: chart.map(|chart| chart.title.clone()),
            table,
            folded: false,
        }
    }

    pub(super) fn folded(self) -> Self {
        Self { folded: true, ..self }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.svg.is_none() && self.table.is_none()
    }
}

impl Table {
    /// A table of the first [`MOST_ROWS`] rows; a column whose name begins with `#` holds figures.
    pub(super) fn new(caption: &str, columns: &[&'static str], mut rows: Vec<Vec<Cell>>) -> Self {
        let more = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        Self { more, ..Self::whole(caption, columns, rows) }
    }

    /// The same with all rows, for tables that cannot get long.
    pub(super) fn whole(caption: &str, columns: &[&'static str], rows: Vec<Vec<Cell>>) -> Self {
        let column = |name: &&'static str| {
            let figure = name.strip_prefix('#');
            Column { name: figure.unwrap_or(name), figure: figure.is_some() }
        };
        Self { caption: caption.to_owned(), columns: columns.iter().map(column).collect(), rows, more: 0 }
    }
}

/// A cell of words.
pub(super) fn words(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ..Cell::default() }
}

/// A cell of a figure.
pub(super) fn figure(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), figure: true, shade: None }
}
