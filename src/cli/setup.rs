//! What every command does first: read the configuration, start the log, and say clearly what is wrong.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use super::progress::ProgressBar;
use super::{Exit, output};
use crate::app::{App, AppError};
use crate::config::{self, Fingerprint};
use crate::pipeline::Pipeline;
use crate::store::{Store, StoreError};
use crate::telemetry::otlp::{Otlp, OtlpError, OtlpSettings};
use crate::telemetry::{self, LineFormat, LogHandle, Signals, events};

/// A process that is set up.
pub(super) struct Process {
    pub app: App,
    /// Changes the log while the process runs.
    pub log: LogHandle,
    /// Exports, where the `OTEL_*` variables ask for it.
    pub otlp: Option<Arc<Otlp>>,
}

/// Reads the configuration and starts the log.
pub(super) fn start(path: Option<&Path>) -> Result<Process, Exit> {
    start_with_progress(path).map(|(_, process)| process)
}

/// The same, and a progress bar that keeps out of the log's way.
pub(super) fn start_with_progress(path: Option<&Path>) -> Result<(ProgressBar, Process), Exit> {
    start_whole(path).map(|(bar, process, _)| (bar, process))
}

/// The same, and what the configuration was made of, for who reads it anew later.
pub(super) fn start_comparable(path: Option<&Path>) -> Result<(Process, Fingerprint), Exit> {
    start_whole(path).map(|(_, process, fingerprint)| (process, fingerprint))
}

fn start_whole(path: Option<&Path>) -> Result<(ProgressBar, Process, Fingerprint), Exit> {
    let (config, fingerprint) = config::load_comparable(path, config::environment()).map_err(|error| {
        output::complain(&error.to_string());
        Exit::BadConfiguration
    })?;
    let bar = ProgressBar::new();
    let app = App::new(config);
    let terminal = std::io::stderr().is_terminal();
    let log = telemetry::LogSettings {
        format: format(app.config.log.format.is_json(terminal), terminal),
        level: app.config.log.level.clone(),
        run_id: app.run_id.clone(),
        clock: Arc::clone(&app.clock),
        secrets: app.config.secrets(),
    };
    let otlp = otlp(&app).map_err(|error| {
        output::complain(&crate::domain::causes(&error));
        Exit::BadConfiguration
    })?;
    let tracer = otlp.as_ref().and_then(|otlp| otlp.tracer());
    let signals = Signals { metrics: Some(Arc::clone(&app.metrics)), tracer };
    let log = telemetry::init(log, signals, bar.clone()).map_err(|error| {
        output::complain(&format!("the log cannot be started: {error}"));
        Exit::BadConfiguration
    })?;
    Ok((bar, Process { app, log, otlp }, fingerprint))
}

/// What the `OTEL_*` variables ask for.
fn otlp(app: &App) -> Result<Option<Arc<Otlp>>, OtlpError> {
    let settings = OtlpSettings::read(|name| std::env::var(name).ok())?;
    settings.map(|settings| Otlp::start(settings, app.clock.now()).map(Arc::new)).transpose()
}

impl Process {
    /// The end of a process that worked: what is left to export is exported, within 5 s.
    pub(super) async fn end(&self) {
        if let Some(otlp) = &self.otlp {
            otlp.finish(&self.app.metrics, self.app.clock.as_ref()).await;
        }
    }

    /// The state database as it is, or an exit code after saying why not: no SQLite file is made.
    pub(super) async fn store(&self) -> Result<Store, Exit> {
        self.app.existing_store().await.map_err(|error| refuse(&error))
    }

    /// The same; an SQLite file is made where there is none.
    pub(super) async fn store_or_new(&self) -> Result<Store, Exit> {
        self.app.store().await.map_err(|error| refuse(&error))
    }

    /// Everything one run needs, or an exit code after saying why not.
    pub(super) async fn pipeline(&self, dry_run: bool) -> Result<Pipeline, Exit> {
        match self.app.pipeline(dry_run).await {
            Ok(pipeline) => Ok(pipeline),
            Err(error) => {
                let exit = refuse(&error);
                if !dry_run {
                    self.app.write_textfile().await;
                    self.end().await;
                }
                Err(exit)
            }
        }
    }
}

/// A command that asks about the state database, or changes it, and nothing else: sets up, opens what is there, works,
/// closes, and says what failed.
pub(super) async fn on_state<E: std::error::Error + 'static>(
    config: Option<&Path>,
    work: impl AsyncFnOnce(&App, &Store) -> Result<Exit, E>,
) -> Exit {
    let process = match start(config) {
        Ok(process) => process,
        Err(exit) => return exit,
    };
    let store = match process.store().await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let done = work(&process.app, &store).await;
    store.close().await;
    done.unwrap_or_else(|error| {
        output::complain(&crate::domain::causes(&error));
        exit_of(&error)
    })
}

/// The exit code of a command that failed: whether the state database is to be seen to first.
pub(super) fn exit_of(error: &(dyn std::error::Error + 'static)) -> Exit {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let unusable = |error: &(dyn std::error::Error + 'static)| {
        error.downcast_ref::<StoreError>().is_some_and(StoreError::is_unusable)
    };
    if causes.into_iter().any(unusable) { Exit::StateUnusable } else { Exit::Failed }
}

/// How log lines look, colours on a terminal only.
pub(super) fn format(json: bool, terminal: bool) -> LineFormat {
    if json { LineFormat::Json } else { LineFormat::Pretty { colours: terminal } }
}

/// Logs what cannot be used and picks the exit code.
fn refuse(error: &AppError) -> Exit {
    let causes = crate::domain::causes(error);
    if error.is_configuration() {
        tracing::error!(event = events::CONFIG_INVALID, error = %causes, "The configuration cannot be used.");
        Exit::BadConfiguration
    } else if error.is_state_unusable() {
        tracing::error!(
            event = events::STATE_UNUSABLE, error = %causes, exit_code = Exit::StateUnusable.code(),
            "Nothing was done, and trying again is of no use before somebody has seen to the state database."
        );
        Exit::StateUnusable
    } else {
        tracing::error!(
            event = events::RUN_FAILED, error = %causes, exit_code = Exit::Failed.code(),
            "Nothing was done; the next try may work."
        );
        Exit::Failed
    }
}
