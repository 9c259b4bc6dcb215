//! Channels that are not configured any more: what waits on them is set aside, and taken up where they come back.
//!
//! Nobody claims what waits on a channel no process knows; were it left as it is, it would count as under way for ever and
//! hold up the reminders on every other channel.

use super::{Fence, PlanContext};
use crate::domain::ChannelName;
use crate::fault;
use crate::store::{Store, StoreError};

/// Compares what waits with what is configured.
pub(super) async fn retire(store: &Store, context: &PlanContext<'_>, fence: Fence<'_>) -> Result<(), StoreError> {
    let configured: Vec<ChannelName> = context.channels.iter().map(|channel| channel.name.clone()).collect();
    if configured.is_empty() {
        return Ok(()); // Nothing is planned or delivered at all.
    }
    let mut work = store.begin().await?;
    work.renew_lease(fence.lease, fence.ttl).await?;
    work.retire_channels(&configured, context.now).await?;
    fault::point("channels.before_commit");
    work.commit().await?;
    fault::point("channels.after_commit");
    Ok(())
}
