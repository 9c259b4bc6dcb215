//! From history to the report: asks the state database for sums, and divides.
//!
//! Bounded: the database sums up, so what comes back grows with toolkits, weeks and days, not with accounts.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta};

use super::auth_configs::auth_config_rates;
use super::model::{
    Breakage, BroughtBack, CameBack, ChannelHealth, Cohort, Coverage, CurvePoint, Funnel, Headline, OpenByAge, Period,
    REPORT_VERSION, ReconnectReport, ReconnectTimes, RepeatBreakers, Times, ToolkitRate,
};
use super::period::{REPEAT_WITHIN, ReportScope, followed_since, history_needed, same_before};
use super::trend::{MOST_STEPS, trend_of_report};
use crate::domain::{Followed, Survival, Timestamp, ratio};
use crate::store::{
    ActiveAccounts, AuditFigures, AuthConfigBreakages, BreakageFigures, ChannelFigures, FIRST_MONDAY_MS, Store,
    StoreError, Stretch, WEEK_MS, Watched, WeekFigures, Work,
};
use crate::telemetry::pulse::moved;

/// Auth configs that are listed: those of which most broke.
const AUTH_CONFIGS: u32 = 20;
/// How finely the curve is drawn where it is long: a step for each 190th of all people, which is half a percentage point
/// and has the median (95) and the 90th percentile (171) among its steps. With its two ends it has at most 192 points.
const CURVE_STEPS: u32 = 190;

/// No report about this period can be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Part of what it would count was dropped.
    #[error(
        "history before {0} was dropped ([retention] history), and a report about this period would need it; ask for a later one"
    )]
    Dropped(NaiveDate),
    /// More steps than a trend has.
    #[error("a trend has at most {MOST_STEPS} steps; ask about a shorter time, or for longer steps")]
    TooManySteps,
    /// It ends within a day of which only sums are kept.
    #[error("history of {0} is kept in sums of whole days; let the trend end at 00:00 UTC, or later")]
    PartOfDay(NaiveDate),
    /// The state database could not be read.
    #[error("the state database could not be read for the report")]
    Store(#[from] StoreError),
}

/// Makes the report about a period, and one toolkit where one is named, as of `now`. Coverage, silences and deliveries are
/// those of all toolkits: an audit and a mail are about several at once.
pub async fn reconnect_report(
    store: &Store,
    scope: impl Into<ReportScope>,
    now: Timestamp,
) -> Result<ReconnectReport, ReportError> {
    let ReportScope { period, toolkit } = scope.into();
    let of = toolkit.as_deref();
    let mut work = store.begin_snapshot().await?;
    let since = work.history_since().await?;
    if let Some(since) = since.filter(|since| *since > history_needed(period)) {
        return Err(ReportError::Dropped(since.date_naive()));
    }
    let before = comparable(&mut work, period, since).await?;
    let (breakages, auth_configs) = asked(work.report_breakages(stretch(period), of, AUTH_CONFIGS)).await?;
    let earlier = work.report_watched(before.unwrap_or(period).from).await?;
    let (start, end) = (work.report_watched(period.from).await?, work.report_watched(period.to).await?);
    let (then, worked) = worked(&mut work, earlier, start, of, &auth_configs).await?;
    let report = Reading::of(&mut work, (period, end), of, breakages, worked).await?;
    let previous = match before {
        Some(before) => {
            let (breakages, _) = asked(work.report_breakages(stretch(before), of, 0)).await?;
            Some(Reading::of(&mut work, (before, start), of, breakages, then).await?.headline())
        }
        None => None,
    };
    let headline = report.headline();
    let stretch = stretch(period);
    let weeks = asked(work.report_weeks(Stretch { from: followed_since(period), ..stretch }, of)).await?;
    let repeats = asked(work.report_repeats(stretch, of, REPEAT_WITHIN.num_milliseconds())).await?;
    let audits = asked(work.report_audits(stretch)).await?;
    let brought_back = asked(work.report_brought_back(stretch, of)).await?;
    let page = asked(work.report_page(stretch, of)).await?;
    let channels = asked(work.report_channels(stretch)).await?;
    let old_news_open = asked(work.report_old_news(period.to, of)).await?;
    let trend = trend_of_report(&mut work, period, of.map(str::to_owned)).await?;
    moved();
    work.roll_back();
    Ok(ReconnectReport {
        version: REPORT_VERSION,
        period,
        toolkit,
        generated_at: now,
        silenced: audits.last.as_ref().map(|(_, counted)| counted.silenced.clone()).unwrap_or_default(),
        coverage: coverage(period, &audits),
        breakages: report.breakages.iter().map(breakage).collect(),
        toolkits: report.toolkits(),
        auth_configs: auth_config_rates(&auth_configs, &report.worked, &headline),
        old_news_open,
        funnel: Funnel {
            link_opened: page.map(|page| page.link_opened),
            attempt_started: page.map(|page| page.attempt_started),
            ..report.funnel()
        },
        brought_back: brought_back
            .into_iter()
            .map(|(after_notice, recovered)| BroughtBack { after_notice, recovered })
            .collect(),
        cohorts: weeks.iter().map(|week| cohort(week, period.to)).collect(),
        time_to_detect: times(report.detect.clone()),
        time_to_reconnect: report.reconnect(period),
        reconnect_curve: report.curve(),
        trend,
        repeat_breakers: RepeatBreakers { incidents: repeats.0, users: repeats.1 },
        deliveries: channels.into_iter().map(channel_health).collect(),
        headline,
        previous,
    })
}

fn channel_health(of: ChannelFigures) -> ChannelHealth {
    ChannelHealth {
        pending: of.planned.saturating_sub(of.delivered + of.dead + of.cancelled),
        channel: of.channel,
        planned: of.planned,
        delivered: of.delivered,
        dead: of.dead,
        cancelled: of.cancelled,
    }
}

/// The period before, where it can be compared with: its history is there, and it was watched from its beginning, with an
/// audit that went to its end and learned of somebody in it. What nobody looked at broke nothing.
async fn comparable(work: &mut Work, period: Period, since: Option<Timestamp>) -> Result<Option<Period>, StoreError> {
    let before = same_before(period);
    let kept = since.is_none_or(|since| since <= history_needed(before));
    if !kept || work.watched_since().await?.is_none_or(|began| began > before.from) {
        return Ok(None);
    }
    let audits = asked(work.report_audits(stretch(before))).await?;
    Ok(Some(before).filter(|_| audits.last.is_some()))
}

/// One question, after which the work has moved: each may take minutes over a long history.
async fn asked<T>(question: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let answer = question.await;
    moved();
    answer
}

pub(super) fn stretch(period: Period) -> Stretch {
    Stretch { from: period.from, to: period.to }
}

/// Accounts that worked when a period began.
pub(super) struct Worked {
    pub(super) toolkit: String,
    /// Empty for all auth configs together that were not asked for by name.
    pub(super) auth_config: String,
    pub(super) accounts: u64,
}

/// The accounts that worked at two instants, those of some auth configs apart: read together, because all accounts and
/// all changes since must be looked at for either.
async fn worked(
    work: &mut Work,
    earlier: Watched,
    later: Watched,
    toolkit: Option<&str>,
    apart: &[AuthConfigBreakages],
) -> Result<(Vec<Worked>, Vec<Worked>), StoreError> {
    let apart: Vec<String> = apart.iter().map(|of| of.auth_config.clone()).collect();
    let found = asked(work.report_active(earlier, later, toolkit, &apart)).await?;
    let at = |accounts: fn(&ActiveAccounts) -> u64| {
        let those = found.iter().filter(|of| accounts(of) > 0);
        those
            .map(|of| Worked {
                toolkit: of.toolkit.clone(),
                auth_config: of.auth_config.clone(),
                accounts: accounts(of),
            })
            .collect()
    };
    Ok((at(|of| of.earlier), at(|of| of.later)))
}

/// What a period's headline is made from.
struct Reading {
    breakages: Vec<BreakageFigures>,
    worked: Vec<Worked>,
    funnel: crate::store::FunnelFigures,
    detect: Vec<Followed>,
    reconnect: Vec<Followed>,
    open_left: u64,
}

impl Reading {
    /// Of a period, and who was there at its end.
    async fn of(
        work: &mut Work,
        (period, end): (Period, Watched),
        toolkit: Option<&str>,
        breakages: Vec<BreakageFigures>,
        worked: Vec<Worked>,
    ) -> Result<Self, StoreError> {
        let stretch = stretch(period);
        Ok(Self {
            breakages,
            worked,
            funnel: asked(work.report_funnel(stretch, toolkit)).await?,
            detect: asked(work.report_detect_times(stretch, toolkit)).await?,
            reconnect: asked(work.report_reconnect_times(followed_since(period), end, toolkit)).await?,
            open_left: asked(work.report_open_left(end, toolkit)).await?,
        })
    }

    fn headline(&self) -> Headline {
        let sum = |what: fn(&BreakageFigures) -> u64| self.breakages.iter().map(what).sum::<u64>();
        let active_at_start = self.worked.iter().map(|of| of.accounts).sum();
        let newly_broken = sum(|of| of.newly_broken);
        Headline {
            active_at_start,
            newly_broken,
            break_rate: rate(newly_broken, active_at_start),
            recovered: sum(|of| of.recovered),
            gone: sum(|of| of.gone),
            open: sum(|of| of.open.iter().sum()),
            open_left: self.open_left,
            notified: self.funnel.notified,
            delivered: self.funnel.delivered,
            active_again: self.funnel.active_again,
            detect_median_seconds: times(self.detect.clone()).median_seconds,
            reconnect_median_seconds: Survival::estimate(self.reconnect.clone()).after(0.5),
        }
    }

    fn funnel(&self) -> Funnel {
        Funnel {
            notified: self.funnel.notified,
            delivered: self.funnel.delivered,
            link_opened: None,
            attempt_started: None,
            active_again: self.funnel.active_again,
        }
    }

    fn toolkits(&self) -> Vec<ToolkitRate> {
        let mut found: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for of in &self.worked {
            found.entry(&of.toolkit).or_default().0 += of.accounts;
        }
        for of in &self.breakages {
            found.entry(&of.toolkit).or_default().1 += of.newly_broken;
        }
        found
            .into_iter()
            .map(|(toolkit, (active_at_start, newly_broken))| ToolkitRate {
                toolkit: toolkit.to_owned(),
                active_at_start,
                newly_broken,
                break_rate: rate(newly_broken, active_at_start),
            })
            .collect()
    }

    fn curve(&self) -> Vec<CurvePoint> {
        let course = Survival::estimate(self.reconnect.clone()).course(CURVE_STEPS);
        course.into_iter().map(|(after_seconds, left)| CurvePoint { after_seconds, back: 1.0 - left }).collect()
    }

    fn reconnect(&self, period: Period) -> ReconnectTimes {
        let curve = Survival::estimate(self.reconnect.clone());
        ReconnectTimes {
            followed_since: followed_since(period),
            incidents: self.reconnect.iter().map(|at| at.ended + at.censored).sum(),
            recovered: self.reconnect.iter().map(|at| at.ended).sum(),
            median_seconds: curve.after(0.5),
            p90_seconds: curve.after(0.9),
        }
    }
}

fn breakage(of: &BreakageFigures) -> Breakage {
    let [under_1_day, under_7_days, under_30_days, older] = of.open;
    Breakage {
        toolkit: of.toolkit.clone(),
        reason: of.reason.clone(),
        newly_broken: of.newly_broken,
        recovered: of.recovered,
        gone: of.gone,
        open: OpenByAge { under_1_day, under_7_days, under_30_days, older },
    }
}

fn cohort(of: &WeekFigures, to: Timestamp) -> Cohort {
    let begin = DateTime::from_timestamp_millis(FIRST_MONDAY_MS + of.week * WEEK_MS).unwrap_or_default();
    let whole_after = |days| begin + TimeDelta::days(7 + days) <= to;
    let came_back = |recovered: u64, days: i64| CameBack {
        recovered,
        rate: rate(recovered, of.opened).filter(|_| whole_after(days)),
    };
    let [one, three, seven, thirty] = of.recovered;
    Cohort {
        week: begin.date_naive(),
        opened: of.opened,
        gone: of.gone,
        within_1_day: came_back(one, 1),
        within_3_days: came_back(three, 3),
        within_7_days: came_back(seven, 7),
        within_30_days: came_back(thirty, 30),
    }
}

fn coverage(period: Period, audits: &AuditFigures) -> Coverage {
    let seconds = |length: TimeDelta| u64::try_from(length.num_seconds()).unwrap_or(0);
    let Some((last_at, counted)) = &audits.last else {
        let longest_gap_seconds = seconds(period.to - period.from);
        return Coverage { audits_failed: audits.failed, longest_gap_seconds, ..Coverage::default() };
    };
    let first_at = audits.first_at.unwrap_or(*last_at);
    let between = audits.longest_gap_ms.unwrap_or(0) / 1000;
    let not_learned = counted.users_unknown + counted.users_unqueryable;
    Coverage {
        audits_finished: audits.finished,
        audits_failed: audits.failed,
        last_audit_at: Some(*last_at),
        freshness_seconds: Some(seconds(period.to - *last_at)),
        longest_gap_seconds: between.max(seconds(first_at - period.from)).max(seconds(period.to - *last_at)),
        users_scanned: counted.users_scanned,
        users_unknown: counted.users_unknown,
        users_unqueryable: counted.users_unqueryable,
        share: rate(counted.users_scanned.saturating_sub(not_learned), counted.users_scanned),
    }
}

fn times(seen: Vec<Followed>) -> Times {
    let count = seen.iter().map(|at| at.ended).sum();
    let curve = Survival::estimate(seen);
    Times { count, median_seconds: curve.after(0.5), p90_seconds: curve.after(0.9) }
}

/// None of nothing.
fn rate(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| ratio(part, whole))
}
