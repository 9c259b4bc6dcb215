//! The figures one looks at first, each beside the same of the period before: how much it changed, by how much of it, and
//! in words whether that is better.

use serde::Serialize;

use super::super::model::{Headline, ReconnectReport};
use super::super::wording::{length, number, percent};
use super::page::{Cell, Table, figure, words};
use crate::domain::ratio;

/// A figure in large.
#[derive(Debug, Serialize)]
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) change: String,
    /// `better`, `worse`, or nothing: the colour of what the words say.
    pub(super) tone: &'static str,
}

/// What more of it means. Of nothing counted here more is better by itself: more came back where more had broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Worse,
    Neither,
}

/// How a figure is counted.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Count(u64),
    Share(Option<f64>),
    Length(Option<u64>),
}

struct Row {
    name: &'static str,
    more: More,
    of: fn(&Headline) -> Value,
    tile: bool,
}

const ROWS: [Row; 12] = [
    Row { name: "Worked at the start", more: More::Neither, of: |of| Value::Count(of.active_at_start), tile: false },
    Row { name: "Newly broken", more: More::Worse, of: |of| Value::Count(of.newly_broken), tile: true },
    Row { name: "Break rate", more: More::Worse, of: |of| Value::Share(of.break_rate), tile: true },
    Row { name: "Back again", more: More::Neither, of: |of| Value::Count(of.recovered), tile: true },
    Row { name: "Deleted", more: More::Neither, of: |of| Value::Count(of.gone), tile: false },
    Row { name: "Broken at the end", more: More::Worse, of: |of| Value::Count(of.open), tile: true },
    Row { name: "Of them, users who left", more: More::Neither, of: |of| Value::Count(of.open_left), tile: false },
    Row { name: "First told", more: More::Neither, of: |of| Value::Count(of.notified), tile: false },
    Row { name: "Of them, notice accepted", more: More::Neither, of: |of| Value::Count(of.delivered), tile: false },
    Row { name: "Of them, works again", more: More::Neither, of: |of| Value::Count(of.active_again), tile: false },
    Row {
        name: "Half noticed within",
        more: More::Worse,
        of: |of| Value::Length(of.detect_median_seconds),
        tile: false,
    },
    Row {
        name: "Half back within (of at least 12 weeks)",
        more: More::Neither, // Of two periods' twelve weeks most are the same.
        of: |of| Value::Length(of.reconnect_median_seconds),
        tile: true,
    },
];

impl Value {
    fn text(self) -> String {
        match self {
            Self::Count(count) => number(count),
            Self::Share(share) => percent(share),
            Self::Length(seconds) => length(seconds),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "compared, not counted with")]
    fn size(self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(count as f64),
            Self::Share(share) => share,
            Self::Length(seconds) => seconds.map(|seconds| seconds as f64),
        }
    }
}

/// How a figure changed, in words, and whether that is better.
fn change(now: Value, before: Value, more: More) -> (String, &'static str) {
    let (Some(one), Some(other)) = (now.size(), before.size()) else {
        return ("nothing to compare with".to_owned(), "");
    };
    if now.text() == before.text() {
        return ("no change".to_owned(), "");
    }
    let up = one > other;
    let by = match (now, before) {
        (Value::Count(now), Value::Count(before)) => {
            format!("{} {}", number(now.abs_diff(before)), if up { "more" } else { "fewer" })
        }
        (Value::Length(Some(now)), Value::Length(Some(before))) => {
            format!("{} {}", length(Some(now.abs_diff(before))), if up { "longer" } else { "shorter" })
        }
        _ => format!("{:.1} points {}", (one - other).abs() * 100.0, if up { "more" } else { "less" }),
    };
    let share = if other > 0.0 {
        let sign = if up { '+' } else { '−' };
        format!(" ({sign}{})", percent(Some((one - other).abs() / other)))
    } else {
        String::new()
    };
    let tone = match (more, up) {
        (More::Neither, _) => "",
        (More::Worse, false) => "better",
        (More::Worse, true) => "worse",
    };
    let told = if tone.is_empty() { String::new() } else { format!(", {tone}") };
    (format!("{by}{share}{told}"), tone)
}

/// The few in large.
pub(super) fn tiles(report: &ReconnectReport) -> Vec<Tile> {
    let rows = ROWS.iter().filter(|row| row.tile);
    rows.map(|row| {
        let now = (row.of)(&report.headline);
        let (change, tone) = match &report.previous {
            Some(before) => change(now, (row.of)(before), row.more),
            None => (String::new(), ""),
        };
        Tile { name: row.name, value: now.text(), change, tone }
    })
    .collect()
}

/// All of them beside the period before.
pub(super) fn table(report: &ReconnectReport) -> Table {
    let before = report.previous.as_ref();
    let mut rows: Vec<Vec<Cell>> = ROWS
        .iter()
        .map(|row| {
            let now = (row.of)(&report.headline);
            let name =
                if row.more == More::Worse { format!("{} (less is better)", row.name) } else { row.name.to_owned() };
            let mut cells = vec![words(name), figure(now.text())];
            cells.extend(before.into_iter().flat_map(|before| {
                let before = (row.of)(before);
                [figure(before.text()), words(change(now, before, row.more).0)]
            }));
            cells
        })
        .collect();
    if report.old_news_open > 0 {
        let mut cells =
            vec![words("Broken before reconnectd came, told to nobody"), figure(number(report.old_news_open))];
        cells.extend(before.into_iter().flat_map(|_| [figure("–"), words("not counted above")]));
        rows.push(cells);
    }
    match before {
        Some(_) => {
            Table::whole("This period and the one before", &["figure", "#this period", "#before", "change"], rows)
        }
        None => Table::whole("This period; of the one before there is no history", &["figure", "#this period"], rows),
    }
}

/// A share of a whole as a percentage.
pub(super) fn share_of(part: u64, whole: u64) -> String {
    percent((whole > 0).then(|| ratio(part, whole)))
}
