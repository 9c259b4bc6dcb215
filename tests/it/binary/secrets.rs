//! What must not be seen is not seen: a run's output, its log at the finest level and every byte of its state
//! database are searched for planted secrets and addresses.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::path::Path;
use std::sync::Arc;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::UserId;
use reconnectd::simulator::{Fault, SECRET_MARKER, SimulatorOptions};
use sqlx::Connection as _;

use super::process::Output;
use super::setup::{Setup, WEBHOOK_SECRET};
use crate::directory::product::Dialect;
use crate::support::smtp_faults::{Act, FaultySmtp, Moment};

const API_KEY: &str = "ak_planted_0123456789";
const SMTP_PASSWORD: &str = "planted-smtp-password";
/// A user's id that is an address, and another that holds one.
const ID_THAT_IS_AN_ADDRESS: &str = "jane.planted@people.example";
pub const LEVEL: &str =
    "trace,sqlx=trace,hyper=trace,hyper_util=trace,reqwest=trace,h2=trace,lettre=trace,rustls=trace";

/// Texts that nobody may see anywhere, and what each is.
struct Planted(Vec<(String, &'static str)>);

impl Planted {
    fn not_in(&self, place: &str, bytes: &[u8]) {
        for (secret, what) in &self.0 {
            let found = bytes.windows(secret.len()).position(|window| window.eq_ignore_ascii_case(secret.as_bytes()));
            if let Some(at) = found {
                let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 100)];
                unreachable!("{what} is in {place}: …{}…", String::from_utf8_lossy(around));
            }
        }
    }

    fn not_in_output(&self, of: &str, output: &Output) {
        self.not_in(&format!("the standard output of {of}"), output.stdout.as_bytes());
        self.not_in(&format!("the log of {of}"), output.stderr.as_bytes());
    }

    fn and(&self, more: &[(&str, &'static str)]) -> Self {
        let mut all = self.0.clone();
        all.extend(more.iter().map(|(text, what)| ((*text).to_owned(), *what)));
        Self(all)
    }
}

/// The state database as it lies on the disk, its log of changes included.
fn search_state(folder: &Path, planted: &Planted) {
    let mut searched = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("state.db") {
            planted.not_in(&name, &std::fs::read(entry.path()).unwrap());
            searched.push(name);
        }
    }
    assert!(searched.contains(&"state.db".to_owned()) && searched.contains(&"state.db-wal".to_owned()), "{searched:?}");
}

/// Users on PostgreSQL behind a password, a mail server that wants a login and quotes addresses in what it
/// refuses, a provider that hands out tokens and has a bad day.
async fn planted_setup(smtp: &FaultySmtp) -> (Setup, Planted) {
    let options = SimulatorOptions::new(Arc::new(SystemClock));
    let mut setup = Setup::over(Dialect::Sqlite, Dialect::Postgres, options).await;
    setup.simulator.change(|settings| settings.api_key = Some(API_KEY.into()));
    setup.text("composio.api_key", API_KEY);
    setup.set("composio.max_attempts", "2");
    setup.set("composio.users_per_request", "2");
    setup.mail_to(&format!("smtp://mailer:{SMTP_PASSWORD}@{}?tls=none", smtp.address()));
    setup.text("log.level", LEVEL);
    setup.broken_user_at("u1", "mary.planted@mail.example").await;
    setup.broken_user_at(ID_THAT_IS_AN_ADDRESS, "other.planted@mail.example").await;
    setup.broken_user_at("u3", "broken.planted@mail.example").await;
    setup.user_at("u4", Some("not an address.planted@mail.example")).await;
    setup.breaks(&setup.works("u4", "notion"));
    setup.simulator.fail_user(&UserId::new("u3"), Fault::ServerError);
    let password = url::Url::parse(&setup.product.url).unwrap().password().unwrap().to_owned();
    let planted = Planted(vec![
        (API_KEY.to_owned(), "the API key"),
        (SMTP_PASSWORD.to_owned(), "the mail server's password"),
        (WEBHOOK_SECRET.to_owned(), "the webhook's secret"),
        (WEBHOOK_SECRET.trim_start_matches("whsec_").to_owned(), "the webhook's key"),
        (password, "the database's password"),
        (SECRET_MARKER.to_owned(), "a token of the provider"),
        ("mary.planted@".to_owned(), "an address"),
        ("mary.planted%40".to_owned(), "an address"),
        ("other.planted@".to_owned(), "an address"),
        ("broken.planted@".to_owned(), "an address"),
        ("address.planted@".to_owned(), "something like an address"),
        ("Name of u1".to_owned(), "a person's name"),
    ]);
    (setup, planted)
}

#[tokio::test]
async fn nothing_secret_gets_out() {
    let refusal = "550 5.1.1 no such user <mary.planted@mail.example>\r\n";
    let smtp = FaultySmtp::start(&[(Moment::Rcpt, Act::Say(refusal))]).await;
    let (mut setup, planted) = planted_setup(&smtp).await;
    let logged =
        planted.and(&[("jane.planted@", "an id that is an address"), ("jane.planted%40", "such an id, encoded")]);
    setup.run(&["migrate"]).await.expect(0);
    // A reader that stays keeps the log of changes from being folded away at the end of a run.
    let mut reader = sqlx::SqliteConnection::connect(&setup.state_url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM runs").execute(&mut reader).await.unwrap();

    let incomplete = setup.run(&["once", "--summary", "json"]).await.expect(1);
    assert_eq!((&incomplete.summary()["users_unknown"], setup.told().len()), (&1.into(), 3));
    assert!(incomplete.stderr.lines().count() > 100, "the log is a full one");
    assert!(smtp.commands().iter().any(|command| command.starts_with("AUTH ")), "the password was used");
    logged.not_in_output("a run", &incomplete);
    for (arguments, code) in
        [(vec!["check"], 0), (vec!["explain", "u1"], 0), (vec!["explain", ID_THAT_IS_AN_ADDRESS], 0)]
    {
        logged.not_in_output(&format!("{arguments:?}"), &setup.run(&arguments).await.expect(code));
    }
    setup.set("composio.max_attempts", "1"); // Retries have been logged.
    setup.set("log.format", "\"pretty\"");
    setup.simulator.change(|settings| settings.ignore_user_filter = true);
    setup.breaks(&setup.works("foreign.planted@people.example", "slack"));
    let foreign = setup.run(&["once"]).await.expect(1);
    logged.and(&[("foreign.planted@", "somebody else's id")]).not_in_output("a run that was stopped", &foreign);
    setup.simulator.change(|settings| {
        settings.ignore_user_filter = false;
        settings.api_key = Some("ak_another".into());
    });
    logged.not_in_output("a run whose key was refused", &setup.run(&["once", "--summary", "text"]).await.expect(3));
    search_state(setup.folder.path(), &planted);
    let bytes: Vec<u8> = ["state.db", "state.db-wal"]
        .iter()
        .flat_map(|name| std::fs::read(setup.folder.path().join(name)).unwrap())
        .collect();
    let id = ID_THAT_IS_AN_ADDRESS.as_bytes();
    assert!(
        bytes.windows(id.len()).any(|window| window == id),
        "the search would find it: an id stands there as it is"
    );
    reader.close().await.unwrap();
}

#[tokio::test]
async fn a_state_database_on_postgresql_holds_no_address_and_no_token_either() {
    let options = SimulatorOptions::new(Arc::new(SystemClock));
    let setup = Setup::over(Dialect::Postgres, Dialect::Sqlite, options).await.with_mail().await;
    setup.broken_user_at("u1", "mary.planted@mail.example").await;
    setup.once(0).await;
    assert_eq!(setup.mailed(), ["mary.planted@mail.example"]);
    let mut session = sqlx::PgConnection::connect(&setup.state_url).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut session).await.unwrap();
    let mut dump = String::new();
    for table in &tables {
        let rows = sqlx::AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut session).await.unwrap();
        dump.push_str(&rows.join("\n"));
    }
    session.close().await.unwrap();
    assert!(tables.len() > 8 && dump.contains("ca_u1_slack"), "{tables:?}");
    let planted = ["mary.planted", "mail.example", SECRET_MARKER, WEBHOOK_SECRET, "ak_simulator", "Name of u1"];
    Planted(planted.map(|text| (text.to_owned(), "a planted text")).to_vec()).not_in("PostgreSQL", dump.as_bytes());
}
