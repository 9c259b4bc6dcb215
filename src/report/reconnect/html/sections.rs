//! The parts of the page in their order; here those about what broke. [`people`] has those about the people, [`told`] those
//! about what they were told.

use super::super::charts::Chart;
use super::super::model::{OpenByAge, ReconnectReport};
use super::super::wording::{name, none_did, number, percent, plain};
use super::figures::share_of;
use super::page::{Cell, Part, Section, Table, figure, words};
use super::{chart, lead, people, told, trend};

/// Every section that has something to say.
pub(super) fn all(report: &ReconnectReport, charts: &[Chart]) -> Vec<Section> {
    let sections = [
        trend::section(("Trend", true), &report.trend, charts),
        toolkits(report, charts),
        auth_configs(report),
        open(report, charts),
        people::funnel(report, charts),
        people::curve(report, charts),
        people::cohorts(report),
        people::brought_back(report),
        told::silences(report),
        told::deliveries(report),
    ];
    sections
        .into_iter()
        .map(|section| {
            let parts: Vec<_> = section.parts.into_iter().filter(|part| !part.is_empty()).collect();
            let notes = if parts.is_empty() { Vec::new() } else { section.notes };
            Section { parts, notes, ..section }
        })
        .filter(|section| !(section.parts.is_empty() && section.text.is_empty()))
        .collect()
}

fn toolkits(report: &ReconnectReport, charts: &[Chart]) -> Section {
    let mut rates: Vec<_> = report.toolkits.iter().filter(|of| of.newly_broken > 0).collect();
    rates.sort_by(|one, other| other.newly_broken.cmp(&one.newly_broken).then_with(|| one.toolkit.cmp(&other.toolkit)));
    let rows = rates.iter().map(|of| {
        vec![
            words(name(&of.toolkit)),
            figure(number(of.newly_broken)),
            figure(number(of.active_at_start)),
            figure(percent(of.break_rate)),
        ]
    });
    let columns = ["toolkit", "#newly broken", "#worked at the start", "#break rate"];
    let table = Table::new("Toolkits, those of which most broke first", &columns, rows.collect());
    let quiet = report.toolkits.iter().filter(|of| of.newly_broken == 0).count();
    let text = match (rates.len(), quiet) {
        (0, 0) => none_did(report.toolkit.as_deref(), "worked or broke") + ".",
        (0, _) => none_did(report.toolkit.as_deref(), "broke") + ".",
        (_, 0) => String::new(),
        (_, 1) => "1 more toolkit worked without a breakage.".to_owned(),
        (_, quiet) => format!("{quiet} more toolkits worked without a breakage."),
    };
    Section {
        id: "toolkits",
        heading: if report.toolkit.is_some() { "How much of it broke" } else { "Which toolkits broke" },
        text: Some(text).filter(|text| !text.is_empty()).into_iter().collect(),
        parts: vec![Part::new(chart(charts, "rates"), Some(table))],
        notes: vec![
            "Break rate: newly broken accounts for each that worked when the period began. The chart shows at most the 40 \
             toolkits of which most broke; after the rate stands how many did.",
        ],
        ..Section::default()
    }
}

fn auth_configs(report: &ReconnectReport) -> Section {
    let rows = report.auth_configs.iter().map(|of| {
        vec![
            words(plain(&of.auth_config)),
            words(name(&of.toolkit)),
            figure(number(of.newly_broken)),
            figure(percent(Some(of.share_of_breakages))),
            figure(percent(Some(of.share_of_active))),
            words(if of.stands_out { "look at your own OAuth app" } else { "" }),
        ]
    });
    let columns =
        ["auth config", "toolkit", "#newly broken", "#share of what broke", "#share of what worked", "what to do"];
    Section {
        id: "auth-configs",
        heading: "Auth configs",
        callout: lead::own_app(report),
        parts: vec![Part::new(None, Some(Table::new("Auth configs of which most broke", &columns, rows.collect())))],
        notes: vec![
            "An auth config stands out from 10 breakages and twice its share of what worked on: a pointer, not a proof. An \
             expired client secret, a scope that was taken away or an app under review breaks accounts this way.",
        ],
        ..Section::default()
    }
}

fn open(report: &ReconnectReport, charts: &[Chart]) -> Section {
    let mut found: Vec<_> = report.breakages.iter().collect();
    found.sort_by_key(|of| std::cmp::Reverse((of.newly_broken + of.open.total(), of.recovered + of.gone)));
    let ages = |open: &OpenByAge| [open.under_1_day, open.under_7_days, open.under_30_days, open.older];
    let rows = found.iter().map(|of| {
        let mut row: Vec<Cell> = vec![words(name(&of.toolkit)), words(plain(&of.reason))];
        row.extend([of.newly_broken, of.recovered, of.gone].map(|of| figure(number(of))));
        row.extend(ages(&of.open).map(|of| figure(number(of))));
        row
    });
    let columns = [
        "toolkit",
        "reason",
        "#newly broken",
        "#back again",
        "#deleted",
        "#open under a day",
        "#1 to 7 days",
        "#7 to 30 days",
        "#longer",
    ];
    let table = Table::new("What broke, came back and is open, by toolkit and reason", &columns, rows.collect());
    let all = |of: fn(&OpenByAge) -> u64| found.iter().map(|row| of(&row.open)).sum::<u64>();
    let total = all(OpenByAge::total);
    let by_age = [
        ("under a day", all(|open| open.under_1_day)),
        ("1 to 7 days", all(|open| open.under_7_days)),
        ("7 to 30 days", all(|open| open.under_30_days)),
        ("longer", all(|open| open.older)),
        ("together", total),
    ];
    let by_age = by_age.map(|(age, count)| vec![words(age), figure(number(count)), figure(share_of(count, total))]);
    let by_age = Table::whole("Broken at the end, by how long", &["broken for", "#accounts", "#share"], by_age.into());
    let text = if found.is_empty() {
        vec![none_did(report.toolkit.as_deref(), "broke, came back or is open") + "."]
    } else {
        Vec::new()
    };
    Section {
        id: "open",
        heading: "What is broken, and for how long",
        text,
        parts: vec![Part::new(chart(charts, "ages"), Some(by_age).filter(|_| total > 0)), Part::new(None, Some(table))],
        notes: vec![
            "Open: broken when the period ended, by how long the account has been broken. The reason is what the provider's \
             answer points at, as it stands today.",
        ],
        ..Section::default()
    }
}
