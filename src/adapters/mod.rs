//! The edges: everything that talks to something outside the process, one folder per thing, each
//! implementing a trait of `ports`. Adapters do not know each other (the two channels
//! share `spool`, which writes files in place of sending), the stages, the store or the
//! configuration; `src/app.rs` builds them from plain values.

pub mod alarm;
pub mod clock;
pub mod composio;
pub mod directory;
pub mod email;
mod spool;
pub mod watched;
pub mod webhook;
