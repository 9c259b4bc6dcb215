//! The daemon of the soak: real adapters on a fast clock, a directory that fails when it is told to, jobs that keep
//! a journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use reconnectd::app::{App, AppError};
use reconnectd::config::{Config, ConfigError, Fingerprint};
use reconnectd::daemon::{Assembly, Body, Call, Change, Connected, Failure, FailureKind, Finish, Live, Parts, Trouble};
use reconnectd::domain::{Contact, Cursor, JobName, UserId, UserPage};
use reconnectd::lifecycle::{Notifier, Told};
use reconnectd::pipeline::{Ports, RunSettings};
use reconnectd::ports::{Directory, DirectoryError};
use reconnectd::telemetry::Pulse;

use super::clock::{FastClock, PATIENCE};
use super::watch::{Entry, Journal};

/// Leases lapse after so long of the database's time, which is real: a few hours of the clock.
pub const LEASE_TTL: Duration = Duration::from_secs(1);

/// A directory that is away when it is told to.
pub struct Flaky {
    pub inner: Arc<dyn Directory>,
    pub away: Arc<AtomicBool>,
}

impl Flaky {
    fn answer(&self) -> Result<&dyn Directory, DirectoryError> {
        if self.away.load(Ordering::SeqCst) {
            let source = "the directory is away".into();
            return Err(DirectoryError::Unavailable { doing: "reading the directory", source });
        }
        Ok(self.inner.as_ref())
    }
}

#[async_trait]
impl Directory for Flaky {
    async fn page(&self, after: Option<&Cursor>) -> Result<UserPage, DirectoryError> {
        self.answer()?.page(after).await
    }
    async fn contact(&self, user: &UserId) -> Result<Option<Contact>, DirectoryError> {
        self.answer()?.contact(user).await
    }
    async fn count(&self) -> Result<u64, DirectoryError> {
        self.answer()?.count().await
    }
    async fn count_blank(&self) -> Result<u64, DirectoryError> {
        self.answer()?.count_blank().await
    }
}

pub struct SoakAssembly {
    pub app: App,
    pub away: Arc<AtomicBool>,
    pub pulse: Arc<Pulse>,
}

impl SoakAssembly {
    async fn parts(&self, config: &Config) -> Result<Parts, (&'static str, AppError)> {
        let app = self.app.with(config.clone());
        let in_the = |with: &'static str| move |error: AppError| (with, error);
        let provider = Arc::new(app.composio().map_err(in_the("the provider"))?.with_pulse(Arc::clone(&self.pulse)));
        let inner = app.directory().await.map_err(in_the("the directory"))?;
        let store = app.store().await.map_err(in_the("the state database"))?;
        let key = app.address_key(&store).await.map_err(in_the("the state database"))?;
        let ports = Ports {
            directory: Arc::new(Flaky { inner, away: Arc::clone(&self.away) }),
            provider,
            channels: app.channels().map_err(in_the("the channels"))?,
            clock: Arc::clone(&app.clock),
            metrics: Arc::clone(&app.metrics),
        };
        let live = Live {
            ports,
            settings: RunSettings { lease_ttl: LEASE_TTL, ..app.settings(false, key, None) },
            watch: app.watch().map_err(in_the("the pings"))?,
            report: app.report_settings(),
            retention: app.retention_settings(),
        };
        Ok(Parts::new(store, live, Arc::clone(&app.mint), Arc::clone(&self.pulse)))
    }
}

#[async_trait]
impl Assembly for SoakAssembly {
    async fn connect(&self, config: &Config) -> Result<Connected, Trouble> {
        let parts = self.parts(config).await.map_err(|(with, error)| {
            assert!(!error.is_configuration() && !error.is_state_unusable(), "{with}: {error:?}");
            Trouble { with, failure: Failure::new(FailureKind::Passing, &error) }
        })?;
        Ok(Connected { parts: Arc::new(parts), servers: Vec::new() })
    }

    fn prepare(&self, _config: &Config, _parts: &Arc<Parts>) -> Result<Change, Failure> {
        Ok(Box::new(|| Ok(())))
    }

    fn apply_log(&self, _config: &Config) -> Result<(), Failure> {
        Ok(())
    }

    fn reread(&self) -> Result<(Config, Fingerprint), ConfigError> {
        panic!("nobody reloads here")
    }
}

/// A body, and a note of each call and of each good end.
pub struct Counted<B> {
    pub body: B,
    pub journal: Journal,
    pub clock: Arc<FastClock>,
}

#[async_trait]
impl<B: Body> Body for Counted<B> {
    fn job(&self) -> JobName {
        self.body.job()
    }
    fn keeps_its_row(&self) -> bool {
        self.body.keeps_its_row()
    }
    fn is_a_pass(&self) -> bool {
        self.body.is_a_pass()
    }
    async fn run(&self, call: Call) -> Finish {
        let (job, at) = (self.job(), call.scheduled_at);
        self.journal.lock().unwrap().push(Entry::Called { job, at, run: call.run.clone() });
        let working = self.clock.work();
        let finish = self.body.run(call).await;
        drop(working);
        // What failed may be tried again after a pause, without an alarm.
        let failed = matches!(finish, Finish::Failed(_));
        self.clock.wait_for_alarm(if failed { Duration::from_millis(10) } else { PATIENCE });
        if finish == Finish::Done {
            self.journal.lock().unwrap().push(Entry::Done { job, at });
        }
        finish
    }
}

/// Nobody watches.
pub struct Alone;

impl Notifier for Alone {
    fn tell(&self, _what: &Told) {}
    fn watchdog(&self) -> Option<std::time::Duration> {
        None
    }
}
