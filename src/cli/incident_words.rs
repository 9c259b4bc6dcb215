//! Whether the user was told about an incident: from its deliveries, which know what became of the intention,
//! and from the decision where there are none.

use super::explain::{printable, when};
use crate::domain::{Silence, Timestamp};
use crate::store::{DeliveryStory, IncidentStory};

/// One line for each thing that became of it.
pub(super) fn told_or_not(incident: &IncidentStory, deliveries: &[DeliveryStory]) -> Vec<String> {
    let about = |delivery: &&DeliveryStory| delivery.incidents.contains(&incident.id);
    let mut mine: Vec<&DeliveryStory> = deliveries.iter().filter(about).collect();
    mine.sort_by_key(|delivery| &delivery.channel);
    if mine.is_empty() {
        return vec![decision(incident)];
    }
    let mut told: Option<(Timestamp, Vec<&str>)> = None;
    let mut rest: Vec<(String, String, Vec<&str>)> = Vec::new();
    for delivery in &mine {
        let channel = delivery.channel.as_str();
        let detail = printable(delivery.detail.as_deref().unwrap_or("no reason was written down"));
        let (verdict, why) = match delivery.state.as_str() {
            "delivered" if over_by_then(incident, delivery) => ("not told", Silence::Healed.words().to_owned()),
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
            Some(silence) => format!("not told: {} ({code})", silence.words()),
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
