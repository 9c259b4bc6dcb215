//! What a person should know who reads nothing else: two or three sentences built from the figures by rules, and what the
//! report cannot know.

use super::super::model::{ReconnectReport, ToolkitRate};
use super::super::wording::{accounts, instant, length, name, none_did, number, percent, plain};
use crate::domain::ratio;

/// An audit that learned less of the users than this is told of as a warning.
const LEAST_COVERAGE: f64 = 0.99;
/// So long without the end of an audit is told of as a warning: two days, in which also a
/// schedule of one a day came to nothing. The default schedule has one every hour.
const LONGEST_GAP_SECONDS: u64 = 2 * 86_400;
/// With fewer accounts than this a rate moves by whole percents with each of them.
const FEW_ACCOUNTS: u64 = 100;

/// The sentences, the most important first.
pub(super) fn sentences(report: &ReconnectReport) -> Vec<String> {
    let now = &report.headline;
    if report.coverage.last_audit_at.is_none() && now.newly_broken == 0 {
        return vec!["No audit went to its end in this time, so nothing is known of it.".to_owned()];
    }
    let told = [Some(broke(report)), compared(report), back(report), own_app(report)];
    told.into_iter().flatten().collect()
}

fn of_working(of: &ToolkitRate) -> String {
    of.break_rate.map_or_else(String::new, |rate| format!(", break rate {}", percent(Some(rate))))
}

fn broke(report: &ReconnectReport) -> String {
    let (now, about) = (&report.headline, report.toolkit.as_deref());
    if now.newly_broken == 0 {
        let open = match now.open {
            0 => match about {
                None => "nothing is broken".to_owned(),
                Some(_) => "none is broken".to_owned(),
            },
            1 => "1 account that broke before is still broken".to_owned(),
            open => format!("{} accounts that broke before are still broken", number(open)),
        };
        return format!("{}; {open}.", none_did(about, "broke"));
    }
    if let Some(toolkit) = about {
        let rate = report.toolkits.iter().find(|of| of.toolkit == toolkit).map_or_else(String::new, of_working);
        return format!("{} broke{rate}.", accounts(now.newly_broken, about));
    }
    let most = report.toolkits.iter().map(|of| of.newly_broken).max().unwrap_or(0);
    let worst: Vec<&ToolkitRate> =
        report.toolkits.iter().filter(|of| of.newly_broken == most && of.newly_broken > 0).collect();
    let others = report.toolkits.iter().any(|of| of.newly_broken > 0 && of.newly_broken < most);
    match worst.as_slice() {
        [] => format!("{} broke.", accounts(now.newly_broken, None)),
        [one] if others => format!("{} broke most: {}{}.", name(&one.toolkit), accounts(most, None), of_working(one)),
        [one] => format!("Only {} broke: {}{}.", name(&one.toolkit), accounts(most, None), of_working(one)),
        [one, other] => {
            format!("{} and {} broke most: {} each.", name(&one.toolkit), name(&other.toolkit), accounts(most, None))
        }
        [first, rest @ ..] => {
            format!(
                "{} and {} other toolkits broke most: {} each.",
                name(&first.toolkit),
                rest.len(),
                accounts(most, None)
            )
        }
    }
}

fn compared(report: &ReconnectReport) -> Option<String> {
    let now = &report.headline;
    let before = report.previous.as_ref().filter(|before| before.newly_broken + now.newly_broken > 0)?;
    let all = match (&report.toolkit, now.newly_broken) {
        (None, newly_broken) => format!("In all {} broke,", number(newly_broken)),
        (Some(_), 0) => return Some(format!("In the period before, {} broke.", number(before.newly_broken))),
        // The sentence before this one has the figure.
        (Some(_), _) => "That is".to_owned(),
    };
    let than = |count: u64, word: &str| {
        let share = if before.newly_broken > 0 {
            format!(" ({} {word})", percent(Some(ratio(count, before.newly_broken))))
        } else {
            String::new()
        };
        format!("{all} {} {word} than in the period before{share}.", number(count))
    };
    Some(match (now.newly_broken, before.newly_broken) {
        (now, before) if now > before => than(now - before, "more"),
        (now, before) if now < before => than(before - now, "fewer"),
        _ => format!("{all} as many as in the period before."),
    })
}

fn back(report: &ReconnectReport) -> Option<String> {
    let (times, funnel) = (&report.time_to_reconnect, &report.funnel);
    let reached = (funnel.delivered > 0).then(|| {
        let (reached, again) = (number(funnel.delivered), number(funnel.active_again));
        let share = percent(Some(ratio(funnel.active_again, funnel.delivered)));
        format!("Of the {reached} whose notice was accepted, {again} ({share}) work again.")
    });
    let half = (times.incidents > 0).then(|| match times.median_seconds {
        Some(median) => format!("Half of the people are back within {}.", length(Some(median))),
        None => "Fewer than half of the people have come back so far.".to_owned(),
    });
    let all: Vec<String> = [half, reached].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(" "))
}

/// What points at the product's own OAuth app.
pub(super) fn own_app(report: &ReconnectReport) -> Option<String> {
    let found: Vec<_> = report.auth_configs.iter().filter(|of| of.stands_out).collect();
    let first = found.first()?;
    let more = match found.len() {
        1 => String::new(),
        2 => " One more auth config stands out.".to_owned(),
        count => format!(" {} more auth configs stand out.", count - 1),
    };
    Some(format!(
        "Look at your own OAuth app for {} first: the auth config {} has {} of what broke and {} of what worked.{more}",
        name(&first.toolkit),
        plain(&first.auth_config),
        percent(Some(first.share_of_breakages)),
        percent(Some(first.share_of_active))
    ))
}

/// What the report rests on, in one sentence.
pub(super) fn coverage(report: &ReconnectReport) -> String {
    let c = &report.coverage;
    let Some(last) = c.last_audit_at else {
        return format!("No audit went to its end, {} failed.", number(c.audits_failed));
    };
    format!(
        "{} went to {} end, {} failed. The last ended {} and learned the accounts of {} of {} users.",
        if c.audits_finished == 1 { "1 audit".to_owned() } else { format!("{} audits", number(c.audits_finished)) },
        if c.audits_finished == 1 { "its" } else { "their" },
        number(c.audits_failed),
        instant(last),
        c.share.map_or_else(|| "none".to_owned(), |share| percent(Some(share))),
        number(c.users_scanned)
    )
}

/// What the reader must know before believing a figure.
pub(super) fn warnings(report: &ReconnectReport) -> Vec<String> {
    let (c, mut found) = (&report.coverage, Vec::new());
    if c.last_audit_at.is_none() {
        found.push("No audit went to its end in this time: what broke or came back in it is not known yet.".to_owned());
        return found;
    }
    if let Some(share) = c.share.filter(|share| *share < LEAST_COVERAGE) {
        found.push(format!(
            "The last audit learned the accounts of {} of the users only: {} could not be fetched, {} cannot be asked about.",
            percent(Some(share)),
            number(c.users_unknown),
            number(c.users_unqueryable)
        ));
    }
    if c.users_scanned == 0 {
        found.push("The last audit found no user in the directory.".to_owned());
    }
    if c.longest_gap_seconds > LONGEST_GAP_SECONDS {
        let gap = length(Some(c.longest_gap_seconds));
        found.push(format!("For {gap} no audit ended: what broke then was noticed late."));
    }
    if c.audits_failed > c.audits_finished {
        found.push(format!("More audits failed ({}) than went to their end.", number(c.audits_failed)));
    }
    let active = report.headline.active_at_start;
    if active < FEW_ACCOUNTS {
        let about = report.toolkit.as_deref();
        let of = about.map_or_else(String::new, |toolkit| format!("{} ", name(toolkit)));
        let all = if active == 0 { format!("No {of}account") } else { format!("Only {}", accounts(active, about)) };
        found.push(format!("{all} worked at the start: one more or less changes a rate a lot."));
    }
    found
}
