//! What a person or a machine reads: a run's summary, as text or as one line of JSON, and how things stand, as metrics.

mod summary;
mod textfile;
mod truth;

pub use summary::Summary;
pub use textfile::{keep_textfile, write_textfile};
pub use truth::{TRUTH_AGE, TruthReader, truth};
