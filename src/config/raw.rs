//! The configuration as it is written: serde structs with every key optional, and the closed list of keys
//! that follows from them.
//!
//! Turns merged TOML values into [`Raw`] and reports every unknown key and every value of the wrong type at
//! once: each refused entry is taken out and the rest is read again. Holds secrets in clear for the length
//! of one call of `load`, so nothing here implements `Debug`.

use serde::Deserialize;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::errors::{Problem, key_name, shown};
use super::nearest::nearest;
use super::source::Places;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Secret,
    SecretFile,
    Whole,
    Fraction,
    Flag,
    WholeOrAuto,
    Texts,
}

/// One key of the contract.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

type Text = String;
type Secret = String;
type SecretFile = String;
type Whole = i64;
type Fraction = f64;
type Flag = bool;
type Texts = Vec<String>;

/// A number, or the word `auto`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WholeOrAuto {
    Whole(i64),
    Word(String),
}

/// One struct per section and, from the same lines, the list of its keys: they cannot drift apart.
macro_rules! sections {
    ($($section:ident $name:ident { $($key:ident: $kind:ident),* $(,)? })*) => {
        $(
            #[derive(Deserialize, Default)]
            #[serde(deny_unknown_fields)]
            pub(super) struct $name { $(pub(super) $key: Option<$kind>),* }
        )*

        /// Every key there is, in the order of the example file.
        pub(super) const KEYS: &[Key] = &[
            $($(Key { section: stringify!($section), name: stringify!($key), kind: Kind::$kind }),*),*
        ];
    };
}

sections! {
    state State { url: Secret, url_file: SecretFile }
    directory Directory {
        url: Secret, url_file: SecretFile, table: Text, id: Text, email: Text, name: Text, locale: Text,
        timezone: Text, filter: Text, page_size: Whole,
    }
    composio Composio {
        base_url: Text, api_key: Secret, api_key_file: SecretFile, requests_per_minute: Whole, reserve: Fraction,
        concurrency: Whole, users_per_request: WholeOrAuto, max_attempts: Whole, timeout_connect: Text,
        timeout_total: Text,
    }
    reconnect Reconnect {
        url: Text, product: Text, mode: Text, return_url: Text, link_ttl: Text, link_key: Secret,
        link_key_file: SecretFile, link_key_previous: Secret, link_key_previous_file: SecretFile,
    }
    policy Policy {
        first_run: Text, ladder: Texts, dwell: Text, dwell_transient: Text, digest_window: Text, max_per_day: Whole,
        max_per_week: Whole, recovered_mail: Flag,
    }
    quiet Quiet { hours: Text, days: Texts, timezone: Text, spread: Text }
    storm Storm { share: Fraction, min: Whole, window: Text }
    email Email {
        url: Secret, url_file: SecretFile, from: Text, reply_to: Text, templates: Text, list_id: Text,
        max_per_minute: Whole, max_per_domain_per_minute: Whole, ramp_up_from: Whole,
    }
    webhook Webhook {
        name: Text, url: Text, secret: Secret, secret_file: SecretFile, secret_previous: Secret,
        secret_previous_file: SecretFile, signing_key: Secret, signing_key_file: SecretFile, events: Texts,
        disable_after: Text, allow_private: Flag,
    }
    http Http {
        listen: Text, public_url: Text, logo: Text, colour: Text, trusted_proxies: Texts, report_auth: Text, report_token: Secret,
        report_token_file: SecretFile, report_proxy_header: Text, report_proxy_from: Texts,
    }
    report Report { directory: Text, period: Text, keep: Whole, mail_to: Texts }
    retention Retention { history: Text, operational: Text }
    suppression Suppression { key: Secret, key_file: SecretFile }
    operator Operator { slack_url: Secret, slack_url_file: SecretFile, events: Texts }
    ping Ping { url: Secret, url_file: SecretFile, timeout: Text }
    schedule Schedule {
        timezone: Text, catch_up: Text,
        audit: Text, audit_timezone: Text, audit_jitter: Text,
        deliver: Text, deliver_timezone: Text, deliver_jitter: Text,
        report: Text, report_timezone: Text, report_jitter: Text,
        retention: Text, retention_timezone: Text, retention_jitter: Text,
    }
    daemon Daemon { drain_timeout: Text }
    monitor Monitor { listen: Text, textfile: Text }
    log Log { format: Text, level: Text }
}

/// The whole file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) state: State,
    pub(super) directory: Directory,
    pub(super) composio: Composio,
    pub(super) reconnect: Reconnect,
    pub(super) policy: Policy,
    pub(super) quiet: Quiet,
    pub(super) storm: Storm,
    pub(super) email: Option<Email>,
    pub(super) webhook: Vec<Webhook>,
    pub(super) http: Http,
    pub(super) report: Report,
    pub(super) retention: Retention,
    pub(super) suppression: Suppression,
    pub(super) operator: Operator,
    pub(super) ping: Ping,
    pub(super) schedule: Schedule,
    pub(super) daemon: Daemon,
    pub(super) monitor: Monitor,
    pub(super) log: Log,
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Secret | Self::SecretFile => "a string",
            Self::Whole => "an integer",
            Self::Fraction => "a number",
            Self::Flag => "true or false",
            Self::WholeOrAuto => "\"auto\" or an integer",
            Self::Texts => "a list of strings",
        }
    }

    fn remedy(self, found: &Value) -> &'static str {
        match (self, found) {
            (Self::Text | Self::Secret | Self::SecretFile, _) => "write one text in double quotes",
            (Self::Whole | Self::Fraction | Self::Flag, Value::String(_)) => {
                "write it without quotes and without a unit"
            }
            (Self::Whole, _) => "write one whole number, such as 8",
            (Self::Fraction, _) => "write one number, such as 0.25",
            (Self::Flag, _) => "write true or false, without quotes",
            (Self::WholeOrAuto, _) => "write \"auto\" in quotes, or a whole number without",
            (Self::Texts, _) => "write texts in double quotes within brackets, such as [\"one\", \"two\"]",
        }
    }
}

/// Reads the merged values; adds every unknown key and every wrong type to `problems`.
pub(super) fn read(mut table: Table, places: &Places, problems: &mut Vec<Problem>) -> Raw {
    refuse_shapeless_sections(&mut table, places, problems);
    // Every turn removes one key of one section, so this ends.
    loop {
        match serde_path_to_error::deserialize::<_, Raw>(Value::Table(table.clone())) {
            Ok(raw) => return raw,
            Err(error) => {
                let path = dotted(error.path());
                let Some(found) = remove(&mut table, &path) else {
                    // Only a value that is no key's can bring us here; say so instead of turning for ever.
                    problems.push(places.problem(&path, "cannot be read", "compare it with config.example.toml"));
                    return Raw::default();
                };
                problems.push(explain(&path, &found, places));
            }
        }
    }
}

/// A section is a table under a known name and nothing else. Serde would read an array as a struct, field by
/// field, and would name an unknown section without its place.
fn refuse_shapeless_sections(table: &mut Table, places: &Places, problems: &mut Vec<Problem>) {
    table.retain(|section, value| {
        if !KEYS.iter().any(|key| key.section == section) {
            let sections: Vec<&str> = KEYS.iter().map(|key| key.section).collect();
            let what = format!("unknown section {}", shown(section));
            let remedy = nearest(section, &sections).remedy("sections");
            problems.push(Problem { key: None, ..places.problem(section, what, remedy) });
            return false;
        }
        let many = section == "webhook";
        let fits = match value {
            Value::Table(_) => !many,
            Value::Array(entries) => many && entries.iter().all(Value::is_table),
            _ => false,
        };
        if !fits {
            let brackets = if many { "[[webhook]], in double brackets" } else { "it in single brackets" };
            let remedy = format!("write {brackets}, on a line of its own, and its keys below");
            problems.push(places.problem(section, "must be a section", remedy));
        }
        fits
    });
}

fn explain(path: &str, found: &Value, places: &Places) -> Problem {
    let (section, name) = section_and_key(path);
    if let Some(key) = KEYS.iter().find(|key| key.section == section && key.name == name) {
        // A list is refused for what is in it.
        let entry = found.as_array().filter(|_| key.kind == Kind::Texts);
        let entry = entry.and_then(|entries| entries.iter().find(|entry| !entry.is_str()));
        let found_as = entry.map_or_else(|| found.type_str().to_owned(), |entry| format!("{} in it", entry.type_str()));
        let what = format!("expected {}, found {found_as}", key.kind.expected());
        return places.problem(path, what, key.kind.remedy(found));
    }
    let names: Vec<&str> = KEYS.iter().filter(|key| key.section == section).map(|key| key.name).collect();
    let what = format!("unknown key {}", shown(name));
    let in_section = key_name(section);
    Problem { key: Some(in_section), ..places.problem(path, what, nearest(name, &names).remedy("keys")) }
}

/// The path of the key at fault, `webhook.0.events`; which entry of a list it is does not matter.
fn dotted(path: &serde_path_to_error::Path) -> String {
    let mut parts = Vec::new();
    for segment in path {
        match segment {
            Segment::Map { key } => parts.push(key.clone()),
            Segment::Seq { index } if parts.len() < 2 => parts.push(index.to_string()),
            Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    parts.join(".")
}

fn remove(table: &mut Table, path: &str) -> Option<Value> {
    let (section, key) = section_and_key(path);
    match table.get_mut(section)? {
        Value::Table(inner) => inner.remove(key),
        Value::Array(entries) => {
            let index = path.split('.').nth(1)?.parse::<usize>().ok()?;
            entries.get_mut(index)?.as_table_mut()?.remove(key)
        }
        _ => None,
    }
}

/// `state.url` as `state` and `url`, `webhook.0.url` as `webhook` and `url`. An unknown key may itself hold
/// dots (`"a.b" = 1`), so it is all that follows.
fn section_and_key(path: &str) -> (&str, &str) {
    let (section, rest) = path.split_once('.').unwrap_or((path, ""));
    match rest.split_once('.') {
        Some((_, key)) if section == "webhook" => (section, key),
        _ => (section, rest),
    }
}
