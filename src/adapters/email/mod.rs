//! To be written.
use crate::domain::*;
use crate::ports::*;
/// x
pub struct EmailSettings {
    /// x
    pub url: secrecy::SecretString,
    /// x
    pub from: String,
    /// x
    pub reply_to: Option<String>,
    /// x
    pub product: String,
    /// x
    pub limits: EmailLimits,
}
/// x
#[derive(Default)]
pub struct EmailLimits;
/// x
#[derive(Debug, thiserror::Error)]
pub enum EmailSettingsError {
    /// x
    #[error("x")]
    X,
}
/// x
pub struct EmailChannel;
impl EmailChannel {
    /// x
    pub fn new(_: EmailSettings) -> Result<Self, EmailSettingsError> {
        Ok(Self)
    }
}
#[async_trait::async_trait]
impl Channel for EmailChannel {
    fn name(&self) -> &ChannelName {
        unimplemented!()
    }
    fn needs_address(&self) -> bool {
        true
    }
    fn outside_id(&self, u: &str) -> String {
        u.into()
    }
    async fn send(&self, _: &Notice) -> Result<Receipt, SendError> {
        Ok(Receipt { detail: String::new() })
    }
    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}
