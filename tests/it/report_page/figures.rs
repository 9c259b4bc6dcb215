//! Charts and tables agree with the report: so many bars, as long as their figures, and every figure in words.

use reconnectd::report::reconnect::{Chart, charts};

use super::*;

fn chart_of(report: &ReconnectReport, id: &str) -> Chart {
    charts(report).unwrap().into_iter().find(|chart| chart.id == id).expect(id)
}

/// The bars of a class: where they begin across, how wide, how high.
fn bars(chart: &Chart, class: &str) -> Vec<(f64, f64, f64)> {
    let document = Document::parse(&chart.svg).unwrap();
    let of = |node: &Node<'_, '_>, key: &str| node.attribute(key).unwrap().parse::<f64>().unwrap();
    let bars = document.descendants().filter(|node| node.tag_name().name() == "rect");
    let bars = bars.filter(|node| node.attribute("class") == Some(class));
    bars.map(|node| (of(&node, "x"), of(&node, "width"), of(&node, "height"))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "small figures")]
fn proportional(lengths: &[f64], figures: &[u64], about: &str) {
    assert_eq!(lengths.len(), figures.len(), "{about}");
    let most = figures.iter().zip(lengths).max_by_key(|(figure, _)| **figure).unwrap();
    let unit = most.1 / *most.0 as f64;
    for (length, figure) in lengths.iter().zip(figures) {
        // A tenth of a pixel is what a drawing can say.
        assert!((length - unit * *figure as f64).abs() <= 0.15, "{about}: {length} for {figure}");
    }
}

#[test]
fn bars_are_as_many_and_as_long_as_their_figures() {
    let report = samples::ordinary();
    // The legend has a square of each.
    let trend = chart_of(&report, "trend");
    let heights = |class: &str| {
        let all = bars(&trend, class);
        all[..all.len() - 1].iter().map(|bar| bar.2).collect::<Vec<_>>()
    };
    let figures =
        |what: fn(&reconnectd::report::reconnect::TrendPoint) -> u64| report.trend.iter().map(what).collect::<Vec<_>>();
    proportional(&heights("f-first"), &figures(|of| of.newly_broken), "newly broken");
    proportional(&heights("s-second"), &figures(|of| of.recovered), "back again");

    let ages: Vec<f64> = bars(&chart_of(&report, "ages"), "f-first").iter().map(|bar| bar.2).collect();
    let sum = |what: fn(&reconnectd::report::reconnect::OpenByAge) -> u64| {
        report.breakages.iter().map(|of| what(&of.open)).sum()
    };
    let open = [sum(|of| of.under_1_day), sum(|of| of.under_7_days), sum(|of| of.under_30_days), sum(|of| of.older)];
    proportional(&ages, &open, "open by age");

    let funnel: Vec<f64> = bars(&chart_of(&report, "funnel"), "f-first").iter().map(|bar| bar.1).collect();
    proportional(&funnel, &[83, 80, 66, 57, 52], "funnel");
    let mut unknown = report.clone();
    (unknown.funnel.link_opened, unknown.funnel.attempt_started) = (None, None);
    let unknown = chart_of(&unknown, "funnel");
    assert_eq!((bars(&unknown, "f-first").len(), unknown.svg.matches(">not known<").count()), (3, 2));
}

#[test]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates as millionths")]
fn rates_are_those_of_the_toolkits_the_highest_first() {
    for report in [samples::ordinary(), samples::large(), samples::thin()] {
        let chart = chart_of(&report, "rates");
        let mut most: Vec<_> =
            report.toolkits.iter().filter(|of| of.newly_broken > 0 && of.break_rate.is_some()).collect();
        most.sort_by_key(|of| std::cmp::Reverse(of.newly_broken));
        most.truncate(40);
        let mut rates: Vec<u64> = most.iter().map(|of| (of.break_rate.unwrap() * 1e6) as u64).collect();
        rates.sort_unstable();
        rates.reverse();
        let widths: Vec<f64> = bars(&chart, "f-first").iter().map(|bar| bar.1).collect();
        proportional(&widths, &rates, "rates");
        // Every row has its name, its figure; no two rows meet.
        let document = Document::parse(&chart.svg).unwrap();
        let mut lines: Vec<f64> = named(&document, "text")
            .iter()
            .filter(|node| node.attribute("text-anchor") == Some("end"))
            .map(|node| node.attribute("y").unwrap().parse().unwrap())
            .collect();
        assert_eq!(lines.len(), rates.len());
        lines.sort_by(f64::total_cmp);
        assert!(lines.windows(2).all(|pair| pair[1] - pair[0] >= 16.0), "{lines:?}");
    }
}

#[test]
fn the_curve_goes_through_its_points_and_ends_level() {
    let report = samples::ordinary();
    let chart = chart_of(&report, "curve");
    let document = Document::parse(&chart.svg).unwrap();
    let curve =
        named(&document, "polyline").into_iter().find(|node| node.attribute("class") == Some("s-first")).unwrap();
    let point = |text: &str| text.split_once(',').map(|(x, y)| (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap()));
    let points: Vec<(f64, f64)> = curve.attribute("points").unwrap().split(' ').filter_map(point).collect();
    assert!(points.windows(2).all(|pair| pair[1].0 >= pair[0].0 && pair[1].1 <= pair[0].1), "never back, never down");
    let shown = report.reconnect_curve.iter().filter(|of| of.after_seconds <= 30 * 86_400).count();
    assert_eq!(points.len(), 2 * shown + 2);
    // The plot is 30 days wide and a hundred percent high; its corner is the first point.
    let (left, bottom) = points[0];
    let width = points.last().unwrap().0 - left;
    let grid = named(&document, "line").into_iter().chain(named(&document, "polyline"));
    let top = grid
        .filter(|node| node.attribute("class") == Some("s-grid"))
        .flat_map(|node| {
            let ys = [node.attribute("y1"), node.attribute("y2")].into_iter().flatten().map(|y| y.parse().unwrap());
            let corners = node.attribute("points").unwrap_or_default().split(' ').filter_map(point).map(|(_, y)| y);
            ys.chain(corners).collect::<Vec<f64>>()
        })
        .fold(f64::MAX, f64::min);
    let at = &report.reconnect_curve[36]; // 144 hours, 6 days
    let (x, y) = points[2 + 2 * 36];
    assert!((x - left - width * 6.0 / 30.0).abs() < 0.2, "{x}");
    assert!((bottom - y - at.back * (bottom - top)).abs() < 0.2, "{y} of {top} to {bottom}");
}

#[test]
fn every_figure_of_a_chart_is_in_a_table() {
    let report = samples::ordinary();
    let page = page(&report);
    let document = parsed(&page);
    let rows: Vec<String> = named(&document, "tr").into_iter().map(cells).collect();
    let has = |row: &str| assert!(rows.iter().any(|found| found == row), "{row}\n{rows:#?}");
    has("Slack|41|1,281|3.2 %");
    has("1 to 7 days|34|53.1 %");
    has("of them, the link was opened|66|79.5 %");
    has("2026-11-02|65|3|26.2 %|49.2 %|66.2 %|–");
    has("the first notice|44|62.0 %");
    has("superseded|the user has reconnected since: a newer account works|201");
    has("email|118|112|2|3|1|94.9 %");
    has("ac_9fK2slackProd|Slack|38|41.3 %|8.9 %|look at your own OAuth app");
    has("Newly broken (less is better)|92|65|27 more (+41.5 %), worse");
    has("Half back within (of at least 12 weeks)|2.1 days|2.5 days|9 hours shorter (−14.8 %)");
    has("Back again|71|80|9 fewer (−11.2 %)");
    for of in &report.trend {
        has(&format!("{}|{}|{}|{}|{}|{}", of.from, of.newly_broken, of.recovered, of.gone, of.open, of.notified));
    }
}

fn cells(row: Node<'_, '_>) -> String {
    let cells = row.children().filter(Node::is_element).map(|cell| text(cell).replace('\u{a0}', " "));
    cells.collect::<Vec<_>>().join("|")
}
