//! The report for a terminal: what a tired person wants to know first, then the tables. At most 100 columns.

use std::fmt::Write as _;

use super::model::{CameBack, Headline, ReconnectReport};
use super::trend_forms::of_report;
use super::wording::none_did;
use crate::domain::Timestamp;

/// Rows of a table on a terminal; JSON and CSV hold all of them.
const MOST_ROWS: usize = 20;

/// The report as plain text.
pub fn text(report: &ReconnectReport) -> String {
    let mut out = String::new();
    for part in [head, headline, breakages, rates, told, cohorts, of_report, rest] {
        part(&mut out, report);
    }
    out
}

macro_rules! line {
    ($out:expr, $($what:tt)*) => {{
        writeln!($out, $($what)*).ok(); // Writing to a String does not fail.
    }};
}

fn head(out: &mut String, report: &ReconnectReport) {
    let (period, c) = (report.period, &report.coverage);
    line!(out, "Reconnect report, {} to {}", day(period.from), day(period.to));
    if let Some(toolkit) = &report.toolkit {
        let toolkit = plain(toolkit, 23); // So that the line has 100 columns at most.
        line!(out, "Of {toolkit} alone; audits, silences and deliveries are those of all toolkits.");
    }
    let share = c.share.map_or_else(|| "none".to_owned(), |share| percent(Some(share)));
    match c.last_audit_at {
        None => line!(
            out,
            "No audit went to its end in this time ({} failed): nothing below says anything about it.",
            c.audits_failed
        ),
        Some(_) => line!(
            out,
            "{} audits ({} failed); the last saw {share} of {} users, {} before the end; longest gap {}.",
            c.audits_finished,
            c.audits_failed,
            c.users_scanned,
            length(c.freshness_seconds),
            length(Some(c.longest_gap_seconds))
        ),
    }
    if c.users_unknown + c.users_unqueryable > 0 {
        line!(
            out,
            "Not known: {} users that could not be fetched, {} that cannot be asked about.",
            c.users_unknown,
            c.users_unqueryable
        );
    }
}

fn headline(out: &mut String, report: &ReconnectReport) {
    line!(out, "\n{:<42} {:>12} {:>12}", "", "this period", "the one before");
    let (now, before) = (&report.headline, report.previous.as_ref());
    let mut row = |what: &str, of: &dyn Fn(&Headline) -> String| {
        let before = before.map_or_else(|| "-".to_owned(), of);
        line!(out, "{what:<42} {:>12} {before:>12}", of(now));
    };
    row("worked at the start", &|of| of.active_at_start.to_string());
    row("newly broken", &|of| of.newly_broken.to_string());
    row("  break rate", &|of| percent(of.break_rate));
    row("back again", &|of| of.recovered.to_string());
    row("deleted", &|of| of.gone.to_string());
    row("broken at the end", &|of| of.open.to_string());
    row("  of them, users who left the directory", &|of| of.open_left.to_string());
    row("first told", &|of| of.notified.to_string());
    row("  and accepted by mail server or endpoint", &|of| of.delivered.to_string());
    row("  and back again since", &|of| of.active_again.to_string());
    row("half noticed within", &|of| length(of.detect_median_seconds));
    row("half back within (of at least 12 weeks)", &|of| length(of.reconnect_median_seconds));
    if report.old_news_open > 0 {
        line!(out, "{:<42} {:>12}", "broken before we came, told to nobody", report.old_news_open);
    }
}

fn breakages(out: &mut String, report: &ReconnectReport) {
    if report.breakages.is_empty() {
        line!(out, "\n{}.", none_did(report.toolkit.as_deref(), "broke, came back or is open"));
        return;
    }
    line!(
        out,
        "\n{:<20} {:<20} {:>7} {:>7} {:>8} {:>6} {:>6} {:>6} {:>6}",
        "toolkit",
        "reason",
        "broken",
        "back",
        "deleted",
        "<1d",
        "<7d",
        "<30d",
        "older"
    );
    let mut rows: Vec<_> = report.breakages.iter().collect();
    rows.sort_by_key(|of| std::cmp::Reverse(of.newly_broken + of.open.total()));
    for of in rows.iter().take(MOST_ROWS) {
        line!(
            out,
            "{:<20} {:<20} {:>7} {:>7} {:>8} {:>6} {:>6} {:>6} {:>6}",
            plain(&of.toolkit, 20),
            plain(&of.reason, 20),
            of.newly_broken,
            of.recovered,
            of.gone,
            of.open.under_1_day,
            of.open.under_7_days,
            of.open.under_30_days,
            of.open.older
        );
    }
    more(out, rows.len());
}

fn rates(out: &mut String, report: &ReconnectReport) {
    let mut rows: Vec<_> = report.toolkits.iter().filter(|of| of.newly_broken > 0).collect();
    rows.sort_by_key(|of| std::cmp::Reverse(of.newly_broken));
    if !rows.is_empty() {
        line!(out, "\n{:<41} {:>12} {:>8} {:>8}", "toolkit", "worked", "broken", "rate");
        for of in rows.iter().take(MOST_ROWS) {
            let (toolkit, rate) = (plain(&of.toolkit, 41), percent(of.break_rate));
            line!(out, "{toolkit:<41} {:>12} {:>8} {rate:>8}", of.active_at_start, of.newly_broken);
        }
        more(out, rows.len());
    }
    if !report.auth_configs.is_empty() {
        line!(
            out,
            "\n{:<24} {:<16} {:>8} {:>14} {:>12}",
            "auth config",
            "toolkit",
            "broken",
            "of all broken",
            "of all"
        );
        for of in report.auth_configs.iter().take(MOST_ROWS) {
            line!(
                out,
                "{:<24} {:<16} {:>8} {:>14} {:>12}{}",
                plain(&of.auth_config, 24),
                plain(&of.toolkit, 16),
                of.newly_broken,
                percent(Some(of.share_of_breakages)),
                percent(Some(of.share_of_active)),
                if of.stands_out { "  your OAuth app?" } else { "" }
            );
        }
    }
}

fn told(out: &mut String, report: &ReconnectReport) {
    let funnel = &report.funnel;
    if let (Some(opened), Some(begun)) = (funnel.link_opened, funnel.attempt_started) {
        line!(out, "\nOf {} first told with an accepted notice:", funnel.delivered);
        for (what, count) in [
            ("opened their link", opened),
            ("began to reconnect on the page", begun),
            ("work again, whatever way they took", funnel.active_again),
        ] {
            line!(out, "  {what:<38} {count:>8}");
        }
        line!(out, "Accepted says nothing about reading. Opened is an estimate: browsers that said so.");
    }
    if !report.brought_back.is_empty() {
        line!(out, "\nBack again, by the last notice that had been accepted:");
        for of in &report.brought_back {
            let after = match of.after_notice {
                None => "before any notice".to_owned(),
                Some(0) => "the first notice".to_owned(),
                Some(number) => format!("reminder {number}"),
            };
            line!(out, "  {after:<30} {:>8}", of.recovered);
        }
    }
    if !report.deliveries.is_empty() {
        line!(
            out,
            "\n{:<32} {:>9} {:>9} {:>7} {:>10} {:>9}",
            "channel",
            "notices",
            "accepted",
            "dead",
            "called off",
            "waiting"
        );
        for of in &report.deliveries {
            line!(
                out,
                "{:<32} {:>9} {:>9} {:>7} {:>10} {:>9}",
                plain(&of.channel, 32),
                of.planned,
                of.delivered,
                of.dead,
                of.cancelled,
                of.pending
            );
        }
    }
    if !report.silenced.is_empty() {
        line!(out, "\nSent nothing by the last audit, and why; who was told before is among them:");
        for (reason, count) in &report.silenced {
            line!(out, "  {reason:<30} {count:>8}");
        }
    }
}

fn cohorts(out: &mut String, report: &ReconnectReport) {
    if report.cohorts.is_empty() {
        return;
    }
    line!(
        out,
        "\n{:<12} {:>8} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "week of",
        "broken",
        "deleted",
        "1 day",
        "3 days",
        "7 days",
        "30 days"
    );
    for of in &report.cohorts {
        let back = |within: CameBack| within.rate.map_or_else(|| "-".to_owned(), |rate| percent(Some(rate)));
        line!(
            out,
            "{:<12} {:>8} {:>8} {:>10} {:>10} {:>10} {:>10}",
            of.week.to_string(),
            of.opened,
            of.gone,
            back(of.within_1_day),
            back(of.within_3_days),
            back(of.within_7_days),
            back(of.within_30_days)
        );
    }
    line!(out, "Back again within so long; - where the week has not had so long yet.");
}

fn rest(out: &mut String, report: &ReconnectReport) {
    let (detect, back) = (&report.time_to_detect, &report.time_to_reconnect);
    line!(
        out,
        "\nNoticed: half within {}, nine in ten within {} (of {}).",
        length(detect.median_seconds),
        length(detect.p90_seconds),
        detect.count
    );
    line!(
        out,
        "Back again: half within {}, nine in ten within {}",
        length(back.median_seconds),
        length(back.p90_seconds)
    );
    let since = day(back.followed_since);
    line!(
        out,
        "  ({} of {} since {since}; Kaplan-Meier, - where too few are back to say).",
        back.recovered,
        back.incidents
    );
    let repeats = report.repeat_breakers;
    line!(out, "Broken again within 30 days of coming back: {}, of {} users.", repeats.incidents, repeats.users);
    if report.funnel.link_opened.is_none() {
        line!(out, "Whether links were opened is not known: in this time none led to the reconnect page.");
    }
}

fn more(out: &mut String, rows: usize) {
    if rows > MOST_ROWS {
        line!(out, "… and {} more (--format csv has all)", rows - MOST_ROWS);
    }
}

/// A word of others on a terminal: one line, no control characters, at most `most` characters.
fn plain(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(most).collect()
}

fn day(at: Timestamp) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// In one unit, whole: `45 min`, `7 h`, `3 d`.
fn length(seconds: Option<u64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(seconds) if seconds < 2 * 3600 => format!("{} min", seconds / 60),
        Some(seconds) if seconds < 2 * 86_400 => format!("{} h", seconds / 3600),
        Some(seconds) => format!("{} d", seconds / 86_400),
    }
}
