//! A trend as a page says what the trend says: sentences, sums, charts of few columns, and every step in a table.

use reconnectd::report::reconnect::{Step, Trend, TrendPoint};

use super::*;

fn rows(document: &Document<'_>) -> Vec<String> {
    let cells = |row: Node<'_, '_>| row.children().filter(Node::is_element).map(text).collect::<Vec<_>>().join("|");
    named(document, "tr").into_iter().map(cells).collect()
}

fn lead(page: &str) -> String {
    let document = parsed(page);
    let lead = document.descendants().find(|node| node.attribute("class") == Some("lead")).unwrap();
    let lines = lead.children().filter(|node| node.tag_name().name() == "p").map(text);
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_step_is_in_the_table_and_the_charts_have_few_columns() {
    for (name, trend) in samples::trends() {
        let page = trend_page(&trend);
        let document = parsed(&page);
        let rows = rows(&document);
        let head = usize::from(!trend.points.is_empty());
        assert_eq!(rows.len(), trend.points.len() + head, "{name}");
        for of in &trend.points {
            let numbers = [of.newly_broken, of.recovered, of.gone, of.open, of.notified].map(|of| of.to_string());
            assert!(rows.contains(&format!("{}|{}", of.from, numbers.join("|"))), "{name}: {of:?}");
        }
        // A tile's sum is that of the table.
        let broken: u64 = trend.points.iter().map(|of| of.newly_broken).sum();
        let tiles: Vec<String> = named(&document, "dd").into_iter().map(text).collect();
        assert_eq!(tiles.first().map(|tile| tile.replace(',', "")), (head > 0).then(|| broken.to_string()), "{name}");
        let bars = named(&document, "rect").iter().filter(|bar| bar.attribute("class") == Some("f-first")).count();
        assert!(bars <= 54, "{name}: {bars} columns and the legend's");
        assert_eq!(named(&document, "details").len(), usize::from(trend.points.len() > 31), "{name}");
        let charts = if trend.points.iter().any(|of| of.open > 0) { 2 } else { 0 };
        assert_eq!(named(&document, "svg").len(), charts, "{name}");
        assert!(named(&document, "text").len() < 50, "{name}: days are written as far as there is room");
    }
}

#[test]
fn columns_of_many_steps_say_so() {
    let titles = |name: &str| {
        let trend = samples::trends().into_iter().find(|(of, _)| *of == name).unwrap().1;
        let page = trend_page(&trend);
        let document = parsed(&page);
        named(&document, "figcaption").into_iter().map(text).collect::<Vec<_>>()
    };
    assert_eq!(titles("weeks"), ["Newly broken and back again, in whole weeks", "Broken at the end of each week"]);
    assert_eq!(titles("days"), ["Newly broken and back again, in columns of 21 days", "Broken at the end of each day"]);
}

#[test]
fn it_begins_with_what_happened() {
    let monday = samples::trends()[3].1.points[0];
    let of = |newly_broken, recovered, open| TrendPoint { newly_broken, recovered, open, ..monday };
    let whole = "2026-11-16T00:00:00Z";
    for (from, to, points, expected) in [
        ("2026-11-09", whole, vec![], "No audit had begun in this time, so nothing is known of it."),
        (
            "2026-11-09",
            whole,
            vec![of(0, 0, 0)],
            "Nothing broke and nothing came back in 1 week. Nothing is broken at the end.",
        ),
        (
            "2026-11-02",
            whole,
            vec![of(3, 0, 1_203), of(5, 9, 1_199)],
            "8 accounts broke in 2 weeks, and 9 came back. Most broke in the week from 2026-11-09: 5. 1,199 accounts are \
             broken at the end, 4 fewer than at the end of the first week.",
        ),
        (
            "2026-11-02",
            whole,
            vec![of(1, 1, 0), of(1, 0, 1)],
            "2 accounts broke in 2 weeks, and 1 came back. 1 account is broken at the end, 1 more than at the end of the \
             first week.",
        ),
        (
            "2026-11-02",
            whole,
            vec![of(1, 0, 1), of(0, 0, 1)],
            "1 account broke in 2 weeks, and 0 came back. Most broke in the week from 2026-11-02: 1. 1 account is broken at \
             the end, as many as at the end of the first week.",
        ),
    ] {
        let trend = samples::trend_of(Step::Week, from, to, points);
        assert_eq!(lead(&trend_page(&trend)), expected);
    }
    let days = samples::trend_of(Step::Day, "2026-11-14", whole, vec![of(2, 0, 2), of(1, 0, 3)]);
    let found = lead(&trend_page(&days));
    assert!(found.contains("Most broke on 2026-11-14: 2."), "{found}");
}

#[test]
fn what_the_first_and_the_last_step_leave_out_is_said() {
    let whole = samples::trend_of(Step::Week, "2026-10-19", "2026-11-16T00:00:00Z", samples::trend(4));
    let early = Trend { from: whole.from - chrono::TimeDelta::days(8), ..whole.clone() };
    let within = Trend { from: whole.from + chrono::TimeDelta::days(3), ..whole.clone() };
    let cut = Trend { to: "2026-11-13T08:30:00Z".parse().unwrap(), ..whole.clone() };
    let (unknown, not_whole) =
        ("Nothing is known from before 2026-10-19", "not whole: it is counted up to 2026-11-13 08:30");
    for (trend, begins, ends) in
        [(whole, false, false), (early, true, false), (within, false, false), (cut, false, true)]
    {
        let page = trend_page(&trend);
        assert_eq!((page.contains(unknown), page.contains(not_whole)), (begins, ends), "{}", lead(&page));
        assert!(page.contains("2026-10-19 to 2026-11-1"), "the first step is whole");
    }
}
