//! Planning as part of a run: the planner's pages, and the time zones it asks for between its transactions.

use crate::domain::{RunCounters, ScannedPage, UserId, causes};
use crate::plan::{Fence, PlanContext, PlannedChannel, Planner, Zones};
use crate::ports::{Channel, DirectoryError};
use crate::store::Lease;
use crate::telemetry::events;
use crate::telemetry::metrics::Stage;

use super::{Pipeline, RunError};

impl Pipeline {
    /// Decides about everything that is open or has ended, and writes what is due; says whether it came to the end of
    /// it before it was asked to stop. Counts what was decided, and how long it took.
    pub(super) async fn plan(
        &self,
        taking_stock: bool,
        lease: &Lease,
        counters: &mut RunCounters,
    ) -> Result<bool, RunError> {
        let (before, began) = (counters.clone(), self.ports.clock.now());
        let planned = self.plan_pages(taking_stock, lease, counters).await;
        self.ports.metrics.run_counted(&before, counters);
        self.stage_ended(Stage::Plan, began);
        planned
    }

    async fn plan_pages(
        &self,
        taking_stock: bool,
        lease: &Lease,
        counters: &mut RunCounters,
    ) -> Result<bool, RunError> {
        let channels = self.planned_channels();
        let context = self.plan_context(taking_stock, &channels);
        let fence = Fence { lease, ttl: self.settings.lease_ttl };
        let mut planner = Planner::begin(&self.store, context, fence, counters).await?;
        while let Some(page) = planner.next_page().await? {
            let zones = self.zones_of(page.users_due()).await?;
            if self.stop.is_cancelled() {
                return Ok(false);
            }
            planner.write(page, &zones, counters).await?;
        }
        planner.finish(counters).await?;
        Ok(!self.stop.is_cancelled())
    }

    /// Where these users are, read from the directory one by one: they are those about to be told, and nobody's
    /// zone is stored. Nothing is read while there is no quiet time.
    async fn zones_of(&self, users: impl Iterator<Item = &UserId>) -> Result<Zones, DirectoryError> {
        let mut zones = Zones::new();
        if self.settings.quiet.is_on() {
            for user in users.take_while(|_| !self.stop.is_cancelled()) {
                self.pulse.beat();
                let contact = match self.ports.directory.contact(user).await {
                    Ok(contact) => contact,
                    // One row that cannot be read (an id that names two people) must not stop everybody's notices: the
                    // default zone counts, and sending will refuse this one with its reason.
                    Err(error @ DirectoryError::Misconfigured { .. }) => {
                        tracing::warn!(
                            event = events::ZONE_UNKNOWN, user = %user, error = %causes(&error),
                            "This user's time zone could not be read; the default one counts."
                        );
                        None
                    }
                    Err(error) => return Err(error),
                };
                if let Some(zone) = contact.and_then(|contact| contact.timezone) {
                    zones.insert(user.clone(), zone);
                }
            }
        }
        Ok(zones)
    }

    /// The zones of a page that is about to be rehearsed; none outside a rehearsal.
    pub(super) async fn rehearsal_zones(&self, page: &ScannedPage) -> Result<Zones, DirectoryError> {
        if self.settings.dry_run {
            self.zones_of(page.users.iter().map(|seen| &seen.user)).await
        } else {
            Ok(Zones::new())
        }
    }

    pub(super) fn plan_context<'a>(&'a self, taking_stock: bool, channels: &'a [PlannedChannel]) -> PlanContext<'a> {
        PlanContext {
            run: &self.run_id,
            channels,
            taking_stock,
            policy: &self.settings.notices,
            quiet: &self.settings.quiet,
            storm: &self.settings.storm,
            now: self.ports.clock.now(),
            mint: &self.mint,
            stop: &self.stop,
        }
    }

    pub(super) fn planned_channels(&self) -> Vec<PlannedChannel> {
        let planned = |channel: &std::sync::Arc<dyn Channel>| {
            let (ids, kinds) = (std::sync::Arc::clone(channel), std::sync::Arc::clone(channel));
            PlannedChannel {
                name: channel.name().clone(),
                personal: channel.needs_address(),
                carries: Box::new(move |kind| kinds.carries(kind)),
                outside_id: Box::new(move |uuid| ids.outside_id(uuid)),
            }
        };
        self.ports.channels.iter().map(planned).collect()
    }
}
