//! `reconnectd simulate`: the simulator's options as command-line arguments, and serving until told to stop.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::directory::write_directory;
use super::faults::Faults;
use super::options::{DEFAULT_API_KEY, KeyScope, Settings, SimulatorOptions};
use super::population::Population;
use super::{Simulator, SimulatorError};
use crate::domain::Timestamp;
use crate::ports::Clock;
use crate::telemetry::events;

/// Serve Composio's API for made-up users, quirks and bad days included.
#[derive(Debug, Clone, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent command-line flags")]
pub struct SimulateArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9900)]
    pub port: u16,
    /// How many made-up users there are
    #[arg(long, default_value_t = 1000)]
    pub users: u64,
    /// Seed: the same one gives the same users, accounts and faults
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// User ids are this text and eight digits
    #[arg(long, default_value = "user_")]
    pub id_prefix: String,
    /// Share of a user's toolkits that must be reconnected (0 to 1)
    #[arg(long, default_value_t = 0.03)]
    pub broken_share: f64,
    /// Share of a user's toolkits that look worrying and need no notice (0 to 1)
    #[arg(long, default_value_t = 0.12)]
    pub quiet_share: f64,
    /// Share of users the directory marks as deleted (0 to 1)
    #[arg(long, default_value_t = 0.0)]
    pub deleted_share: f64,
    /// Instant the accounts' ages count back from (RFC 3339) [default: the start]
    #[arg(long)]
    pub as_of: Option<Timestamp>,
    /// Write the product database of these users to this SQLite file first
    #[arg(long, value_name = "FILE")]
    pub directory_file: Option<PathBuf>,
    /// The key clients must send; empty accepts any
    #[arg(long, default_value = DEFAULT_API_KEY)]
    pub api_key: String,
    /// Let the key read only, as a scoped key with "Connected accounts: Read" does
    #[arg(long)]
    pub read_only_key: bool,
    /// The organisation's requests per minute; 0 sets no limit
    #[arg(long, default_value_t = 10_000)]
    pub org_limit: u32,
    /// The largest page; larger limits are cut silently
    #[arg(long, default_value_t = 1000)]
    pub max_limit: u32,
    /// Refuse requests about more users than this with 400; 0 sets no limit
    #[arg(long, default_value_t = 0)]
    pub max_user_ids: u32,
    /// Leave the owner out of the items
    #[arg(long)]
    pub omit_user_id: bool,
    /// Ignore whose accounts are asked for and return everybody's
    #[arg(long)]
    pub ignore_user_filter: bool,
    /// Answer every request with 410
    #[arg(long)]
    pub retired: bool,
    /// What every request takes, for example 80ms
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    pub latency: Duration,
    /// Share of requests answered with the documented 429 (0 to 1, as all rates)
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_429: f64,
    /// Share answered with the edge's 429, which has no headers
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_429_edge: f64,
    /// Share answered with 500, 502 or 503
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_5xx: f64,
    /// Share whose connection is reset or closed without an answer
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_reset: f64,
    /// Share whose answer breaks off half-way
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_truncated: f64,
    /// Share answered with a proxy's HTML page
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_html: f64,
    /// Share answered late, whole or by halves
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub rate_slow: f64,
    /// How late a late answer is
    #[arg(long, default_value = "3s", value_parser = humantime::parse_duration)]
    pub slow_for: Duration,
    /// What a simulated documented 429 asks to wait
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    pub retry_after: Duration,
}

impl SimulateArgs {
    /// The users the arguments describe; `now` stands in for a missing `--as-of`.
    pub fn population(&self, now: Timestamp) -> Population {
        Population {
            id_prefix: self.id_prefix.clone(),
            broken_share: self.broken_share,
            quiet_share: self.quiet_share,
            deleted_share: self.deleted_share,
            ..Population::new(self.users, self.seed, self.as_of.unwrap_or(now))
        }
    }

    /// The behaviour the arguments describe.
    pub fn settings(&self) -> Settings {
        let unless_zero = |number: u32| (number > 0).then_some(number);
        Settings {
            api_key: (!self.api_key.is_empty()).then(|| self.api_key.clone()),
            scope: if self.read_only_key { KeyScope::ReadOnly } else { KeyScope::Full },
            org_limit_per_minute: unless_zero(self.org_limit),
            max_limit: self.max_limit,
            max_user_ids: unless_zero(self.max_user_ids),
            omit_user_id: self.omit_user_id,
            ignore_user_filter: self.ignore_user_filter,
            retired: self.retired,
            latency: self.latency,
            faults: Faults {
                rate_429_with_headers: self.rate_429,
                rate_429_edge: self.rate_429_edge,
                rate_5xx: self.rate_5xx,
                rate_reset: self.rate_reset,
                rate_truncated: self.rate_truncated,
                rate_html: self.rate_html,
                rate_slow: self.rate_slow,
                slow_for: self.slow_for,
                retry_after: self.retry_after,
            },
            ..Settings::default()
        }
    }
}

/// Writes the directory file if one is asked for and starts serving.
pub async fn serve(args: &SimulateArgs, clock: Arc<dyn Clock>) -> Result<Simulator, SimulatorError> {
    let population = args.population(clock.now());
    population.validate()?;
    if let Some(path) = &args.directory_file {
        write_directory(path, &population).await?;
    }
    let options = SimulatorOptions {
        port: args.port,
        clock,
        seed: args.seed,
        population: Some(population),
        settings: args.settings(),
    };
    let simulator = Simulator::start(options).await?;
    tracing::info!(
        event = events::SIMULATOR_LISTENING,
        base_url = %simulator.base_url(),
        users = args.users,
        seed = args.seed,
        "The simulator is listening."
    );
    Ok(simulator)
}

/// Serves until `stop` ends; `announce` is called once, when requests can come.
pub async fn run(
    args: &SimulateArgs,
    clock: Arc<dyn Clock>,
    announce: impl FnOnce(&Simulator),
    stop: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    let simulator = serve(args, clock).await?;
    announce(&simulator);
    stop.await;
    simulator.shutdown().await;
    Ok(())
}

/// Ends on SIGINT (ctrl-c) or SIGTERM.
pub async fn stop_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
