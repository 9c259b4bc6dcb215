//! A history as rows that the product could have written: made at random ([`random`]), and put into a database ([`script`]).
//!
//! Instants lie on a grid that periods begin and end on too, so that every boundary is met often.

mod random;
mod script;

use std::collections::BTreeMap;

pub use random::random;
pub use script::{execute, script};

/// Monday, 2026-11-02, 00:00 UTC.
pub const MONDAY_MS: i64 = 1_793_577_600_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub observed_at: Option<i64>,
    pub outcome_at: i64,
}

#[derive(Debug, Clone)]
pub struct Account {
    pub user: String,
    pub id: String,
    pub toolkit: String,
    pub auth_config: String,
    pub reason: String,
    pub condition: String,
    pub first_seen_at: i64,
    pub gone_at: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Transition {
    pub user: String,
    pub account: String,
    pub at: i64,
    pub from: String,
}

#[derive(Debug, Clone)]
pub struct Incident {
    pub id: String,
    pub user: String,
    pub toolkit: String,
    pub account: String,
    pub opened_at: i64,
    pub broke_at: i64,
    pub baseline: bool,
    pub released_at: Option<i64>,
    pub closed_at: Option<i64>,
    pub evidence: Option<String>,
    /// The reason it was opened for and the auth config; none where a release wrote it that knows of neither.
    pub cause: Option<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Notification {
    pub id: String,
    pub user: String,
    pub created_at: i64,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub incident: String,
    pub number: i64,
    pub notification: String,
    pub spent: bool,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: String,
    pub notification: String,
    pub channel: String,
    pub state: String,
    pub created_at: i64,
    pub settled_at: Option<i64>,
    pub said: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Link {
    pub id: String,
    pub user: String,
    pub incident: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub opened_at: Option<i64>,
}

/// A reconnect begun behind a link.
#[derive(Debug, Clone)]
pub struct Begun {
    pub id: String,
    pub user: String,
    pub link: String,
    pub incident: String,
    pub created_at: i64,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub id: String,
    pub state: String,
    pub started_at: i64,
    pub finished_at: Option<i64>,
    pub resumed_from: Option<String>,
    pub scanned: u64,
    pub unknown: u64,
    pub unqueryable: u64,
    pub silenced: BTreeMap<String, u64>,
}

/// Everything the report counts.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub users: Vec<User>,
    pub accounts: Vec<Account>,
    pub transitions: Vec<Transition>,
    pub incidents: Vec<Incident>,
    pub notifications: Vec<Notification>,
    pub items: Vec<Item>,
    pub deliveries: Vec<Delivery>,
    pub runs: Vec<Run>,
    pub links: Vec<Link>,
    pub begun: Vec<Begun>,
}

/// Days of history before [`MONDAY_MS`].
pub const DAYS: i64 = 240;
