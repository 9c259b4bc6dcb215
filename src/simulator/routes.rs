//! Which path is answered by what, and what all of them share.

use std::sync::{Arc, PoisonError, RwLock};

use axum::routing::{get, patch, post};
use axum::{Router, middleware};
use url::Url;

use super::faults::FaultSource;
use super::guard::guard;
use super::log::RequestLog;
use super::options::{Settings, SimulatorOptions};
use super::rate::OrgRate;
use super::reply::Refused;
use super::world::World;
use super::{changes, hosted, list};

/// What every request can reach.
pub(super) struct Shared {
    pub world: World,
    pub faults: FaultSource,
    pub rate: OrgRate,
    pub log: RequestLog,
    pub base_url: Url,
    settings: RwLock<Arc<Settings>>,
}

impl Shared {
    pub(super) fn new(options: SimulatorOptions, base_url: Url) -> Self {
        Self {
            world: World::new(options.clock, options.population, options.seed),
            faults: FaultSource::new(options.seed),
            rate: OrgRate::default(),
            log: RequestLog::default(),
            base_url,
            settings: RwLock::new(Arc::new(options.settings)),
        }
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(Arc::make_mut(&mut self.settings.write().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// The API under both version prefixes, which behave alike (contract, section 1.1), and the hosted page.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    let version = || {
        Router::new()
            .route("/connected_accounts", get(list::list).post(changes::create))
            .route("/connected_accounts/link", post(changes::link))
            .route("/connected_accounts/{id}", get(list::get).delete(changes::delete))
            .route("/connected_accounts/{id}/status", patch(changes::set_enabled))
            .route("/connected_accounts/{id}/refresh", post(changes::refresh))
            .route("/connected_accounts/{id}/revoke", post(changes::revoke))
    };
    let api = Router::new()
        .nest("/api/v3.1", version())
        .nest("/api/v3", version())
        .fallback(async || Refused::no_such_path())
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard));
    Router::new().route("/link/{token}", get(hosted::show).post(hosted::decide)).merge(api).with_state(shared)
}
