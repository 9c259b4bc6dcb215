//! What a person or a machine reads: a run's summary, as text or as one line of JSON, how things stand, as a page
//! and as metrics, and the reconnect report.

pub mod reconnect;
mod status;
mod summary;
mod textfile;
mod truth;

pub use status::{DEAD_LATELY, Hand, Planned, Situation, Status};
pub use summary::Summary;
pub use textfile::{keep_textfile, write_textfile};
pub use truth::{TRUTH_AGE, TruthReader, truth};
