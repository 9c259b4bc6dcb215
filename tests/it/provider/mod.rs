//! The client of the provider against the simulator, and against scripted answers where only a header matters.
#![expect(clippy::unwrap_used, reason = "fixtures of tests: a failure is the test's")]

mod faults;
mod headers;
mod lists;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::adapters::composio::{ComposioProvider, ComposioSettings};
use reconnectd::domain::{Timestamp, UserId, from_millis};
use reconnectd::ports::{AccountList, Provider as _, ProviderError};
use reconnectd::simulator::{DEFAULT_API_KEY, SimAccount, Simulator, SimulatorOptions};
use secrecy::SecretString;
use url::Url;

/// 2026-01-10 00:00 UTC, the start of a minute.
fn start_time() -> Timestamp {
    from_millis(1_768_003_200_000)
}

/// Fast, patient enough for a busy machine, two attempts.
fn settings(base_url: Url) -> ComposioSettings {
    ComposioSettings {
        base_url,
        api_key: SecretString::from(DEFAULT_API_KEY),
        requests_per_minute: 60_000,
        reserve: 0.25,
        max_attempts: 2,
        timeout_connect: Duration::from_secs(5),
        timeout_total: Duration::from_secs(20),
    }
}

/// A client of this address and key.
pub fn client_of(base_url: Url, key: &str) -> ComposioProvider {
    provider(ComposioSettings { api_key: SecretString::from(key.to_owned()), ..settings(base_url) })
}

fn provider(settings: ComposioSettings) -> ComposioProvider {
    rustls::crypto::ring::default_provider().install_default().ok();
    ComposioProvider::new(settings, Arc::new(ManualClock::new(start_time())), 7).unwrap()
}

fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().copied().map(UserId::new).collect()
}

/// `id=user` of every account, in the order of the list.
fn pairs(list: &AccountList) -> Vec<String> {
    list.accounts.iter().map(|account| format!("{}={}", account.id, account.user.as_str())).collect()
}

/// A simulator and a client of it.
struct Bench {
    simulator: Simulator,
    provider: ComposioProvider,
}

impl Bench {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut ComposioSettings)) -> Self {
        let mut options = SimulatorOptions::new(Arc::new(ManualClock::new(start_time())));
        options.settings.faults.retry_after = Duration::ZERO;
        let simulator = Simulator::start(options).await.unwrap();
        let mut settings = settings(simulator.base_url());
        change(&mut settings);
        Self { simulator, provider: provider(settings) }
    }

    /// Puts ACTIVE accounts made a minute apart, oldest first, given as (id, user).
    fn put(&self, accounts: &[(&str, &str)]) {
        for ((id, user), minute) in accounts.iter().zip(0..) {
            let at = start_time() + chrono::TimeDelta::minutes(minute - 10_000);
            self.simulator.world().put(SimAccount::new(id, user, "gmail", at));
        }
    }

    async fn ask(&self, ids: &[&str]) -> Result<AccountList, ProviderError> {
        self.provider.accounts_of(&users(ids)).await
    }
}
