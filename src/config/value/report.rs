//! Values of the report.

use std::path::PathBuf;

use crate::config::errors::{Fault, fault};

/// Reports whose files are kept: ten thousand days are 27 years.
pub(in crate::config) const MAX_KEPT: u32 = 10_000;

/// Where the report's files go; made when the first is written.
pub(in crate::config) fn directory(text: String) -> Result<PathBuf, Fault> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(fault("names no directory", "give a path, or leave the key out to write no files"));
    }
    Ok(PathBuf::from(text))
}
