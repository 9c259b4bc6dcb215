//! The report once more, row by row over a whole history: slow, obvious, and written without a look at the SQL.

use std::collections::{BTreeMap, BTreeSet};

use reconnectd::domain::{Timestamp, from_millis, millis};
use reconnectd::report::reconnect::{
    AuthConfigRate, Breakage, BroughtBack, CameBack, ChannelHealth, Cohort, Coverage, CurvePoint, Funnel, Headline,
    OpenByAge, ReconnectReport, ReconnectTimes, RepeatBreakers, ReportScope, Times, ToolkitRate, TrendPoint,
};

use super::history::{DAY_MS, Delivery, History, Incident, Item, Link, Run};
use super::naive_times::{after, share, steps, survival};

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

/// The trend of a report: the week its period ends in and the 25 before.
fn weeks(history: &History, to: i64) -> Vec<TrendPoint> {
    let mut monday = A_MONDAY_MS;
    while monday + WEEK_MS < to {
        monday += WEEK_MS;
    }
    let begins = (0..26).rev().map(|ago| monday - ago * WEEK_MS);
    trend(history, &begins.collect::<Vec<_>>(), to)
}

/// What a report about each step alone would say. The last ends at `to`.
pub fn trend(history: &History, begins: &[i64], to: i64) -> Vec<TrendPoint> {
    let point = |(at, from): (usize, &i64)| {
        let headline = View { history, from: *from, to: begins.get(at + 1).copied().unwrap_or(to) }.headline();
        TrendPoint {
            from: from_millis(*from).date_naive(),
            newly_broken: headline.newly_broken,
            recovered: headline.recovered,
            gone: headline.gone,
            open: headline.open,
            notified: headline.notified,
        }
    };
    let Some(watched) = watched_since(history) else { return Vec::new() };
    let known = |(at, _): &(usize, &i64)| begins.get(at + 1).copied().unwrap_or(to) > watched;
    begins.iter().enumerate().filter(known).map(point).collect()
}

/// When the first audit began.
fn watched_since(history: &History) -> Option<i64> {
    history.runs.iter().map(|run| run.started_at).min()
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

    fn reason(&self, incident: &Incident) -> String {
        self.history.accounts.iter().find(|a| a.id == incident.account).unwrap().reason.clone()
    }

    fn breakages(&self) -> Vec<Breakage> {
        let mut found: BTreeMap<(String, String), Breakage> = BTreeMap::new();
        for incident in self.touched() {
            let key = (incident.toolkit.clone(), self.reason(incident));
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

    /// When the last audit that had ended before the period began, with those it went on from; at most 30 days before.
    fn there_since(&self) -> i64 {
        let ended = |r: &&Run| r.state == "finished" && r.finished_at.is_some_and(|at| at < self.from);
        let mut run = self.history.runs.iter().filter(ended).max_by_key(|r| (r.finished_at, r.id.clone()));
        let mut since = self.from - 30 * DAY_MS;
        let mut began = None;
        while let Some(part) = run {
            began = Some(began.map_or(part.started_at, |at: i64| at.min(part.started_at)));
            run = self.history.runs.iter().find(|r| Some(&r.id) == part.resumed_from.as_ref());
        }
        if let Some(began) = began {
            since = since.max(began);
        }
        since
    }

    /// Toolkit and auth config of every account that worked when the period began.
    fn active(&self) -> Vec<(String, String)> {
        let mut active = Vec::new();
        for account in &self.history.accounts {
            let user = self.history.users.iter().find(|u| u.id == account.user).unwrap();
            let mut later: Vec<_> =
                self.history.transitions.iter().filter(|t| t.account == account.id && t.at >= self.from).collect();
            later.sort_by_key(|t| t.at);
            let works = match later.first() {
                Some(change) => change.from == "healthy",
                None => account.gone_at.is_none() && account.condition == "healthy",
            };
            let seen = account.first_seen_at < self.from && user.outcome_at >= self.there_since();
            if works && seen {
                active.push((account.toolkit.clone(), account.auth_config.clone()));
            }
        }
        active
    }

    fn toolkits(&self) -> Vec<ToolkitRate> {
        let (active, news) = (self.active(), self.news_since(self.from));
        let mut names: BTreeSet<String> = active.iter().map(|(toolkit, _)| toolkit.clone()).collect();
        names.extend(self.touched().iter().map(|i| i.toolkit.clone()));
        let rate = |toolkit: String| {
            let active_at_start = active.iter().filter(|(of, _)| *of == toolkit).count() as u64;
            let newly_broken = news.iter().filter(|i| i.toolkit == toolkit).count() as u64;
            ToolkitRate { break_rate: share(newly_broken, active_at_start), toolkit, active_at_start, newly_broken }
        };
        names.into_iter().map(rate).collect()
    }

    fn auth_configs(&self, headline: &Headline) -> Vec<AuthConfigRate> {
        let mut broken: BTreeMap<(String, String), u64> = BTreeMap::new();
        for incident in self.news_since(self.from) {
            let account = self.history.accounts.iter().find(|a| a.id == incident.account).unwrap();
            if account.auth_config.is_empty() {
                continue; // Not known which.
            }
            *broken.entry((account.auth_config.clone(), account.toolkit.clone())).or_default() += 1;
        }
        let mut rows: Vec<AuthConfigRate> = broken
            .into_iter()
            .map(|((auth_config, toolkit), newly_broken)| {
                let active_at_start = self.active().iter().filter(|(_, of)| *of == auth_config).count() as u64;
                let share_of_breakages = share(newly_broken, headline.newly_broken).unwrap();
                let share_of_active = share(active_at_start, headline.active_at_start).unwrap_or(0.0);
                let stands_out = newly_broken >= 10 && share_of_breakages >= 2.0 * share_of_active;
                AuthConfigRate {
                    auth_config,
                    toolkit,
                    active_at_start,
                    newly_broken,
                    share_of_breakages,
                    share_of_active,
                    stands_out,
                }
            })
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.newly_broken));
        rows.truncate(20);
        rows
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
            notified: funnel.notified,
            delivered: funnel.delivered,
            active_again: funnel.active_again,
            detect_median_seconds: self.detect().median_seconds,
            reconnect_median_seconds: self.reconnect().median_seconds,
        }
    }

    /// When the deliveries of this item's notification arrived that named its incident.
    fn arrivals(&self, item: &Item) -> Vec<i64> {
        let named = |d: &&Delivery| d.said.as_ref().is_none_or(|said| said.contains(&item.incident));
        let arrived = |d: &&Delivery| d.notification == item.notification && d.state == "delivered" && item.spent;
        self.history.deliveries.iter().filter(arrived).filter(named).filter_map(|d| d.settled_at).collect()
    }

    fn notices(&self, incident: &Incident) -> Vec<&Item> {
        self.history.items.iter().filter(|item| item.incident == incident.id && item.number >= 0).collect()
    }

    fn funnel(&self) -> Funnel {
        let (mut notified, mut delivered, mut active_again) = (0, 0, 0);
        let (mut opened, mut begun) = (0, 0);
        let pages = self.history.links.iter().any(|link| self.within(link.created_at));
        for incident in &self.history.incidents {
            let notices = self.notices(incident);
            let Some(first) = notices.iter().find(|item| item.number == 0) else { continue };
            let decided = self.history.notifications.iter().find(|n| n.id == first.notification).unwrap().created_at;
            if !self.within(decided) {
                continue;
            }
            notified += 1;
            let arrived = notices.iter().flat_map(|item| self.arrivals(item)).min().filter(|at| *at < self.to);
            let Some(arrived) = arrived else { continue };
            delivered += 1;
            let started = self.history.begun.iter().any(|b| b.incident == incident.id && b.created_at < self.to);
            let of_it = |link: &&Link| link.incident == incident.id;
            let mut links = self.history.links.iter().filter(of_it);
            let seen = links.any(|link| link.opened_at.is_some_and(|at| at < self.to));
            begun += u64::from(started);
            opened += u64::from(started || seen);
            active_again += u64::from(self.recovered(incident).is_some_and(|at| at >= arrived));
        }
        let (link_opened, attempt_started) = (pages.then_some(opened), pages.then_some(begun));
        Funnel { notified, delivered, link_opened, attempt_started, active_again }
    }

    fn brought_back(&self) -> Vec<BroughtBack> {
        let mut found: BTreeMap<Option<u32>, u64> = BTreeMap::new();
        for incident in self.history.incidents.iter().filter(|i| !i.baseline) {
            let Some(back) = self.recovered(incident).filter(|at| self.within(*at)) else { continue };
            let arrived = |item: &&&Item| self.arrivals(item).iter().any(|at| *at <= back);
            let last = self.notices(incident).iter().filter(arrived).map(|item| item.number).max();
            *found.entry(last.map(|number| u32::try_from(number).unwrap())).or_default() += 1;
        }
        found.into_iter().map(|(after_notice, recovered)| BroughtBack { after_notice, recovered }).collect()
    }

    fn followed_since(&self) -> i64 {
        let earliest = self.from.min(self.to - 12 * WEEK_MS);
        let mut monday = A_MONDAY_MS;
        while monday + WEEK_MS <= earliest {
            monday += WEEK_MS;
        }
        monday
    }

    fn cohorts(&self) -> Vec<Cohort> {
        let mut cohorts = Vec::new();
        let mut monday = self.followed_since();
        while monday < self.to {
            let of_week = |i: &&&Incident| monday <= i.opened_at && i.opened_at < monday + WEEK_MS;
            let news = self.news_since(self.followed_since());
            let opened: Vec<&&Incident> = news.iter().filter(of_week).collect();
            let within = |days: i64| {
                let soon = |i: &&&&Incident| self.recovered(i).is_some_and(|at| at - i.opened_at <= days * DAY_MS);
                let recovered = opened.iter().filter(soon).count() as u64;
                let whole = monday + WEEK_MS + days * DAY_MS <= self.to;
                CameBack { recovered, rate: share(recovered, opened.len() as u64).filter(|_| whole) }
            };
            if !opened.is_empty() {
                let gone = |i: &&&&Incident| self.closed(i).is_some() && self.recovered(i).is_none();
                cohorts.push(Cohort {
                    week: from_millis(monday).date_naive(),
                    opened: opened.len() as u64,
                    gone: opened.iter().filter(gone).count() as u64,
                    within_1_day: within(1),
                    within_3_days: within(3),
                    within_7_days: within(7),
                    within_30_days: within(30),
                });
            }
            monday += WEEK_MS;
        }
        cohorts
    }

    fn detect(&self) -> Times {
        let news = self.news_since(self.from);
        let seen: Vec<(i64, bool)> = news.iter().map(|i| (steps(i.opened_at - i.broke_at), true)).collect();
        Times { count: seen.len() as u64, median_seconds: after(&seen, 0.5), p90_seconds: after(&seen, 0.9) }
    }

    /// How long each incident of the cohorts was followed, and whether it ended then.
    fn followed(&self) -> Vec<(i64, bool)> {
        let lasted =
            |i: &&Incident| (steps(self.closed(i).unwrap_or(self.to) - i.opened_at), self.recovered(i).is_some());
        self.news_since(self.followed_since()).iter().map(lasted).collect()
    }

    fn curve(&self) -> Vec<CurvePoint> {
        let seen = self.followed();
        let Some(longest) = seen.iter().map(|(at, _)| *at).max() else { return Vec::new() };
        let point =
            |after: i64, left: f64| CurvePoint { after_seconds: u64::try_from(after).unwrap(), back: 1.0 - left };
        let left = survival(&seen);
        let mut curve = BTreeMap::from([(0, point(0, 1.0))]);
        for (moment, now) in &left {
            let before = left.iter().rev().find(|(at, _)| at < moment).map_or(1.0, |(_, left)| *left);
            // Of a long curve, only what passes the next half of a percentage point.
            let passes =
                |n: u32| before > 1.0 - f64::from(n) / 190.0 + 1e-9 && *now <= 1.0 - f64::from(n) / 190.0 + 1e-9;
            if left.len() <= 190 || (1..=190).any(passes) {
                curve.insert(*moment, point(*moment, *now));
            }
        }
        curve.insert(longest, point(longest, left.last().map_or(1.0, |(_, left)| *left)));
        curve.into_values().collect()
    }

    fn reconnect(&self) -> ReconnectTimes {
        let since = self.followed_since();
        let seen = self.followed();
        ReconnectTimes {
            followed_since: from_millis(since),
            incidents: seen.len() as u64,
            recovered: seen.iter().filter(|(_, ended)| *ended).count() as u64,
            median_seconds: after(&seen, 0.5),
            p90_seconds: after(&seen, 0.9),
        }
    }

    fn repeats(&self) -> RepeatBreakers {
        let again = |i: &&&Incident| {
            self.history.incidents.iter().any(|e| {
                let gap = e.closed_at.map(|closed| i.opened_at - closed);
                e.id != i.id
                    && e.user == i.user
                    && e.toolkit == i.toolkit
                    && e.evidence.as_deref() != Some("gone")
                    && gap.is_some_and(|gap| (0..30 * DAY_MS).contains(&gap))
            })
        };
        let news = self.news_since(self.from);
        let found: Vec<&&Incident> = news.iter().filter(again).collect();
        let users: BTreeSet<&String> = found.iter().map(|i| &i.user).collect();
        RepeatBreakers { incidents: found.len() as u64, users: users.len() as u64 }
    }

    fn coverage(&self) -> Coverage {
        let mut ends: Vec<i64> = Vec::new();
        let mut failed = 0;
        for run in &self.history.runs {
            match run.finished_at.filter(|at| self.within(*at)) {
                Some(at) if run.state == "finished" => ends.push(at),
                Some(_) => failed += 1,
                None => {}
            }
        }
        ends.sort_unstable();
        let Some(last) = self.last_run() else {
            let whole = u64::try_from((self.to - self.from) / 1000).unwrap();
            return Coverage { audits_failed: failed, longest_gap_seconds: whole, ..Coverage::default() };
        };
        let mut marks = vec![self.from];
        marks.extend(&ends);
        marks.push(self.to);
        let gap = marks.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        let ended = last.finished_at.unwrap();
        Coverage {
            audits_finished: ends.len() as u64,
            audits_failed: failed,
            last_audit_at: Some(from_millis(ended)),
            freshness_seconds: Some(u64::try_from((self.to - ended) / 1000).unwrap()),
            longest_gap_seconds: u64::try_from(gap / 1000).unwrap(),
            users_scanned: last.scanned,
            users_unknown: last.unknown,
            users_unqueryable: 0,
            share: share(last.scanned - last.unknown, last.scanned),
        }
    }

    fn last_run(&self) -> Option<&Run> {
        let finished = |r: &&Run| r.state == "finished" && r.finished_at.is_some_and(|at| self.within(at));
        self.history.runs.iter().filter(finished).max_by_key(|r| (r.finished_at, r.id.clone()))
    }

    fn silenced(&self) -> BTreeMap<String, u64> {
        self.last_run().map(|run| BTreeMap::from([("baseline".to_owned(), run.silenced)])).unwrap_or_default()
    }

    fn channels(&self) -> Vec<ChannelHealth> {
        let mut found: BTreeMap<String, ChannelHealth> = BTreeMap::new();
        for delivery in &self.history.deliveries {
            let decided = self.history.notifications.iter().find(|n| n.id == delivery.notification).unwrap().created_at;
            if !self.within(decided) {
                continue;
            }
            let channel = delivery.channel.clone();
            let empty = ChannelHealth { channel, planned: 0, delivered: 0, dead: 0, cancelled: 0, pending: 0 };
            let row = found.entry(delivery.channel.clone()).or_insert(empty);
            row.planned += 1;
            match (delivery.state.as_str(), delivery.settled_at.is_some_and(|at| at < self.to)) {
                ("delivered", true) => row.delivered += 1,
                ("dead", true) => row.dead += 1,
                ("cancelled", true) => row.cancelled += 1,
                _ => row.pending += 1,
            }
        }
        found.into_values().collect()
    }
}
