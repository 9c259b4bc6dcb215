//! From what was written to what holds: defaults filled in, required keys demanded, values bounded.
//!
//! Every section is checked whatever the others say, so that one run of `check` shows all there is to mend.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use secrecy::{ExposeSecret as _, SecretString};

use super::errors::{Fault, Problem, fault, key_name, variable_name};
use super::merge::MAX_WEBHOOKS;
use super::raw::{self, Raw, WholeOrAuto};
use super::secrets;
use super::settings::{Composio, Config, Directory, Email, Log, Policy, Reconnect, State, Webhook};
use super::source::Places;
use super::value;

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
    let email = raw.email.map(|email| checker.email(email));
    let webhook = checker.webhooks(raw.webhook);
    let log = checker.log(raw.log);
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
        email,
        webhook,
        log: log?,
    })
}

struct Checker<'a> {
    places: &'a Places,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn state(&mut self, raw: raw::State) -> Option<State> {
        let default = Default("sqlite://reconnectd.db".to_owned());
        let url = self.secret("state.url", raw.url, raw.url_file, default, value::state_database);
        Some(State { url: url? })
    }

    fn directory(&mut self, raw: raw::Directory) -> Option<Directory> {
        let schemes = value::database(&["sqlite", "postgres", "postgresql", "mysql", "mariadb"]);
        let example = Required("\"sqlite://product.db\"");
        let url = self.secret("directory.url", raw.url, raw.url_file, example, schemes);
        let table = self.value("directory.table", raw.table, Default("users".to_owned()), value::identifier);
        let id = self.value("directory.id", raw.id, Default("id".to_owned()), value::identifier);
        let email = self.optional("directory.email", raw.email, value::identifier);
        let name = self.optional("directory.name", raw.name, value::identifier);
        let locale = self.optional("directory.locale", raw.locale, value::identifier);
        let timezone = self.optional("directory.timezone", raw.timezone, value::identifier);
        let filter = self.optional("directory.filter", raw.filter, value::filter);
        let page_size = value::whole(value::MAX_PAGE_SIZE);
        let page_size = self.value("directory.page_size", raw.page_size, Default(500), page_size);
        Some(Directory {
            url: url?,
            table: table?,
            id: id?,
            email,
            name,
            locale,
            timezone,
            filter,
            page_size: page_size?,
        })
    }

    fn composio(&mut self, raw: raw::Composio) -> Option<Composio> {
        let base_url = Default("https://backend.composio.dev".to_owned());
        let base_url = self.value("composio.base_url", raw.base_url, base_url, |text| value::base_url(&text));
        let key = Required("\"…\"");
        let api_key = self.secret("composio.api_key", raw.api_key, raw.api_key_file, key, value::api_key);
        let requests_per_minute =
            self.number("composio.requests_per_minute", raw.requests_per_minute, 600, value::MAX_REQUESTS_PER_MINUTE);
        let reserve = self.value("composio.reserve", raw.reserve, Default(0.25), value::reserve);
        let concurrency = self.number("composio.concurrency", raw.concurrency, 8, value::MAX_CONCURRENCY);
        let auto = Default(WholeOrAuto::Word("auto".to_owned()));
        let users_per_request =
            self.value("composio.users_per_request", raw.users_per_request, auto, value::users_per_request);
        let max_attempts = self.number("composio.max_attempts", raw.max_attempts, 5, value::MAX_ATTEMPTS);
        let connect = value::timeout(value::MAX_CONNECT_TIMEOUT);
        let connect = self.value("composio.timeout_connect", raw.timeout_connect, Default("5s".to_owned()), connect);
        let total = value::timeout(value::MAX_TOTAL_TIMEOUT);
        let total = self.value("composio.timeout_total", raw.timeout_total, Default("60s".to_owned()), total);
        if connect > total && total.is_some() {
            let shorter = fault("shorter than timeout_connect", "set it to at least timeout_connect");
            self.fault("composio.timeout_total", shorter);
        }
        Some(Composio {
            base_url: base_url?,
            api_key: api_key?,
            requests_per_minute: requests_per_minute?,
            reserve: reserve?,
            concurrency: concurrency?,
            users_per_request: users_per_request?,
            max_attempts: max_attempts?,
            timeout_connect: connect?,
            timeout_total: total?,
        })
    }

    fn reconnect(&mut self, raw: raw::Reconnect) -> Option<Reconnect> {
        let example = Required("\"https://app.example.com/settings/integrations?toolkit={toolkit}\"");
        let url = self.value("reconnect.url", raw.url, example, value::reconnect_url);
        let product = self.value("reconnect.product", raw.product, Required("\"Acme\""), value::product);
        Some(Reconnect { url: url?, product: product? })
    }

    fn policy(&mut self, raw: raw::Policy) -> Option<Policy> {
        let baseline = Default("baseline".to_owned());
        let first_run = self.value("policy.first_run", raw.first_run, baseline, value::word(value::FIRST_RUN));
        Some(Policy { first_run: first_run? })
    }

    fn email(&mut self, raw: raw::Email) -> Option<Email> {
        let example = Required("\"smtp://user:password@mail.example.com:587?tls=required\"");
        let url = self.secret("email.url", raw.url, raw.url_file, example, value::mail_url);
        let from = Required("\"Acme <no-reply@acme.example>\"");
        let from = self.value("email.from", raw.from, from, value::mailbox);
        let reply_to = self.optional("email.reply_to", raw.reply_to, value::mailbox);
        Some(Email { url: url?, from: from?, reply_to })
    }

    fn webhooks(&mut self, raw: Vec<raw::Webhook>) -> Vec<Webhook> {
        if raw.len() > MAX_WEBHOOKS {
            self.fault("webhook", fault("too many sections", format!("keep at most {MAX_WEBHOOKS}")));
            return Vec::new();
        }
        let mut names = BTreeSet::new();
        let mut webhooks = Vec::new();
        for (index, raw) in raw.into_iter().enumerate() {
            let Some(webhook) = self.webhook(index, raw) else { continue };
            if !names.insert(webhook.name.clone()) {
                let same = fault("the same as another webhook's", "give every webhook a name of its own");
                self.fault(&format!("webhook.{index}.name"), same);
            }
            webhooks.push(webhook);
        }
        webhooks
    }

    fn webhook(&mut self, index: usize, raw: raw::Webhook) -> Option<Webhook> {
        let path = |key: &str| format!("webhook.{index}.{key}");
        let allow_private = raw.allow_private.unwrap_or(false);
        let name = self.value(&path("name"), raw.name, Required("\"product\""), value::webhook_name);
        let example = Required("\"https://api.example.com/hooks/reconnect\"");
        let url = self.value(&path("url"), raw.url, example, value::webhook_url(allow_private));
        let example = Required("\"whsec_…\"");
        let secret = self.secret(&path("secret"), raw.secret, raw.secret_file, example, value::webhook_secret);
        Some(Webhook { name: name?, url: url?, secret: secret?, allow_private })
    }

    fn log(&mut self, raw: raw::Log) -> Option<Log> {
        let auto = Default("auto".to_owned());
        let format = self.value("log.format", raw.format, auto, value::word(value::LOG_FORMAT));
        let level = self.value("log.level", raw.level, Default("info".to_owned()), value::log_level);
        Some(Log { format: format?, level: level? })
    }

    fn number(&mut self, path: &str, given: Option<i64>, default: i64, max: u32) -> Option<NonZeroU32> {
        self.value(path, given, Default(default), value::whole(max))
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
        let (section, name) = path.rsplit_once('.').unwrap_or(("", path));
        let found = match secrets::resolve(name, given, file) {
            Ok(Some(found)) => found,
            Ok(None) => match absent {
                Default(text) => return Some(SecretString::from(text)),
                Required(example) => {
                    self.missing(path, example, &[path, &format!("{path}_file")]);
                    return None;
                }
            },
            Err((key, fault)) => {
                self.fault(&format!("{section}.{key}"), fault);
                return None;
            }
        };
        let judged = check(found.secret.expose_secret());
        judged.map_err(|fault| self.fault(&format!("{section}.{}", found.key), fault)).ok()?;
        Some(found.secret)
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
