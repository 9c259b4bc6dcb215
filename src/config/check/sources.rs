//! The sections of the audit itself: what it remembers, reads and asks, where it sends people, what it logs.

use super::Absent::{Default, Required};
use super::Checker;
use crate::config::errors::fault;
use crate::config::raw::{self, WholeOrAuto};
use crate::config::settings::{Composio, Directory, Log, Reconnect, State};
use crate::config::value::length::{CONNECT_TIMEOUT, LINK_TTL, TOTAL_TIMEOUT};
use crate::config::value::{self, address, secret};

impl Checker<'_> {
    pub(super) fn state(&mut self, raw: raw::State) -> Option<State> {
        let default = Default("sqlite://reconnectd.db".to_owned());
        let url = self.secret("state.url", raw.url, raw.url_file, default, address::state_database);
        Some(State { url: url? })
    }

    pub(super) fn directory(&mut self, raw: raw::Directory) -> Option<Directory> {
        let schemes = address::database(&["sqlite", "postgres", "postgresql", "mysql", "mariadb"]);
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

    pub(super) fn composio(&mut self, raw: raw::Composio) -> Option<Composio> {
        let base_url = Default("https://backend.composio.dev".to_owned());
        let base_url = self.value("composio.base_url", raw.base_url, base_url, |text| address::base_url(&text));
        let key = Required("\"…\"");
        let api_key = self.secret("composio.api_key", raw.api_key, raw.api_key_file, key, secret::api_key);
        let requests_per_minute =
            self.number("composio.requests_per_minute", raw.requests_per_minute, 600, value::MAX_REQUESTS_PER_MINUTE);
        let reserve = self.value("composio.reserve", raw.reserve, Default(0.25), value::fraction(value::RESERVE));
        let concurrency = self.number("composio.concurrency", raw.concurrency, 8, value::MAX_CONCURRENCY);
        let auto = Default(WholeOrAuto::Word("auto".to_owned()));
        let users_per_request =
            self.value("composio.users_per_request", raw.users_per_request, auto, value::users_per_request);
        let max_attempts = self.number("composio.max_attempts", raw.max_attempts, 5, value::MAX_ATTEMPTS);
        let connect = self.length("composio.timeout_connect", raw.timeout_connect, "5s", CONNECT_TIMEOUT);
        let total = self.length("composio.timeout_total", raw.timeout_total, "60s", TOTAL_TIMEOUT);
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

    pub(super) fn reconnect(&mut self, raw: raw::Reconnect) -> Option<Reconnect> {
        let example = Required("\"https://app.example.com/settings/integrations?toolkit={toolkit}\"");
        let url = self.value("reconnect.url", raw.url, example, address::reconnect_url);
        let product = self.value("reconnect.product", raw.product, Required("\"Acme\""), value::product);
        let mode = Default("url".to_owned());
        let mode = self.value("reconnect.mode", raw.mode, mode, value::word(value::RECONNECT_MODE));
        let return_url = self.optional("reconnect.return_url", raw.return_url, address::reconnect_url);
        let link_ttl = self.length("reconnect.link_ttl", raw.link_ttl, "30d", LINK_TTL);
        let link_key = self.optional_secret("reconnect.link_key", raw.link_key, raw.link_key_file, secret::link_key);
        let (previous, file) = (raw.link_key_previous, raw.link_key_previous_file);
        let link_key_previous = self.optional_secret("reconnect.link_key_previous", previous, file, secret::link_key);
        let url = url?;
        Some(Reconnect {
            return_url: return_url.unwrap_or_else(|| url.clone()),
            url,
            product: product?,
            mode: mode?,
            link_ttl: link_ttl?,
            link_key,
            link_key_previous,
        })
    }

    pub(super) fn log(&mut self, raw: raw::Log) -> Option<Log> {
        let auto = Default("auto".to_owned());
        let format = self.value("log.format", raw.format, auto, value::word(value::LOG_FORMAT));
        let level = self.value("log.level", raw.level, Default("info".to_owned()), value::log_level);
        Some(Log { format: format?, level: level? })
    }
}
