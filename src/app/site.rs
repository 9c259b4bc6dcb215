//! The public pages, as configured: what they are made of, and the links that lead to them.
//!
//! Holds nothing that outlives the process; the keys it makes where none is configured are kept in the state database.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{App, AppError, fresh_key};
use crate::adapters::composio::{ComposioProvider, ForPeople};
use crate::config::{ReconnectMode, ReportAuth};
use crate::domain::ReconnectLinks;
use crate::http::{Access, Brand, ReconnectSite, ReportSite, Site};
use crate::languages::Languages;
use crate::reconnect::Reconnect;
use crate::store::Store;

impl App {
    /// What makes and opens the links to our own reconnect page; none where people are sent to the product's. A
    /// rehearsal, which sends none, keeps no key it would have to make.
    pub async fn reconnect_links(&self, store: &Store, dry_run: bool) -> Result<Option<ReconnectLinks>, AppError> {
        let section = &self.config.reconnect;
        let Some(base) = self.config.http.public_url.clone().filter(|_| section.mode == ReconnectMode::Page) else {
            return Ok(None);
        };
        let fresh = fresh_key()?;
        let mut work = store.begin().await?;
        let keys = work.link_keys(section.link_key.as_ref(), section.link_key_previous.as_ref(), &fresh).await?;
        if dry_run {
            work.roll_back();
        } else {
            work.commit().await?;
        }
        Ok(Some(ReconnectLinks { base, keys, life: section.link_ttl }))
    }

    /// What the pages are made of. `provider` is the one of this process: it holds the limiter.
    pub async fn site(&self, store: &Store, provider: Option<Arc<ComposioProvider>>) -> Result<Site, AppError> {
        let clock = Arc::clone(&self.clock);
        let section = &self.config.reconnect;
        let links = self.reconnect_links(store, false).await?;
        let reconnect = match links {
            Some(links) => Some(ReconnectSite {
                reconnect: Reconnect {
                    store: store.clone(),
                    provider: Arc::new(ForPeople::new(provider.map_or_else(|| self.composio().map(Arc::new), Ok)?)),
                    clock: Arc::clone(&self.clock),
                    mint: Arc::clone(&self.mint),
                    links,
                    run: self.run_id.clone(),
                    channels: self.channels()?,
                    tasks: TaskTracker::new(),
                },
                return_url: section.return_url.clone(),
                hosted: self.hosted_pages(),
            }),
            None => None,
        };
        Ok(Site {
            product: section.product.clone(),
            key: self.address_key(store).await?,
            store: store.clone(),
            now: Arc::new(move || clock.now()),
            languages: Arc::new(self.languages()?),
            brand: Brand {
                colour: self.config.http.colour,
                logo: self.config.http.logo.as_ref().map(|logo| Arc::clone(&logo.0)),
            },
            public_url: self.config.http.public_url.clone(),
            settings_url: section.url.clone(),
            trusted_proxies: self.config.http.trusted_proxies.clone(),
            reconnect,
            report: self.report_site()?,
        })
    }

    /// The languages of mails and of the pages they lead to, from the files as they are now.
    pub fn languages(&self) -> Result<Languages, AppError> {
        let own = self.config.email.as_ref().and_then(|email| email.templates.as_deref());
        Ok(Languages::load(own)?)
    }

    /// Who may read the report, where anybody may.
    fn report_site(&self) -> Result<Option<ReportSite>, AppError> {
        let access = match &self.config.http.report_auth {
            ReportAuth::Off => return Ok(None),
            ReportAuth::Token(token) => {
                Access::token(token).ok_or(AppError::Report("the token cannot be compared with"))?
            }
            ReportAuth::Proxy { header, from } => {
                let header = header.parse().map_err(|_| AppError::Report("report_proxy_header is no header's name"))?;
                Access::Proxy { header, from: from.clone() }
            }
        };
        Ok(Some(ReportSite { access, period: self.config.report.period }))
    }

    /// Where the provider's pages may be: anywhere on https, because they send on to the toolkits' own; and where the
    /// provider itself answers in clear, which only this host may.
    fn hosted_pages(&self) -> String {
        let base = &self.config.composio.base_url;
        match base.scheme() {
            "https" => "https:".to_owned(),
            _ => format!("https: {}", base.origin().ascii_serialization()),
        }
    }
}
