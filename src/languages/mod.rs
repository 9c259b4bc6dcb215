//! The languages people are spoken to in: one catalogue of words each, for mails and for the pages their links lead to.
//!
//! ```text
//! built-in catalogues ─┐
//!                      ├─▶ Languages ─▶ the one for a reader's locale (a mail), a link or a browser (a page)
//! an operator's folder ┘
//! ```
//!
//! Turns TOML files into words that can be said, and what is known of a reader into one of them. Guarantees: words that
//! were loaded are whole, with the placeholders of English; nothing of a folder is used unless all of it can be; a
//! phrase is plain text, never markup and never a template, and what fills a placeholder is not read again. Files are
//! read when asked, at the start, so that a folder changed later cannot change half a run. Nothing to leave in a crash.

mod accepted;
mod catalogue;
mod error;
mod files;
mod page;
mod page_words;
mod phrase;
mod reader;
mod set;

pub use catalogue::Catalogue;
pub use error::PackError;
pub use files::{Source, read_folder};
pub use page::PageLanguage;
pub use page_words::{CallbackWords, ErrorWords, PageWords, PreferenceWords, ReconnectWords};
pub use phrase::{Phrase, Piece};
pub use set::Languages;

/// The language every other is compared with, and what people read whose own is not there.
pub const DEFAULT_TAG: &str = "en";
