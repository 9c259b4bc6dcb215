//! The report's charts: from its figures to drawings that need nothing beside them.
//!
//! ```text
//! ReconnectReport ─▶ bars, columns, lines (plotters) ─▶ drawing (SVG, colours by meaning) ─▶ Chart
//! ```
//!
//! Guarantees: a chart's axis begins at zero; what it shows is in the report's tables, too; who cannot see it reads its
//! title and one sentence; it has no script, no font, no picture, and its names are escaped. Whatever a report holds, the
//! axes have a length: plotters never ends on one without (plotters issues 253 and 358), so the marks are always
//! ours.

mod bars;
mod canvas;
mod columns;
mod drawing;
mod ink;
mod lettering;
mod lines;
mod scale;
mod trend;

use super::model::ReconnectReport;
use super::trend::Step;
use super::wording::{length, name, number, percent};

pub use canvas::{Chart, ChartError};
pub(super) use ink::dark_style;
pub(super) use trend::trend_charts;

/// Toolkits in one chart: those of which most broke.
pub(super) const MOST_TOOLKITS: usize = 40;

/// The charts of a report, in the order in which it shows them; those that would be empty are left out.
pub fn charts(report: &ReconnectReport) -> Result<Vec<Chart>, ChartError> {
    let mut all = trend_charts(&report.trend, Step::Week, report.period.to)?;
    for chart in [toolkits(report), ages(report), funnel(report), curve(report)] {
        all.extend(chart?);
    }
    Ok(all)
}

type Maybe = Result<Option<Chart>, ChartError>;

fn toolkits(report: &ReconnectReport) -> Maybe {
    let mut rows: Vec<_> = report.toolkits.iter().filter(|of| of.newly_broken > 0 && of.break_rate.is_some()).collect();
    rows.sort_by(|one, other| other.newly_broken.cmp(&one.newly_broken).then_with(|| one.toolkit.cmp(&other.toolkit)));
    rows.truncate(MOST_TOOLKITS);
    rows.sort_by(|one, other| other.break_rate.unwrap_or(0.0).total_cmp(&one.break_rate.unwrap_or(0.0)));
    let Some(worst) = rows.first() else { return Ok(None) };
    let summary = format!(
        "{}{}: {}, {} of {} accounts.",
        match rows.len() {
            1 => String::new(),
            toolkits => format!("{toolkits} toolkits; the highest rate is that of "),
        },
        name(&worst.toolkit),
        percent(worst.break_rate),
        number(worst.newly_broken),
        number(worst.active_at_start)
    );
    let bars: Vec<_> = rows
        .iter()
        .map(|of| bars::Bar {
            label: name(&of.toolkit),
            value: Some(of.break_rate.unwrap_or(0.0) * 100.0),
            note: format!("{} · {}", percent(of.break_rate), number(of.newly_broken)),
        })
        .collect();
    bars::chart_of(("rates", "Share of working accounts that broke", &summary), bars::Unit::Percent, &bars).map(Some)
}

fn ages(report: &ReconnectReport) -> Maybe {
    let sum = |what: fn(&super::OpenByAge) -> u64| report.breakages.iter().map(|of| what(&of.open)).sum::<u64>();
    let open = [
        ("under a day", sum(|open| open.under_1_day)),
        ("1 to 7 days", sum(|open| open.under_7_days)),
        ("7 to 30 days", sum(|open| open.under_30_days)),
        ("longer", sum(|open| open.older)),
    ];
    let all: u64 = open.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return Ok(None);
    }
    let parts: Vec<String> = open.iter().map(|(age, count)| format!("{age} {}", number(*count))).collect();
    let summary = format!("{} accounts are broken: {}.", number(all), parts.join(", "));
    columns::single(("ages", "Broken at the end, by how long", &summary), "accounts", &open).map(Some)
}

fn funnel(report: &ReconnectReport) -> Maybe {
    let of = &report.funnel;
    if of.notified == 0 {
        return Ok(None);
    }
    let share = |count: u64| percent(Some(crate::domain::ratio(count, of.notified)));
    let steps = [
        ("first told", Some(of.notified)),
        ("notice accepted", Some(of.delivered)),
        ("link opened", of.link_opened),
        ("reconnect begun", of.attempt_started),
        ("works again", Some(of.active_again)),
    ];
    let summary = format!(
        "Of {} accounts whose users were first told, the notice of {} was accepted and {} work again.",
        number(of.notified),
        number(of.delivered),
        number(of.active_again)
    );
    let bars: Vec<_> = steps
        .iter()
        .map(|(label, count)| bars::Bar {
            label: (*label).to_owned(),
            #[expect(clippy::cast_precision_loss, reason = "a length on a screen")]
            value: count.map(|count| count as f64),
            note: count.map_or_else(|| "not known".to_owned(), |count| format!("{} · {}", number(count), share(count))),
        })
        .collect();
    bars::chart_of(("funnel", "How far those came who were told", &summary), bars::Unit::Count, &bars).map(Some)
}

fn curve(report: &ReconnectReport) -> Maybe {
    let points: Vec<_> = report.reconnect_curve.iter().map(|of| (of.after_seconds, of.back)).collect();
    if points.iter().all(|(_, back)| *back <= 0.0) {
        return Ok(None);
    }
    let times = &report.time_to_reconnect;
    let within = |seconds: Option<u64>, who: &str| {
        seconds.map_or_else(
            || format!("too few came back to say when {who} are"),
            |seconds| format!("{who} are back within {}", length(Some(seconds))),
        )
    };
    let (half, most) = (within(times.median_seconds, "half"), within(times.p90_seconds, "nine in ten"));
    let longest = points.last().map_or(0, |(longest, _)| *longest);
    let ends = if longest < lines::SECONDS_SHOWN {
        format!(" It ends where nobody was followed longer: at {}.", length(Some(longest)))
    } else {
        String::new()
    };
    let summary = format!("The share grows with the days: {half}; {most}.{ends}");
    lines::curve(("curve", "Share of people that is back", &summary), &points).map(Some)
}
