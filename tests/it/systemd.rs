//! What is shipped for systemd: the units by systemd's own checks, and the daemon under a systemd of its own.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod booted;
mod units;

use std::time::Duration;

use reconnectd::cli::RUN_CLOSE_LIMIT;
use reconnectd::config::Config;

/// `[ping] timeout` where nobody says anything else.
const USUAL_PING: Duration = Duration::from_secs(10);

/// The longest that the daemon may take from a signal to its end, with pings.
pub fn longest_stop(config: &Config) -> Duration {
    config.daemon.drain_timeout + RUN_CLOSE_LIMIT + USUAL_PING
}

/// Every file of `systemd/` with its text.
const UNITS: [(&str, &str); 8] = [
    ("reconnectd.service", include_str!("../../systemd/reconnectd.service")),
    ("reconnectd-once.service", include_str!("../../systemd/reconnectd-once.service")),
    ("reconnectd-once.timer", include_str!("../../systemd/reconnectd-once.timer")),
    ("reconnectd-deliver.service", include_str!("../../systemd/reconnectd-deliver.service")),
    ("reconnectd-deliver.timer", include_str!("../../systemd/reconnectd-deliver.timer")),
    ("reconnectd-retention.service", include_str!("../../systemd/reconnectd-retention.service")),
    ("reconnectd-retention.timer", include_str!("../../systemd/reconnectd-retention.timer")),
    ("reconnectd-serve.service", include_str!("../../systemd/reconnectd-serve.service")),
];

fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    UNITS.into_iter().filter(|(name, _)| name.ends_with(".service"))
}

/// The values of a setting, in their order.
fn values<'a>(unit: &'a str, setting: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).collect()
}
