//! Composio's list of connected accounts, as a [`crate::ports::Provider`].
//!
//! Turns a few user ids into every account of those users: `list` walks the pages and decides whether the
//! list can be believed, `request` makes one HTTP attempt, `retry` repeats it, `limiter` is the one door all
//! attempts pass (`caller` says in which order), `wire` reads an answer into domain values, `errors` reads a refusal. `link` makes the one change
//! there is: the page on which a person connects an account anew.
//!
//! Guarantees:
//! - A list is whole or an error: every page read, every item understood, as many accounts as the provider
//!   counted. What is absent from a list is therefore gone.
//! - Every account belongs to a user who was asked about; anything else is
//!   [`crate::ports::ProviderError::ForeignAccount`] and ends the run.
//! - Bounded: pages, body bytes, attempts, waits and the time of a whole request with its repetitions.
//! - One limiter for all tasks; a repetition takes a new permit; a pause the provider asks for holds everybody.
//! - Answers carry live credentials: they are never deserialized, stored, logged or put into an error. User
//!   ids stand in URLs, so no URL is logged either.
//! - Cancelling a call loses the call and nothing else.
//!
//! Nothing is stored: a crash leaves nothing behind.

mod caller;
mod client;
mod errors;
mod limiter;
mod link;
mod list;
mod request;
mod retry;
mod settings;
mod waiting;
mod wire;

#[cfg(test)]
mod limiter_tests;
#[cfg(test)]
mod retry_tests;
#[cfg(test)]
mod wire_tests;

pub use client::{ComposioProvider, ForPeople};
pub use list::MAX_PAGES;
pub use request::MAX_BODY_BYTES;
pub use retry::LONGEST_WAIT;
pub use settings::{ComposioSettings, ComposioSettingsError};
