//! What a simulator is started with, and what can be changed while it runs.

use std::sync::Arc;
use std::time::Duration;

use super::faults::Faults;
use super::population::Population;
use crate::ports::Clock;

/// The project key a simulator expects unless told otherwise.
pub const DEFAULT_API_KEY: &str = "ak_simulator";

/// What a simulator is started with.
pub struct SimulatorOptions {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// What time it is: ages attempts, dates changes, turns over the rate limit's minute.
    pub clock: Arc<dyn Clock>,
    /// Seed of the random faults and of the ids of new accounts; the population has its own.
    pub seed: u64,
    /// Generated users; none starts empty.
    pub population: Option<Population>,
    /// The behaviour at the start.
    pub settings: Settings,
}

impl SimulatorOptions {
    /// A free port, no population, no faults, seed 1.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { port: 0, clock, seed: 1, population: None, settings: Settings::default() }
    }
}

/// What the key may do (contract, section 1.1: permissions of a scoped project key).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// Everything.
    Full,
    /// "Connected accounts: Read": every change is answered with 403.
    ReadOnly,
    /// No permission on connected accounts: everything is answered with 403.
    Nothing,
}

/// How the simulated provider behaves; see [`super::Simulator::change`].
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a test double, not one state")]
pub struct Settings {
    /// The key `x-api-key` must hold; none accepts any request.
    pub api_key: Option<String>,
    /// What that key may do.
    pub scope: KeyScope,
    /// The organisation's requests per fixed minute; none sets no limit and sends no headers.
    pub org_limit_per_minute: Option<u32>,
    /// `limit` where the request has none. The contract does not know the real one; 20 is a sibling's.
    pub default_limit: u32,
    /// The largest `limit`; larger ones are cut without a word, as sibling endpoints did.
    pub max_limit: u32,
    /// More `user_ids` than this are refused with 400; none sets no limit.
    pub max_user_ids: Option<u32>,
    /// A longer path and query is refused with 414 and an HTML page, as a proxy does; none sets no limit
    /// (hyper's own stays: about 64 KiB).
    pub max_url_bytes: Option<usize>,
    /// Items come without `user_id`, whose end the provider has announced.
    pub omit_user_id: bool,
    /// `user_ids` is ignored and everybody's accounts come back: what a renamed parameter would do.
    pub ignore_user_filter: bool,
    /// Every API request is answered with 410, as v1 and v2 always are.
    pub retired: bool,
    /// Secrets come as `REDACTED`, as for accounts of the provider's own OAuth apps; otherwise as marked
    /// texts in clear, as for own auth configs with masking off.
    pub mask_secrets: bool,
    /// Real time every API request takes before it is looked at.
    pub latency: Duration,
    /// Random faults.
    pub faults: Faults,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            api_key: Some(DEFAULT_API_KEY.into()),
            scope: KeyScope::Full,
            org_limit_per_minute: Some(10_000), // the Pro plan (contract, section 4)
            default_limit: 20,
            max_limit: 1000, // the most Composio's own command line asks for
            max_user_ids: None,
            max_url_bytes: Some(16 * 1024), // a common limit of edge proxies
            omit_user_id: false,
            ignore_user_filter: false,
            retired: false,
            mask_secrets: false,
            latency: Duration::ZERO,
            faults: Faults::default(),
        }
    }
}
