//! The parts about people: how far those came who were told, how soon they are back, by week, after which notice, and who
//! breaks again.

use super::super::charts::Chart;
use super::super::model::{CameBack, ReconnectReport};
use super::super::wording::{instant, length, name, none_did, number, percent};
use super::chart;
use super::figures::share_of;
use super::page::{Cell, Part, Section, Table, figure, words};

/// Days after which the curve is read off for its table.
const DAYS: [u64; 7] = [1, 3, 7, 14, 30, 60, 90];
/// Shades of a cohort's cells, the first for nothing.
const SHADES: f64 = 5.0;

pub(super) fn funnel(report: &ReconnectReport, charts: &[Chart]) -> Section {
    let of = &report.funnel;
    let steps = [
        ("first told", Some(of.notified)),
        ("of them, a notice was accepted", Some(of.delivered)),
        ("of them, the link was opened", of.link_opened),
        ("of them, a reconnect was begun", of.attempt_started),
        ("a notice was accepted and it works again", Some(of.active_again)),
    ];
    let rows = steps.iter().map(|(step, count)| {
        let share = count.map_or_else(String::new, |count| share_of(count, of.notified));
        let count = count.map_or_else(|| "not known".to_owned(), number);
        vec![words(*step), figure(count), figure(share)]
    });
    let table =
        Table::whole("How far those came who were first told", &["step", "#accounts", "#of the first"], rows.collect());
    let mut notes = vec![
        "Counted: accounts whose users were first told in the period, and what became of them until its end. \
         Accepted: by the mail server or the webhook's receiver; whether somebody read it, nobody knows.",
    ];
    if of.notified > 0 && (of.link_opened.is_none() || of.attempt_started.is_none()) {
        notes.push("Not known: links lead to the product's own page, which does not tell us what happens there.");
    }
    let of_it = report.toolkit.as_deref().map_or_else(String::new, |toolkit| format!(" of {}", name(toolkit)));
    let nobody = vec![format!("Nobody was told{of_it} for the first time.")];
    Section {
        id: "funnel",
        heading: "From being told to working again",
        text: if of.notified == 0 { nobody } else { Vec::new() },
        parts: vec![Part::new(chart(charts, "funnel"), Some(table).filter(|_| of.notified > 0))],
        notes,
        ..Section::default()
    }
}

pub(super) fn curve(report: &ReconnectReport, charts: &[Chart]) -> Section {
    let (detect, back) = (&report.time_to_detect, &report.time_to_reconnect);
    let rows = vec![
        vec![
            words("noticed after it broke"),
            figure(number(detect.count)),
            figure(length(detect.median_seconds)),
            figure(length(detect.p90_seconds)),
        ],
        vec![
            words("back after it was noticed"),
            figure(number(back.incidents)),
            figure(length(back.median_seconds)),
            figure(length(back.p90_seconds)),
        ],
    ];
    let columns = ["how long", "#accounts", "#half within", "#nine in ten within"];
    let times = Table::whole("How long it takes", &columns, rows);
    let read = Table::whole("Share back, read off the curve", &["within", "#back again"], read_off(report));
    let text = format!(
        "{} of {} accounts that broke since {} came back.",
        number(back.recovered),
        number(back.incidents),
        instant(back.followed_since)
    );
    Section {
        id: "times",
        heading: "How soon people are back",
        text: if back.incidents > 0 { vec![text] } else { Vec::new() },
        parts: vec![Part::new(chart(charts, "curve"), Some(read)), Part::new(None, Some(times))],
        notes: vec![
            "Estimated by the method of Kaplan and Meier: who has not come back yet, or deleted the account, counts for as \
             long as they were followed. A dash: too few are back to say.",
        ],
        ..Section::default()
    }
}

/// The share that was back after so many days, as far as anybody was followed, and at the end of the curve.
fn read_off(report: &ReconnectReport) -> Vec<Vec<Cell>> {
    let curve = &report.reconnect_curve;
    let Some(end) = curve.last() else { return Vec::new() };
    let by = |seconds: u64| curve.iter().take_while(|of| of.after_seconds <= seconds).last();
    let steps = DAYS.iter().map(|days| days * 86_400).filter(|seconds| *seconds < end.after_seconds);
    let mut rows: Vec<_> = steps
        .filter_map(|seconds| Some(vec![words(days_of(seconds)), figure(percent(Some(by(seconds)?.back)))]))
        .collect();
    let longest = format!("{}, the longest anybody was followed", days_of(end.after_seconds));
    rows.push(vec![words(longest), figure(percent(Some(end.back)))]);
    rows
}

/// Whole days as such, also the first: the others in one unit.
fn days_of(seconds: u64) -> String {
    if seconds == 86_400 { "1 day".to_owned() } else { length(Some(seconds)) }
}

/// Text on every shade stands out (`page.css` has them, a test in the browser looks).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "one of six shades")]
fn shaded(of: CameBack) -> Cell {
    let shade = |rate: f64| (rate.clamp(0.0, 1.0) * SHADES).ceil() as u8;
    Cell { shade: of.rate.map(shade), ..figure(percent(of.rate)) }
}

pub(super) fn cohorts(report: &ReconnectReport) -> Section {
    let rows = report.cohorts.iter().rev().map(|of| {
        let mut row =
            vec![words(of.week.format("%Y-%m-%d").to_string()), figure(number(of.opened)), figure(number(of.gone))];
        row.extend([of.within_1_day, of.within_3_days, of.within_7_days, of.within_30_days].map(shaded));
        row
    });
    let columns = ["week from", "#newly broken", "#deleted", "#back in 1 day", "#3 days", "#7 days", "#30 days"];
    let table =
        Table::new("Share that came back, by the week in which it broke, the last first", &columns, rows.collect());
    let note = "The more colour, the more are back. A dash: the week has not had so long yet.";
    Section::of_table("cohorts", "Week by week", table, note)
}

pub(super) fn brought_back(report: &ReconnectReport) -> Section {
    let all: u64 = report.brought_back.iter().map(|of| of.recovered).sum();
    let rows = report.brought_back.iter().map(|of| {
        let after = match of.after_notice {
            None => "before any notice was accepted".to_owned(),
            Some(0) => "the first notice".to_owned(),
            Some(n) => format!("reminder {n}"),
        };
        vec![words(after), figure(number(of.recovered)), figure(share_of(of.recovered, all))]
    });
    let columns = ["back after", "#accounts", "#share"];
    let table = Table::new("Back again, by the last notice that had been accepted", &columns, rows.collect());
    let repeats = report.repeat_breakers;
    let text = match (repeats.incidents, report.headline.newly_broken) {
        (0, 0) => Vec::new(),
        (0, _) => vec![none_did(report.toolkit.as_deref(), "broke again within 30 days of coming back") + "."],
        (incidents, broken) => vec![format!(
            "{} of what broke ({}) had come back at most 30 days before, of {} {}.",
            number(incidents),
            share_of(incidents, broken),
            number(repeats.users),
            if repeats.users == 1 { "user" } else { "users" }
        )],
    };
    let note = "Not a proof that the notice did it: some come back by themselves.";
    let heading = "What brought people back, and who breaks again";
    Section { text, ..Section::of_table("brought-back", heading, table, note) }
}
