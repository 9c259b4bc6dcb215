//! Turns words into the JSON of an incoming webhook: `text` for whoever knows no blocks, and blocks.
//!
//! Bounds and escapes: <https://docs.slack.dev/reference/block-kit/blocks> and
//! <https://docs.slack.dev/messaging/formatting-message-text> (`&`, `<` and `>` as entities, and nothing else).
//! The same event gives the same bytes.

use serde::Serialize;

use super::words::{self, Words};
use crate::domain::{FailureClass, OperatorNotice, scrub};
use crate::ports::SendError;

/// The type of the body.
pub(super) const TYPE: &str = "application/json; charset=utf-8";

/// Slack, a header block.
const MAX_HEADER_CHARS: usize = 150;
/// Slack, the text of a section block. A field may have 2,000: ours have a few words.
const MAX_SECTION_CHARS: usize = 3_000;
/// Slack, the fields of a section block.
const MAX_FIELDS: usize = 10;
/// Discord takes 2,000 and no more; Slack and Mattermost take more.
const MAX_TEXT_CHARS: usize = 2_000;
/// The product's name is one line of at most so many characters.
const MAX_PRODUCT_CHARS: usize = 100;

#[derive(Serialize)]
struct Message {
    text: String,
    blocks: Vec<Block>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Header {
        text: Text,
    },
    Section {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<Text>,
    },
    Context {
        elements: [Text; 1],
    },
}

impl Block {
    /// One text.
    pub(super) fn section(text: Text) -> Self {
        Self::Section { text: Some(text), fields: Vec::new() }
    }

    /// Short texts in two columns, at most [`MAX_FIELDS`].
    pub(super) fn fields(mut fields: Vec<Text>) -> Self {
        fields.truncate(MAX_FIELDS);
        Self::Section { text: None, fields }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Text {
    PlainText { text: String },
    Mrkdwn { text: String },
}

/// The body's bytes.
pub(super) fn of_event(notice: &OperatorNotice, product: &str) -> Result<String, SendError> {
    let Words { headline, facts, steps } = words::of_event(&notice.event);
    let product = scrub(product, MAX_PRODUCT_CHARS).replace('`', "'");
    let footer = format!("reconnectd of {product}, {}", notice.created_at.format("%Y-%m-%d %H:%M UTC"));
    let steps: Vec<String> = steps.iter().map(|step| format!("• {step}")).collect();
    let steps = steps.join("\n");
    let text = format!("{headline}\n{facts}\n{steps}\n{footer}");
    let mut blocks = vec![Block::Header { text: Text::PlainText { text: escaped(&headline, MAX_HEADER_CHARS) } }];
    match words::told(&notice.event) {
        Some(report) => blocks.extend(report.blocks()),
        None => blocks.push(Block::section(mrkdwn(&facts))),
    }
    blocks.push(Block::section(mrkdwn(&steps)));
    blocks.push(Block::Context { elements: [mrkdwn(&footer)] });
    let message = Message { text: escaped(&text, MAX_TEXT_CHARS), blocks };
    serde_json::to_string(&message).map_err(|error| SendError {
        class: FailureClass::Refused,
        detail: format!("the event cannot be written as JSON ({error})"),
    })
}

pub(super) fn mrkdwn(text: &str) -> Text {
    Text::Mrkdwn { text: escaped(text, MAX_SECTION_CHARS) }
}

/// Nothing in it mentions, links or formats; at most `max_chars` long, no entity cut in two.
fn escaped(text: &str, max_chars: usize) -> String {
    let (mut out, mut chars) = (String::new(), 0);
    for c in text.chars() {
        let mut own = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => c.encode_utf8(&mut own),
        };
        chars += piece.chars().count();
        // One is kept for the sign that something is missing.
        if chars >= max_chars {
            out.push('…');
            break;
        }
        out.push_str(piece);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::{
        AuthConfigId, ChannelName, ConnectRefusal, DeliveryId, NotificationId, OperatorEvent, ReportCoverage,
        ReportHeadline, ReportToolkit, from_millis,
    };

    fn message(event: OperatorEvent, product: &str) -> Value {
        let at = from_millis(1_793_610_000_000);
        let notice = OperatorNotice {
            delivery: DeliveryId::new("d"),
            notification: NotificationId::new("n"),
            outside_id: "slack_1".into(),
            event,
            to: None,
            created_at: at,
            now: at,
        };
        serde_json::from_str(&of_event(&notice, product).unwrap()).unwrap()
    }

    /// Word of a report in which these broke most, after an audit that learned of so many users in 100.
    fn report(toolkits: &[&str], users_known: u64) -> OperatorEvent {
        let figures = |more: u64| ReportHeadline {
            active_at_start: 18_240,
            newly_broken: 84 + more,
            recovered: 61,
            open: 155 - more,
            notified: 88,
            delivered: 85,
            active_again: 52,
        };
        let toolkit = |name: &&str| ReportToolkit { toolkit: (*name).to_owned(), newly_broken: 30, open: 41 };
        OperatorEvent::ReportReady {
            from: from_millis(1_792_972_800_000),
            to: from_millis(1_793_577_600_000),
            headline: figures(12),
            previous: Some(figures(0)).filter(|_| !toolkits.is_empty()),
            toolkits: toolkits.iter().map(toolkit).collect(),
            coverage: Some(ReportCoverage {
                audits_finished: 7,
                audits_failed: 0,
                users_scanned: 100,
                users_known,
                freshness_seconds: Some(3_600),
            }),
            reader: None,
        }
    }

    fn all_texts(message: &Value) -> String {
        message.to_string()
    }

    #[test]
    fn every_event_says_what_happened_how_much_and_what_to_do() {
        let email = ChannelName::new("email");
        let events = [
            OperatorEvent::StormHeld {
                storm_id: "01995f3e-1111-7222-8333-444455557777".into(),
                scope: "auth_config".into(),
                subject: "ac_3kXfL2".into(),
                broken: 412,
                active: 498,
                window_seconds: 86_400,
            },
            OperatorEvent::ChannelStopped { channel: email, detail: "535 5.7.8 no for robot@acme.example".into() },
            OperatorEvent::EndpointDisabled {
                channel: ChannelName::new("webhook:crm"),
                detail: "failing since 2026-11-02 09:00 UTC, without one success".into(),
            },
            OperatorEvent::KeyRefused { status: 401, detail: " [invalid_api_key]".into() },
            report(&["slack", "google_drive", "gmail"], 99),
            report(&[], 61),
        ];
        let config = AuthConfigId::new("ac_3kXfL2");
        let refusals = [
            (ConnectRefusal::AuthConfig, (400, " [AuthConfig_Disabled]")),
            (ConnectRefusal::KeyUnknown, (401, " [invalid_api_key]")),
            (ConnectRefusal::KeyMayNotRead, (403, "")),
            (ConnectRefusal::KeyMayNotLink, (403, "")),
            (ConnectRefusal::Release, (410, "")),
            (ConnectRefusal::Isolation, (200, "")),
        ];
        let refusals = refusals.map(|(reason, answer)| OperatorEvent::connect_refused(reason, &config, answer));
        let events = events.into_iter().chain(refusals);
        let messages: Vec<Value> = events.map(|event| message(event, "Acme")).collect();
        insta::assert_json_snapshot!("messages", messages);
    }

    #[test]
    fn nothing_from_outside_mentions_links_or_formats() {
        let hostile = "<!channel> <https://evil.example|click> & `code` mary@acme.example\r\n*bold*";
        for event in [
            OperatorEvent::ChannelStopped { channel: ChannelName::new(hostile), detail: hostile.into() },
            OperatorEvent::EndpointDisabled { channel: ChannelName::new(hostile), detail: hostile.into() },
            OperatorEvent::KeyRefused { status: 403, detail: hostile.into() },
            OperatorEvent::ConnectRefused {
                auth_config: Some(hostile.into()),
                reason: None,
                status: 400,
                detail: hostile.into(),
            },
            OperatorEvent::StormHeld {
                storm_id: hostile.into(),
                scope: hostile.into(),
                subject: hostile.into(),
                broken: 1,
                active: 2,
                window_seconds: 3_600,
            },
        ] {
            let message = message(event, hostile);
            let text = all_texts(&message);
            assert!(!text.contains('<') && !text.contains('>') && !text.contains("mary@"), "{text}");
            assert!(!text.contains("`code`") && !text.contains("\\r"), "{text}");
            assert!(text.contains("&lt;!channel&gt;") && text.contains("&amp;"), "{text}");
        }
    }

    #[test]
    fn a_report_fits_into_what_slack_takes_whatever_is_in_it() {
        let endless = "*<&`".repeat(10_000);
        let many = vec![endless.as_str(); 1_000];
        let OperatorEvent::ReportReady { from, to, toolkits, coverage, reader, .. } = report(&many, u64::MAX) else {
            panic!("no report")
        };
        let most = u64::MAX;
        let headline = ReportHeadline {
            active_at_start: 1,
            newly_broken: most,
            recovered: most,
            open: most,
            notified: most,
            delivered: most,
            active_again: most,
        };
        let previous = Some(ReportHeadline::default());
        let event = OperatorEvent::ReportReady { from, to, headline, previous, toolkits, coverage, reader };
        let message = message(event, "Acme");
        let blocks = message["blocks"].as_array().unwrap();
        assert!(blocks.len() <= 50, "{}", blocks.len());
        let mut texts = 0;
        for block in blocks {
            let fields = block["fields"].as_array().map_or(&[][..], Vec::as_slice);
            assert!(fields.len() <= MAX_FIELDS);
            assert!(fields.iter().all(|field| field["text"].as_str().unwrap().chars().count() <= 2_000));
            if let Some(text) = block["text"]["text"].as_str() {
                let most = if block["type"] == "header" { MAX_HEADER_CHARS } else { MAX_SECTION_CHARS };
                assert!(!text.is_empty() && text.chars().count() <= most, "{block}");
                texts += 1;
            }
        }
        assert!(texts >= 3, "{message}");
        assert!(message["text"].as_str().unwrap().chars().count() <= MAX_TEXT_CHARS);
        let all = all_texts(&message);
        assert!(!all.contains('<') && !all.contains("**") && !all.contains("*&lt;"), "nothing from outside formats");
    }

    #[test]
    fn no_text_is_longer_than_its_place() {
        let endless = "&".repeat(100_000);
        let event =
            OperatorEvent::ChannelStopped { channel: ChannelName::new(endless.as_str()), detail: endless.clone() };
        let message = message(event, &endless);
        let length = |path: &str| message.pointer(path).unwrap().as_str().unwrap().chars().count();
        assert!(length("/text") <= MAX_TEXT_CHARS);
        assert!(length("/blocks/0/text/text") <= MAX_HEADER_CHARS);
        for path in ["/blocks/1/text/text", "/blocks/2/text/text", "/blocks/3/elements/0/text"] {
            assert!(length(path) <= MAX_SECTION_CHARS, "{path}");
        }
        assert_eq!(escaped("ab<", 100), "ab&lt;");
        assert_eq!(escaped("a<b", 5), "a…", "an entity is not cut in two");
        assert_eq!(escaped(&"x".repeat(10), 10), format!("{}…", "x".repeat(9)));
    }
}
