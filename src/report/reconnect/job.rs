//! The scheduled report: computed, written to files, told to the channels that carry `report.ready`; once per occurrence.
//!
//! The period ends at the instant the report was due, so that doing it again makes the same report. The files of that
//! day are replaced; the ids of what is told follow from the instant, so none of it is written a second time, and all of it
//! is written in one transaction. A crash leaves the files of before or of now, and word to everybody or to nobody: doing
//! it again mends that.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::compute::{ReportError, reconnect_report};
use super::files::{self, ReportFileError};
use super::html::Frame;
use super::model::{Headline, Period, ReconnectReport};
use super::word::word_of;
use crate::domain::{
    AddressKey, EventKind, IdMint, JobName, NotificationId, ReportReader, RunId, Timestamp, causes, millis, scrub,
};
use crate::fault;
use crate::ports::{Channel, Clock};
use crate::store::{JobEnd, NewDelivery, NewOperatorEvent, Store, StoreError};
use crate::telemetry::events;

/// `[report]`, as the job needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportSettings {
    /// How much time a report is about.
    pub period: Duration,
    /// Where files go; none writes none.
    pub directory: Option<PathBuf>,
    /// The files of how many days are kept.
    pub keep: NonZeroU32,
    /// Whose report its page says it is.
    pub frame: Frame,
}

/// The scheduled report was not made, or not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportJobError {
    /// It could not be computed.
    #[error("the report could not be made")]
    Report(#[from] ReportError),
    /// Its files could not be written.
    #[error("the report's files could not be written")]
    Files(#[from] ReportFileError),
    /// Word of it could not be put into the outbox.
    #[error("the state database could not be used")]
    Store(#[from] StoreError),
    /// Something in it broke in a way it should not.
    #[error("writing the report's files ended unexpectedly")]
    Broken(#[from] tokio::task::JoinError),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportDone {
    /// It is there.
    Made {
        /// Its headline figures.
        headline: Box<Headline>,
        /// Its JSON file, where files are written.
        file: Option<PathBuf>,
    },
    /// Told to stop before it began to write.
    Stopped,
}

/// Everything the scheduled report needs.
pub struct ReportJob<'a> {
    /// The state database.
    pub store: &'a Store,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Makes the ids of deliveries.
    pub mint: &'a IdMint,
    /// The channels that are configured.
    pub channels: &'a [Arc<dyn Channel>],
    /// What the addresses of a list are told apart by in the outbox.
    pub key: &'a AddressKey,
    /// How it is made.
    pub settings: &'a ReportSettings,
    /// What it is logged and remembered under.
    pub run: &'a RunId,
}

impl ReportJob<'_> {
    /// Makes the report that was due at `at`, and remembers how that went in `jobs`.
    pub async fn run(&self, at: Timestamp, stop: &CancellationToken) -> Result<ReportDone, ReportJobError> {
        let started_at = self.clock.now();
        self.note_start(started_at).await?;
        let length = TimeDelta::from_std(self.settings.period).unwrap_or(TimeDelta::days(7));
        let period = Period { from: at - length, to: at };
        let done = self.make(period, stop).await;
        let now = self.clock.now();
        let duration = (now - started_at).to_std().unwrap_or_default();
        let detail = done.as_ref().err().map(|error| scrub(&causes(error), 500));
        let end = match (&done, &detail) {
            (Ok(ReportDone::Stopped), _) => return done,
            (_, Some(detail)) => JobEnd::Failed(detail),
            _ => JobEnd::Succeeded,
        };
        if let Some(error) = &detail {
            let (from, to) = (period.from.to_rfc3339(), period.to.to_rfc3339());
            tracing::error!(
                event = events::REPORT_FAILED,
                from_at = %from, to_at = %to, error,
                "The scheduled reconnect report could not be made and nobody was told of it; `reconnectd report --from \
                 {from} --to {to}` makes it by hand."
            );
        }
        let noted = self.note_end(end, duration, now).await;
        done.and_then(|done| noted.map(|()| done).map_err(ReportJobError::from))
    }

    async fn make(&self, period: Period, stop: &CancellationToken) -> Result<ReportDone, ReportJobError> {
        let computed = tokio::select! {
            report = reconnect_report(self.store, period, self.clock.now()) => report?,
            () = stop.cancelled() => return Ok(ReportDone::Stopped),
        };
        let (report, file) = match self.settings.directory.clone() {
            None => (computed, None),
            Some(directory) => {
                let (keep, frame) = (self.settings.keep, self.settings.frame.clone());
                let written = tokio::task::spawn_blocking(move || {
                    files::write(&directory, &computed, &frame, keep).map(|path| (computed, Some(path)))
                });
                written.await??
            }
        };
        let told = self.tell(&report).await?;
        let of = &report.headline;
        tracing::info!(
            event = events::REPORT_READY,
            from_at = %report.period.from.to_rfc3339(), to_at = %report.period.to.to_rfc3339(),
            active_at_start = of.active_at_start, newly_broken = of.newly_broken, recovered = of.recovered,
            incidents_open = of.open, notified = of.notified, delivered = of.delivered, active_again = of.active_again,
            path = file.as_ref().map(|path| tracing::field::display(path.display())),
            channels = told, "The reconnect report is there."
        );
        Ok(ReportDone::Made { headline: Box::new(report.headline), file })
    }

    /// Puts word of the report into the outbox, once: to each channel that carries it, and to each address of those that
    /// write to a list of them; says in how many deliveries.
    async fn tell(&self, report: &ReconnectReport) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let carrying = self.channels.iter().filter(|channel| channel.carries(EventKind::ReportReady));
        let (listed, single): (Vec<_>, Vec<_>) = carrying.partition(|channel| !channel.readers().is_empty());
        let mut ids = event_ids(report.period.to);
        let deliveries = single.iter().map(|channel| self.delivery(channel.as_ref(), now)).collect();
        let mut told = vec![NewOperatorEvent { id: ids.next_id(), event: word_of(report, None), deliveries }];
        for channel in listed {
            for (address, number) in channel.readers().iter().zip(1..) {
                let reader = ReportReader { number, address: self.key.hash(address).to_hex() };
                let deliveries = vec![self.delivery(channel.as_ref(), now)];
                told.push(NewOperatorEvent { id: ids.next_id(), event: word_of(report, Some(reader)), deliveries });
            }
        }
        let (mut work, mut written) = (self.store.begin().await?, 0);
        for new in &told {
            if !work.has_notification(&new.id).await? {
                work.insert_operator_event(new, self.run, now).await?;
                written += new.deliveries.len() as u64;
            }
        }
        fault::point("report.before_commit");
        work.commit().await?;
        fault::point("report.after_commit");
        Ok(written)
    }

    fn delivery(&self, channel: &dyn Channel, now: Timestamp) -> NewDelivery {
        NewDelivery::on(channel.name(), |uuid| channel.outside_id(uuid), self.mint, now)
    }

    async fn note_start(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.job_started(JobName::Report, self.run, now).await?;
        work.commit().await
    }

    async fn note_end(&self, end: JobEnd<'_>, duration: Duration, now: Timestamp) -> Result<(), StoreError> {
        let mut work = self.store.begin().await?;
        work.job_ended(JobName::Report, self.run, end, duration, now).await?;
        work.commit().await
    }
}

/// The ids of what is told of the report that was due at one instant: the same whoever makes it and how often. The first
/// is that of the channels with one other side; the others follow the addresses of a list, place by place.
struct EventIds {
    mint: IdMint,
    at: Timestamp,
}

fn event_ids(at: Timestamp) -> EventIds {
    EventIds { mint: IdMint::new(u64::try_from(millis(at)).unwrap_or(0)), at }
}

impl EventIds {
    fn next_id(&mut self) -> NotificationId {
        NotificationId::new(self.mint.uuid(self.at))
    }
}
