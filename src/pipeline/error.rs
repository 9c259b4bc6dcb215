//! Why a run had to stop: the stage that failed, and what kind of end that is.

use crate::deliver::DeliverError;
use crate::ports::{DirectoryError, ProviderError};
use crate::scan::ScanError;
use crate::store::StoreError;

/// A run had to stop.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory could not be read.
    #[error("reading the directory failed")]
    Directory(#[from] DirectoryError),
    /// The provider gave a reason to stop.
    #[error("asking the provider failed")]
    Provider(#[source] ProviderError),
    /// The state database could not be read or written.
    #[error("the state database could not be used")]
    Store(#[from] StoreError),
    /// The scan stopped for another reason.
    #[error("scanning failed")]
    Scan(#[source] ScanError),
}

impl RunError {
    /// Whether the provider refused the key.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Provider(ProviderError::Unauthorized { .. }))
    }

    /// Whether the state database is full, corrupt or of another version: trying again is of no use.
    pub fn is_state_unusable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unusable())
    }
}

impl From<ScanError> for RunError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Directory(error) => Self::Directory(error),
            ScanError::Provider(error) => Self::Provider(error),
            other => Self::Scan(other),
        }
    }
}

impl From<DeliverError> for RunError {
    fn from(error: DeliverError) -> Self {
        match error {
            DeliverError::Provider(error) => Self::Provider(error),
            DeliverError::Store(error) => Self::Store(error),
        }
    }
}
