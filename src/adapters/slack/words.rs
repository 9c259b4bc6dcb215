//! What a tired person is told of each event: what happened, how much, and what to do now, with the command.
//!
//! Plain text; what came from outside is scrubbed and bounded here and escaped where it is written.

use super::report::Told;
use crate::domain::{ConnectRefusal, KeyUse, OperatorEvent, Timestamp, key_remedy, scrub};

/// A name from outside: an auth config, a toolkit, a channel.
const MAX_NAME_CHARS: usize = 100;
/// Somebody else's answer.
const MAX_DETAIL_CHARS: usize = 300;

/// One event in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// One line: what happened and what that means.
    pub headline: String,
    /// How much, or what the other side said.
    pub facts: String,
    /// What to do, one step a line; commands in backticks.
    pub steps: Vec<String>,
}

/// The words of an event.
pub(super) fn of_event(event: &OperatorEvent) -> Words {
    match event {
        OperatorEvent::StormHeld { storm_id, scope, subject, broken, active, window_seconds } => {
            let storm = name(storm_id);
            let of = if scope == "toolkit" { "toolkit" } else { "auth config" };
            Words {
                headline: "Many accounts broke at once; their users are not told".to_owned(),
                facts: format!(
                    "{broken} of {active} accounts of the {of} {} broke within {}. Their users will be told nothing until \
                     you decide.",
                    name(subject),
                    hours(*window_seconds)
                ),
                steps: vec![
                    "Look at your auth config at Composio, and at the toolkit's status page.".to_owned(),
                    format!("If it is your fault or theirs, mend it and run `reconnectd storm discard {storm}`."),
                    format!("If the users must reconnect, `reconnectd storm release {storm}` tells them."),
                ],
            }
        }
        OperatorEvent::ChannelStopped { channel, detail } => Words {
            headline: format!("{} refuses us; nothing is sent on it", name(channel.as_str())),
            facts: format!("It answered: {}", said(detail)),
            steps: vec![
                format!(
                    "Mend {} in the configuration, or have its other side take us again.",
                    section(channel.as_str())
                ),
                "`reconnectd check` tries it; the next run sends what waits.".to_owned(),
                "`reconnectd channel list` shows how much waits.".to_owned(),
            ],
        },
        OperatorEvent::EndpointDisabled { channel, detail } => {
            let channel = name(channel.as_str());
            Words {
                headline: format!("{channel} is not used any more"),
                facts: format!("Why: {}. What is for it waits.", said(detail).trim_end_matches('.')),
                steps: vec![
                    "Find out from whoever runs it whether it comes back.".to_owned(),
                    format!("`reconnectd channel enable {channel}` uses it again and sends what waits."),
                    "If it does not come back, take its section out of the configuration.".to_owned(),
                ],
            }
        }
        OperatorEvent::KeyRefused { status, detail } => Words {
            headline: "Composio refuses the API key; nobody is audited and nobody is told".to_owned(),
            facts: format!("It answered: {}", said(&format!("HTTP {status} {detail}"))),
            steps: vec![
                key_remedy(*status, KeyUse::Read).to_owned(),
                "`reconnectd check` tries it; the next run goes on where this one stopped.".to_owned(),
            ],
        },
        OperatorEvent::ConnectRefused { auth_config, status, detail, .. } => {
            let reason = event.connect_refusal().unwrap_or(ConnectRefusal::AuthConfig);
            connect_refused(reason, auth_config.as_deref(), &said(&format!("HTTP {status} {detail}")))
        }
        OperatorEvent::ReportReady { from, to, .. } => Words {
            headline: format!("The reconnect report from {} to {} is there", from.date_naive(), to.date_naive()),
            facts: told(event).map(|report| report.words()).unwrap_or_default(),
            steps: vec![format!(
                "`reconnectd report --from {} --to {}` prints all of it; files are in [report] directory, mail goes to \
                 [report] mail_to, where they are set.",
                instant(*from),
                instant(*to)
            )],
        },
    }
}

/// What an event tells of a report; none of any other.
pub(super) fn told(event: &OperatorEvent) -> Option<Told<'_>> {
    match event {
        OperatorEvent::ReportReady { headline, previous, toolkits, coverage, .. } => {
            Some(Told { headline, previous: previous.as_ref(), toolkits, coverage: coverage.as_ref() })
        }
        _ => None,
    }
}

/// As the command line takes it.
fn instant(at: Timestamp) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn connect_refused(reason: ConnectRefusal, auth_config: Option<&str>, answer: &str) -> Words {
    let id = name(auth_config.unwrap_or_default());
    let what = match reason {
        ConnectRefusal::AuthConfig => format!("Composio makes no connect pages with {id}"),
        ConnectRefusal::KeyUnknown => "Composio does not know the API key".to_owned(),
        ConnectRefusal::KeyMayNotRead => "Composio lets the API key read no accounts".to_owned(),
        ConnectRefusal::KeyMayNotLink => "Composio lets the API key make no connect pages".to_owned(),
        ConnectRefusal::Release => "Composio no longer serves this version of reconnectd".to_owned(),
        ConnectRefusal::Isolation => "Composio answered with somebody else's account".to_owned(),
    };
    let mut steps = vec![match reason {
        ConnectRefusal::AuthConfig => {
            format!("Look at the auth config {id} at Composio: is it enabled, and is it still there?")
        }
        other => other.remedy().to_owned(),
    }];
    if matches!(reason, ConnectRefusal::KeyUnknown | ConnectRefusal::KeyMayNotRead | ConnectRefusal::KeyMayNotLink) {
        steps.push("`reconnectd check` tries it.".to_owned());
    }
    steps.push("The links in mails work again by themselves as soon as it is mended.".to_owned());
    Words {
        headline: format!("{what}; who clicks cannot reconnect"),
        facts: format!("It answered: {answer}. People who click read that something must be put right first."),
        steps,
    }
}

/// A backtick would end the command it stands in.
fn name(text: &str) -> String {
    scrub(text, MAX_NAME_CHARS).replace('`', "'")
}

fn said(text: &str) -> String {
    scrub(text, MAX_DETAIL_CHARS).replace('`', "'")
}

/// Where a channel is configured.
fn section(channel: &str) -> String {
    match channel.strip_prefix("webhook:") {
        Some(hook) => format!("the [[webhook]] named {}", name(hook)),
        None if channel == "report-mail" => "[email] or [report] mail_to".to_owned(),
        None if channel == super::CHANNEL => "[operator]".to_owned(),
        None => format!("[{}]", name(channel)),
    }
}

fn hours(seconds: u64) -> String {
    match seconds / 3600 {
        0 | 1 => "an hour".to_owned(),
        hours if hours > 48 && hours.is_multiple_of(24) => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}
