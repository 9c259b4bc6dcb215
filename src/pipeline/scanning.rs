//! The first two stages side by side: pages are fetched from directory and provider, and recorded one after another.
//!
//! Guarantees: a page's accounts, its checkpoint and the lease's renewal are one transaction; a state database that is away
//! for a moment fails no run; at most [`PAGES_AHEAD`] pages wait to be recorded. A crash leaves the last page recorded.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{Pipeline, Progress, RunError, Running};
use crate::domain::{ScannedPage, UserId};
use crate::record::{RecordContext, record_page};
use crate::store::StoreError;
use crate::telemetry::events;
use crate::{fault, plan, scan};

/// Pages that may wait to be recorded: one being recorded, one ready, one being fetched.
const PAGES_AHEAD: usize = 1;
/// How often a page is recorded while the state database is away for a moment, and the pause in between.
/// Should the lease lapse meanwhile, its fence refuses the page.
const RECORD_TRIES: u32 = 4;
const RECORD_PAUSE: Duration = Duration::from_secs(2);
impl Pipeline {
    /// Fetches and records at once: while one page is being recorded, the next is being fetched.
    pub(super) async fn scan_and_record(&self, running: &mut Running) -> Result<(), RunError> {
        let directory = self.ports.directory.as_ref();
        let total = directory.count().await?;
        self.note_progress(running.counters.users_scanned, total);
        if running.cursor.is_none() {
            running.counters.users_blank = directory.count_blank().await?;
        }
        let (pages, scanned) = mpsc::channel::<ScannedPage>(PAGES_AHEAD);
        let from = running.cursor.clone();
        let provider = self.ports.provider.as_ref();
        let scan =
            scan::scan(directory, provider, self.settings.scan, from, pages, &self.stop, self.ports.clock.as_ref());
        let record = async {
            let mut scanned = scanned; // Owned here, so that a failure to record tells the scan to stop.
            while let Some(page) = scanned.recv().await {
                self.record_patiently(&page, running).await?;
                self.note_progress(running.counters.users_scanned, total);
            }
            Ok::<(), RunError>(())
        };
        let (scan, record) = tokio::join!(Box::pin(scan), Box::pin(record));
        // A recording failure makes the scan fail too (nobody takes its pages): the cause comes first.
        record?;
        Ok(scan?)
    }

    /// Records one page; a deadlock or a dropped connection is no reason to fail a run. Recording a page again
    /// changes nothing, also when the first try had arrived.
    async fn record_patiently(&self, page: &ScannedPage, running: &mut Running) -> Result<(), RunError> {
        for _ in 1..RECORD_TRIES {
            match self.record(page, running).await {
                Err(RunError::Store(StoreError::Transient(_))) => tokio::time::sleep(RECORD_PAUSE).await,
                done => return done,
            }
        }
        self.record(page, running).await
    }

    /// Records one page, its checkpoint and the lease's renewal in one transaction.
    async fn record(&self, page: &ScannedPage, running: &mut Running) -> Result<(), RunError> {
        let now = self.ports.clock.now();
        let zones = self.rehearsal_zones(page).await?;
        let context = RecordContext { run: &self.run_id, baseline: running.baseline, now, mint: &self.mint };
        let mut counters = running.counters.clone();
        let mut work = self.store.begin().await?;
        if let Some(lease) = &running.lease {
            work.renew_lease(lease, self.settings.lease_ttl).await?;
        }
        record_page(&mut work, page, context, &mut counters).await?;
        let scan_done = page.next.is_none();
        if self.settings.dry_run {
            let users: Vec<UserId> = page.users.iter().map(|seen| seen.user.clone()).collect();
            let incidents = work.stored_incidents_of(&users).await?;
            let channels = self.planned_channels();
            let context = self.plan_context(running.baseline.taking_stock, &channels);
            plan::rehearse(&mut work, incidents, &context, &zones, &mut counters).await?;
            work.roll_back();
        } else {
            self.count_requests(&mut counters, running.usage_before);
            work.checkpoint_run(&self.run_id, page.next.as_ref(), scan_done, &counters, now).await?;
            fault::point("page.before_commit");
            work.commit().await?;
            fault::point("page.after_commit");
            self.ports.metrics.run_counted(&running.counters, &counters);
            self.note_state(None);
        }
        self.pulse.beat();
        tracing::debug!(
            event = events::PAGE_RECORDED,
            users = page.users.len(),
            users_scanned = counters.users_scanned,
            "A page of users was recorded."
        );
        running.counters = counters;
        running.cursor.clone_from(&page.next);
        running.scan_done = scan_done;
        Ok(())
    }

    fn note_progress(&self, done: u64, total: u64) {
        self.ports.metrics.audit_progress(done, total.max(done));
        self.progress.send_replace(Progress { done, total: total.max(done) });
    }
}
