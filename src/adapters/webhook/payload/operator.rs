//! Turns something the operator must know into `storm.held`, `channel.stopped`, `endpoint.disabled`, `key.refused`,
//! `connect.refused` or `report.ready`.

use serde::Serialize;

use super::{MAX_BODY_BYTES, rfc3339, too_large, write};
use crate::domain::{
    ConnectRefusal, OperatorEvent, OperatorNotice, ReportCoverage, ReportHeadline, ReportToolkit, scrub,
};
use crate::ports::SendError;

/// The longest `detail` in characters: an answer in a few words, for a person.
const MAX_DETAIL_CHARS: usize = 500;

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Storm {
        notification_id: &'a str,
        storm_id: &'a str,
        scope: &'a str,
        subject: &'a str,
        accounts_broken: u64,
        accounts_active: u64,
        window_seconds: u64,
    },
    Channel {
        notification_id: &'a str,
        channel: &'a str,
        detail: String,
    },
    Key {
        notification_id: &'a str,
        status: u16,
        detail: String,
    },
    Connect {
        notification_id: &'a str,
        auth_config: Option<&'a str>,
        reason: &'static str,
        status: u16,
        detail: String,
    },
    Report {
        notification_id: &'a str,
        period: Period,
        headline: &'a ReportHeadline,
        previous_headline: Option<&'a ReportHeadline>,
        toolkits: &'a [ReportToolkit],
        coverage: Option<Coverage<'a>>,
    },
}

#[derive(Serialize)]
struct Coverage<'a> {
    #[serde(flatten)]
    of: &'a ReportCoverage,
    warning: Option<String>,
}

#[derive(Serialize)]
struct Period {
    from: String,
    to: String,
}

/// The event's bytes.
pub(in super::super) fn of_event(notice: &OperatorNotice) -> Result<String, SendError> {
    let notification_id = notice.notification.as_str();
    let data = match &notice.event {
        OperatorEvent::StormHeld { storm_id, scope, subject, broken, active, window_seconds } => Data::Storm {
            notification_id,
            storm_id,
            scope,
            subject,
            accounts_broken: *broken,
            accounts_active: *active,
            window_seconds: *window_seconds,
        },
        OperatorEvent::ReportReady { from, to, headline, previous, toolkits, coverage, reader: _ } => Data::Report {
            notification_id,
            period: Period { from: rfc3339(*from), to: rfc3339(*to) },
            headline,
            previous_headline: previous.as_ref(),
            toolkits,
            coverage: coverage.as_ref().map(|of| Coverage { of, warning: of.warning() }),
        },
        OperatorEvent::ChannelStopped { channel, detail } | OperatorEvent::EndpointDisabled { channel, detail } => {
            Data::Channel { notification_id, channel: channel.as_str(), detail: scrub(detail, MAX_DETAIL_CHARS) }
        }
        OperatorEvent::KeyRefused { status, detail } => {
            Data::Key { notification_id, status: *status, detail: scrub(detail, MAX_DETAIL_CHARS) }
        }
        OperatorEvent::ConnectRefused { auth_config, status, detail, .. } => Data::Connect {
            notification_id,
            auth_config: auth_config.as_deref(),
            reason: notice.event.connect_refusal().map_or("", ConnectRefusal::code),
            status: *status,
            detail: scrub(detail, MAX_DETAIL_CHARS),
        },
    };
    let text = write(notice.event.kind(), notice.created_at, data)?;
    if text.len() < MAX_BODY_BYTES { Ok(text) } else { Err(too_large()) }
}
