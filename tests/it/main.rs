//! Behaviour of the whole, against real servers: one file per behaviour, shared fixtures in `support`.

mod support;

mod channels_email;
mod channels_webhook;
mod directory;
mod provider;
mod scan;
mod simulator;
