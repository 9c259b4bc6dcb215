//! How a run, a report and the retention behave, as configured.
//!
//! Turns sections of the configuration into plain settings of the stages; reaches nothing.

use std::num::NonZeroU32;

use super::channels::webhook_channel;
use super::{App, holder};
use crate::config::{FirstRun, UsersPerRequest};
use crate::deliver::{DeliverySettings, LEAVE_ALONE_AFTER, PaceLimits};
use crate::domain::{AddressKey, NoticePolicy, ReconnectLinks, RetrySchedule, StormGuard, Unsubscribe};
use crate::pipeline::{LEASE_TTL, RunSettings};
use crate::report::reconnect::{Frame, ReportSettings};
use crate::retention::RetentionSettings;
use crate::scan::{self, ScanOptions};

impl App {
    /// How a run behaves.
    pub fn settings(&self, dry_run: bool, address_key: AddressKey, links: Option<ReconnectLinks>) -> RunSettings {
        let users_per_request = match self.config.composio.users_per_request {
            UsersPerRequest::Auto => scan::UsersPerRequest::Auto,
            UsersPerRequest::Fixed(number) => scan::UsersPerRequest::Fixed(number),
        };
        let concurrency = usize::try_from(self.config.composio.concurrency.get()).unwrap_or(1);
        RunSettings {
            scan: ScanOptions { concurrency, users_per_request },
            baseline_first: self.config.policy.first_run == FirstRun::Baseline,
            dry_run,
            reconnect_url: self.config.reconnect.url.clone(),
            retry: RetrySchedule::default(),
            notices: self.notice_policy(),
            quiet: self.config.quiet.clone(),
            storm: StormGuard {
                share: self.config.storm.share,
                min: u64::from(self.config.storm.min.get()),
                window: self.config.storm.window,
            },
            delivery: self.delivery_settings(address_key, links),
            holder: holder(),
            lease_ttl: LEASE_TTL,
        }
    }

    /// How deliveries are made.
    fn delivery_settings(&self, key: AddressKey, links: Option<ReconnectLinks>) -> DeliverySettings {
        let email = self.config.email.as_ref();
        let rate = |rate: Option<NonZeroU32>| rate.unwrap_or(NonZeroU32::MAX); // No mail, no rate.
        let webhooks = self.config.webhook.iter();
        DeliverySettings {
            pace: PaceLimits {
                per_minute: rate(email.map(|email| email.max_per_minute)),
                per_domain_per_minute: rate(email.map(|email| email.max_per_domain_per_minute)),
                ramp_up_from: rate(email.map(|email| email.ramp_up_from)),
            },
            disable_after: webhooks.map(|hook| (webhook_channel(&hook.name), hook.disable_after)).collect(),
            leave_alone_after: LEAVE_ALONE_AFTER,
            notices: self.notice_policy(),
            unsubscribe: self.config.http.public_url.clone().map(|base| Unsubscribe { base, key: key.clone() }),
            address_key: key,
            links,
        }
    }

    /// How often and how soon people are told.
    fn notice_policy(&self) -> NoticePolicy {
        let policy = &self.config.policy;
        NoticePolicy {
            ladder: policy.ladder.clone(),
            dwell: policy.dwell,
            dwell_transient: policy.dwell_transient,
            digest_window: policy.digest_window,
            max_per_day: policy.max_per_day.get(),
            max_per_week: policy.max_per_week.get(),
            recovered_mail: policy.recovered_mail,
        }
    }

    /// How the scheduled report is made.
    pub fn report_settings(&self) -> ReportSettings {
        let section = &self.config.report;
        let (directory, frame) = (section.directory.clone(), self.report_frame());
        ReportSettings { period: section.period, directory, keep: section.keep, frame }
    }

    /// Whose report it is, on its page.
    pub fn report_frame(&self) -> Frame {
        Frame::file(&self.config.reconnect.product, self.config.http.colour)
    }

    /// How long what happened is kept.
    pub fn retention_settings(&self) -> RetentionSettings {
        let section = self.config.retention;
        RetentionSettings { history: section.history, operational: section.operational }
    }
}
