//! The sentences one reads first follow from the figures, and what the report cannot know is said.

use reconnectd::report::reconnect::{Headline, ReconnectReport};

use super::*;

/// The paragraphs under the first heading, without the last, which says what the report rests on.
fn lead(report: &ReconnectReport) -> String {
    let page = page(report);
    let document = parsed(&page);
    let lead = document.descendants().find(|node| node.attribute("class") == Some("lead")).unwrap();
    let said = lead.children().filter(|node| node.tag_name().name() == "p" && node.attribute("class").is_none());
    said.map(text).collect::<Vec<_>>().join(" ")
}

fn warnings(report: &ReconnectReport) -> Vec<String> {
    let page = page(report);
    let document = parsed(&page);
    let warning = document.descendants().find(|node| node.attribute("class") == Some("warning"));
    let lines = warning.into_iter().flat_map(|node| node.descendants().filter(|node| node.tag_name().name() == "li"));
    lines.map(text).collect()
}

fn with(change: impl Fn(&mut ReconnectReport)) -> ReconnectReport {
    let mut report = samples::ordinary();
    report.auth_configs.clear();
    report.previous = None;
    report.funnel.delivered = 0;
    change(&mut report);
    report
}

#[test]
fn the_sentence_that_matters_follows_from_the_figures() {
    const HALF: &str = "Half of the people are back within 2.1 days.";
    let before = |newly_broken| Some(Headline { newly_broken, ..Headline::default() });
    let toolkits =
        |of: &[(&str, u64, u64)]| of.iter().map(|(name, broke, of)| samples::rate(name, *broke, *of)).collect();
    let rows: [(ReconnectReport, String); 11] = [
        (with(|_| ()), format!("Slack broke most: 41 accounts, break rate 3.2 %. {HALF}")),
        (
            with(|of| of.toolkits = toolkits(&[("slack", 1, 0), ("gmail", 0, 4)])),
            format!("Only Slack broke: 1 account. {HALF}"),
        ),
        (
            with(|of| of.toolkits = toolkits(&[("slack", 5, 9), ("gmail", 5, 9), ("jira", 1, 9)])),
            format!("Slack and Gmail broke most: 5 accounts each. {HALF}"),
        ),
        (
            with(|of| of.toolkits = toolkits(&[("slack", 5, 9), ("gmail", 5, 9), ("jira", 5, 9)])),
            format!("Slack and 2 other toolkits broke most: 5 accounts each. {HALF}"),
        ),
        (
            with(|of| of.previous = before(100)),
            format!(
                "Slack broke most: 41 accounts, break rate 3.2 %. In all 92 broke, 8 fewer than in the period \
                 before (8.0 % fewer). {HALF}"
            ),
        ),
        (
            with(|of| of.previous = before(0)),
            format!(
                "Slack broke most: 41 accounts, break rate 3.2 %. In all 92 broke, 92 more than in the period \
                 before. {HALF}"
            ),
        ),
        (
            with(|of| of.previous = before(92)),
            format!(
                "Slack broke most: 41 accounts, break rate 3.2 %. In all 92 broke, as many as in the period \
                 before. {HALF}"
            ),
        ),
        (
            with(|of| (of.headline.newly_broken, of.headline.open) = (0, 1)),
            format!("Nothing broke; 1 account that broke before is still broken. {HALF}"),
        ),
        (
            with(|of| {
                of.time_to_reconnect.median_seconds = None;
                (of.headline.newly_broken, of.headline.open) = (0, 0);
            }),
            "Nothing broke; nothing is broken. Fewer than half of the people have come back so far.".to_owned(),
        ),
        (samples::nothing(), "No audit went to its end in this time, so nothing is known of it.".to_owned()),
        (
            samples::ordinary(),
            "Slack broke most: 41 accounts, break rate 3.2 %. In all 92 broke, 27 more than in the period before \
             (41.5 % more). Half of the people are back within 2.1 days. Of the 80 whose notice was accepted, 52 (65.0 %) work \
             again. Look at your own OAuth app for Slack first: the auth config ac_9fK2slackProd has 41.3 % of what broke \
             and 8.9 % of what worked."
                .to_owned(),
        ),
    ];
    for (report, expected) in rows {
        assert_eq!(lead(&report).replace('\u{a0}', " "), expected);
    }
}

#[test]
fn little_to_rest_on_is_said_and_enough_is_not() {
    assert_eq!(warnings(&samples::ordinary()), Vec::<String>::new());
    let none = "No audit went to its end in this time: what broke or came back in it is not known yet.";
    assert_eq!(warnings(&samples::nothing()), [none]);
    let thin = warnings(&samples::thin()).join(" ").replace('\u{a0}', " ");
    for said in [
        "53.9 % of the users only",
        "2,400 could not",
        "For 5 days no audit ended",
        "More audits failed (6)",
        "Only 12 accounts",
    ] {
        assert!(thin.contains(said), "{said}: {thin}");
    }
    let no_users = with(|of| (of.coverage.users_scanned, of.coverage.share) = (0, None));
    assert_eq!(warnings(&no_users), ["The last audit found no user in the directory."]);
}

#[test]
fn a_report_about_one_toolkit_speaks_of_it_alone() {
    let of = |change: &dyn Fn(&mut ReconnectReport)| {
        let mut report = samples::one_toolkit();
        report.time_to_reconnect.incidents = 0;
        report.funnel.delivered = 0;
        change(&mut report);
        report
    };
    let quiet = |open| {
        of(&|report| {
            (report.headline.newly_broken, report.headline.open) = (0, open);
            report.toolkits[0].newly_broken = 0;
        })
    };
    let rows = [
        (
            of(&|_| ()),
            "41 Slack accounts broke, break rate 3.2 %. That is 27 more than in the period before (192.9 % more).",
        ),
        (of(&|report| report.previous = None), "41 Slack accounts broke, break rate 3.2 %."),
        (quiet(0), "No Slack account broke; none is broken. In the period before, 14 broke."),
        (
            quiet(3),
            "No Slack account broke; 3 accounts that broke before are still broken. In the period before, 14 broke.",
        ),
        (
            of(&|report| (report.headline.newly_broken, report.previous, report.toolkits) = (1, None, Vec::new())),
            "1 Slack account broke.",
        ),
    ];
    for (report, expected) in rows {
        assert_eq!(lead(&report).replace('\u{a0}', " "), expected);
        let page = page(&report);
        for wrong in ["Only Slack", "Nothing broke", "nothing is broken", "Which toolkits"] {
            assert!(!page.contains(wrong), "{wrong}: {expected}");
        }
    }
    let mut none = samples::nothing();
    none.toolkit = Some("<b>slack".to_owned());
    none.coverage = samples::ordinary().coverage;
    let said = text(parsed(&page(&none)).root());
    for sentence in [
        "No <b>slack account worked or broke.",
        "No <b>slack account broke, came back or is open.",
        "Nobody was told of <b>slack for the first time.",
        "No <b>slack account worked at the start",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    let terminal = reconnectd::report::reconnect::text(&none);
    assert!(terminal.contains("No <b>slack account broke, came back or is open."), "{terminal}");
}
