//! What people and machines read: the summary of a run, and the reconnect report.

pub mod reconnect;
mod summary;

pub use summary::Summary;
