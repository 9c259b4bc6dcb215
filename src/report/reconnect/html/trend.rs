//! A trend as a page: what happened in two or three sentences, its sums, its two charts, and every step in a table.

use super::super::charts::{Chart, trend_charts};
use super::super::model::TrendPoint;
use super::super::trend::{Step, Trend};
use super::super::trend_forms::not_whole;
use super::super::wording::{instant, number};
use super::figures::Tile;
use super::frame::Frame;
use super::page::{Page, Part, Section, Table, figure, words};
use super::{COUNTED, HtmlError, chart, titled};

/// Steps of a table that is open; of more it waits to be opened.
const MOST_SHOWN: usize = 31;

/// A trend as a page: a whole file, or what `GET /report/trend` answers with.
pub fn trend_html(trend: &Trend, frame: &Frame) -> Result<String, HtmlError> {
    let charts = trend_charts(&trend.points, trend.step, trend.to)?;
    let heading = match trend.step {
        Step::Day => "Day by day",
        Step::Week => "Week by week",
        Step::Month => "Month by month",
    };
    let steps = section((heading, trend.points.len() > MOST_SHOWN), &trend.points, &charts);
    let from = trend.points.first().map_or_else(|| instant(trend.from), |first| first.from.to_string());
    let page = Page {
        title: titled("Reconnect trend", trend.toolkit.as_deref()),
        period: Some(format!("{from} to {}, by {}", instant(trend.to), trend.step.code())),
        heading: Some("In short"),
        lead: sentences(trend),
        tiles: if trend.points.is_empty() { Vec::new() } else { tiles(&trend.points) },
        sections: if trend.points.is_empty() { Vec::new() } else { vec![Section { text: edges(trend), ..steps }] },
        footer: Some(format!("Made by reconnectd. A step says what a report about it alone would say. {COUNTED}")),
        ..Page::default()
    };
    Ok(page.html(frame)?)
}

/// The charts and the table of a trend, under a heading; the table folded or not.
pub(super) fn section((heading, folded): (&'static str, bool), points: &[TrendPoint], charts: &[Chart]) -> Section {
    let rows = points.iter().rev().map(|of| {
        let figures = [of.newly_broken, of.recovered, of.gone, of.open, of.notified];
        std::iter::once(words(of.from.to_string())).chain(figures.map(|of| figure(number(of)))).collect()
    });
    let columns = ["from", "#newly broken", "#back again", "#deleted", "#open at its end", "#first told"];
    // Bounded by the trend itself.
    let table = Part::new(None, Some(Table::whole("Step by step, the last first", &columns, rows.collect())));
    Section {
        id: "trend",
        heading,
        parts: vec![
            Part::new(chart(charts, "trend"), None),
            Part::new(chart(charts, "open"), None),
            if folded { table.folded() } else { table },
        ],
        notes: vec![
            "Steps begin at 00:00 UTC, weeks on Monday. Of a last one that is not whole the table has what there is, and \
             the bars leave it out.",
        ],
        ..Section::default()
    }
}

/// The sentences, the most important first.
fn sentences(trend: &Trend) -> Vec<String> {
    let (points, step) = (&trend.points, trend.step);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return vec!["No audit had begun in this time, so nothing is known of it.".to_owned()];
    };
    let (broken, back) = (sum(points, |of| of.newly_broken), sum(points, |of| of.recovered));
    let time = step.so_many(points.len());
    let happened = match (broken, back) {
        (0, 0) => format!("Nothing broke and nothing came back in {time}."),
        _ => format!("{} broke in {time}, and {} came back.", accounts(broken), number(back)),
    };
    let most = points.iter().map(|of| of.newly_broken).max().unwrap_or(0);
    let mut worst = points.iter().filter(|of| of.newly_broken == most && points.len() > 1 && most > 0);
    let worst = worst.next().filter(|_| worst.next().is_none());
    let worst = worst.map(|of| format!("Most broke {}: {}.", step.during(of.from), number(most)));
    let by = |count: u64, word: &str| format!("{} {word} than at the end of the first {}", number(count), step.code());
    let change = match (first.open, last.open) {
        _ if points.len() == 1 => String::new(),
        (before, now) if now > before => format!(", {}", by(now - before, "more")),
        (before, now) if now < before => format!(", {}", by(before - now, "fewer")),
        _ => format!(", as many as at the end of the first {}", step.code()),
    };
    let open = match last.open {
        0 => format!("Nothing is broken at the end{change}."),
        1 => format!("1 account is broken at the end{change}."),
        open => format!("{} are broken at the end{change}.", accounts(open)),
    };
    [Some(happened), worst, Some(open)].into_iter().flatten().collect()
}

/// What the first and the last step leave out.
fn edges(trend: &Trend) -> Vec<String> {
    let begin = trend.step.begin(trend.from.date_naive());
    let known = trend.points.first().map(|first| first.from).filter(|from| *from > begin);
    let known = known.map(|from| {
        format!("Nothing is known from before {from}: the first audit began in that {}.", trend.step.code())
    });
    known.into_iter().chain(not_whole(trend.step, &trend.points, trend.to)).collect()
}

fn tiles(points: &[TrendPoint]) -> Vec<Tile> {
    let tile = |name, count| Tile { name, value: number(count), change: String::new(), tone: "" };
    vec![
        tile("Newly broken", sum(points, |of| of.newly_broken)),
        tile("Back again", sum(points, |of| of.recovered)),
        tile("Deleted", sum(points, |of| of.gone)),
        tile("First told", sum(points, |of| of.notified)),
        tile("Broken at the end", points.last().map_or(0, |last| last.open)),
    ]
}

fn sum(points: &[TrendPoint], of: fn(&TrendPoint) -> u64) -> u64 {
    points.iter().map(of).sum()
}

fn accounts(count: u64) -> String {
    format!("{} account{}", number(count), if count == 1 { "" } else { "s" })
}
