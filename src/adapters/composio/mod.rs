//! The client of Composio's API v3.1: turns "which accounts do these users have?" into one complete list.
//!
//! ```text
//! list (pages, scope guard) ─▶ client (one request) ─▶ retry (attempts) ─▶ limiter (permit) ─▶ HTTPS
//!            ▲                                                                                  │
//!            └───────────── wire (narrow structs) ◀──────── errors (classes, no bodies) ◀───────┘
//! ```
//!
//! Guarantees:
//! - a list is whole or an error: every page read, each account once, the count compared with the provider's;
//! - every account belongs to a user who was asked about, byte for byte, or the run stops;
//! - no request leaves without a permit of the one limiter, retries included; a pause is everybody's;
//! - live credentials in an answer (`state`, `data`, `params`) are skipped by the parser, never held, and
//!   no body, URL or message text of the provider reaches an error or a log line;
//! - dropping a future loses nothing: the permit goes back, and nothing is kept between calls but counters.
//!
//! A crash leaves nothing behind: requests only read.

mod client;
mod errors;
mod headers;
mod limiter;
mod list;
mod retry;
mod settings;
mod wire;

pub use client::ComposioProvider;
pub use settings::{ComposioSettings, ComposioSettingsError};
