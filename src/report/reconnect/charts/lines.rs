//! Lines: how many are broken at the end of each step, and the share of people that is back after so long.

use chrono::NaiveDate;
use plotters::prelude::{Circle, PathElement, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};

use super::super::wording::number;
use super::canvas::{About, Chart, ChartError, WIDTH, chart, line, px, strong, text};
use super::columns::{below, days, middle, plot, width_of_steps};
use super::ink::Ink;
use super::scale::Scale;

const HEIGHT: u32 = 220;
/// The curve is drawn up to here: what comes later is in the table.
const DAYS_SHOWN: f64 = 30.0;
const DAY_SECONDS: f64 = 86_400.0;
/// The same in seconds.
pub(super) const SECONDS_SHOWN: u64 = 30 * 86_400;

/// A figure at the end of each step of a trend, with dots where there is room for them.
#[expect(clippy::cast_precision_loss, reason = "heights on a screen")]
pub(super) fn course(about: About<'_>, steps: &[(NaiveDate, u64)], dots: bool) -> Result<Chart, ChartError> {
    let most = steps.iter().map(|(_, open)| *open).max().unwrap_or(0);
    let scale = Scale::to(most as f64, 1.0);
    chart(about, HEIGHT, |sheet| {
        let mut plot = plot(sheet, (width_of_steps(steps.len()), &scale), &|mark| scale.label(mark))?;
        let points: Vec<(f64, f64)> =
            steps.iter().enumerate().map(|(at, (_, open))| (middle(at), *open as f64)).collect();
        plot.draw_series([PathElement::new(points.clone(), line(Ink::First, 20))])?;
        let dotted = points.iter().filter(|_| dots);
        plot.draw_series(dotted.map(|at| Circle::new(*at, px(2), Ink::First.colour().filled())))?;
        if let Some((_, open)) = steps.last() {
            let figure = strong(Ink::Text, HPos::Right, VPos::Top);
            sheet.draw(&Text::new(format!("{} at the end", number(*open)), (px(WIDTH - 10), px(2)), figure))?;
        }
        let days_of: Vec<NaiveDate> = steps.iter().map(|(day, _)| *day).collect();
        days(sheet, &plot, &days_of)?;
        sheet.draw(&Text::new("accounts", (px(2), px(2)), text(Ink::Quiet, HPos::Left, VPos::Top)))
    })
}

/// The share of people that is back after so many seconds: level until somebody comes back, and no longer than anybody was
/// followed.
pub(super) fn curve(about: About<'_>, points: &[(u64, f64)]) -> Result<Chart, ChartError> {
    let scale = Scale::to(100.0, 1.0);
    chart(about, HEIGHT, |sheet| {
        let mut plot = plot(sheet, (DAYS_SHOWN, &scale), &|mark| format!("{}\u{a0}%", scale.label(mark)))?;
        let path = stairs(points);
        plot.draw_series([PathElement::new(path, line(Ink::First, 22))])?;
        for (day, written) in [(0.0, "0"), (7.0, "7"), (14.0, "14"), (21.0, "21"), (29.0, "30 days")] {
            below(sheet, &plot, day, written)?;
        }
        let words = "back after so many days";
        sheet.draw(&Text::new(words, (px(2), px(2)), text(Ink::Quiet, HPos::Left, VPos::Top)))
    })
}

/// The corners of the stairs, in days and hundredths, up to the last point or the last day shown: of what nobody was
/// followed for, nothing is known.
#[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
fn stairs(points: &[(u64, f64)]) -> Vec<(f64, f64)> {
    let mut path = vec![(0.0, 0.0)];
    let mut level = 0.0;
    for (after, back) in points {
        let day = *after as f64 / DAY_SECONDS;
        if day > DAYS_SHOWN {
            path.push((DAYS_SHOWN, level));
            break;
        }
        path.push((day, level));
        level = (back * 100.0).clamp(0.0, 100.0);
        path.push((day, level));
    }
    path
}
