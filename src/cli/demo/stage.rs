//! Where the demo plays: a folder with the product's database, the state database, mails and webhooks, and
//! the simulator as the provider.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use url::Url;

use super::cast::CAST;
use crate::adapters::clock::ManualClock;
use crate::app::App;
use crate::config;
use crate::domain::{AccountId, Contact, Cursor, IdMint, RunId, UserId, UserPage};
use crate::pipeline::Pipeline;
use crate::ports::{Clock as _, Directory, DirectoryError};
use crate::simulator::{SimAccount, Simulator};
use crate::store::Store;

/// The secret the demo's webhook files are signed with; made up, so that anybody can verify them.
const WEBHOOK_SECRET: &str = "whsec_ZGVtby1zZWNyZXQtb2YtcmVjb25uZWN0ZC0wMDAx";

/// A folder, a simulator and a clock.
pub(super) struct Stage {
    folder: PathBuf,
    simulator: Arc<Simulator>,
    clock: Arc<ManualClock>,
    app: App,
    store: Store,
}

impl Stage {
    /// Fills a new folder and puts the cast's accounts into the simulator.
    /// Mails lead to the pages at `pages`, where there are any, else to the product's own.
    pub(super) async fn build(
        folder: &Path,
        simulator: Simulator,
        clock: Arc<ManualClock>,
        pages: Option<&Url>,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir(folder)
            .with_context(|| format!("{}: the demo needs a folder that does not exist yet", folder.display()))?;
        let folder = folder.canonicalize()?;
        let now = clock.now();
        for player in &CAST {
            for account in (player.before)(player.id, now) {
                simulator.world().put(account);
            }
        }
        write_directory(&folder.join("product.db")).await?;
        let file = folder.join("reconnectd.toml");
        std::fs::write(&file, configuration(&folder, simulator.base_url().as_str(), pages))?;
        let config = config::load(Some(&file), std::iter::empty())?;
        let run_id = RunId::new("");
        let app = App::over(config, clock.clone(), Arc::new(IdMint::new(1)), run_id);
        let store = app.store().await?;
        Ok(Self { folder, simulator: Arc::new(simulator), clock, app, store })
    }

    /// A run over this stage.
    pub(super) async fn pipeline(&self) -> anyhow::Result<Pipeline> {
        let mut pipeline = self.app.pipeline(false).await?;
        pipeline.run_id = RunId::new(self.app.mint.uuid(self.clock.now()));
        pipeline.store = self.store.clone();
        let directory = Arc::clone(&pipeline.ports.directory);
        pipeline.ports.directory = Arc::new(SamHeals { directory, simulator: Arc::clone(&self.simulator) });
        Ok(pipeline)
    }

    /// Where everything is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The process that everything here belongs to.
    pub(super) fn app(&self) -> &App {
        &self.app
    }

    /// The clock of everybody on this stage.
    pub(super) fn clock(&self) -> &Arc<ManualClock> {
        &self.clock
    }

    /// What is remembered.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// What happens between the first and the second run.
    pub(super) fn things_break(&self) {
        for player in &CAST {
            (player.then)(self.simulator.world(), player.id, self.clock.now());
        }
    }

    /// A click on "connect" makes a new account row at once; nobody finishes it, so it will expire.
    pub(super) fn finn_tries_and_gives_up(&self) {
        let now = self.clock.now();
        self.simulator.world().put(SimAccount::new("ca_finn_2", "finn", "slack", now).status("INITIATED", None, now));
    }

    /// Ben mends his account in place.
    pub(super) fn ben_reconnects(&self) {
        self.simulator.world().set_status(&AccountId::new("ca_ben_1"), "ACTIVE", None);
    }

    /// Where to look next; `open` where its pages are about to be.
    pub(super) fn directions(&self, open: bool) -> anyhow::Result<String> {
        let mails = files(&self.folder.join("mails"))?;
        let webhooks = files(&self.folder.join("webhooks"))?;
        let folder = self.folder.display();
        let mut text = format!("Look around:\n  {} mails      {folder}/mails\n", mails.len());
        let _infallible = writeln!(text, "  {} webhooks   {folder}/webhooks", webhooks.len());
        let _infallible = writeln!(text, "  the report    {folder}/{}", super::ending::REPORT);
        // As the reader can type it: this program need not be on the PATH.
        let program = std::env::current_exe().map_or("reconnectd".into(), |program| program.display().to_string());
        let _infallible =
            writeln!(text, "  why, for anybody:  {program} --config {folder}/reconnectd.toml explain hana");
        if !open {
            let _infallible = writeln!(text, "  to click through it, from a mail on:  {program} demo --serve");
        }
        Ok(text)
    }

    /// Closes everything.
    pub(super) async fn strike(self) {
        self.store.close().await;
    }
}

/// Sam reconnects in the moment between the audit and the mail: reading the address is the last thing that
/// happens before the provider is asked once more.
struct SamHeals {
    directory: Arc<dyn Directory>,
    simulator: Arc<Simulator>,
}

#[async_trait]
impl Directory for SamHeals {
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError> {
        self.directory.page(after).await
    }

    async fn contact(&self, user: &UserId) -> Result<Option<Contact>, DirectoryError> {
        if user.as_str() == "sam" {
            self.simulator.world().set_status(&AccountId::new("ca_sam_1"), "ACTIVE", None);
        }
        self.directory.contact(user).await
    }

    async fn count(&self) -> Result<u64, DirectoryError> {
        self.directory.count().await
    }

    async fn count_blank(&self) -> Result<u64, DirectoryError> {
        self.directory.count_blank().await
    }
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        found.push(entry?.path());
    }
    Ok(found)
}

async fn write_directory(path: &Path) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql("CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT, name TEXT)").execute(&mut connection).await?;
    for player in &CAST {
        let name = player.id.split(',').next().unwrap_or(player.id);
        sqlx::query("INSERT INTO users (id, email, name) VALUES ($1, $2, $3)")
            .bind(player.id)
            .bind(player.email)
            .bind(name)
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

fn configuration(folder: &Path, base_url: &str, pages: Option<&Url>) -> String {
    let folder = folder.display();
    let (mode, http) = pages.map_or_else(Default::default, |pages| {
        let listen = pages.authority();
        let http = format!("[http]\nlisten = \"{listen}\"\npublic_url = \"{pages}\"\n");
        ("mode = \"page\"\n", http)
    });
    format!(
        r#"# Written by `reconnectd demo`.
[state]
url = "sqlite://{folder}/state.db"
[directory]
url = "sqlite://{folder}/product.db"
table = "users"
id = "id"
email = "email"
name = "name"
[composio]
base_url = "{base_url}"
api_key = "ak_simulator"
requests_per_minute = 60000
[reconnect]
url = "https://app.example.com/settings/integrations?toolkit={{toolkit}}"
product = "Acme"
{mode}{http}[policy]
first_run = "baseline"
[email]
url = "file://{folder}/mails"
from = "Acme <no-reply@acme.example>"
reply_to = "support@acme.example"
[[webhook]]
name = "product"
url = "file://{folder}/webhooks"
secret = "{WEBHOOK_SECRET}"
"#
    )
}
