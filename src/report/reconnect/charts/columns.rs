//! Bars that stand: one for each of a few names, or two beside each other for each step of a trend.

use chrono::NaiveDate;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{Cartesian2d, ChartBuilder, ChartContext, Rectangle, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};

use super::super::wording::number;
use super::canvas::{About, Chart, ChartError, Fault, Sheet, TEXT, WIDTH, chart, line, px, strong, text};
use super::drawing::Drawing;
use super::ink::Ink;
use super::lettering::width_of;
use super::scale::Scale;

const HEIGHT: u32 = 236;
/// Pixels above the plot: what its colours mean, or what is counted.
const ABOVE: u32 = 30;
/// Pixels below it, for names or days.
const BELOW: u32 = 26;
/// A bar is no wider than it is with so many steps.
const LEAST_STEPS: usize = 8;

pub(super) type Plot<'s, 'b> = ChartContext<'s, Drawing<'b>, Cartesian2d<RangedCoordf64, Scale>>;

/// A plot over `steps` steps from zero to the end of the scale, with its marks.
pub(super) fn plot<'s, 'b>(
    sheet: &'s Sheet<'b>,
    (width, scale): (f64, &Scale),
    written: &dyn Fn(f64) -> String,
) -> Result<Plot<'s, 'b>, Fault> {
    let longest = scale.marks.iter().map(|mark| width_of(&written(*mark), f64::from(TEXT))).max().unwrap_or(0);
    let mut plot = ChartBuilder::on(sheet)
        .margin_top(px(ABOVE))
        .margin_bottom(px(BELOW))
        .margin_right(px(10))
        .y_label_area_size(px(longest + 12))
        .build_cartesian_2d(0.0..width, scale.clone())?;
    plot.configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_labels(scale.marks.len())
        .y_label_formatter(&|mark| written(*mark))
        .set_all_tick_mark_size(px(4))
        .label_style(text(Ink::Quiet, HPos::Right, VPos::Center))
        .axis_style(line(Ink::Axis, 10))
        .bold_line_style(line(Ink::Grid, 10))
        .light_line_style(plotters::style::TRANSPARENT)
        .draw()?;
    Ok(plot)
}

/// Writes below the plot, around `x`.
pub(super) fn below(sheet: &Sheet<'_>, plot: &Plot<'_, '_>, x: f64, words: &str) -> Result<(), Fault> {
    let (across, down) = plot.backend_coord(&(x, 0.0));
    // What would stick out is moved in.
    let half = px(width_of(words, f64::from(TEXT)) / 2 + 1);
    let across = across.clamp(half, (px(WIDTH) - half).max(half));
    let style = text(Ink::Quiet, HPos::Center, VPos::Top);
    sheet.draw(&Text::new(words.to_owned(), (across, down + px(7)), style))
}

/// Writes the days of a trend's steps below it, as many as there is room for.
pub(super) fn days(sheet: &Sheet<'_>, plot: &Plot<'_, '_>, steps: &[NaiveDate]) -> Result<(), Fault> {
    let years =
        steps.first().map(|day| day.format("%Y").to_string()) != steps.last().map(|day| day.format("%Y").to_string());
    let form = if steps.len() > 1 && years { "%-d %b %y" } else { "%-d %b" };
    let room = usize::try_from(WIDTH / (width_of("30 Mmm 26", f64::from(TEXT)) + 8)).unwrap_or(1).max(1);
    let every = steps.len().div_ceil(room).max(1);
    for (at, day) in steps.iter().enumerate().filter(|(at, _)| at % every == 0) {
        below(sheet, plot, middle(at), &day.format(form).to_string())?;
    }
    Ok(())
}

/// The middle of a step.
#[expect(clippy::cast_precision_loss, reason = "steps of a trend are few")]
pub(super) fn middle(step: usize) -> f64 {
    step as f64 + 0.5
}

/// How far a trend of so many steps goes; a few do not fill the whole width.
#[expect(clippy::cast_precision_loss, reason = "steps of a trend are few")]
pub(super) fn width_of_steps(steps: usize) -> f64 {
    steps.max(LEAST_STEPS) as f64
}

#[expect(clippy::cast_precision_loss, reason = "a height on a screen")]
fn height(of: u64) -> f64 {
    of as f64
}

/// One bar for each name, with its figure above it.
pub(super) fn single(about: About<'_>, counted: &str, bars: &[(&str, u64)]) -> Result<Chart, ChartError> {
    let scale = Scale::to(bars.iter().map(|(_, count)| height(*count)).fold(0.0, f64::max), 1.0);
    chart(about, HEIGHT, |sheet| {
        let mut plot = plot(sheet, (height(bars.len() as u64), &scale), &|mark| scale.label(mark))?;
        for (at, (name, count)) in bars.iter().enumerate() {
            let (middle, top) = (middle(at), height(*count));
            let filled = Ink::First.colour().filled();
            plot.draw_series([Rectangle::new([(middle - 0.3, 0.0), (middle + 0.3, top)], filled)])?;
            let (across, down) = plot.backend_coord(&(middle, top));
            let figure = strong(Ink::Text, HPos::Center, VPos::Bottom);
            sheet.draw(&Text::new(number(*count), (across, down - px(3)), figure))?;
            below(sheet, &plot, middle, name)?;
        }
        sheet.draw(&Text::new(counted.to_owned(), (px(2), px(2)), text(Ink::Quiet, HPos::Left, VPos::Top)))
    })
}

/// Two figures for each column of a trend: bars side by side, the first full and the second hollow, so that they differ
/// without colour.
pub(super) fn pairs(about: About<'_>, names: [&str; 2], columns: &[Pair]) -> Result<Chart, ChartError> {
    let most = columns.iter().flat_map(|(_, both)| both).copied().max().unwrap_or(0);
    let scale = Scale::to(height(most), 1.0);
    chart(about, HEIGHT, |sheet| {
        let mut plot = plot(sheet, (width_of_steps(columns.len()), &scale), &|mark| scale.label(mark))?;
        full_and_hollow(&mut plot, columns)?;
        let days_of: Vec<NaiveDate> = columns.iter().map(|(day, _)| *day).collect();
        days(sheet, &plot, &days_of)?;
        legend(sheet, names)
    })
}

/// The first day of a column, and what stands in it.
type Pair = (NaiveDate, [u64; 2]);

fn full_and_hollow(plot: &mut Plot<'_, '_>, columns: &[Pair]) -> Result<(), Fault> {
    for (at, (_, [full, hollow])) in columns.iter().enumerate() {
        let middle = middle(at);
        let one = [(middle - 0.4, 0.0), (middle - 0.03, height(*full))];
        let other = [(middle + 0.07, 0.0), (middle + 0.4, height(*hollow))];
        plot.draw_series([
            Rectangle::new(one, Ink::First.colour().filled()),
            Rectangle::new(other, Ink::Paper.colour().filled()),
            Rectangle::new(other, line(Ink::Second, 14)),
        ])?;
    }
    Ok(())
}

fn legend(sheet: &Sheet<'_>, names: [&str; 2]) -> Result<(), Fault> {
    let words = || text(Ink::Text, HPos::Left, VPos::Top);
    let second = px(width_of(names[0], f64::from(TEXT)) + 44);
    let (full, hollow) = (Ink::First.colour().filled(), line(Ink::Second, 14));
    for (at, name, style) in [(px(2), names[0], full), (second, names[1], hollow)] {
        sheet.draw(&Rectangle::new([(at, px(4)), (at + px(11), px(15))], style))?;
        sheet.draw(&Text::new(name.to_owned(), (at + px(16), px(4)), words()))?;
    }
    Ok(())
}
