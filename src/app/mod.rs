//! The composition root: the only place that names concrete adapters and turns configuration into them.
//!
//! Turns a checked [`Config`] into the ports and settings of a [`Pipeline`]. Holds nothing that outlives the
//! process; a crash leaves nothing of its own behind.

mod channels;
mod settings;
mod site;

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::adapters::clock::SystemClock;
use crate::adapters::composio::{ComposioProvider, ComposioSettings, ComposioSettingsError};
use crate::adapters::directory::{DirectorySettings, SqlDirectory};
use crate::adapters::email::EmailSettingsError;
use crate::adapters::ping::{HttpPinger, PingSettings, PingSettingsError};
use crate::adapters::slack::SlackSettingsError;
use crate::adapters::watched::{self, WatchedDirectory};
use crate::adapters::webhook::WebhookSettingsError;
use crate::config::Config;
use crate::domain::{AddressKey, ChannelName, IdMint, RunId, causes};
use crate::http::HttpError;
use crate::languages::PackError;
use crate::pipeline::{Pipeline, Ports, Watch};
use crate::ports::{Clock, Directory, DirectoryError, Provider};
use crate::report::reconnect::StateSlot;
use crate::report::{TruthReader, write_textfile};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::telemetry::health::Dependency;

use channels::channel_names;
pub use channels::email_settings;

/// Something the configuration names cannot be built or reached.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// `[composio]` cannot be used.
    #[error("the provider's client cannot be built")]
    Composio(#[from] ComposioSettingsError),
    /// `[email]` cannot be used.
    #[error("the e-mail channel cannot be built")]
    Email(#[from] EmailSettingsError),
    /// A catalogue in the folder of `[email] templates` cannot be used.
    #[error("the words of mails and pages cannot be used")]
    Languages(#[from] PackError),
    /// A `[[webhook]]` cannot be used.
    #[error("a webhook channel cannot be built")]
    Webhook(#[from] WebhookSettingsError),
    /// `[operator]` cannot be used.
    #[error("the operator's channel cannot be built")]
    Slack(#[from] SlackSettingsError),
    /// `[ping]` cannot be used.
    #[error("the dead man's switch cannot be used")]
    Ping(#[from] PingSettingsError),
    /// `[directory]` cannot be used or reached.
    #[error("the directory cannot be used")]
    Directory(#[from] DirectoryError),
    /// `[state]` cannot be used or reached.
    #[error("the state database cannot be used")]
    Store(#[from] StoreError),
    /// The public pages cannot be rendered.
    #[error("the public pages cannot be served")]
    Pages(#[from] HttpError),
    /// Who may read the report cannot be told; the configuration was read, so it is a defect of ours.
    #[error("[http] report_auth cannot be used: {0}")]
    Report(&'static str),
    /// The operating system has no randomness to give.
    #[error("a secret key cannot be made")]
    Randomness(#[source] getrandom::Error),
}

impl AppError {
    /// Whether a person must see to the state database: it is full, corrupt, or of another version.
    pub fn is_state_unusable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unusable())
    }

    /// Whether the configuration must change, rather than something outside.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::Composio(_)
            | Self::Email(_)
            | Self::Languages(_)
            | Self::Webhook(_)
            | Self::Slack(_)
            | Self::Ping(_)
            | Self::Report(_) => true,
            Self::Randomness(_) | Self::Pages(_) => false,
            Self::Directory(error) => matches!(error, DirectoryError::Misconfigured { .. }),
            Self::Store(error) => matches!(
                error,
                StoreError::Url(_)
                    | StoreError::Missing(_)
                    | StoreError::Misconfigured(_)
                    | StoreError::SuppressionKey(_)
            ),
        }
    }
}

/// What one process is made of.
pub struct App {
    /// What the operator set.
    pub config: Config,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Makes ids, from the system's randomness.
    pub mint: Arc<IdMint>,
    /// On every log line of this process.
    pub run_id: RunId,
    /// What this process counts.
    pub metrics: Arc<Metrics>,
    /// What the state database says, as metrics; reads it once it is open.
    pub truth: Arc<TruthReader>,
    /// Where mailed reports are read from once the state database is open.
    pub reports: StateSlot,
}

impl App {
    /// A process on the system's clock.
    pub fn new(config: Config) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let mint = Arc::new(IdMint::new(seed()));
        let run_id = RunId::new(mint.uuid(clock.now()));
        Self::over(config, clock, mint, run_id)
    }

    /// A process on another clock.
    pub fn over(config: Config, clock: Arc<dyn Clock>, mint: Arc<IdMint>, run_id: RunId) -> Self {
        let metrics = Arc::new(Metrics::new());
        for dependency in [Dependency::State, Dependency::Directory, Dependency::Provider] {
            metrics.health().announce(dependency);
        }
        let wall = Arc::clone(&clock);
        let truth = Arc::new(TruthReader::new(Arc::clone(&metrics), Arc::new(move || wall.now())));
        let app = Self { config, clock, mint, run_id, metrics, truth, reports: StateSlot::default() };
        app.expect_channels();
        app
    }

    /// Makes the channels that are configured known to the metrics and to readiness; those that no longer are leave both.
    pub fn expect_channels(&self) {
        let channels = channel_names(&self.config);
        self.metrics.expect_channels(channels.iter().map(ChannelName::as_str));
        self.metrics.health().expect_channels(&channels);
        self.truth.expect_channels(channels);
    }

    /// The state database, its schema up to date. An SQLite file is made where there is none.
    pub async fn store(&self) -> Result<Store, AppError> {
        self.opened(Store::open(self.config.state.url.expose_secret()).await).await
    }

    /// The same, but where there is no SQLite file none is made: what asks about a state and finds it empty, because
    /// it looked in another directory, would say that all is well.
    pub async fn existing_store(&self) -> Result<Store, AppError> {
        self.opened(Store::open_existing(self.config.state.url.expose_secret()).await).await
    }

    /// Brings the schema up to date, and lets the metrics read what is stored.
    async fn opened(&self, store: Result<Store, StoreError>) -> Result<Store, AppError> {
        let ready = async {
            let store = store?;
            store.migrate().await?;
            Ok::<_, StoreError>(store)
        };
        let ready = ready.await;
        match &ready {
            Ok(store) => {
                self.reports.put(store.clone());
                self.truth.read_from(store.clone()).await;
            }
            Err(error) => self.metrics.health().fails(Dependency::State, &causes(error), self.clock.now()),
        }
        Ok(ready?)
    }

    /// Writes `[monitor] textfile`, where there is one.
    pub async fn write_textfile(&self) {
        if let Some(path) = &self.config.monitor.textfile {
            write_textfile(path, &self.metrics, &self.truth).await;
        }
    }

    /// The secret behind stored address hashes and unsubscribe links: the configured one, else the one kept in the
    /// state database, which is made here where there is none.
    pub async fn address_key(&self, store: &Store) -> Result<AddressKey, AppError> {
        let fresh = fresh_key()?;
        let mut work = store.begin().await?;
        let key = work.address_key(self.config.suppression.key.as_ref(), &fresh).await?;
        work.commit().await?;
        Ok(key)
    }

    /// The product's users.
    pub async fn directory(&self) -> Result<Arc<dyn Directory>, AppError> {
        let section = &self.config.directory;
        let settings = DirectorySettings {
            url: section.url.clone(),
            table: section.table.clone(),
            id: section.id.clone(),
            email: section.email.clone(),
            name: section.name.clone(),
            locale: section.locale.clone(),
            timezone: section.timezone.clone(),
            filter: section.filter.clone(),
            page_size: section.page_size.get(),
        };
        let connected = SqlDirectory::connect(settings).await;
        watched::note(&connected, &self.metrics, self.clock.now());
        Ok(Arc::new(WatchedDirectory::new(connected?, Arc::clone(&self.metrics), Arc::clone(&self.clock))))
    }

    /// The same process by another configuration.
    #[must_use]
    pub fn with(&self, config: Config) -> Self {
        let (clock, mint) = (Arc::clone(&self.clock), Arc::clone(&self.mint));
        let (metrics, truth, reports) = (Arc::clone(&self.metrics), Arc::clone(&self.truth), self.reports.clone());
        Self { config, clock, mint, run_id: self.run_id.clone(), metrics, truth, reports }
    }

    /// The API asked about accounts.
    pub fn provider(&self) -> Result<Arc<dyn Provider>, AppError> {
        Ok(Arc::new(self.composio()?))
    }

    /// The same, by its name.
    pub fn composio(&self) -> Result<ComposioProvider, AppError> {
        let provider = ComposioProvider::new(self.composio_settings(), Arc::clone(&self.clock), seed())?;
        Ok(provider.counting_into(&self.metrics))
    }

    /// Where it is and how gently it is asked.
    pub fn composio_settings(&self) -> ComposioSettings {
        let section = &self.config.composio;
        ComposioSettings {
            base_url: section.base_url.clone(),
            api_key: section.api_key.clone(),
            requests_per_minute: section.requests_per_minute.get(),
            reserve: section.reserve,
            max_attempts: section.max_attempts.get(),
            timeout_connect: section.timeout_connect,
            timeout_total: section.timeout_total,
        }
    }

    /// The key addresses are hashed under. A rehearsal, which compares nothing, keeps none it would have to make.
    async fn key_for(&self, store: &Store, dry_run: bool) -> Result<AddressKey, AppError> {
        if dry_run {
            let mut work = store.begin().await?;
            let key = work.address_key(self.config.suppression.key.as_ref(), &fresh_key()?).await?;
            work.roll_back();
            return Ok(key);
        }
        self.address_key(store).await
    }

    /// Everything one run needs. A rehearsal, which writes nothing, needs a state that is there.
    pub async fn pipeline(&self, dry_run: bool) -> Result<Pipeline, AppError> {
        let (provider, channels) = (self.provider()?, self.channels()?);
        let store = if dry_run { self.existing_store().await? } else { self.store().await? };
        let directory = self.directory().await?;
        let (clock, metrics) = (Arc::clone(&self.clock), Arc::clone(&self.metrics));
        let ports = Ports { directory, provider, channels, clock, metrics };
        let key = self.key_for(&store, dry_run).await?;
        let links = self.reconnect_links(&store, dry_run).await?;
        let (settings, mint) = (self.settings(dry_run, key, links), Arc::clone(&self.mint));
        let mut pipeline = Pipeline::new(store, ports, settings, self.run_id.clone(), mint);
        pipeline.watch = self.watch()?;
        Ok(pipeline)
    }

    /// Who is told that jobs begin and end.
    pub fn watch(&self) -> Result<Watch, AppError> {
        let Some(section) = &self.config.ping else { return Ok(Watch::default()) };
        let settings =
            PingSettings { url: section.url.clone(), limit: section.timeout, secrets: self.config.secrets() };
        Ok(Watch::new(Arc::new(HttpPinger::new(settings)?), Arc::clone(&self.metrics)))
    }
}

/// How this process names itself to others: host and process id.
pub fn holder() -> String {
    let host = hostname::get().map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned());
    format!("{host}:{}", std::process::id())
}

/// 64 bits from the operating system: the standard library seeds its hashers with them.
fn seed() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// A secret of 256 bits from the operating system, as text that can also stand in a configuration.
fn fresh_key() -> Result<SecretString, AppError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(AppError::Randomness)?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}
