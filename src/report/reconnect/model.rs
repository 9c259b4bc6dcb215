//! The reconnect report as values: what every form of it is made from, and its JSON
//! ([docs/report.schema.json](../../../docs/report.schema.json)).
//!
//! Holds no address and no user's id. Every figure is as of the end of the period, so that a report about the same
//! period says the same whenever it is made (what is told of it in "docs/operations.md", "The reconnect report").

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// The version of the JSON form: keys are only ever added to a version.
pub const REPORT_VERSION: u32 = 1;

/// Which accounts break, for how many people, and whether telling them brings them back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReconnectReport {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// What it is about.
    pub period: Period,
    /// The one toolkit it is about; none where it is about all. Coverage, silences and deliveries are those of all.
    pub toolkit: Option<String>,
    /// When it was made.
    pub generated_at: Timestamp,
    /// How much of the truth it rests on.
    pub coverage: Coverage,
    /// The figures one looks at first.
    pub headline: Headline,
    /// The same of the period of the same length just before; none where its history was dropped, where it began before
    /// the first audit did, and where no audit went to its end and learned of somebody in it.
    pub previous: Option<Headline>,
    /// What broke, came back and is open, by toolkit and reason.
    pub breakages: Vec<Breakage>,
    /// How much of what worked broke, by toolkit.
    pub toolkits: Vec<ToolkitRate>,
    /// The auth configs of which most broke, the most first.
    pub auth_configs: Vec<AuthConfigRate>,
    /// What was broken before this product started to watch, and is open and told to nobody.
    pub old_news_open: u64,
    /// How far those came who were first told in the period.
    pub funnel: Funnel,
    /// After which notice people came back.
    pub brought_back: Vec<BroughtBack>,
    /// How many came back how soon, by the week in which it was noticed.
    pub cohorts: Vec<Cohort>,
    /// How long it took to notice what broke.
    pub time_to_detect: Times,
    /// How long it took people to come back once it was noticed; who has not is censored, not dropped.
    pub time_to_reconnect: ReconnectTimes,
    /// The share of people that was back after so long: the steps of the Kaplan-Meier curve behind
    /// [`Self::time_to_reconnect`], from 0 seconds to the longest anybody was followed. At most 192; of a longer curve those
    /// are left out that move it by less than half a percentage point. Empty where nobody was followed.
    pub reconnect_curve: Vec<CurvePoint>,
    /// What broke and came back week by week: the week the period ends in, which its end may cut, and up to 25 before, the
    /// oldest first. Weeks before the first audit are left out.
    pub trend: Vec<TrendPoint>,
    /// What broke again soon after it had come back.
    pub repeat_breakers: RepeatBreakers,
    /// Whom the last audit of the period sent nothing, by reason; who was told before, and is not due to be told again, is
    /// among them.
    pub silenced: BTreeMap<String, u64>,
    /// What became of the notices decided in the period, by channel.
    pub deliveries: Vec<ChannelHealth>,
}

/// From its first instant to the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

/// How much of the truth the report rests on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Audits that went to their end in the period and learned of somebody (or had nobody to ask about).
    pub audits_finished: u64,
    /// Audits that failed in it, or learned of nobody.
    pub audits_failed: u64,
    /// When the last of those finished ended.
    pub last_audit_at: Option<Timestamp>,
    /// How old that was at the end of the period.
    pub freshness_seconds: Option<u64>,
    /// The longest time of the period without the end of such an audit; the whole period where there was none.
    pub longest_gap_seconds: u64,
    /// Users the last of them looked at.
    pub users_scanned: u64,
    /// Of them, those whose accounts could not be fetched.
    pub users_unknown: u64,
    /// Of them, those whose id the provider cannot be asked about.
    pub users_unqueryable: u64,
    /// The share it learned the accounts of, 0 to 1; none without an audit or users.
    pub share: Option<f64>,
}

/// The figures one looks at first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Headline {
    /// Accounts that worked when the period began.
    pub active_at_start: u64,
    /// Incidents opened in it.
    pub newly_broken: u64,
    /// `newly_broken` for each account that worked at the start; none where none did.
    pub break_rate: Option<f64>,
    /// Incidents that ended in it because an account works again.
    pub recovered: u64,
    /// Incidents that ended in it because the account was deleted.
    pub gone: u64,
    /// Incidents open at its end.
    pub open: u64,
    /// Of them, those of users who had left the product: neither the last audit before the end nor one since asked about
    /// them, so that nothing closes these.
    #[serde(default)]
    pub open_left: u64,
    /// Incidents first told in it.
    pub notified: u64,
    /// Of them, those of which a notice was accepted by its receiver (see [`Funnel::delivered`]).
    pub delivered: u64,
    /// Of them, those that worked again afterwards.
    pub active_again: u64,
    /// Half of the breakages were noticed within so long.
    pub detect_median_seconds: Option<u64>,
    /// Half of the people came back within so long.
    pub reconnect_median_seconds: Option<u64>,
}

/// What became of the incidents of one toolkit and reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breakage {
    /// The toolkit.
    pub toolkit: String,
    /// What the provider's reason pointed at when the incident was opened.
    pub reason: String,
    /// Opened in the period.
    pub newly_broken: u64,
    /// Ended in it because an account works again.
    pub recovered: u64,
    /// Ended in it because the account was deleted.
    pub gone: u64,
    /// Open at its end.
    pub open: OpenByAge,
}

/// Open incidents by how long the account has been broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OpenByAge {
    /// Less than a day.
    pub under_1_day: u64,
    /// A day to a week.
    pub under_7_days: u64,
    /// A week to 30 days.
    pub under_30_days: u64,
    /// Longer.
    pub older: u64,
}

impl OpenByAge {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.under_1_day + self.under_7_days + self.under_30_days + self.older
    }
}

/// How much of what worked broke, of one toolkit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolkitRate {
    /// The toolkit.
    pub toolkit: String,
    /// Accounts that worked when the period began.
    pub active_at_start: u64,
    /// Incidents opened in it.
    pub newly_broken: u64,
    /// The one for each of the other; none where none worked.
    pub break_rate: Option<f64>,
}

/// How much of what worked broke, of one auth config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthConfigRate {
    /// The auth config.
    pub auth_config: String,
    /// Its toolkit.
    pub toolkit: String,
    /// Accounts that worked when the period began.
    pub active_at_start: u64,
    /// Incidents opened in it.
    pub newly_broken: u64,
    /// Its share of all incidents opened, 0 to 1.
    pub share_of_breakages: f64,
    /// Its share of all accounts that worked, 0 to 1.
    pub share_of_active: f64,
    /// At least [`STANDS_OUT_FROM`](super::STANDS_OUT_FROM) incidents, and at least twice its share of what worked, where
    /// anything did: look at the product's own OAuth app first.
    pub stands_out: bool,
}

/// How far those came who were first told in the period. Each step counts some of `delivered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    /// It was decided to tell.
    pub notified: u64,
    /// A notice was accepted: by a mail server (SMTP 250), or by the endpoint of a webhook (2xx). That says neither that it
    /// was shown nor that anybody read it.
    pub delivered: u64,
    /// Of them, their link was opened: by a browser that said a person sent it there, or a reconnect was begun. Not every
    /// browser says so, and what only fetches links is not counted, and a scanner that drives a browser is: an estimate. None
    /// where none of those first told had a link to our page by the end: on the product's own page nobody tells us.
    pub link_opened: Option<u64>,
    /// Of those delivered: a reconnect was begun on our page. None where `link_opened` is.
    pub attempt_started: Option<u64>,
    /// Of those delivered: the account works again, since a notice was accepted; also of those who took another way than
    /// the link.
    pub active_again: u64,
}

/// People who came back after the same number of notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroughtBack {
    /// The last notice that had been accepted by then, 0 being the first; none where none had.
    pub after_notice: Option<u32>,
    /// How many.
    pub recovered: u64,
}

/// The incidents opened in one week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cohort {
    /// The Monday it began, UTC.
    pub week: NaiveDate,
    /// Incidents opened in it.
    pub opened: u64,
    /// Of them, those whose account was deleted.
    pub gone: u64,
    /// Came back within a day.
    pub within_1_day: CameBack,
    /// Within 3 days.
    pub within_3_days: CameBack,
    /// Within 7 days.
    pub within_7_days: CameBack,
    /// Within 30 days.
    pub within_30_days: CameBack,
}

/// How many came back so soon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CameBack {
    /// How many so far.
    pub recovered: u64,
    /// Their share, 0 to 1; none before everybody of the week has had so long.
    pub rate: Option<f64>,
}

/// How long something took: whole minutes below a day, whole hours above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times {
    /// Of how many.
    pub count: u64,
    /// Half within so long.
    pub median_seconds: Option<u64>,
    /// Nine in ten within so long.
    pub p90_seconds: Option<u64>,
}

/// How long it took people to come back (Kaplan-Meier).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconnectTimes {
    /// Incidents opened since then are followed to the end of the period.
    pub followed_since: Timestamp,
    /// How many.
    pub incidents: u64,
    /// Of them, those that came back.
    pub recovered: u64,
    /// Half within so long; none where too few came back to say.
    pub median_seconds: Option<u64>,
    /// Nine in ten within so long; none where too few came back to say.
    pub p90_seconds: Option<u64>,
}

/// How many were back after so long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// So long after it was noticed, in seconds.
    pub after_seconds: u64,
    /// The share that is back by then, 0 to 1.
    pub back: f64,
}

/// What happened in one step of a trend, a day, a week or a month: what the headline of a report about it would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// Its first day, UTC.
    pub from: NaiveDate,
    /// Incidents opened in it.
    pub newly_broken: u64,
    /// Incidents that ended in it because an account works again.
    pub recovered: u64,
    /// Incidents that ended in it because the account was deleted.
    pub gone: u64,
    /// Incidents open at its end.
    pub open: u64,
    /// Incidents first told in it.
    pub notified: u64,
}

/// What broke again soon after it had come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepeatBreakers {
    /// Incidents opened in the period of a user and toolkit that had come back at most 30 days before.
    pub incidents: u64,
    /// Of how many users.
    pub users: u64,
}

/// What became of the notices of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelHealth {
    /// The channel.
    pub channel: String,
    /// Decided in the period.
    pub planned: u64,
    /// Accepted by the receiver: a mail server (SMTP 250) or the endpoint of a webhook (2xx). Nobody says whether it was read.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
    /// Still on their way.
    pub pending: u64,
}
