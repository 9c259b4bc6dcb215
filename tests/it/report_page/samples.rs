//! Reports as they come and as they must not come: an ordinary week, nothing at all, no audit, 200 toolkits, names that
//! mean harm, and any at all.

mod parts;
mod trends;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta};
use reconnectd::domain::{Timestamp, ratio};
use reconnectd::report::reconnect::{
    AuthConfigRate, Breakage, BroughtBack, Coverage, CurvePoint, Funnel, Headline, Period, REPORT_VERSION,
    ReconnectReport, ReconnectTimes, RepeatBreakers, Times, ToolkitRate, TrendPoint,
};

pub use parts::rate;
use parts::{breakage, cohort, curve, health};
pub use trends::{trend, trend_of, trends};
use trends::{week, with_history};

const DAY: u64 = 86_400;

fn at(text: &str) -> Timestamp {
    text.parse::<DateTime<chrono::Utc>>().unwrap()
}

fn monday() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 9).unwrap()
}

/// A report of a week in which nothing was ever seen.
pub fn nothing() -> ReconnectReport {
    let period = Period { from: at("2026-11-09T00:00:00Z"), to: at("2026-11-16T00:00:00Z") };
    ReconnectReport {
        version: REPORT_VERSION,
        period,
        toolkit: None,
        generated_at: at("2026-11-16T07:00:12Z"),
        coverage: Coverage { longest_gap_seconds: 7 * DAY, ..Coverage::default() },
        headline: Headline::default(),
        previous: None,
        breakages: Vec::new(),
        toolkits: Vec::new(),
        auth_configs: Vec::new(),
        old_news_open: 0,
        funnel: Funnel { notified: 0, delivered: 0, link_opened: None, attempt_started: None, active_again: 0 },
        brought_back: Vec::new(),
        cohorts: Vec::new(),
        time_to_detect: Times::default(),
        time_to_reconnect: ReconnectTimes {
            followed_since: period.to - TimeDelta::weeks(12),
            incidents: 0,
            recovered: 0,
            median_seconds: None,
            p90_seconds: None,
        },
        reconnect_curve: Vec::new(),
        trend: Vec::new(),
        repeat_breakers: RepeatBreakers::default(),
        silenced: BTreeMap::new(),
        deliveries: Vec::new(),
    }
}

/// An ordinary week of an ordinary product.
#[expect(clippy::too_many_lines, reason = "one report, figure by figure")]
pub fn ordinary() -> ReconnectReport {
    let toolkits = [
        rate("slack", 41, 1281),
        rate("gmail", 24, 2310),
        rate("googlecalendar", 11, 1904),
        rate("notion", 9, 240),
        rate("hubspot", 4, 310),
        rate("github", 2, 890),
        rate("linear", 1, 75),
        rate("salesforce", 0, 122),
        rate("jira", 0, 48),
    ];
    let auth_config = |id: &str, toolkit: &str, broken: u64, active: u64, stands_out: bool| AuthConfigRate {
        auth_config: id.to_owned(),
        toolkit: toolkit.to_owned(),
        active_at_start: active,
        newly_broken: broken,
        share_of_breakages: ratio(broken, 92),
        share_of_active: ratio(active, 7180),
        stands_out,
    };
    with_history(ReconnectReport {
        coverage: Coverage {
            audits_finished: 7,
            audits_failed: 1,
            last_audit_at: Some(at("2026-11-15T07:04:00Z")),
            freshness_seconds: Some(60_960),
            longest_gap_seconds: 90_000,
            users_scanned: 5210,
            users_unknown: 12,
            users_unqueryable: 3,
            share: Some(0.9971),
        },
        headline: Headline {
            active_at_start: 7180,
            newly_broken: 92,
            break_rate: Some(ratio(92, 7180)),
            recovered: 71,
            gone: 3,
            open: 64,
            open_left: 5,
            notified: 83,
            delivered: 80,
            active_again: 52,
            detect_median_seconds: Some(11 * 3600),
            reconnect_median_seconds: Some(52 * 3600),
        },
        previous: Some(Headline {
            active_at_start: 7020,
            newly_broken: 65,
            break_rate: Some(ratio(65, 7020)),
            recovered: 80,
            gone: 3,
            open: 46,
            open_left: 2,
            notified: 61,
            delivered: 61,
            active_again: 44,
            detect_median_seconds: Some(11 * 3600),
            reconnect_median_seconds: Some(61 * 3600),
        }),
        breakages: vec![
            // Of them came back, and were deleted, some that had broken before.
            Breakage { recovered: 36, gone: 2, ..breakage("slack", "token_revoked", 36, [6, 14, 5, 3]) },
            breakage("slack", "refresh_failed", 5, [0, 2, 0, 0]),
            breakage("gmail", "token_expired", 24, [3, 8, 4, 2]),
            breakage("googlecalendar", "token_expired", 11, [1, 3, 2, 0]),
            breakage("notion", "unknown", 9, [0, 4, 1, 1]),
            breakage("hubspot", "refresh_failed", 4, [1, 1, 0, 1]),
            breakage("github", "token_revoked", 2, [0, 1, 0, 0]),
            breakage("linear", "unknown", 1, [0, 1, 0, 0]),
        ],
        toolkits: toolkits.to_vec(),
        auth_configs: vec![
            auth_config("ac_9fK2slackProd", "slack", 38, 640, true),
            auth_config("ac_gmailProd", "gmail", 24, 2310, false),
            auth_config("ac_calendar", "googlecalendar", 11, 1904, false),
        ],
        old_news_open: 17,
        funnel: Funnel {
            notified: 83,
            delivered: 80,
            link_opened: Some(66),
            attempt_started: Some(57),
            active_again: 52,
        },
        brought_back: [(None, 9), (Some(0), 44), (Some(1), 14), (Some(2), 4)]
            .map(|(after_notice, recovered)| BroughtBack { after_notice, recovered })
            .to_vec(),
        time_to_detect: Times { count: 92, median_seconds: Some(11 * 3600), p90_seconds: Some(23 * 3600) },
        reconnect_curve: curve(),
        repeat_breakers: RepeatBreakers { incidents: 6, users: 4 },
        silenced: [
            ("already_notified", 44),
            ("dwelling", 9),
            ("ladder_done", 12),
            ("superseded", 201),
            ("never_connected", 88),
            ("suppressed", 5),
            ("baseline", 17),
        ]
        .map(|(reason, count)| (reason.to_owned(), count))
        .into(),
        deliveries: vec![health("email", 118), health("webhook:product", 92)],
        ..nothing()
    })
}

/// The same as the schedule makes it by default, on Monday at 07:00: with seven hours of the next week.
pub fn scheduled() -> ReconnectReport {
    let mut report = ordinary();
    let late = TimeDelta::hours(7);
    report.period = Period { from: report.period.from + late, to: report.period.to + late };
    let from = monday() + TimeDelta::weeks(1);
    let open = report.headline.open;
    report.trend.remove(0);
    report.trend.push(TrendPoint { from, newly_broken: 1, recovered: 1, gone: 0, open, notified: 1 });
    report.cohorts.push(cohort(from, 1, 0));
    report.time_to_reconnect.incidents += 1;
    report.time_to_reconnect.recovered += 1;
    report
}

/// An ordinary week of Slack alone.
pub fn one_toolkit() -> ReconnectReport {
    let mut report = ordinary();
    report.toolkit = Some("slack".to_owned());
    report.toolkits.retain(|of| of.toolkit == "slack");
    report.breakages.retain(|of| of.toolkit == "slack");
    report.auth_configs.clear();
    let sum = |of: fn(&Breakage) -> u64| report.breakages.iter().map(of).sum::<u64>();
    let (recovered, gone, open) = (sum(|of| of.recovered), sum(|of| of.gone), sum(|of| of.open.total()));
    let active_at_start = report.toolkits[0].active_at_start;
    let break_rate = report.toolkits[0].break_rate;
    let headline = Headline { newly_broken: 41, active_at_start, break_rate, recovered, gone, open, ..report.headline };
    let before = Headline { newly_broken: 14, recovered: 9, gone: 1, open: open + recovered + gone - 41, ..headline };
    report.brought_back = vec![BroughtBack { after_notice: Some(0), recovered }];
    report.time_to_detect.count = 41;
    (report.headline, report.previous) = (headline, Some(before));
    with_history(report)
}

/// A large product: 200 toolkits, and figures of many digits.
pub fn large() -> ReconnectReport {
    let mut report = ordinary();
    let mut rng = fastrand::Rng::with_seed(9);
    report.toolkits = (0..200)
        .map(|n| {
            let active = rng.u64(50..90_000);
            rate(&format!("toolkit_number_{n:03}_with_a_long_name"), rng.u64(0..active / 9), active)
        })
        .collect();
    report.breakages = report
        .toolkits
        .iter()
        .map(|of| breakage(&of.toolkit, "token_expired", of.newly_broken, [of.newly_broken, 90_000, 1_234_567, 4]))
        .collect();
    let newly_broken = report.toolkits.iter().map(|of| of.newly_broken).sum();
    let active_at_start = report.toolkits.iter().map(|of| of.active_at_start).sum();
    let open = report.breakages.iter().map(|of| of.open.total()).sum();
    let recovered = report.breakages.iter().map(|of| of.recovered).sum();
    let gone = report.breakages.iter().map(|of| of.gone).sum();
    report.headline = Headline { newly_broken, active_at_start, open, recovered, gone, ..report.headline };
    report.headline.break_rate = Some(ratio(newly_broken, active_at_start));
    let begin = open + recovered + gone - newly_broken;
    let newly_before = newly_broken * 9 / 10;
    report.previous = Some(Headline { newly_broken: newly_before, open: begin, ..report.headline.clone() });
    report.brought_back = vec![BroughtBack { after_notice: None, recovered }];
    for of in &mut report.auth_configs {
        of.share_of_breakages = ratio(of.newly_broken, newly_broken);
        of.share_of_active = ratio(of.active_at_start, active_at_start);
        of.stands_out = false;
    }
    report = with_history(report);
    report.deliveries = (0..30).map(|n| health(&format!("webhook:tenant-{n}"), 1_000_000 + n)).collect();
    report
}

/// Words of others that would be something else if they were not escaped.
pub fn hostile() -> ReconnectReport {
    let mut report = ordinary();
    let words = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "</title></svg></style><b>",
        "{{ 7 * 7 }}{% raw %}",
        "a&b'c\u{202e}txt.exe\u{0}\u{ffff}",
        "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
        "日本語の名前がとても長いので切られますよねきっとそうです",
        "",
    ];
    report.toolkits = words.iter().map(|word| rate(word, 7, 100)).collect();
    report.toolkits[0].newly_broken = 8;
    report.breakages = words.iter().map(|word| breakage(word, word, 7, [1, 2, 3, 4])).collect();
    for (of, word) in report.auth_configs.iter_mut().zip(words) {
        (of.auth_config, of.toolkit) = (word.to_owned(), word.to_owned());
    }
    report.silenced = words.iter().map(|word| ((*word).to_owned(), 3)).collect();
    report.deliveries = words.iter().map(|word| health(word, 9)).collect();
    report.toolkit = Some(words[1].to_owned());
    report
}

/// An audit that saw little, and nothing to compare with.
pub fn thin() -> ReconnectReport {
    let ordinary = ordinary();
    let headline = Headline {
        active_at_start: 12,
        newly_broken: 3,
        break_rate: Some(0.25),
        open: 3,
        notified: 3,
        delivered: 3,
        ..Headline::default()
    };
    ReconnectReport {
        coverage: Coverage {
            audits_finished: 1,
            audits_failed: 6,
            longest_gap_seconds: 5 * DAY,
            users_unknown: 2400,
            share: Some(0.5388),
            ..ordinary.coverage.clone()
        },
        headline: headline.clone(),
        previous: None,
        toolkits: vec![rate("slack", 2, 12), rate("new_one", 1, 0)],
        breakages: vec![
            Breakage { recovered: 0, ..breakage("slack", "token_expired", 2, [2, 0, 0, 0]) },
            breakage("new_one", "token_expired", 1, [1, 0, 0, 0]),
        ],
        cohorts: vec![cohort(monday(), 3, 0)],
        auth_configs: Vec::new(),
        funnel: Funnel { notified: 3, delivered: 3, link_opened: None, attempt_started: None, active_again: 0 },
        trend: vec![week(monday(), &headline)],
        reconnect_curve: vec![
            CurvePoint { after_seconds: 0, back: 0.0 },
            CurvePoint { after_seconds: 5 * DAY, back: 0.0 },
        ],
        time_to_reconnect: ReconnectTimes { incidents: 3, ..nothing().time_to_reconnect },
        ..nothing()
    }
}

/// All of them, with what they are.
pub fn all() -> [(&'static str, ReconnectReport); 8] {
    [
        ("ordinary", ordinary()),
        ("scheduled", scheduled()),
        ("toolkit", one_toolkit()),
        ("nothing", nothing()),
        ("large", large()),
        ("hostile", hostile()),
        ("thin", thin()),
        ("audited", ReconnectReport { coverage: ordinary().coverage, ..nothing() }),
    ]
}

/// Any report: figures that fit or do not fit each other, of none to many.
pub fn any(seed: u64) -> ReconnectReport {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut report = [ordinary(), nothing(), hostile()][rng.usize(0..3)].clone();
    let count = |rng: &mut fastrand::Rng| [0, 1, 7, 999, 1_000_000_000_000][rng.usize(0..5)] + rng.u64(0..3);
    let share = |rng: &mut fastrand::Rng| [0.0, 1e-9, 0.5, 1.0, 40.0][rng.usize(0..5)];
    let word = |rng: &mut fastrand::Rng| (0..rng.usize(0..60)).map(|_| rng.char(..)).collect::<String>();
    for figure in [&mut report.headline.newly_broken, &mut report.headline.open, &mut report.headline.active_at_start] {
        *figure = count(&mut rng);
    }
    report.headline.break_rate = rng.bool().then(|| share(&mut rng));
    report.previous = rng.bool().then(|| ordinary().headline);
    report.toolkits = (0..rng.usize(0..60))
        .map(|_| ToolkitRate {
            toolkit: word(&mut rng),
            active_at_start: count(&mut rng),
            newly_broken: count(&mut rng),
            break_rate: rng.bool().then(|| share(&mut rng)),
        })
        .collect();
    report.breakages = (0..rng.usize(0..30))
        .map(|_| {
            let open = std::array::from_fn(|_| count(&mut rng));
            breakage(&word(&mut rng), &word(&mut rng), count(&mut rng), open)
        })
        .collect();
    report.trend = trend(rng.i64(0..90));
    for point in &mut report.trend {
        (point.newly_broken, point.open) = (count(&mut rng), count(&mut rng));
    }
    report.funnel.notified = count(&mut rng);
    report.funnel.link_opened = rng.bool().then(|| count(&mut rng));
    report.reconnect_curve =
        (0..rng.usize(0..20)).map(|_| CurvePoint { after_seconds: count(&mut rng), back: share(&mut rng) }).collect();
    report
}
