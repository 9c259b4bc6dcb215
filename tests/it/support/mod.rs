//! Fixtures: throw-away databases, a mail server, a webhook sink.

pub mod databases;
pub mod machine;
pub mod proxy;
pub mod rig;
pub mod sink;
pub mod smtp;
pub mod smtp_faults;
pub mod words;
pub mod world;
