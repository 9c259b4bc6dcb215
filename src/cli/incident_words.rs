//! Whether the user was told about an incident: from its deliveries, which know what became of the intention,
//! and from the decision where there are none.

use std::collections::BTreeMap;

use super::explain::{printable, when};
use crate::domain::{Silence, Timestamp};
use crate::store::{DeliveryStory, IncidentStory};

/// One line for each thing that became of it, notice by notice, and what is waited for.
pub(super) fn told_or_not(incident: &IncidentStory, deliveries: &[DeliveryStory]) -> Vec<String> {
    let mut notices: BTreeMap<i64, Vec<&DeliveryStory>> = BTreeMap::new();
    for delivery in deliveries {
        if let Some(position) = delivery.incidents.iter().position(|id| *id == incident.id) {
            let number = delivery.numbers.get(position).copied().unwrap_or(0);
            // Word of the end is stored as -1 and comes last.
            notices.entry(if number < 0 { i64::MAX } else { number }).or_default().push(delivery);
        }
    }
    let mut lines: Vec<String> =
        incident.released_at.map(|at| format!("released from the baseline {}", when(at))).into_iter().collect();
    lines.extend(incident.storm.as_ref().map(|storm| format!("part of storm {storm}")));
    if notices.is_empty() {
        lines.push(decision(incident));
        return lines;
    }
    for (number, mut mine) in notices {
        mine.sort_by_key(|delivery| &delivery.channel);
        let prefix = match number {
            0 => String::new(),
            i64::MAX => "its end: ".to_owned(),
            number => format!("reminder {number}: "),
        };
        lines.extend(of_notice(incident, &mine).into_iter().map(|line| format!("{prefix}{line}")));
    }
    let waits = incident.closed.is_none() && incident.decision.as_deref().and_then(Silence::from_code).is_some();
    lines.extend(waits.then(|| decision(incident).replacen("not told", "at present", 1)));
    lines
}

/// What became of one notice.
fn of_notice(incident: &IncidentStory, mine: &[&DeliveryStory]) -> Vec<String> {
    let mut told: Option<(Timestamp, Vec<&str>)> = None;
    let mut rest: Vec<(String, String, Vec<&str>)> = Vec::new();
    for delivery in mine {
        let channel = delivery.channel.as_str();
        let detail = printable(delivery.detail.as_deref().unwrap_or("no reason was written down"));
        let (verdict, why) = match delivery.state.as_str() {
            "delivered" if delivery.kind == "reconnect" && over_by_then(incident, delivery) => {
                ("not told", Silence::Healed.words().to_owned())
            }
            "delivered" => {
                let (at, channels) = told.get_or_insert_with(|| (sent_at(delivery), Vec::new()));
                *at = sent_at(delivery).min(*at);
                channels.push(channel);
                continue;
            }
            "pending" => ("waiting", format!("next attempt {}", when(delivery.next_attempt_at))),
            "dead" => ("given up", detail),
            _ => ("not told", detail),
        };
        match rest.iter_mut().find(|(known, because, _)| *known == verdict && *because == why) {
            Some((.., channels)) => channels.push(channel),
            None => rest.push((verdict.to_owned(), why, vec![channel])),
        }
    }
    let mut lines: Vec<String> =
        told.iter().map(|(at, channels)| format!("told {} by {}", when(*at), channels.join(", "))).collect();
    for (verdict, why, channels) in rest {
        // Which channel is news only where the channels differ.
        let by = if channels.len() == mine.len() { String::new() } else { format!(" by {}", channels.join(", ")) };
        let between = if verdict == "waiting" { ", " } else { ": " };
        lines.push(format!("{verdict}{by}{between}{why}"));
    }
    lines
}

fn decision(incident: &IncidentStory) -> String {
    match incident.decision.as_deref() {
        None => "not decided yet".to_owned(),
        Some(code) => match Silence::from_code(code) {
            Some(silence) => {
                let next = incident.next_notice_at.filter(|_| incident.closed.is_none());
                let next = next.map_or(String::new(), |at| format!("; not before {}", when(at)));
                format!("not told: {} ({code}){next}", silence.words())
            }
            None => format!("to be told ({code})"),
        },
    }
}

/// The end of the attempt that reached the receiver.
fn sent_at(delivery: &DeliveryStory) -> Timestamp {
    let sent = delivery.attempts.iter().find(|attempt| attempt.outcome.as_deref() == Some("sent"));
    sent.map_or(delivery.created_at, |attempt| attempt.finished_at.unwrap_or(attempt.started_at))
}

/// Incidents found to be over just before sending are closed with the delivery, which then does not mention them.
fn over_by_then(incident: &IncidentStory, delivery: &DeliveryStory) -> bool {
    incident.closed.as_ref().is_some_and(|(at, _)| *at <= sent_at(delivery))
}
