//! The composition root: the only file that names concrete adapters and turns configuration into them.
//!
//! Turns a checked [`Config`] into the ports and settings of a [`Pipeline`]. Holds nothing that outlives the
//! process; a crash leaves nothing of its own behind.

use std::hash::{BuildHasher as _, Hasher as _};
use std::num::NonZeroU32;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::adapters::clock::SystemClock;
use crate::adapters::composio::{ComposioProvider, ComposioSettings, ComposioSettingsError};
use crate::adapters::directory::{DirectorySettings, SqlDirectory};
use crate::adapters::email::{EmailChannel, EmailLimits, EmailSettings, EmailSettingsError};
use crate::adapters::ping::{HttpPinger, PingSettings, PingSettingsError};
use crate::adapters::slack::{self, SlackChannel, SlackSettings, SlackSettingsError};
use crate::adapters::watched::{self, WatchedDirectory};
use crate::adapters::webhook::{self, WebhookChannel, WebhookSettings, WebhookSettingsError};
use crate::config::{Config, Email, FirstRun, Reconnect as ReconnectSection, ReconnectMode, UsersPerRequest};
use crate::deliver::{DeliverySettings, LEAVE_ALONE_AFTER, PaceLimits};
use crate::domain::{
    AddressKey, ChannelName, IdMint, NoticePolicy, ReconnectLinks, RetrySchedule, RunId, StormGuard, Unsubscribe,
    causes,
};
use crate::http::{Brand, HttpError, ReconnectSite, Site};
use crate::pipeline::{LEASE_TTL, Pipeline, Ports, RunSettings, Watch};
use crate::ports::{Channel, Clock, Directory, DirectoryError, Provider};
use crate::reconnect::Reconnect;
use crate::report::reconnect::ReportSettings;
use crate::report::{TruthReader, write_textfile};
use crate::retention::RetentionSettings;
use crate::scan::{self, ScanOptions};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::telemetry::health::Dependency;

/// Something the configuration names cannot be built or reached.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// `[composio]` cannot be used.
    #[error("the provider's client cannot be built")]
    Composio(#[from] ComposioSettingsError),
    /// `[email]` cannot be used.
    #[error("the e-mail channel cannot be built")]
    Email(#[from] EmailSettingsError),
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
            Self::Composio(_) | Self::Email(_) | Self::Webhook(_) | Self::Slack(_) | Self::Ping(_) => true,
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
        let app = Self { config, clock, mint, run_id, metrics, truth };
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
            Ok(store) => self.truth.read_from(store.clone()).await,
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
        let (metrics, truth) = (Arc::clone(&self.metrics), Arc::clone(&self.truth));
        Self { config, clock, mint, run_id: self.run_id.clone(), metrics, truth }
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

    /// How people are told.
    pub fn channels(&self) -> Result<Vec<Arc<dyn Channel>>, AppError> {
        let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
        if let Some(section) = &self.config.email {
            let notices = u32::try_from(self.config.policy.ladder.len()).unwrap_or(u32::MAX);
            channels.push(Arc::new(EmailChannel::new(email_settings(&self.config.reconnect, section, notices))?));
        }
        for section in &self.config.webhook {
            channels.push(Arc::new(WebhookChannel::new(WebhookSettings {
                name: section.name.clone(),
                url: section.url.to_string(),
                secret: section.secret.clone(),
                secret_previous: section.secret_previous.clone(),
                signing_key: section.signing_key.clone(),
                events: section.events.clone(),
                allow_private: section.allow_private,
                limits: webhook::WebhookLimits::default(),
            })?));
        }
        if let Some(section) = &self.config.operator {
            channels.push(Arc::new(SlackChannel::new(SlackSettings {
                url: section.slack_url.clone(),
                events: section.events.clone(),
                product: self.config.reconnect.product.clone(),
            })?));
        }
        Ok(channels)
    }

    /// The names of the channels that are configured.
    pub fn channel_names(&self) -> Vec<ChannelName> {
        channel_names(&self.config)
    }

    /// The `whpk_…` text by which the receivers of this channel verify its `v1a` signatures, where it signs so.
    pub fn public_key(&self, channel: &ChannelName) -> Option<String> {
        let name = channel.as_str().strip_prefix("webhook:")?;
        let section = self.config.webhook.iter().find(|section| section.name == name)?;
        webhook::public_key(section.signing_key.as_ref()?)
    }

    /// How a run behaves.
    pub fn settings(&self, dry_run: bool, address_key: AddressKey, links: Option<ReconnectLinks>) -> RunSettings {
        let users_per_request = match self.config.composio.users_per_request {
            UsersPerRequest::Auto => scan::UsersPerRequest::Auto,
            UsersPerRequest::Fixed(number) => scan::UsersPerRequest::Fixed(number),
        };
        let concurrency = usize::try_from(self.config.composio.concurrency.get()).unwrap_or(1);
        RunSettings {
            scan: ScanOptions { concurrency, users_per_request },
            baseline_first: self.config.policy.first_run == FirstRun::Baseline,
            dry_run,
            reconnect_url: self.config.reconnect.url.clone(),
            retry: RetrySchedule::default(),
            notices: self.notice_policy(),
            quiet: self.config.quiet.clone(),
            storm: StormGuard {
                share: self.config.storm.share,
                min: u64::from(self.config.storm.min.get()),
                window: self.config.storm.window,
            },
            delivery: self.delivery_settings(address_key, links),
            holder: holder(),
            lease_ttl: LEASE_TTL,
        }
    }

    /// How deliveries are made.
    fn delivery_settings(&self, key: AddressKey, links: Option<ReconnectLinks>) -> DeliverySettings {
        let email = self.config.email.as_ref();
        let rate = |rate: Option<NonZeroU32>| rate.unwrap_or(NonZeroU32::MAX); // No mail, no rate.
        let webhooks = self.config.webhook.iter();
        DeliverySettings {
            pace: PaceLimits {
                per_minute: rate(email.map(|email| email.max_per_minute)),
                per_domain_per_minute: rate(email.map(|email| email.max_per_domain_per_minute)),
                ramp_up_from: rate(email.map(|email| email.ramp_up_from)),
            },
            disable_after: webhooks.map(|hook| (webhook_channel(&hook.name), hook.disable_after)).collect(),
            leave_alone_after: LEAVE_ALONE_AFTER,
            notices: self.notice_policy(),
            unsubscribe: self.config.http.public_url.clone().map(|base| Unsubscribe { base, key: key.clone() }),
            address_key: key,
            links,
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

    /// What makes and opens the links to our own reconnect page; none where people are sent to the product's. A
    /// rehearsal, which sends none, keeps no key it would have to make.
    pub async fn reconnect_links(&self, store: &Store, dry_run: bool) -> Result<Option<ReconnectLinks>, AppError> {
        let section = &self.config.reconnect;
        let Some(base) = self.config.http.public_url.clone().filter(|_| section.mode == ReconnectMode::Page) else {
            return Ok(None);
        };
        let fresh = fresh_key()?;
        let mut work = store.begin().await?;
        let keys = work.link_keys(section.link_key.as_ref(), section.link_key_previous.as_ref(), &fresh).await?;
        if dry_run {
            work.roll_back();
        } else {
            work.commit().await?;
        }
        Ok(Some(ReconnectLinks { base, keys, life: section.link_ttl }))
    }

    /// What the pages are made of. `provider` is the one of this process: it holds the limiter.
    pub async fn site(&self, store: &Store, provider: Option<Arc<dyn Provider>>) -> Result<Site, AppError> {
        let clock = Arc::clone(&self.clock);
        let section = &self.config.reconnect;
        let links = self.reconnect_links(store, false).await?;
        let reconnect = match links {
            Some(links) => Some(ReconnectSite {
                reconnect: Reconnect {
                    store: store.clone(),
                    provider: provider.map_or_else(|| self.provider(), Ok)?,
                    clock: Arc::clone(&self.clock),
                    mint: Arc::clone(&self.mint),
                    links,
                    run: self.run_id.clone(),
                },
                settings_url: section.url.clone(),
                return_url: section.return_url.clone(),
                hosted: self.hosted_pages(),
            }),
            None => None,
        };
        Ok(Site {
            product: section.product.clone(),
            key: self.address_key(store).await?,
            store: store.clone(),
            now: Arc::new(move || clock.now()),
            brand: Brand {
                colour: self.config.http.colour,
                logo: self.config.http.logo.as_ref().map(|logo| Arc::clone(&logo.0)),
            },
            public_url: self.config.http.public_url.clone(),
            reconnect,
        })
    }

    /// Where the provider's pages may be: anywhere on https, because they send on to the toolkits' own; and where the
    /// provider itself answers in clear, which only this host may.
    fn hosted_pages(&self) -> String {
        let base = &self.config.composio.base_url;
        match base.scheme() {
            "https" => "https:".to_owned(),
            _ => format!("https: {}", base.origin().ascii_serialization()),
        }
    }

    /// How often and how soon people are told.
    fn notice_policy(&self) -> NoticePolicy {
        let policy = &self.config.policy;
        NoticePolicy {
            ladder: policy.ladder.clone(),
            dwell: policy.dwell,
            dwell_transient: policy.dwell_transient,
            digest_window: policy.digest_window,
            max_per_day: policy.max_per_day.get(),
            max_per_week: policy.max_per_week.get(),
            recovered_mail: policy.recovered_mail,
        }
    }

    /// How the scheduled report is made.
    pub fn report_settings(&self) -> ReportSettings {
        let section = &self.config.report;
        ReportSettings { period: section.period, directory: section.directory.clone(), keep: section.keep }
    }

    /// How long what happened is kept.
    pub fn retention_settings(&self) -> RetentionSettings {
        let section = self.config.retention;
        RetentionSettings { history: section.history, operational: section.operational }
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

/// The names of the channels that are configured.
fn channel_names(config: &Config) -> Vec<ChannelName> {
    let email = config.email.iter().map(|_| ChannelName::new("email"));
    let webhooks = config.webhook.iter().map(|hook| webhook_channel(&hook.name));
    let slack = config.operator.iter().map(|_| ChannelName::new(slack::CHANNEL));
    email.chain(webhooks).chain(slack).collect()
}

/// What a webhook's deliveries are stored under.
fn webhook_channel(name: &str) -> ChannelName {
    ChannelName::new(format!("webhook:{name}"))
}

/// What mails are composed from and where they go; an incident gets at most `notices` notices.
pub fn email_settings(reconnect: &ReconnectSection, email: &Email, notices: u32) -> EmailSettings {
    EmailSettings {
        url: email.url.clone(),
        from: email.from.clone(),
        reply_to: email.reply_to.clone(),
        product: reconnect.product.clone(),
        list_id: email.list_id.clone(),
        templates: email.templates.clone(),
        notices,
        limits: EmailLimits::default(),
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
