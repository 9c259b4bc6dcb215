//! The report once more, row by row over a whole history: slow, obvious, and written without a look at the SQL.

mod followed;
mod rates;
mod told;
mod trend;

use std::collections::BTreeMap;

use reconnectd::domain::{Timestamp, millis};
use reconnectd::report::reconnect::{Breakage, Headline, OpenByAge, ReconnectReport, ReportScope, Times};

use super::history::{DAY_MS, History, Incident};
use super::naive_times::{after, share, steps, survival};
pub use trend::trend;
use trend::{watched_since, weeks};

const WEEK_MS: i64 = 7 * DAY_MS;
/// Monday, 2018-01-01.
const A_MONDAY_MS: i64 = 1_514_764_800_000;

pub fn report(history: &History, scope: &ReportScope, now: Timestamp) -> ReconnectReport {
    let ReportScope { period, toolkit } = scope.clone();
    let everything = View { history, from: millis(period.from), to: millis(period.to) };
    let alone = scope.toolkit.as_ref().map(|toolkit| of_toolkit(history, toolkit));
    let view = View { history: alone.as_ref().unwrap_or(history), ..everything };
    let length = view.to - view.from;
    let before = View { from: view.from - length, to: view.from, ..view };
    let headline = view.headline();
    ReconnectReport {
        version: 1,
        period,
        toolkit,
        generated_at: now,
        coverage: everything.coverage(),
        previous: before.was_watched().then(|| before.headline()),
        breakages: view.breakages(),
        toolkits: view.toolkits(),
        auth_configs: view.auth_configs(&headline),
        old_news_open: view.old_news_open(),
        funnel: view.funnel(),
        brought_back: view.brought_back(),
        cohorts: view.cohorts(),
        time_to_detect: view.detect(),
        time_to_reconnect: view.reconnect(),
        reconnect_curve: view.curve(),
        trend: weeks(view.history, view.to),
        repeat_breakers: view.repeats(),
        silenced: everything.silenced(),
        deliveries: everything.channels(),
        headline,
    }
}

/// The history as if this were the only toolkit there is.
pub fn of_toolkit(history: &History, toolkit: &str) -> History {
    let mut alone = history.clone();
    alone.accounts.retain(|account| account.toolkit == toolkit);
    alone.incidents.retain(|incident| incident.toolkit == toolkit);
    alone
}

#[derive(Clone, Copy)]
struct View<'a> {
    history: &'a History,
    from: i64,
    to: i64,
}

impl View<'_> {
    /// Since its beginning, and an audit came to its end in it.
    fn was_watched(&self) -> bool {
        watched_since(self.history).is_some_and(|since| since <= self.from) && self.last_run().is_some()
    }

    fn within(&self, at: i64) -> bool {
        self.from <= at && at < self.to
    }

    fn closed(&self, incident: &Incident) -> Option<i64> {
        incident.closed_at.filter(|at| *at < self.to)
    }

    fn recovered(&self, incident: &Incident) -> Option<i64> {
        self.closed(incident).filter(|_| incident.evidence.as_deref() != Some("gone"))
    }

    /// Not old news, or released by the end.
    fn counts(&self, incident: &Incident) -> bool {
        !incident.baseline && incident.released_at.is_none_or(|at| at < self.to)
    }

    /// Broke on our watch and was opened since `from`.
    fn news_since(&self, from: i64) -> Vec<&Incident> {
        let news =
            |i: &&Incident| !i.baseline && i.released_at.is_none() && from <= i.opened_at && i.opened_at < self.to;
        self.history.incidents.iter().filter(news).collect()
    }

    /// The incidents the period touches.
    fn touched(&self) -> Vec<&Incident> {
        let touches =
            |i: &&Incident| self.counts(i) && i.opened_at < self.to && i.closed_at.is_none_or(|at| at >= self.from);
        self.history.incidents.iter().filter(touches).collect()
    }

    /// Until when it was seen how it is, where its user had left by the end; the end where nothing is known of them.
    fn left(&self, incident: &Incident) -> Option<i64> {
        let Some(user) = self.history.users.iter().find(|u| u.id == incident.user) else { return Some(self.to) };
        (user.outcome_at < self.there_since(self.to)).then_some(user.outcome_at)
    }

    fn open_left(&self) -> u64 {
        let touched = self.touched();
        touched.iter().filter(|i| self.closed(i).is_none() && self.left(i).is_some()).count() as u64
    }

    fn breakages(&self) -> Vec<Breakage> {
        let mut found: BTreeMap<(String, String), Breakage> = BTreeMap::new();
        for incident in self.touched() {
            let key = (incident.toolkit.clone(), reason(incident));
            let row = found.entry(key.clone()).or_insert_with(|| Breakage {
                toolkit: key.0,
                reason: key.1,
                newly_broken: 0,
                recovered: 0,
                gone: 0,
                open: OpenByAge::default(),
            });
            row.newly_broken += u64::from(incident.released_at.is_none() && self.within(incident.opened_at));
            match self.closed(incident) {
                Some(_) if self.recovered(incident).is_some() => row.recovered += 1,
                Some(_) => row.gone += 1,
                None => match (self.to - incident.broke_at) / DAY_MS {
                    ..1 => row.open.under_1_day += 1,
                    1..7 => row.open.under_7_days += 1,
                    7..30 => row.open.under_30_days += 1,
                    _ => row.open.older += 1,
                },
            }
        }
        found.into_values().collect()
    }

    fn old_news_open(&self) -> u64 {
        let old = |i: &&Incident| {
            i.opened_at < self.to
                && self.closed(i).is_none()
                && (i.baseline || i.released_at.is_some_and(|at| at >= self.to))
        };
        self.history.incidents.iter().filter(old).count() as u64
    }

    fn headline(&self) -> Headline {
        let (breakages, funnel) = (self.breakages(), self.funnel());
        let active_at_start = self.active().len() as u64;
        let newly_broken = breakages.iter().map(|b| b.newly_broken).sum();
        Headline {
            active_at_start,
            newly_broken,
            break_rate: share(newly_broken, active_at_start),
            recovered: breakages.iter().map(|b| b.recovered).sum(),
            gone: breakages.iter().map(|b| b.gone).sum(),
            open: breakages.iter().map(|b| b.open.total()).sum(),
            open_left: self.open_left(),
            notified: funnel.notified,
            delivered: funnel.delivered,
            active_again: funnel.active_again,
            detect_median_seconds: self.detect().median_seconds,
            reconnect_median_seconds: self.reconnect().median_seconds,
        }
    }

    fn detect(&self) -> Times {
        let news = self.news_since(self.from);
        let seen: Vec<(i64, bool)> = news.iter().map(|i| (steps(i.opened_at - i.broke_at), true)).collect();
        Times { count: seen.len() as u64, median_seconds: after(&seen, 0.5), p90_seconds: after(&seen, 0.9) }
    }
}

/// As it was when it was opened.
fn reason(incident: &Incident) -> String {
    incident.cause.as_ref().map_or_else(|| "other".to_owned(), |(reason, _)| reason.clone())
}
