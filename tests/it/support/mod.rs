//! Fixtures: throw-away databases, a mail server, a webhook sink, what was logged.

pub mod databases;
pub mod log;
pub mod machine;
pub mod proxy;
pub mod rig;
pub mod sink;
pub mod smtp;
pub mod smtp_faults;
pub mod words;
pub mod world;
