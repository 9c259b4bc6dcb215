//! How deliveries are made, as plain values: what the composition root takes from the configuration.

use std::collections::HashMap;
use std::time::Duration;

use super::pace::PaceLimits;
use crate::domain::{AddressKey, ChannelName, Unsubscribe};

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// How fast channels that write to addresses send, all together.
    pub pace: PaceLimits,
    /// For how long a channel may fail without one success before it is disabled; a channel that is not in here is
    /// never disabled for that.
    pub disable_after: HashMap<ChannelName, Duration>,
    /// What addresses are hashed under, to be compared with those that are not written to.
    pub address_key: AddressKey,
    /// Makes the links by which people end all mail; none where there is no page behind them.
    pub unsubscribe: Option<Unsubscribe>,
}
