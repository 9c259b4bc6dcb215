//! `reconnectd` finds connected accounts that stopped working and tells each affected user, without repeating itself: at
//! most one notice of each number per incident and channel.
//!
//! The modules in the order data flows: the directory's users are scanned for observations, observations
//! are recorded as account states and incidents, incidents are planned into deliveries, deliveries are sent.
//! Every stage looks only at stored state and can be repeated; no network call happens inside a
//! transaction; unique keys in the database make a second notice impossible.

pub mod domain;
pub mod ports;
pub mod telemetry;

pub mod schedule;

pub mod scan;

pub mod record;

pub mod plan;

pub mod deliver;

pub mod report;

pub mod retention;

pub mod pipeline;

pub mod store;

pub mod languages;

pub mod reconnect;

pub mod http;

pub mod daemon;
pub mod lifecycle;

pub mod adapters;
pub mod simulator;

pub mod config;

pub mod fault;

pub mod app;
pub mod cli;
