//! Old breakages whose turn it is, by the order of `baseline release`: so many users in any 24 hours.

use chrono::TimeDelta;

use super::{Fence, PlanContext};
use crate::domain::RunCounters;
use crate::fault;
use crate::store::{Store, StoreError};
use crate::telemetry::events;

/// The period the pace is kept over.
const PERIOD: TimeDelta = TimeDelta::days(1);

/// Makes the next old breakages news.
pub(super) async fn release(
    store: &Store,
    context: &PlanContext<'_>,
    fence: Fence<'_>,
    counters: &mut RunCounters,
) -> Result<(), StoreError> {
    let mut work = store.begin_read().await?;
    let order = work.baseline_release().await?;
    work.roll_back();
    let Some(order) = order.filter(|order| order.per_day > 0) else { return Ok(()) };
    let mut work = store.begin().await?;
    work.renew_lease(fence.lease, fence.ttl).await?;
    let released = work.released_since(context.now - PERIOD).await?;
    let room = u64::from(order.per_day).saturating_sub(released);
    let incidents = work.release_baseline(u32::try_from(room).unwrap_or(u32::MAX), context.now).await?;
    fault::point("release.before_commit");
    work.commit().await?;
    fault::point("release.after_commit");
    counters.incidents_released += incidents;
    if incidents > 0 {
        tracing::info!(
            event = events::BASELINE_RELEASED,
            incidents, per_day = order.per_day, operator = %order.by,
            "Old breakages are told from now on, as ordered by `baseline release`."
        );
    }
    Ok(())
}
