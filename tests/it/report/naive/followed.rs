//! How fast people came back, and who broke again.

use std::collections::{BTreeMap, BTreeSet};

use reconnectd::domain::from_millis;
use reconnectd::report::reconnect::{CameBack, Cohort, CurvePoint, ReconnectTimes, RepeatBreakers};

use super::super::history::{DAY_MS, Incident};
use super::{A_MONDAY_MS, View, WEEK_MS, after, share, steps, survival};

impl View<'_> {
    pub(super) fn followed_since(&self) -> i64 {
        let earliest = self.from.min(self.to - 12 * WEEK_MS);
        let mut monday = A_MONDAY_MS;
        while monday + WEEK_MS <= earliest {
            monday += WEEK_MS;
        }
        monday
    }

    pub(super) fn cohorts(&self) -> Vec<Cohort> {
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

    /// How long each incident of the cohorts was followed, and whether it ended then.
    pub(super) fn followed(&self) -> Vec<(i64, bool)> {
        let seen_until = |i: &Incident| self.closed(i).unwrap_or_else(|| self.left(i).unwrap_or(self.to));
        let lasted = |i: &&Incident| (steps((seen_until(i) - i.opened_at).max(0)), self.recovered(i).is_some());
        self.news_since(self.followed_since()).iter().map(lasted).collect()
    }

    pub(super) fn curve(&self) -> Vec<CurvePoint> {
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

    pub(super) fn reconnect(&self) -> ReconnectTimes {
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

    pub(super) fn repeats(&self) -> RepeatBreakers {
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
}
