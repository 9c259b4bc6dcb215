//! Every page there is keeps the rules of a page: read by ear, nothing loaded, nothing run, nothing of others taken for ours.

use base64::Engine as _;
use proptest::prelude::*;
use reconnectd::report::reconnect::{Nav, NavGroup, NavLink, charts, content_security_policy, html};
use sha2::{Digest as _, Sha256};

use super::*;

fn check(name: &str, page: &str) {
    let document = parsed(page);
    let id = |node: &Node<'_, '_>| node.attribute("id").map(str::to_owned);
    let ids: Vec<String> = document.descendants().filter_map(|node| id(&node)).collect();
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "{name}: an id twice");
    for node in document.descendants() {
        for named in node.attribute("aria-labelledby").unwrap_or_default().split_whitespace() {
            assert!(ids.iter().any(|id| id == named), "{name}: nothing is called {named}");
        }
        for attribute in node.attributes() {
            let key = attribute.name();
            assert!(!key.starts_with("on") && !["style", "src", "href", "action"].contains(&key), "{name}: {key}");
        }
    }
    for forbidden in ["script", "link", "img", "iframe", "form", "object", "base", "image", "use", "foreignObject"] {
        assert!(named(&document, forbidden).is_empty(), "{name}: {forbidden}");
    }
    let level = |node: &Node<'_, '_>| node.tag_name().name().strip_prefix('h').and_then(|level| level.parse().ok());
    let levels: Vec<u32> = document.descendants().filter_map(|node| level(&node)).collect();
    assert_eq!(levels[..2], [1, 2], "{name}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1 && pair[1] > 1), "{name}: {levels:?}");
    for table in named(&document, "table") {
        let rows: Vec<_> = table.descendants().filter(|node| node.has_tag_name((table_space(), "tr"))).collect();
        let cells = |row: &Node<'_, '_>| row.children().filter(Node::is_element).count();
        assert!(rows.iter().all(|row| cells(row) == cells(&rows[0])), "{name}: {}", text(table));
        let heads = table.descendants().filter(|node| node.tag_name().name() == "th");
        assert!(heads.clone().all(|head| matches!(head.attribute("scope"), Some("col" | "row"))));
        assert_eq!(heads.count(), cells(&rows[0]) + rows.len() - 1, "{name}: a heading for each column and row");
        assert!(table.descendants().any(|node| node.tag_name().name() == "caption" && !text(node).is_empty()));
        let around = table.parent().unwrap();
        assert_eq!((around.attribute("tabindex"), around.attribute("role")), (Some("0"), Some("group")), "{name}");
    }
    for svg in named(&document, "svg") {
        assert_eq!(svg.attribute("role"), Some("img"), "{name}");
        assert_eq!(svg.attribute("aria-labelledby").unwrap().split_whitespace().count(), 2, "{name}");
    }
}

fn table_space() -> &'static str {
    "http://www.w3.org/1999/xhtml"
}

#[test]
fn every_page_is_whole_and_loads_and_runs_nothing() {
    let reports = samples::all().into_iter().map(|(name, report)| (name, page(&report)));
    let trends = samples::trends().into_iter().map(|(name, trend)| (name, trend_page(&trend)));
    for (name, page) in reports.chain(trends) {
        check(name, &page);
        for forbidden in ["url(", "@import", "javascript:", "https://"] {
            assert!(!page.contains(forbidden), "{name}: {forbidden}");
        }
        assert!(page.contains("<html lang=\"en\""), "{name}");
        assert!(!page.contains("{product}") && !page.contains("ACCENT") && !page.contains("CHARTS_DARK"), "{name}");
    }
}

#[test]
fn the_policy_in_the_page_allows_its_style_and_nothing_else() {
    for page in [page(&samples::ordinary()), trend_page(&samples::trends()[0].1)] {
        keeps_its_policy(&page);
    }
}

fn keeps_its_policy(page: &str) {
    let document = parsed(page);
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
    let policy = |node: &&Node<'_, '_>| node.attribute("http-equiv") == Some("Content-Security-Policy");
    let metas = named(&document, "meta");
    let found = metas.iter().find(policy).unwrap().attribute("content").unwrap();
    assert_eq!(found, content_security_policy(&frame()));
    let expected = format!("default-src 'none'; style-src 'sha256-{hash}'; form-action 'none'; base-uri 'none'");
    assert_eq!(found, expected);
    let before = page.find("http-equiv").unwrap();
    assert!(before < page.find("<style>").unwrap(), "a policy holds for what comes after it");
}

#[test]
fn words_of_others_are_words() {
    let page = page(&samples::hostile());
    check("hostile", &page);
    for harmful in ["<script", "<img", "<b>", "\u{202e}", "\u{0}", "\u{ffff}"] {
        assert!(!page.contains(harmful), "{harmful:?}");
    }
    let all = text(parsed(&page).root());
    for word in
        ["<script>alert(1)</script>", "{{ 7 * 7 }}", "onerror=alert(1)", "</title></svg></style><b>", "a&b'ctxt.exe"]
    {
        assert!(all.contains(word), "{word}");
    }
}

#[test]
fn long_lists_end_and_say_so() {
    let report = samples::large();
    let page = page(&report);
    let document = parsed(&page);
    let more = |count: usize| format!("and {} more, in the CSV", count - 20);
    for count in [report.toolkits.len(), report.breakages.len(), report.deliveries.len()] {
        assert!(page.contains(&more(count)), "{count}");
    }
    assert_eq!(page.matches("more, in the CSV").count(), 3);
    let long = |table: &Node<'_, '_>| table.descendants().filter(|node| node.tag_name().name() == "tr").count();
    let lengths: Vec<usize> = named(&document, "table").iter().map(long).collect();
    // The trend is bounded by what was asked for and has all its steps.
    assert_eq!(lengths.iter().filter(|rows| **rows > 21).count(), 1, "{lengths:?}");
}

#[test]
fn a_served_page_leads_to_the_other_views() {
    let link = |to: &str, label: &str, current| NavLink { to: to.to_owned(), label: label.to_owned(), current };
    let links = vec![link("?period=7d", "7 days", true), link("?period=30d&toolkit=a\"b", "30 days", false)];
    let nav = Nav { groups: vec![NavGroup { label: "Period".to_owned(), links }], form: String::new() };
    let frame = Frame { nav: Some(nav), ..frame() };
    let page = html(&samples::ordinary(), &frame).unwrap();
    let document = parsed(&page);
    let found: Vec<_> = named(&document, "a")
        .iter()
        .map(|a| (a.attribute("href").unwrap().to_owned(), text(*a), a.attribute("aria-current").is_some()))
        .collect();
    let expected = [("?period=7d", "7 days", true), ("?period=30d&toolkit=a\"b", "30 days", false)];
    assert_eq!(found, expected.map(|(to, label, current)| (to.to_owned(), label.to_owned(), current)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_report_is_a_whole_page_and_no_chart_leaves_its_sheet(seed in any::<u64>()) {
        let report = samples::any(seed);
        check(&format!("seed {seed}"), &page(&report));
        for chart in charts(&report).unwrap() {
            let document = Document::parse(&chart.svg).unwrap();
            for rect in named(&document, "rect") {
                let of = |key: &str| rect.attribute(key).unwrap().parse::<f64>().unwrap();
                let (right, low) = (of("x") + of("width"), of("y") + of("height"));
                let within = of("x") >= 0.0 && of("y") >= 0.0 && right <= f64::from(chart.width) && low <= f64::from(chart.height);
                prop_assert!(within, "{} {:?}", chart.id, rect);
            }
            prop_assert!(!chart.svg.contains("NaN") && !chart.svg.contains("inf"), "{}", chart.svg);
        }
    }
}
