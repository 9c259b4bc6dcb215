//! What a reload may change, and what stays as it was at the start.
//!
//! Pure: two configurations become the one that is used and the names of the keys that changed.

use crate::config::{Composio, Config, Log};

/// Sections and keys that are read at the start alone; all others apply at once. `docs/operations.md` has the reasons.
const NEEDS_RESTART: [&str; 7] =
    ["state.", "directory.", "http.", "monitor.", "suppression.", "composio.base_url", "log.format"];

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
        composio: Composio { base_url: old.composio.base_url.clone(), ..fresh.composio },
        log: Log { format: old.log.format, ..fresh.log },
        ..fresh
    }
}
