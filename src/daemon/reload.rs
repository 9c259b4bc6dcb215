//! What a reload may change, and what stays as it was at the start.
//!
//! Pure: two configurations become the one that is used and the names of the keys that changed.

use crate::config::{Composio, Config, Log, Reconnect};

/// Sections and keys that are read at the start alone; all others apply at once. `docs/operations.md` has the reasons.
const NEEDS_RESTART: [&str; 10] = [
    "state.",
    "directory.",
    "http.",
    "monitor.",
    "suppression.",
    "composio.base_url",
    "log.format",
    // The pages are made at the start; mails must link to what they serve, under the keys they know.
    "reconnect.mode",
    "reconnect.return_url",
    "reconnect.link_",
];

/// Whether a changed key waits for a restart.
pub fn needs_restart(key: &str) -> bool {
    NEEDS_RESTART.iter().any(|prefix| key.starts_with(prefix))
}

/// The configuration that holds after a reload: what was read anew, but what needs a restart as it was.
pub(super) fn merged(old: &Config, fresh: Config) -> Config {
    Config {
        state: old.state.clone(),
        directory: old.directory.clone(),
        http: old.http.clone(),
        suppression: old.suppression.clone(),
        monitor: old.monitor.clone(),
        composio: Composio { base_url: old.composio.base_url.clone(), ..fresh.composio },
        log: Log { format: old.log.format, ..fresh.log },
        reconnect: Reconnect { url: fresh.reconnect.url, product: fresh.reconnect.product, ..old.reconnect.clone() },
        ..fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_listened_on_or_written_by_waits_for_a_restart() {
        for (key, waits) in [
            ("state.url", true),
            ("directory.table", true),
            ("http.public_url", true),
            ("suppression.key_file", true),
            ("composio.base_url", true),
            ("composio.requests_per_minute", false),
            ("composio.api_key_file", false),
            ("log.format", true),
            ("log.level", false),
            ("schedule.audit", false),
            ("policy.ladder", false),
            ("webhook[product].secret_file", false),
            ("email.url", false),
            ("daemon.drain_timeout", false),
            ("reconnect.mode", true),
            ("reconnect.return_url", true),
            ("reconnect.link_ttl", true),
            ("reconnect.link_key_previous_file", true),
            ("reconnect.product", false),
        ] {
            assert_eq!(needs_restart(key), waits, "{key}");
        }
    }
}
