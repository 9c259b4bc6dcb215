//! What a report knows ends somewhere, and nothing is drawn or said beyond: a week that is cut, a curve nobody was followed
//! along. And the samples of all these tests are reports that could be.

use reconnectd::domain::ratio;
use reconnectd::report::reconnect::{Breakage, Chart, Cohort, CurvePoint, charts};

use super::*;

fn chart_of(report: &ReconnectReport, id: &str) -> Chart {
    charts(report).unwrap().into_iter().find(|chart| chart.id == id).expect(id)
}

/// So many bars, the legend's square among them.
fn bars(chart: &Chart) -> usize {
    chart.svg.matches("class=\"f-first\"").count()
}

#[test]
fn a_week_that_is_cut_has_no_bars_and_is_told_of() {
    const SAID: &str = "The last week is not whole: it is counted up to 2026-11-16 07:00 UTC.";
    let (whole, cut) = (samples::ordinary(), samples::scheduled());
    assert_eq!((whole.trend.len(), cut.trend.len()), (26, 26));
    let trend = |report: &ReconnectReport| chart_of(report, "trend");
    assert_eq!((bars(&trend(&whole)), bars(&trend(&cut))), (27, 26), "25 weeks, and the legend");
    assert_eq!(trend(&whole).title, "Newly broken and back again");
    assert_eq!(trend(&cut).title, "Newly broken and back again, in whole weeks");
    let left_out = "The one from 2026-11-16, of which 2026-11-16 07:00 UTC is the end, is left out.";
    assert!(trend(&cut).summary.starts_with("25 weeks: ") && trend(&cut).summary.ends_with(left_out));
    assert!(!trend(&whole).summary.contains("left out"));
    // What is open is a level: it is that of the end, and both say so.
    for (report, said) in [(&whole, false), (&cut, true)] {
        let open = chart_of(report, "open");
        assert!(open.svg.contains(">64 at the end<"), "{}", open.svg);
        assert_eq!((open.summary.contains(SAID), page(report).contains(SAID)), (said, said));
    }
    assert!(page(&cut).contains("2026-11-16</th>"), "the table has it");
    // All there is is drawn, and what it is is said.
    let mut young = samples::scheduled();
    young.trend.drain(..25);
    assert_eq!((bars(&trend(&young)), trend(&young).title.as_str()), (2, "Newly broken and back again"));
    assert!(trend(&young).summary.ends_with(SAID), "{}", trend(&young).summary);
}

#[test]
fn the_curve_ends_with_whom_was_followed_longest() {
    const DAY: u64 = 86_400;
    for (end, drawn, rows) in [
        (84 * DAY, 30.0, &["1 day", "3 days", "7 days", "14 days", "30 days", "60 days", "84 days, the longest"][..]),
        (30 * DAY, 30.0, &["1 day", "3 days", "7 days", "14 days", "30 days, the longest"]),
        (3 * DAY, 3.0, &["1 day", "3 days, the longest"]),
        (DAY / 2, 0.5, &["12 hours, the longest"]),
    ] {
        let mut report = samples::ordinary();
        report.reconnect_curve.retain(|of| of.after_seconds < end.min(30 * DAY));
        report.reconnect_curve.push(CurvePoint { after_seconds: end, back: 0.94 });
        let chart = chart_of(&report, "curve");
        let document = Document::parse(&chart.svg).unwrap();
        let lines = named(&document, "polyline");
        let line = lines.iter().find(|node| node.attribute("class") == Some("s-first")).unwrap();
        let across: Vec<f64> = line
            .attribute("points")
            .unwrap()
            .split(' ')
            .map(|of| of.split_once(',').unwrap().0.parse().unwrap())
            .collect();
        // The axis has 30 days, from the first point to the end of the sheet but 10 pixels.
        let days = (across.last().unwrap() - across[0]) / (430.0 - across[0]) * 30.0;
        assert!((days - drawn).abs() < 0.05, "{end}: {days} days");
        assert_eq!(
            chart.summary.contains("It ends where nobody was followed longer"),
            drawn < 30.0,
            "{}",
            chart.summary
        );
        let page = page(&report);
        let document = parsed(&page);
        let table = named(&document, "table")
            .into_iter()
            .find(|table| text(*table).starts_with("Share back, read off"))
            .unwrap();
        let found: Vec<String> =
            table.descendants().filter(|node| node.attribute("scope") == Some("row")).map(text).collect();
        let found: Vec<String> = found.iter().map(|row| row.replace('\u{a0}', " ")).collect();
        assert_eq!(found.len(), rows.len(), "{found:?}");
        assert!(found.iter().zip(rows).all(|(found, row)| found.starts_with(row)), "{found:?}");
    }
}

/// What is shown in two places of a report is the same in both.
#[test]
fn the_samples_do_not_contradict_themselves() {
    for (name, report) in samples::all().into_iter().filter(|(name, _)| *name != "hostile") {
        let of = &report.headline;
        let sum = |what: fn(&Breakage) -> u64| report.breakages.iter().map(what).sum::<u64>();
        assert_eq!(sum(|row| row.newly_broken), of.newly_broken, "{name}");
        assert_eq!(sum(|row| row.recovered), of.recovered, "{name}");
        assert_eq!(sum(|row| row.gone), of.gone, "{name}");
        assert_eq!(sum(|row| row.open.total()), of.open, "{name}");
        assert_eq!(report.toolkits.iter().map(|row| row.newly_broken).sum::<u64>(), of.newly_broken, "{name}");
        assert_eq!(report.toolkits.iter().map(|row| row.active_at_start).sum::<u64>(), of.active_at_start, "{name}");
        assert_eq!(
            of.break_rate,
            (of.active_at_start > 0).then(|| ratio(of.newly_broken, of.active_at_start)),
            "{name}"
        );
        let funnel = [report.funnel.notified, report.funnel.delivered, report.funnel.active_again];
        assert_eq!(funnel, [of.notified, of.delivered, of.active_again], "{name}");
        assert_eq!(report.brought_back.iter().map(|row| row.recovered).sum::<u64>(), of.recovered, "{name}");
        for row in &report.auth_configs {
            assert!((row.share_of_breakages - ratio(row.newly_broken, of.newly_broken)).abs() < 1e-9, "{name}");
            assert!((row.share_of_active - ratio(row.active_at_start, of.active_at_start)).abs() < 1e-9, "{name}");
        }
        for row in &report.deliveries {
            assert_eq!(row.planned, row.delivered + row.dead + row.cancelled + row.pending, "{name}");
        }
        weeks_agree(name, &report);
        let times = &report.time_to_reconnect;
        assert_eq!(times.median_seconds, of.reconnect_median_seconds, "{name}");
        assert!(times.recovered <= times.incidents && report.time_to_detect.count <= of.newly_broken, "{name}");
        let after = |share: f64| report.reconnect_curve.iter().find(|of| of.back >= share).map(|of| of.after_seconds);
        assert_eq!([times.median_seconds, times.p90_seconds], [after(0.5), after(0.9)], "{name}");
    }
}

fn weeks_agree(name: &str, report: &ReconnectReport) {
    assert!(report.trend.len() <= 26, "{name}");
    assert_eq!(report.trend.last().map_or(0, |of| of.open), report.headline.open, "{name}");
    for pair in report.trend.windows(2) {
        let (before, of) = (&pair[0], &pair[1]);
        assert_eq!(of.from, before.from + chrono::Days::new(7), "{name}");
        assert_eq!(
            before.open + of.newly_broken,
            of.open + of.recovered + of.gone,
            "{name}: the week from {}",
            of.from
        );
    }
    // A week of the trend says what the headline of a report about it says.
    let before = report.period.from.date_naive() - chrono::Days::new(7);
    for (from, headline) in
        [(report.period.from.date_naive(), Some(&report.headline)), (before, report.previous.as_ref())]
    {
        let week = report.trend.iter().find(|of| of.from == from && report.period.to.time() == chrono::NaiveTime::MIN);
        if let (Some(week), Some(of)) = (week, headline) {
            let found = [week.newly_broken, week.recovered, week.gone, week.open, week.notified];
            assert_eq!(found, [of.newly_broken, of.recovered, of.gone, of.open, of.notified], "{name}: {from}");
        }
    }
    let opened: u64 = report.cohorts.iter().map(|of| of.opened).sum();
    assert_eq!(opened, report.time_to_reconnect.incidents, "{name}");
    for Cohort { week, opened, gone, .. } in &report.cohorts {
        let point = report.trend.iter().find(|of| of.from == *week).unwrap();
        assert_eq!((*opened, *gone), (point.newly_broken, point.gone), "{name}: {week}");
    }
}
