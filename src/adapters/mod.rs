//! The edges: everything that talks to something outside the process, one folder per thing, each
//! implementing a trait of `ports`. Adapters do not know each other (the channels
//! share `spool`, which writes files in place of sending, and `answer`, which judges what a POST came to), the stages, the store or the
//! configuration; `src/app/` builds them from plain values.

pub mod alarm;
mod answer;

pub mod clock;
pub mod composio;
pub mod directory;
pub mod email;
pub mod ping;
pub mod probe;
pub mod slack;
mod spool;
pub mod watched;
pub mod webhook;
