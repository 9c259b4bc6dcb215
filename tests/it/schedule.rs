//! The schedule over a state database: what is done when, by whom and how often, whatever clocks and processes do.
//!
//! `days` walks through named situations, `moves` through random ones, both in the little world of `replicas`.

mod claims;
mod days;
mod moves;
mod replicas;

mod command;
