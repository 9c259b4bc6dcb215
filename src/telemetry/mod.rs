//! Structured logs: the subscriber and the closed list of event names.

pub mod events;
