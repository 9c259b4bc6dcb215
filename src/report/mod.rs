//! What a person or a machine reads about a run: the summary, as text or as one line of JSON.

mod summary;

pub use summary::Summary;
