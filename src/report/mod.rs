//! What a person or a machine reads: the summary of a run, and how things stand.

mod status;
mod summary;

pub use status::{DEAD_LATELY, Hand, Planned, Situation, Status};
pub use summary::Summary;
