//! What plotters draws, as SVG: a backend of its own, because the one that comes with plotters writes bare colours.
//!
//! Guarantees: every colour is an [`Ink`] and is written twice, as an attribute (so that the drawing stands alone: in a
//! mail, as a picture) and as a class (so that a style sheet can turn it dark); a colour that is none is an error, not a
//! black shape in the dark. Texts are escaped. Nothing is loaded: no font, no image.
//!
//! plotters counts in whole units; there are [`UNIT`] of them to a pixel of the drawing, so that 26 bars side by side come
//! out alike.

use std::fmt::Write as _;

use minijinja::HtmlEscape;
use plotters::style::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};

use super::ink::Ink;
use super::lettering::width_of;

/// Units of plotters to a pixel.
pub(super) const UNIT: i32 = 10;

/// A drawing that grows.
pub(super) struct Drawing<'a> {
    /// Pixels.
    pub(super) size: (u32, u32),
    pub(super) body: &'a mut String,
}

/// Something was drawn in a colour that has no meaning.
#[derive(Debug, thiserror::Error)]
#[error("a chart uses the colour {0:?}, which is no ink")]
pub struct InkError((u8, u8, u8));

type Drawn = Result<(), DrawingErrorKind<InkError>>;

macro_rules! put {
    ($out:expr, $($what:tt)*) => {{
        write!($out, $($what)*).ok(); // Writing to a String does not fail.
        Ok(())
    }};
}

fn px(units: i32) -> f64 {
    f64::from(units) / f64::from(UNIT)
}

/// None for what is not to be seen.
fn ink(colour: BackendColor) -> Result<Option<Ink>, DrawingErrorKind<InkError>> {
    if colour.alpha <= 0.0 {
        return Ok(None);
    }
    match Ink::known(colour.rgb) {
        Some(ink) if colour.alpha >= 1.0 => Ok(Some(ink)),
        _ => Err(DrawingErrorKind::DrawingError(InkError(colour.rgb))),
    }
}

/// The attributes of an area.
fn filled(ink: Ink) -> String {
    format!("class=\"f-{}\" fill=\"{}\"", ink.class(), ink.light())
}

/// The attributes of a line.
fn stroked(ink: Ink, width: u32) -> String {
    let width = f64::from(width) / f64::from(UNIT);
    format!("class=\"s-{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\"", ink.class(), ink.light())
}

fn points(of: impl IntoIterator<Item = BackendCoord>) -> String {
    let points: Vec<String> = of.into_iter().map(|(x, y)| format!("{},{}", px(x), px(y))).collect();
    points.join(" ")
}

impl DrawingBackend for Drawing<'_> {
    type ErrorType = InkError;

    fn get_size(&self) -> (u32, u32) {
        let unit = UNIT.unsigned_abs();
        (self.size.0 * unit, self.size.1 * unit)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, colour: BackendColor) -> Drawn {
        self.draw_rect(at, (at.0 + 1, at.1 + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let Some(ink) = ink(style.color())? else { return Ok(()) };
        let (x1, y1, x2, y2) = (px(from.0), px(from.1), px(to.0), px(to.1));
        let how = stroked(ink, style.stroke_width());
        put!(self.body, "<line {how} x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>")
    }

    fn draw_rect<S: BackendStyle>(&mut self, one: BackendCoord, other: BackendCoord, style: &S, fill: bool) -> Drawn {
        let Some(ink) = ink(style.color())? else { return Ok(()) };
        let (left, top) = (one.0.min(other.0), one.1.min(other.1));
        let (width, height) = (px((one.0 - other.0).abs()), px((one.1 - other.1).abs()));
        let how = if fill { filled(ink) } else { stroked(ink, style.stroke_width()) };
        put!(self.body, "<rect {how} x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\"/>", px(left), px(top))
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let Some(ink) = ink(style.color())? else { return Ok(()) };
        let (how, points) = (stroked(ink, style.stroke_width()), points(path));
        put!(self.body, "<polyline {how} points=\"{points}\"/>")
    }

    fn draw_circle<S: BackendStyle>(&mut self, at: BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let Some(ink) = ink(style.color())? else { return Ok(()) };
        let how = if fill { filled(ink) } else { stroked(ink, style.stroke_width()) };
        let radius = f64::from(radius) / f64::from(UNIT);
        put!(self.body, "<circle {how} cx=\"{}\" cy=\"{}\" r=\"{radius}\"/>", px(at.0), px(at.1))
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, around: I, style: &S) -> Drawn {
        let Some(ink) = ink(style.color())? else { return Ok(()) };
        let (how, points) = (filled(ink), points(around));
        put!(self.body, "<polygon {how} points=\"{points}\"/>")
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, at: BackendCoord) -> Drawn {
        let Some(ink) = ink(style.color())? else { return Ok(()) };
        let size = style.size() / f64::from(UNIT);
        let anchor = match style.anchor().h_pos {
            HPos::Left => "",
            HPos::Center => " text-anchor=\"middle\"",
            HPos::Right => " text-anchor=\"end\"",
        };
        // From the anchor to the baseline, for a font whose capitals are seven tenths of its size.
        let down = match style.anchor().v_pos {
            VPos::Top => 0.8,
            VPos::Center => 0.35,
            VPos::Bottom => -0.1,
        };
        let weight = if matches!(style.style(), FontStyle::Bold) { " font-weight=\"600\"" } else { "" };
        let (x, y, how, text) = (px(at.0), px(at.1) + down * size, filled(ink), HtmlEscape(text));
        put!(self.body, "<text {how} x=\"{x}\" y=\"{y:.1}\" font-size=\"{size}\"{anchor}{weight}>{text}</text>")
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<InkError>> {
        Ok((width_of(text, style.size()), width_of("M", style.size())))
    }

    fn blit_bitmap(&mut self, _at: BackendCoord, _size: (u32, u32), _bytes: &[u8]) -> Drawn {
        Ok(()) // No chart has pictures in it.
    }
}
