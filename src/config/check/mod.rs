//! From what was written to what holds: defaults filled in, required keys demanded, values bounded.
//!
//! Every section is checked whatever the others say, so that one run of `check` shows all there is to mend.

mod access;
mod channels;
mod daemon;
mod monitor;
mod policy;
mod report;
mod schedule;
mod signals;
mod sources;

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::errors::{Fault, Problem, key_name, variable_name};
use super::raw::{self, Raw};
use super::settings::{Config, Email, Http, Monitor, Reconnect};
use super::source::Places;
use super::value::length::length;
use super::{secrets, value};

/// What happens where a key is absent.
enum Absent<T> {
    /// This is taken instead.
    Default(T),
    /// It must be given, for example so.
    Required(&'static str),
}
use Absent::{Default, Required};

/// Checks all sections; none if anything was added to `problems`, now or before.
pub(super) fn check(raw: Raw, places: &Places, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut checker = Checker { places, problems };
    let state = checker.state(raw.state);
    let directory = checker.directory(raw.directory);
    let composio = checker.composio(raw.composio);
    let reconnect = checker.reconnect(raw.reconnect);
    let policy = checker.policy(raw.policy);
    let quiet = checker.quiet(raw.quiet);
    let storm = checker.storm(raw.storm);
    let has_email = raw.email.is_some();
    let email = raw.email.map(|email| checker.email(email));
    let webhook = checker.webhooks(raw.webhook);
    let http = checker.http(raw.http);
    let report = checker.report(raw.report);
    let retention = checker.retention(raw.retention);
    let suppression = checker.suppression(raw.suppression);
    let operator = checker.operator(raw.operator);
    let ping = checker.ping(raw.ping);
    let schedule = checker.schedule(raw.schedule);
    let daemon = checker.daemon(raw.daemon);
    let monitor = checker.monitor(raw.monitor);
    let log = checker.log(raw.log);
    if let (Some(reconnect), Some(http)) = (&reconnect, &http) {
        checker.page_has_an_address(reconnect, http);
    }
    if let Some(report) = &report {
        checker.report_can_be_mailed(report, has_email);
    }
    if let (Some(report), Some(retention)) = (&report, &retention) {
        checker.history_reaches_reports(report, retention);
    }
    if !problems.is_empty() {
        return None;
    }
    let email = match email {
        Some(email) => Some(email?),
        None => None,
    };
    Some(Config {
        state: state?,
        directory: directory?,
        composio: composio?,
        reconnect: reconnect?,
        policy: policy?,
        quiet: quiet?,
        storm: storm?,
        email,
        webhook,
        http: http?,
        report: report?,
        retention: retention?,
        suppression,
        operator,
        ping,
        schedule: schedule?,
        daemon: daemon?,
        monitor: monitor?,
        log: log?,
    })
}

/// Checks what mails are composed from; the URL they go to is not looked at.
pub(super) fn check_mail(raw: Raw, places: &Places, problems: &mut Vec<Problem>) -> Option<(Reconnect, Email, Http)> {
    let mut checker = Checker { places, problems };
    let reconnect = checker.reconnect(raw.reconnect);
    let unread =
        raw::Email { url: Some("file:///nowhere".to_owned()), url_file: None, ..raw.email.unwrap_or_default() };
    let email = checker.email(unread);
    let unread = raw::Http { report_auth: None, report_token: None, report_token_file: None, ..raw.http };
    let http = checker.http(unread);
    if problems.is_empty() { Some((reconnect?, email?, http?)) } else { None }
}

/// Checks where health and metrics are served; nothing else is looked at.
pub(super) fn check_monitor(raw: Raw, places: &Places, problems: &mut Vec<Problem>) -> Option<Monitor> {
    let monitor = Checker { places, problems }.monitor(raw.monitor);
    if problems.is_empty() { monitor } else { None }
}

struct Checker<'a> {
    places: &'a Places,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn number(&mut self, path: &str, given: Option<i64>, default: i64, max: u32) -> Option<NonZeroU32> {
        self.value(path, given, Default(default), value::whole(max))
    }

    fn length(
        &mut self,
        path: &str,
        given: Option<String>,
        default: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        self.value(path, given, Default(default.to_owned()), length(range, default))
    }

    fn optional<R, T>(&mut self, path: &str, given: Option<R>, parse: impl FnOnce(R) -> Result<T, Fault>) -> Option<T> {
        parse(given?).map_err(|fault| self.fault(path, fault)).ok()
    }

    fn value<R, T>(
        &mut self,
        path: &str,
        given: Option<R>,
        absent: Absent<R>,
        parse: impl FnOnce(R) -> Result<T, Fault>,
    ) -> Option<T> {
        let given = match (given, absent) {
            (Some(given), _) | (None, Default(given)) => given,
            (None, Required(example)) => {
                self.missing(path, example, &[path]);
                return None;
            }
        };
        self.optional(path, Some(given), parse)
    }

    fn secret(
        &mut self,
        path: &str,
        given: Option<String>,
        file: Option<String>,
        absent: Absent<String>,
        check: impl FnOnce(&str) -> Result<(), Fault>,
    ) -> Option<SecretString> {
        if given.is_some() || file.is_some() {
            return self.optional_secret(path, given, file, check);
        }
        match absent {
            Default(text) => Some(SecretString::from(text)),
            Required(example) => {
                self.missing(path, example, &[path, &format!("{path}_file")]);
                None
            }
        }
    }

    /// None where it is absent, and where it is refused.
    fn optional_secret(
        &mut self,
        path: &str,
        given: Option<String>,
        file: Option<String>,
        check: impl FnOnce(&str) -> Result<(), Fault>,
    ) -> Option<SecretString> {
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        let judged = secrets::resolve(name, given, file).and_then(|found| {
            let Some(found) = found else { return Ok(None) };
            let judged = check(found.secret.expose_secret());
            judged.map(|()| Some(found.secret)).map_err(|fault| (found.key, fault))
        });
        judged.map_err(|(key, fault)| self.fault(&format!("{section}.{key}"), fault)).ok()?
    }

    fn fault(&mut self, path: &str, fault: Fault) {
        self.problems.push(self.places.problem(path, fault.what, fault.remedy));
    }

    /// A key that was taken out because of its type was reported then.
    fn missing(&mut self, path: &str, example: &str, forms: &[&str]) {
        let reported = |form: &&str| {
            let (key, place) = (Some(key_name(form)), self.places.of(form));
            self.problems.iter().any(|problem| problem.key == key && problem.place == place)
        };
        if forms.iter().any(reported) {
            return;
        }
        let name = path.rsplit_once('.').map_or(path, |(_, name)| name);
        let or_file = if forms.len() > 1 { format!(" or {name}_file") } else { String::new() };
        let remedy = format!("add {name} = {example}{or_file}, or set {}", variable_name(path));
        self.problems.push(self.places.problem(path, "is missing", remedy));
    }
}
