//! What `[operator]` and `[ping]` refuse.

use super::Refused;

pub const REFUSED: &[Refused] = &[
    ("operator", "slack_url = \"{P}\"", &["[operator] slack_url: not a URL"]),
    (
        "operator",
        "slack_url = \"http://{P}.example/x\"",
        &["[operator] slack_url: would be posted in clear; use https (http is allowed for a loopback host)"],
    ),
    ("operator", "slack_url = \"ftp://{P}/\"", &["[operator] slack_url: the scheme of the URL is not supported"]),
    ("operator", "slack_url = \"https://{P}@h.example/\"", &["[operator] slack_url: holds a user or password"]),
    ("operator", "slack_url = \"file:///\"", &["[operator] slack_url: names no folder; write file:///absolute/folder"]),
    ("operator", "events = []", &["[operator] events: is empty; name one event at least"]),
    (
        "operator",
        "events = [\"storm.held\", \"reconnect.requested\"]",
        &["[operator] events: names an event about a user; name events for the operator alone"],
    ),
    ("ping", "url = \"{P}\"", &["[ping] url: not a URL"]),
    ("ping", "url = \"ftp://{P}/\"", &["[ping] url: the scheme of the URL is not supported"]),
    ("ping", "url = \"https://h.example/{P}#x\"", &["[ping] url: has a fragment; end it after the path"]),
    (
        "ping",
        "url = \"https://h.example/{P}/{jobs}\"",
        &["[ping] url: holds a placeholder that is not known; use {job} and no other"],
    ),
    (
        "ping",
        "timeout = \"999ms\"",
        &["[ping] timeout: out of range; write a number and a unit, such as \"10s\", from 1s to 1m"],
    ),
    ("ping", "timeout = \"61s\"", &["[ping] timeout: out of range"]),
    ("ping", "timeout = \"{P}\"", &["[ping] timeout: not a length of time"]),
];
