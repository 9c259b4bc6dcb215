//! `reconnectd run`: the daemon. Every job of `[schedule]` at its time, until it is asked to stop.

mod assembly;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Exit, monitoring, setup};
use crate::adapters::alarm::CronAlarm;
use crate::config::ReportAuth;
use crate::daemon::{self, Audit, Background, Body, Deliver, End, Failure, FailureKind, Report, Retention};
use crate::http::HttpError;
use crate::lifecycle::{self, ServiceManager};
use crate::telemetry::{FLUSH_LIMIT, Pulse, events};

use assembly::Real;

pub(super) async fn run(config: Option<&Path>) -> Exit {
    let (process, fingerprint) = match setup::start_comparable(config) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    // Heard from here on: a signal that comes while it starts ends it as soon as it has.
    let controls = match lifecycle::listen() {
        Ok(controls) => controls,
        Err(error) => return refuse("signals cannot be heard", &error, Exit::Failed),
    };
    let app = &process.app;
    let alarm = match CronAlarm::start(Arc::clone(&app.clock)).await {
        Ok(alarm) => alarm,
        Err(error) => return refuse("the alarm clock cannot be started", &error, Exit::Failed),
    };
    let pages = match pages(app).await {
        Ok(pages) => pages,
        Err(exit) => return exit,
    };
    let pulse = Arc::new(Pulse::default());
    let servers = match servers(&process, &pulse).await {
        Ok(servers) => servers,
        Err(error) => return refuse("health and metrics cannot be served", &error, Exit::BadConfiguration),
    };
    let bodies: Vec<Arc<dyn Body>> = vec![Arc::new(Audit), Arc::new(Deliver), Arc::new(Report), Arc::new(Retention)];
    let setup = daemon::Setup {
        config: app.config.clone(),
        fingerprint,
        assembly: Arc::new(Real::new(app, config.map(Path::to_owned), process.log.clone(), Arc::clone(&pulse), pages)),
        bodies,
        clock: Arc::clone(&app.clock),
        alarm: Arc::new(alarm),
        notifier: Arc::new(ServiceManager::default()),
        pulse,
        metrics: Arc::clone(&app.metrics),
        mint: Arc::clone(&app.mint),
        holder: crate::app::holder(),
        servers,
    };
    let end = daemon::run(setup, controls).await;
    process.end().await;
    match end {
        End::Stopped | End::CutOff => Exit::Done,
        End::AtOnce => Exit::Failed,
        End::Failed(Failure { class, .. }) => match class {
            FailureKind::Passing | FailureKind::Incomplete => Exit::Failed,
            FailureKind::KeyRefused => Exit::KeyRefused,
            FailureKind::StateUnusable => Exit::StateUnusable,
            FailureKind::Configuration => Exit::BadConfiguration,
        },
    }
}

/// From the end of the jobs, which have `[daemon] drain_timeout`, to the end of `run`, besides a ping that is under way,
/// which has `[ping] timeout`: the pages and the state database, and the last export. `TimeoutStopSec` and
/// `terminationGracePeriodSeconds` are longer than the sum, which tests hold them to.
pub const CLOSE_LIMIT: Duration = daemon::CLOSE_LIMIT.saturating_add(FLUSH_LIMIT);

/// What it does for those who watch it.
async fn servers(process: &setup::Process, pulse: &Arc<Pulse>) -> Result<Vec<Background>, HttpError> {
    let listener = monitoring::listen(&process.app).await?;
    monitoring::background(process, Arc::clone(pulse), listener)
}

/// Listens for the public pages, where mails link to them or the report is read. They are answered once the state database is reached; until
/// then callers wait.
async fn pages(app: &crate::app::App) -> Result<Option<TcpListener>, Exit> {
    let http = &app.config.http;
    if http.public_url.is_none() && matches!(http.report_auth, ReportAuth::Off) {
        return Ok(None);
    }
    let address = app.config.http.listen;
    TcpListener::bind(address).await.map(Some).map_err(|error| {
        refuse(&format!("[http] listen: listening on {address} failed"), &error, Exit::BadConfiguration)
    })
}

fn refuse(what: &str, error: &(dyn std::error::Error + 'static), exit: Exit) -> Exit {
    let causes = crate::domain::causes(error);
    let event = if exit == Exit::BadConfiguration { events::CONFIG_INVALID } else { events::RUN_FAILED };
    tracing::error!(
        event = event,
        error = format!("{what}: {causes}"),
        exit_code = exit.code(),
        "The daemon does not start."
    );
    exit
}
