//! How deliveries are made, as plain values: what the composition root takes from the configuration.

use std::collections::HashMap;
use std::time::Duration;

use super::pace::PaceLimits;
use crate::domain::{AddressKey, ChannelName, NoticePolicy, ReconnectLinks, Unsubscribe};

/// Attempts on a channel that may be made in a row without one success, in one run: each may take minutes where the
/// other side hangs, and one more would learn nothing. Not fewer: a server that greylists answers each recipient it does
/// not know with a 4xx, and those behind them must have their turn.
pub const LEAVE_ALONE_AFTER: u32 = 20;

/// How deliveries are made.
#[derive(Debug, Clone)]
pub struct DeliverySettings {
    /// How fast channels that write to addresses send, all together.
    pub pace: PaceLimits,
    /// For how long a channel may fail without one success before it is disabled; a channel that is not in here is
    /// never disabled for that.
    pub disable_after: HashMap<ChannelName, Duration>,
    /// So many attempts in a row on one channel that came to nothing, and it is left alone for the rest of this run.
    pub leave_alone_after: u32,
    /// How long after a notification nothing more is said to a user on a channel that writes to addresses, and how
    /// many may arrive there in a day and a week: what waited must not arrive all at once.
    pub notices: NoticePolicy,
    /// What addresses are hashed under, to be compared with those that are not written to.
    pub address_key: AddressKey,
    /// Makes the links by which people end all mail; none where there is no page behind them.
    pub unsubscribe: Option<Unsubscribe>,
    /// Makes the durable links to our own reconnect page; none where people are sent to the product's.
    pub links: Option<ReconnectLinks>,
}
