//! To be written.
use crate::domain::UserId;
use crate::ports::*;
use std::{sync::Arc, time::Duration};
/// x
pub struct ComposioSettings {
    /// x
    pub base_url: url::Url,
    /// x
    pub api_key: secrecy::SecretString,
    /// x
    pub requests_per_minute: u32,
    /// x
    pub reserve: f64,
    /// x
    pub max_attempts: u32,
    /// x
    pub timeout_connect: Duration,
    /// x
    pub timeout_total: Duration,
}
/// x
#[derive(Debug, thiserror::Error)]
pub enum ComposioSettingsError {
    /// x
    #[error("x")]
    X,
}
/// x
pub struct ComposioProvider;
impl ComposioProvider {
    /// x
    pub fn new(_: ComposioSettings, _: Arc<dyn Clock>, _: u64) -> Result<Self, ComposioSettingsError> {
        Ok(Self)
    }
}
#[async_trait::async_trait]
impl Provider for ComposioProvider {
    async fn accounts_of(&self, _: &[UserId]) -> Result<AccountList, ProviderError> {
        Err(ProviderError::Gone)
    }
    async fn check(&self) -> Result<(), ProviderError> {
        Ok(())
    }
    fn usage(&self) -> ProviderUsage {
        ProviderUsage::default()
    }
}
