//! A provider to develop, demonstrate and measure against: turns a made-up population into Composio's HTTP
//! API as the contract describes it, its quirks and its bad days included.
//!
//! Requests run through `guard` (log, faults, key, rate limit), then through a reader (`list`), a writer
//! (`changes`) or the hosted connect page (`hosted`), all over one `World` of accounts. Where the contract
//! marks something as unknown, the simulator does what hurts a careless client most, and says so where it
//! does it: an empty `user_ids=` is no filter, a limit above the maximum is cut without a word.
//!
//! Guarantees: the same seed gives the same population, ids and random faults in the same order; the
//! server listens on the loopback interface only; time comes from the given clock alone, real waiting (a slow
//! answer) apart. Everything lives in memory: a crash leaves nothing behind but a directory file it wrote.

mod account;
mod args;
mod changes;
mod directory;
mod faults;
mod guard;
mod hosted;
mod item;
mod links;
mod list;
mod log;
mod options;
mod population;
mod query;
mod rate;
mod reply;
mod routes;
mod select;
mod server;
mod situation;
mod world;

use std::future::IntoFuture;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::domain::UserId;
use crate::telemetry::events;

pub use account::{NEVER_COMPLETED, SimAccount};
pub use args::{SimulateArgs, run, serve, stop_signal};
pub use directory::write_directory;
pub use faults::{Fault, Faults};
pub use item::SECRET_MARKER;
pub use log::RecordedRequest;
pub use options::{DEFAULT_API_KEY, KeyScope, Settings, SimulatorOptions};
pub use population::Population;
pub use situation::Situation;
pub use world::World;

use routes::Shared;

/// The simulator could not be started, or the directory file not be written.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The port is taken or not allowed.
    #[error("simulator: listening on {address} failed")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's words.
        #[source]
        source: std::io::Error,
    },
    /// A share or rate lies outside 0 to 1.
    #[error("simulator: {name} must lie between 0 and 1, not {value}")]
    OutOfRange {
        /// Which option.
        name: &'static str,
        /// What it was.
        value: f64,
    },
    /// The file exists and was not written by the simulator.
    #[error("simulator: {path} exists and is no directory file of the simulator; choose another name")]
    NotOurs {
        /// The file.
        path: String,
    },
    /// The directory file could not be written.
    #[error("simulator: writing the directory file {path} failed")]
    Directory {
        /// The file.
        path: String,
        /// The database's or the operating system's words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A running simulator; dropping it closes the port and every connection.
pub struct Simulator {
    shared: Arc<Shared>,
    base_url: Url,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens on `127.0.0.1`; port 0 takes a free one, see [`Simulator::base_url`].
    pub async fn start(options: SimulatorOptions) -> Result<Self, SimulatorError> {
        options.settings.faults.validate()?;
        if let Some(population) = &options.population {
            population.validate()?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let failed = |source| SimulatorError::Listen { address, source };
        let stop = CancellationToken::new();
        let listener = server::Listener::bind(address, stop.clone()).await.map_err(failed)?;
        let bound = listener.address().map_err(failed)?;
        let base_url = Url::parse(&format!("http://{bound}"))
            .map_err(|error| failed(std::io::Error::new(std::io::ErrorKind::AddrNotAvailable, error)))?;

        let shared = Arc::new(Shared::new(options, base_url.clone()));
        let app = routes::router(Arc::clone(&shared)).into_make_service_with_connect_info::<server::LineSwitch>();
        let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let server = tokio::spawn(async move {
            // axum's serve never ends with an error: failed accepts are retried.
            if let Err(error) = serving.into_future().await {
                tracing::warn!(event = events::SIMULATOR_LISTENING, error = %error, "The simulator's server ended.");
            }
        });
        Ok(Self { shared, base_url, stop, server })
    }

    /// Where the API is: `http://127.0.0.1:PORT/`, without `/api`.
    pub fn base_url(&self) -> Url {
        self.base_url.clone()
    }

    /// The accounts, to read and to change while the server runs.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// The behaviour at this moment.
    pub fn settings(&self) -> Settings {
        self.shared.settings().as_ref().clone()
    }

    /// Changes the behaviour; requests already being answered keep the old one.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        self.shared.change(change);
    }

    /// The next `times` API requests meet `fault`, before any random or per-user one. Calls queue up.
    pub fn fail_next(&self, fault: Fault, times: u32) {
        self.shared.faults.fail_next(fault, times);
    }

    /// The next `times` requests that are no GET meet `fault`, before those of [`Simulator::fail_next`].
    pub fn fail_next_change(&self, fault: Fault, times: u32) {
        self.shared.faults.fail_next_change(fault, times);
    }

    /// Every request whose `user_ids` name this user meets `fault`, until [`Simulator::heal_user`].
    pub fn fail_user(&self, user: &UserId, fault: Fault) {
        self.shared.faults.fail_user(user, fault);
    }

    /// Ends [`Simulator::fail_user`].
    pub fn heal_user(&self, user: &UserId) {
        self.shared.faults.heal_user(user);
    }

    /// Uses up `requests` of the organisation's budget of the present minute, as the product's own
    /// calls would.
    pub fn spend_budget(&self, requests: u32) {
        self.shared.rate.spend(requests, self.shared.world.now());
    }

    /// The newest API requests, oldest first; at most the last 4096.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.log.requests()
    }

    /// API requests since start, those that met a fault included; the hosted page is not counted.
    pub fn request_count(&self) -> u64 {
        self.shared.log.count()
    }

    /// The most API requests that were being answered at one moment.
    pub fn most_in_flight(&self) -> u64 {
        self.shared.log.most_in_flight()
    }

    /// Stops accepting, cuts every connection, and returns when the port is free again.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        // A join error means the server task was aborted or panicked; the port is closed either way.
        (&mut self.server).await.ok();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
