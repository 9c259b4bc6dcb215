//! The real world for the daemon: configuration into adapters, once, and anew when it is reloaded.
//!
//! One provider is built per process; a reload adjusts it. Channels and settings are built anew.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::adapters::composio::ComposioProvider;
use crate::app::{App, AppError};
use crate::config::{self, Config, ConfigError, Fingerprint};
use crate::daemon::{Assembly, Background, Change, Connected, Failure, FailureKind, Live, Parts, Trouble};
use crate::domain::{AddressKey, ReconnectLinks};
use crate::http::{Server, Site};
use crate::pipeline::Ports;
use crate::ports::{Directory, Provider};
use crate::telemetry::{LogHandle, Pulse, events};

/// See the module.
pub(super) struct Real {
    app: App,
    path: Option<PathBuf>,
    log: LogHandle,
    pulse: Arc<Pulse>,
    /// Bound, and waiting for the state database.
    pages: Arc<Mutex<Option<TcpListener>>>,
    built: Mutex<Option<Built>>,
}

/// What outlives a reload.
#[derive(Clone)]
struct Built {
    provider: Arc<ComposioProvider>,
    directory: Arc<dyn Directory>,
    key: AddressKey,
    /// Signs what mails link to; none where they link to the product's page.
    links: Option<ReconnectLinks>,
}

impl Real {
    pub(super) fn new(
        app: &App,
        path: Option<PathBuf>,
        log: LogHandle,
        pulse: Arc<Pulse>,
        pages: Option<TcpListener>,
    ) -> Self {
        Self {
            app: app.with(app.config.clone()),
            path,
            log,
            pulse,
            pages: Arc::new(Mutex::new(pages)),
            built: Mutex::default(),
        }
    }

    /// The one provider of this process: a second would be a second door.
    fn provider(&self, app: &App) -> Result<Arc<ComposioProvider>, AppError> {
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(built) = built {
            built.provider.adjust(&app.composio_settings()).map_err(AppError::Composio)?;
            return Ok(built.provider);
        }
        Ok(Arc::new(app.composio()?.with_pulse(Arc::clone(&self.pulse))))
    }

    /// The public pages. They take the listener when they are served, so that connecting that fails or is given up
    /// leaves it for the next time.
    fn server(&self, site: Site) -> Option<Background> {
        let pages = Arc::clone(&self.pages);
        if pages.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return None;
        }
        Some(Box::new(move |stop| Box::pin(serve(pages, site, stop))))
    }
}

async fn serve(pages: Arc<Mutex<Option<TcpListener>>>, site: Site, stop: CancellationToken) {
    let listener = pages.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(listener) = listener else { return };
    match Server::on(listener, site) {
        Ok(server) => {
            tracing::info!(event = events::HTTP_LISTENING, address = %server.address(), "Listening.");
            server.run(stop.cancelled()).await;
        }
        Err(error) => {
            let error = crate::domain::causes(&error);
            tracing::error!(event = events::RUN_FAILED, error, "The public pages cannot be served.");
        }
    }
}

/// What is reached within this long or not at all this time; longer than the adapters' own limits, which do not cover a
/// name that is being looked up. Not for bringing the schema up to date, which takes as long as it takes.
const TRY_LIMIT: Duration = Duration::from_mins(2);

async fn in_time<T>(with: &'static str, reaching: impl Future<Output = Result<T, AppError>>) -> Result<T, Trouble> {
    let Ok(reached) = tokio::time::timeout(TRY_LIMIT, reaching).await else {
        let failure = Failure { class: FailureKind::Passing, words: "no answer in time".to_owned() };
        return Err(Trouble { with, failure });
    };
    reached.map_err(|error| Trouble { with, failure: failure(&error) })
}

/// What holds for jobs that begin from now on.
fn live(app: &App, built: &Built) -> Result<Live, AppError> {
    let ports = Ports {
        directory: Arc::clone(&built.directory),
        provider: Arc::clone(&built.provider) as Arc<dyn Provider>,
        channels: app.channels()?,
        clock: Arc::clone(&app.clock),
        metrics: Arc::clone(&app.metrics),
    };
    Ok(Live {
        ports,
        settings: app.settings(false, built.key.clone(), built.links.clone()),
        watch: app.watch()?,
        report: app.report_settings(),
        retention: app.retention_settings(),
    })
}

#[async_trait]
impl Assembly for Real {
    async fn connect(&self, config: &Config) -> Result<Connected, Trouble> {
        let app = self.app.with(config.clone());
        let in_the = |with: &'static str| move |error: AppError| Trouble { with, failure: failure(&error) };
        let provider = self.provider(&app).map_err(in_the("the provider"))?;
        app.channels().map_err(in_the("the channels"))?;
        let directory = Box::pin(in_time("the directory", app.directory())).await?;
        // Its connections have limits of their own.
        let store = app.store().await.map_err(in_the("the state database"))?;
        let key = in_time("the state database", app.address_key(&store)).await?;
        let links = in_time("the state database", app.reconnect_links(&store, false)).await?;
        // People who click share the limiter with the jobs.
        let shared = Some(Arc::clone(&provider));
        let site = in_time("the state database", app.site(&store, shared)).await?;
        let built = Built { provider, directory, key, links };
        let live = live(&app, &built).map_err(in_the("the channels"))?;
        let servers = self.server(site).into_iter().collect();
        *self.built.lock().unwrap_or_else(PoisonError::into_inner) = Some(built);
        app.expect_channels(); // They may have been changed while it was waited for.
        let parts = Arc::new(Parts::new(store, live, Arc::clone(&app.mint), Arc::clone(&self.pulse)));
        Ok(Connected { parts, servers })
    }

    fn prepare(&self, config: &Config, parts: &Arc<Parts>) -> Result<Change, Failure> {
        let app = self.app.with(config.clone());
        let built = self.built.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(built) = built else { return Ok(Box::new(|| Ok(()))) };
        let refused = |error| failure(&AppError::Composio(error));
        let (live, settings) = (live(&app, &built).map_err(|error| failure(&error))?, app.composio_settings());
        settings.validate().map_err(refused)?;
        let parts = Arc::clone(parts);
        Ok(Box::new(move || {
            built.provider.adjust(&settings).map_err(refused)?;
            parts.replace(live);
            app.expect_channels();
            Ok(())
        }))
    }

    fn apply_log(&self, config: &Config) -> Result<(), Failure> {
        self.log.also_hide(config.secrets());
        self.log.set_level(&config.log.level).map_err(|error| Failure::new(FailureKind::Configuration, &error))
    }

    fn reread(&self) -> Result<(Config, Fingerprint), ConfigError> {
        config::load_comparable(self.path.as_deref(), config::environment())
    }
}

fn failure(error: &AppError) -> Failure {
    let class = if error.is_configuration() {
        FailureKind::Configuration
    } else if error.is_state_unusable() {
        FailureKind::StateUnusable
    } else {
        FailureKind::Passing
    };
    Failure::new(class, error)
}
