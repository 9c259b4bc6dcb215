//! A chart's sheet: its size, its title for those who cannot see it, and the SVG around what is drawn on it.

use minijinja::HtmlEscape;
use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, DrawingAreaErrorKind, FontStyle, IntoDrawingArea as _, IntoFont as _, TextStyle};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::drawing::{Drawing, InkError, UNIT};
use super::ink::Ink;

/// The width of every chart in pixels: on a phone of 360 the text is still 11 pixels high.
pub(super) const WIDTH: u32 = 440;
/// The size of text in charts, in pixels.
pub(super) const TEXT: i32 = 13;

/// A chart that needs nothing beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// What it is of: `trend`, `open`, `rates`, `ages`, `funnel`, `curve`.
    pub id: &'static str,
    /// What it shows.
    pub title: String,
    /// The same in one sentence, for who cannot see it.
    pub summary: String,
    /// An SVG element of [`Self::width`] by [`Self::height`] pixels on no ground, in colours for light paper.
    pub svg: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// A chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the chart {chart} could not be drawn")]
pub struct ChartError {
    chart: &'static str,
    #[source]
    source: Fault,
}

pub(super) type Fault = DrawingAreaErrorKind<InkError>;
pub(super) type Sheet<'a> = DrawingArea<Drawing<'a>, Shift>;
/// A chart's id, title, and summary.
pub(super) type About<'a> = (&'static str, &'a str, &'a str);

/// Draws on a sheet of [`WIDTH`] by `height` pixels.
pub(super) fn chart(
    (id, title, summary): About<'_>,
    height: u32,
    draw: impl FnOnce(&Sheet<'_>) -> Result<(), Fault>,
) -> Result<Chart, ChartError> {
    let mut body = String::new();
    draw(&Drawing { size: (WIDTH, height), body: &mut body }.into_drawing_area())
        .map_err(|source| ChartError { chart: id, source })?;
    let (name, sentence) = (HtmlEscape(title), HtmlEscape(summary));
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" role=\"img\" \
         aria-labelledby=\"chart-{id}-title chart-{id}-summary\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\
         <title id=\"chart-{id}-title\">{name}</title><desc id=\"chart-{id}-summary\">{sentence}</desc>{body}</svg>"
    );
    Ok(Chart { id, title: title.to_owned(), summary: summary.to_owned(), svg, width: WIDTH, height })
}

/// Pixels as plotters counts them.
pub(super) fn px(pixels: u32) -> i32 {
    i32::try_from(pixels).unwrap_or(0) * UNIT
}

/// How a text looks, and which of its points is where it is put.
pub(super) fn text(ink: Ink, across: HPos, down: VPos) -> TextStyle<'static> {
    text_of(ink, FontStyle::Normal, across, down)
}

/// The same, heavier.
pub(super) fn strong(ink: Ink, across: HPos, down: VPos) -> TextStyle<'static> {
    text_of(ink, FontStyle::Bold, across, down)
}

fn text_of(ink: Ink, style: FontStyle, across: HPos, down: VPos) -> TextStyle<'static> {
    let font = ("sans-serif", TEXT * UNIT, style).into_font();
    TextStyle { color: ink.colour().to_backend_color(), pos: Pos::new(across, down), ..TextStyle::from(font) }
}

/// A line of this many tenths of a pixel.
pub(super) fn line(ink: Ink, width: u32) -> plotters::style::ShapeStyle {
    ink.colour().stroke_width(width)
}
