//! The real program as a process: its commands, exit codes, output, and what it does to the world around it.

mod channel;
mod check;
mod demo;
mod exit_codes;
mod explain;
mod kill_ledger;
mod killed;
mod mail;
mod once;
mod outbox;
mod preview;
mod process;
mod quirks;
mod secrets;
mod serve;
mod settings;
mod setup;
mod side_by_side;
mod silence;
mod simulate;
mod state_file;
mod storms_and_baseline;
mod suppress;
mod terminal;
mod unreachable;
mod webhooks;
