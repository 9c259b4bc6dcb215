//! To be written.
use crate::domain::*;
use crate::ports::*;
use std::num::NonZeroU32;
/// x
#[derive(Debug, Clone, Copy)]
pub enum UsersPerRequest {
    /// x
    Auto,
    /// x
    Fixed(NonZeroU32),
}
/// x
#[derive(Debug, Clone, Copy)]
pub struct ScanOptions {
    /// x
    pub concurrency: usize,
    /// x
    pub users_per_request: UsersPerRequest,
}
/// x
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// x
    #[error("d")]
    Directory(#[from] DirectoryError),
    /// x
    #[error("p")]
    Provider(ProviderError),
    /// x
    #[error("c")]
    ConsumerGone,
}
/// x
pub async fn scan(
    d: &dyn Directory,
    p: &dyn Provider,
    _o: ScanOptions,
    from: Option<Cursor>,
    out: tokio::sync::mpsc::Sender<ScannedPage>,
) -> Result<(), ScanError> {
    let mut at = from;
    loop {
        let page = d.page(at.as_ref()).await?;
        let mut users = vec![];
        for u in page.users {
            let observation = if u.is_queryable() {
                match p.accounts_of(std::slice::from_ref(&u)).await {
                    Ok(l) => Observation::Complete(l.accounts),
                    Err(e) => match e.as_unknown() {
                        Some(r) => Observation::Unknown(r),
                        None => return Err(ScanError::Provider(e)),
                    },
                }
            } else {
                Observation::Unqueryable
            };
            users.push(UserObservation { user: u, observation });
        }
        let next = page.next.clone();
        if out.send(ScannedPage { users, next: page.next }).await.is_err() {
            return Err(ScanError::ConsumerGone);
        }
        match next {
            Some(n) => at = Some(n),
            None => return Ok(()),
        }
    }
}
