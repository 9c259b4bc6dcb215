//! A product with users, a provider, people to tell, and the real program as a process among them.
//!
//! Every [`Setup`] has a folder, databases, a simulator and a webhook sink of its own, so that tests run
//! side by side. A process that was started ends with the value that holds it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a fixture that fails ends its test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::AccountId;
use reconnectd::ports::Clock as _;
use reconnectd::simulator::{DEFAULT_API_KEY, SimAccount, Simulator, SimulatorOptions};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::directory::product::{Dialect, Product};
use crate::support::databases::postgres_database;
use crate::support::sink::Sink;
use crate::support::smtp::AiosmtpdServer;

/// The secret the webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// What the provider says of an account whose grant was withdrawn.
pub const REFUSED: &str = "Permanent auth error during token refresh";

const PROGRAM: &str = env!("CARGO_BIN_EXE_reconnectd");

/// Longer than any command may take on two loaded cores, the wait for a dead run's lease (20 s) included.
const PATIENCE: Duration = Duration::from_mins(2);

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

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).finish().await
    }

    /// Runs `once --summary json`, which must end with this exit code, and returns its summary.
    pub async fn once(&self, code: i32) -> Value {
        self.run(&["once", "--summary", "json"]).await.expect(code).summary()
    }

    /// Everybody the webhooks told, once per webhook, sorted.
    pub fn told(&self) -> Vec<String> {
        let user = |event: &Value| event["data"]["user_id"].as_str().unwrap().to_owned();
        let mut told: Vec<String> = self.sink.received().iter().map(|request| user(&request.json())).collect();
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
}

/// Waits until something that happens in another process has happened.
pub async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The program, running; killed when dropped.
pub struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Starts it in this folder, its output going to two files named `name`. Of the environment it gets
    /// the given variables alone.
    pub fn start(folder: &Path, name: &str, arguments: &[&str], variables: &[(String, String)]) -> Self {
        let (stdout, stderr) = (folder.join(format!("{name}.stdout")), folder.join(format!("{name}.stderr")));
        Self::start_command(Command::new(PROGRAM).args(arguments), folder, stdout, stderr, variables)
    }

    /// The same on a terminal, which is what standard output and standard error then are together.
    pub fn start_on_a_terminal(folder: &Path, arguments: &str) -> Self {
        let (stdout, stderr) = (folder.join("terminal.stdout"), folder.join("terminal.stderr"));
        let line = format!("{PROGRAM} {arguments}");
        let variables = [("TERM", "xterm"), ("SHELL", "/bin/sh"), ("COLUMNS", "200")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Of Debian's essential package bsdutils: gives the command a pseudo-terminal and its exit code to us.
        let mut script = Command::new("/usr/bin/script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        Self::start_command(&mut script, folder, stdout, stderr, &variables)
    }

    fn start_command(
        command: &mut Command,
        folder: &Path,
        stdout: PathBuf,
        stderr: PathBuf,
        variables: &[(String, String)],
    ) -> Self {
        let child = command
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Self { child, stdout, stderr }
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// SIGKILL: it gets no chance to do anything.
    pub fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it ended before it was killed: {}", self.stderr());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM: it is asked to stop.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub async fn finish(mut self) -> Output {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Output { code: status.code(), stdout: self.stdout(), stderr: self.stderr() };
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.stderr());
            sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way it is reaped.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a command left.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// It must have ended with this code.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// The summary: standard output is one line of JSON and nothing else.
    pub fn summary(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "one line: {:?}\n{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {:?}", self.stdout))
    }

    /// The log: every line of standard error is JSON with an event and the run.
    pub fn log(&self) -> Vec<Value> {
        let line = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(value["event"].is_string() && value["run_id"].is_string(), "{line}");
            value
        };
        self.stderr.lines().map(line).collect()
    }
}
