//! A product with users, a provider, people to tell, and the real program as a process among them.
//!
//! Every [`Setup`] has a folder, databases, a simulator and a webhook sink of its own, so that tests run
//! side by side.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::TimeDelta;
use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::AccountId;
use reconnectd::ports::Clock as _;
use reconnectd::simulator::{DEFAULT_API_KEY, SimAccount, Simulator, SimulatorOptions};
use serde_json::Value;

use super::process::{Output, Running};
use crate::directory::product::{Dialect, Product};
use crate::support::databases::postgres_database;
use crate::support::sink::{Received, Sink};
use crate::support::smtp::AiosmtpdServer;

/// The secret the webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What the provider says of an account whose grant was withdrawn.
pub const REFUSED: &str = "Permanent auth error during token refresh";

/// Everything one installation is made of.
pub struct Setup {
    pub folder: tempfile::TempDir,
    pub simulator: Simulator,
    pub sink: Sink,
    pub mail: Option<AiosmtpdServer>,
    pub product: Product,
    pub state_url: String,
    /// Section, key, value as TOML.
    keys: BTreeMap<String, BTreeMap<String, String>>,
    variables: Vec<(String, String)>,
    commands: AtomicU32,
}

impl Setup {
    /// Everything on SQLite, notices by webhook, first run tells.
    pub async fn new() -> Self {
        Self::over(Dialect::Sqlite, Dialect::Sqlite, SimulatorOptions::new(Arc::new(SystemClock))).await
    }

    /// The state on SQLite or PostgreSQL, the users on any database.
    pub async fn over(state: Dialect, directory: Dialect, options: SimulatorOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let simulator = Simulator::start(options).await.unwrap();
        let sink = Sink::start().await;
        let product = Product::new(directory).await;
        let id = product.exact_text();
        product.run(&format!("CREATE TABLE users (id {id}, email VARCHAR(200), name VARCHAR(100))")).await;
        let state_url = match state {
            Dialect::Postgres => postgres_database().await,
            _ => format!("sqlite://{}", folder.path().join("state.db").display()),
        };
        let mut setup = Self {
            folder,
            simulator,
            sink,
            mail: None,
            product,
            state_url,
            keys: BTreeMap::new(),
            variables: Vec::new(),
            commands: AtomicU32::new(0),
        };
        setup.configure();
        setup
    }

    fn configure(&mut self) {
        for (key, value) in [
            ("state.url", self.state_url.clone()),
            ("directory.url", self.product.url.clone()),
            ("directory.email", "email".to_owned()),
            ("directory.name", "name".to_owned()),
            ("composio.base_url", self.simulator.base_url().to_string()),
            ("composio.api_key", DEFAULT_API_KEY.to_owned()),
            ("reconnect.url", "https://app.acme.example/settings?toolkit={toolkit}".to_owned()),
            ("reconnect.product", "Acme".to_owned()),
            ("policy.first_run", "notify".to_owned()),
            ("monitor.listen", "127.0.0.1:0".to_owned()),
        ] {
            self.text(key, &value);
        }
        self.set("composio.requests_per_minute", "100000");
        self.add_webhook();
    }

    /// Tells by webhook from now on, as a setup does unless it is taken out.
    pub fn add_webhook(&mut self) {
        self.text("webhook.name", "product");
        self.text("webhook.url", &self.sink.url());
        self.text("webhook.secret", WEBHOOK_SECRET);
        self.set("webhook.allow_private", "true");
    }

    /// Sets `section.key` to a value written as TOML.
    pub fn set(&mut self, key: &str, value: &str) {
        let (section, key) = key.split_once('.').unwrap();
        self.keys.entry(section.to_owned()).or_default().insert(key.to_owned(), value.to_owned());
    }

    /// Sets `section.key` to a text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.set(key, &toml::Value::from(value).to_string());
    }

    /// Takes `section.key`, or a whole section, out.
    pub fn remove(&mut self, key: &str) {
        match key.split_once('.') {
            Some((section, key)) => drop(self.keys.get_mut(section).unwrap().remove(key).unwrap()),
            None => drop(self.keys.remove(key).unwrap()),
        }
    }

    /// Sets a variable for all commands from now on.
    pub fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Mails as well, through a real mail server.
    pub async fn with_mail(mut self) -> Self {
        let mail = AiosmtpdServer::start().await;
        self.mail_to(&format!("smtp://{}?tls=none", mail.address()));
        self.mail = Some(mail);
        self
    }

    /// Mails through this server from now on.
    pub fn mail_to(&mut self, url: &str) {
        self.text("email.url", url);
        self.text("email.from", "Acme <no-reply@acme.example>");
        self.text("email.reply_to", "support@acme.example");
    }

    /// The configuration file's text.
    pub fn configuration(&self) -> String {
        let mut text = String::new();
        for (section, keys) in &self.keys {
            let head = if section == "webhook" { "[[webhook]]".to_owned() } else { format!("[{section}]") };
            writeln!(text, "{head}").unwrap();
            for (key, value) in keys {
                writeln!(text, "{key} = {value}").unwrap();
            }
        }
        text
    }

    /// Adds a user with the address `ID@example.com`.
    pub async fn user(&self, id: &str) {
        self.user_at(id, Some(&format!("{id}@example.com"))).await;
    }

    /// Adds a user with this address or none.
    pub async fn user_at(&self, id: &str, email: Option<&str>) {
        let email = email.map_or("NULL".to_owned(), |email| self.product.literal(email));
        let (id, name) = (self.product.literal(id), self.product.literal(&format!("Name of {id}")));
        self.product.run(&format!("INSERT INTO users VALUES ({id}, {email}, {name})")).await;
    }

    /// Gives a user an account that has worked for 90 days.
    pub fn works(&self, user: &str, toolkit: &str) -> AccountId {
        let letters: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
        let id = format!("ca_{letters}_{toolkit}");
        let account = SimAccount::new(&id, user, toolkit, SystemClock.now() - TimeDelta::days(90));
        self.simulator.world().put(account);
        AccountId::new(id)
    }

    /// The account's grant is withdrawn.
    pub fn breaks(&self, account: &AccountId) {
        assert!(self.simulator.world().set_status(account, "EXPIRED", Some(REFUSED)));
    }

    /// Adds a user whose only account, of Slack, worked and does no longer.
    pub async fn broken_user(&self, id: &str) {
        self.broken_user_at(id, &format!("{id}@example.com")).await;
    }

    /// The same with this address.
    pub async fn broken_user_at(&self, id: &str, email: &str) {
        self.user_at(id, Some(email)).await;
        self.breaks(&self.works(id, "slack"));
    }

    /// Writes the configuration and starts the program in the folder.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        std::fs::write(self.folder.path().join("reconnectd.toml"), self.configuration()).unwrap();
        self.spawn_as_it_is(arguments)
    }

    /// Starts the program in the folder with the configuration that is there, if any.
    pub fn spawn_as_it_is(&self, arguments: &[&str]) -> Running {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        Running::start(self.folder.path(), &format!("command-{number}"), arguments, &self.variables)
    }

    /// Runs `once`, to be stopped at the fault point `fault` (`name:passage`, see `src/fault.rs`) if there is one.
    pub fn spawn_faulty(&self, fault: Option<&str>) -> Running {
        self.spawn_to_be_stopped(&["once", "--summary", "json"], fault)
    }

    /// The same of any command.
    pub fn spawn_to_be_stopped(&self, arguments: &[&str], fault: Option<&str>) -> Running {
        std::fs::write(self.folder.path().join("reconnectd.toml"), self.configuration()).unwrap();
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let mut variables = self.variables.clone();
        variables.extend(fault.map(|fault| ("RECONNECTD_FAULT".to_owned(), fault.to_owned())));
        Running::start(self.folder.path(), &format!("command-{number}"), arguments, &variables)
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).finish().await
    }

    /// Runs a command that reads `input` to its end.
    pub async fn run_reading(&self, arguments: &[&str], input: &str) -> Output {
        std::fs::write(self.folder.path().join("reconnectd.toml"), self.configuration()).unwrap();
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let (folder, name) = (self.folder.path(), format!("command-{number}"));
        Running::start_reading(folder, &name, arguments, &self.variables, input).finish().await
    }

    /// Runs `once --summary json`, which must end with this exit code, and returns its summary.
    pub async fn once(&self, code: i32) -> Value {
        self.run(&["once", "--summary", "json"]).await.expect(code).summary()
    }

    /// Everybody the webhooks asked to reconnect, once per webhook, sorted.
    pub fn told(&self) -> Vec<String> {
        let events = self.sink.received().iter().map(Received::json).collect::<Vec<_>>();
        let asked = events.iter().filter(|event| event["type"] == "reconnect.requested");
        let mut told: Vec<String> = asked.map(|event| event["data"]["user_id"].as_str().unwrap().to_owned()).collect();
        told.sort();
        told
    }

    /// Everybody the real mail server took a mail for, once per mail, sorted.
    pub fn mailed(&self) -> Vec<String> {
        let recipient = |mail: &String| mail.lines().find_map(|l| l.strip_prefix("X-RcptTo: ")).unwrap().to_owned();
        let mut mailed: Vec<String> = self.mail.as_ref().unwrap().messages().iter().map(recipient).collect();
        mailed.sort();
        mailed
    }

    /// Whom the provider was asked about so far, one entry per request.
    pub fn asked(&self) -> Vec<String> {
        let users = |request: &reconnectd::simulator::RecordedRequest| request.param("user_ids").map(str::to_owned);
        self.simulator.requests().iter().filter_map(users).collect()
    }

    /// Gives up what waits, as a last attempt days later would.
    pub async fn give_up(&self) {
        self.on_state("UPDATE deliveries SET state = 'dead', settled_at = created_at WHERE state = 'pending'").await;
    }

    /// Changes the state database behind the program's back.
    pub async fn on_state(&self, sql: &str) {
        use sqlx::Connection as _;
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
        if self.state_url.starts_with("sqlite") {
            let mut session = sqlx::SqliteConnection::connect(&self.state_url).await.unwrap();
            sql.execute(&mut session).await.unwrap();
            session.close().await.unwrap();
        } else {
            let mut session = sqlx::PgConnection::connect(&self.state_url).await.unwrap();
            sql.execute(&mut session).await.unwrap();
            session.close().await.unwrap();
        }
    }

    /// The answer of the state database to a query whose columns are all text.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        use sqlx::{Connection as _, Row as _};

        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        if self.state_url.starts_with("sqlite") {
            let mut session = sqlx::SqliteConnection::connect(&self.state_url).await.unwrap();
            let rows = sqlx::query(sql).fetch_all(&mut session).await.unwrap();
            session.close().await.unwrap();
            rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
        } else {
            let mut session = sqlx::PgConnection::connect(&self.state_url).await.unwrap();
            let rows = sqlx::query(sql).fetch_all(&mut session).await.unwrap();
            session.close().await.unwrap();
            rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
        }
    }
}
