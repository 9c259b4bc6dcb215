//! Bars that lie: a row for each name, its bar from zero, and its figure in words at the end.

use plotters::prelude::{ChartBuilder, Rectangle, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};

use super::canvas::{About, Chart, ChartError, TEXT, WIDTH, chart, line, px, text};
use super::ink::Ink;
use super::lettering::{short, width_of};
use super::scale::Scale;

/// Pixels from one row to the next.
const ROW: u32 = 24;
/// Pixels below the last row: the marks and their unit.
const BELOW: u32 = 40;
/// Pixels of the longest name.
const NAMES: u32 = 140;
/// Of a row, the share its bar fills.
const FILLED: f64 = 0.62;

/// A row.
pub(super) struct Bar {
    pub(super) label: String,
    /// Its length; none where it is not known.
    pub(super) value: Option<f64>,
    /// What is written at its end.
    pub(super) note: String,
}

/// What is counted along the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Percent,
    Count,
}

/// The chart of all bars, the first at the top. There must be one.
pub(super) fn chart_of(about: About<'_>, unit: Unit, bars: &[Bar]) -> Result<Chart, ChartError> {
    let (least_step, below) = match unit {
        Unit::Percent => (0.1, "broken for each 100 that worked at the start"),
        Unit::Count => (1.0, "accounts"),
    };
    let rows = u32::try_from(bars.len()).unwrap_or(u32::MAX / ROW);
    let widest = |texts: &mut dyn Iterator<Item = String>| {
        texts.map(|text| width_of(&text, f64::from(TEXT))).max().unwrap_or(0) + 8
    };
    let left = widest(&mut bars.iter().map(named));
    let right = widest(&mut bars.iter().map(|bar| bar.note.clone()));
    let scale = Scale::to(bars.iter().filter_map(|bar| bar.value).fold(0.0, f64::max), least_step);
    chart(about, rows * ROW + BELOW, |sheet| {
        let mut plot = ChartBuilder::on(sheet)
            .margin_left(px(left))
            .margin_right(px(right))
            .margin_bottom(px(BELOW - 22))
            .x_label_area_size(px(22))
            .build_cartesian_2d(scale.clone(), 0.0..f64::from(rows))?;
        plot.configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(scale.marks.len())
            .x_label_formatter(&|mark| scale.label(*mark))
            .set_all_tick_mark_size(px(3))
            .label_style(text(Ink::Quiet, HPos::Center, VPos::Top))
            .axis_style(line(Ink::Axis, 10))
            .bold_line_style(line(Ink::Grid, 10))
            .light_line_style(plotters::style::TRANSPARENT)
            .draw()?;
        let mut at = f64::from(rows);
        for bar in bars {
            let middle = at - 0.5;
            let (lower, upper) = (middle - FILLED / 2.0, middle + FILLED / 2.0);
            let value = bar.value.unwrap_or(0.0);
            let (end, row) = plot.backend_coord(&(value, middle));
            let (start, _) = plot.backend_coord(&(0.0, middle));
            if bar.value.is_some() {
                let filled = Ink::First.colour().filled();
                plot.draw_series([Rectangle::new([(0.0, lower), (value, upper)], filled)])?;
            }
            let label = text(Ink::Text, HPos::Right, VPos::Center);
            sheet.draw(&Text::new(named(bar), (start - px(6), row), label))?;
            let note = text(if bar.value.is_some() { Ink::Text } else { Ink::Quiet }, HPos::Left, VPos::Center);
            sheet.draw(&Text::new(bar.note.clone(), (end + px(5), row), note))?;
            at -= 1.0;
        }
        let (start, _) = plot.backend_coord(&(0.0, 0.0));
        let quiet = text(Ink::Quiet, HPos::Left, VPos::Bottom);
        sheet.draw(&Text::new(below, (start.min(px(WIDTH)), px(rows * ROW + BELOW - 1)), quiet))
    })
}

fn named(bar: &Bar) -> String {
    short(&bar.label, f64::from(TEXT), NAMES)
}
