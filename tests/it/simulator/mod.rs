//! The simulator serves the contract, quirks included: every promise of `src/simulator` over real HTTP.
#![expect(clippy::unwrap_used, reason = "fixtures of tests: a failure is the test's")]

mod changes;
mod faults;
mod limits;
mod population;
mod reading;

use std::sync::Arc;
use std::time::Duration;

use reconnectd::adapters::clock::ManualClock;
use reconnectd::domain::{Timestamp, from_millis};
use reconnectd::simulator::{DEFAULT_API_KEY, SimAccount, Simulator, SimulatorOptions};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

/// 2026-01-10 00:00 UTC, the start of a minute.
pub const START: i64 = 1_768_003_200_000;

/// A simulator, the clock it runs on, and a client.
pub struct Bench {
    pub simulator: Simulator,
    pub clock: Arc<ManualClock>,
    pub client: Client,
}

pub fn start_time() -> Timestamp {
    from_millis(START)
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_mins(count)
}

/// A client that follows nothing and gives up after ten seconds.
pub fn client() -> Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut SimulatorOptions)) -> Self {
        let clock = Arc::new(ManualClock::new(start_time()));
        let mut options = SimulatorOptions::new(clock.clone());
        change(&mut options);
        let simulator = Simulator::start(options).await.unwrap();
        Self { simulator, clock, client: client() }
    }

    /// Puts ACTIVE accounts `ca_…` made a minute apart, oldest first, given as (id, user, toolkit).
    pub fn put(&self, accounts: &[(&str, &str, &str)]) {
        for ((id, user, toolkit), minute) in accounts.iter().zip(0..) {
            let at = start_time() + chrono::TimeDelta::minutes(minute - 1000);
            self.simulator.world().put(SimAccount::new(id, user, toolkit, at));
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{}", self.simulator.base_url(), path.trim_start_matches('/'))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).header("x-api-key", DEFAULT_API_KEY)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(self.url(path)).header("x-api-key", DEFAULT_API_KEY).json(body)
    }

    /// The answer to a list request with this query, whatever it is.
    pub async fn ask(&self, query: &str) -> Response {
        self.get(&format!("/api/v3.1/connected_accounts?{query}")).send().await.unwrap()
    }

    /// The list for this query; anything but 200 fails the test.
    pub async fn list(&self, query: &str) -> Value {
        let response = self.ask(query).await;
        assert_eq!(response.status(), 200, "{query}");
        response.json().await.unwrap()
    }

    /// The ids of the first page for this query.
    pub async fn ids(&self, query: &str) -> Vec<String> {
        ids_of(&self.list(query).await)
    }

    /// One account by id: the HTTP status and the body.
    pub async fn account(&self, id: &str) -> (u16, Value) {
        let response = self.get(&format!("/api/v3.1/connected_accounts/{id}")).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

pub fn ids_of(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// Header of an answer as text; empty where there is none.
pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
