//! What worked when a period began, and how much of it broke.

use std::collections::{BTreeMap, BTreeSet};

use reconnectd::report::reconnect::{AuthConfigRate, Headline, ToolkitRate};

use super::super::history::{DAY_MS, Run};
use super::{View, share};

impl View<'_> {
    /// When the last audit that had ended before an instant began, with those it went on from; at most 30 days before.
    pub(super) fn there_since(&self, instant: i64) -> i64 {
        let ended = |r: &&Run| r.state == "finished" && r.finished_at.is_some_and(|at| at < instant);
        let mut run = self.history.runs.iter().filter(ended).max_by_key(|r| (r.finished_at, r.id.clone()));
        let mut since = instant - 30 * DAY_MS;
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
    pub(super) fn active(&self) -> Vec<(String, String)> {
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
            let seen = account.first_seen_at < self.from && user.outcome_at >= self.there_since(self.from);
            if works && seen {
                active.push((account.toolkit.clone(), account.auth_config.clone()));
            }
        }
        active
    }

    pub(super) fn toolkits(&self) -> Vec<ToolkitRate> {
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

    pub(super) fn auth_configs(&self, headline: &Headline) -> Vec<AuthConfigRate> {
        let mut broken: BTreeMap<(String, String), u64> = BTreeMap::new();
        for incident in self.news_since(self.from) {
            // An empty one is not known.
            let Some((_, known)) = incident.cause.as_ref().filter(|(_, known)| !known.is_empty()) else { continue };
            *broken.entry((known.clone(), incident.toolkit.clone())).or_default() += 1;
        }
        let mut rows: Vec<AuthConfigRate> = broken
            .into_iter()
            .map(|((auth_config, toolkit), newly_broken)| {
                let key = (toolkit.clone(), auth_config.clone());
                let active_at_start = self.active().iter().filter(|of| **of == key).count() as u64;
                let share_of_breakages = share(newly_broken, headline.newly_broken).unwrap();
                let share_of_active = share(active_at_start, headline.active_at_start).unwrap_or(0.0);
                let (broke, worked) = (headline.newly_broken, headline.active_at_start);
                let stands_out =
                    newly_broken >= 10 && worked > 0 && newly_broken * worked >= 2 * active_at_start * broke;
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
}
