//! How the daemon gets what it is made of, and gets it anew.
//!
//! The composition root implements it for the real world and the tests for theirs: the daemon itself knows no adapter.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::body::Failure;
use super::parts::Parts;
use crate::config::{Config, ConfigError, Fingerprint};

/// A server that answers until the token is cancelled, then finishes what is under way.
pub type Background = Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// Puts in use what was made ready; changes nothing where it fails.
pub type Change = Box<dyn FnOnce() -> Result<(), Failure> + Send>;

/// Everything that could be reached.
pub struct Connected {
    /// For the jobs.
    pub parts: Arc<Parts>,
    /// To be kept running beside them.
    pub servers: Vec<Background>,
}

/// Something cannot be reached or used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What, as people name it: `the state database`.
    pub with: &'static str,
    /// Why, and what follows.
    pub failure: Failure,
}

/// Builds from configuration.
#[async_trait]
pub trait Assembly: Send + Sync {
    /// Opens and reaches everything; called again until it succeeds or fails for good, also after it was dropped on the
    /// way. What is not reached in time is given up by it; bringing the schema up to date takes as long as it takes.
    async fn connect(&self, config: &Config) -> Result<Connected, Trouble>;

    /// Makes ready what may change of `config`; `parts` are changed by what is returned.
    fn prepare(&self, config: &Config, parts: &Arc<Parts>) -> Result<Change, Failure>;

    /// Puts in use what of `config` is the process's own: the log's level, and what it hides.
    fn apply_log(&self, config: &Config) -> Result<(), Failure>;

    /// Reads the configuration anew, secrets' files included.
    fn reread(&self) -> Result<(Config, Fingerprint), ConfigError>;
}
