//! What was said and what came of it, and how well the audits covered the users.

use std::collections::BTreeMap;

use reconnectd::domain::from_millis;
use reconnectd::report::reconnect::{BroughtBack, ChannelHealth, Coverage, Funnel};

use super::super::history::{Delivery, Incident, Item, Link, Run};
use super::{View, share};

impl View<'_> {
    /// When the deliveries of this item's notification arrived that named its incident.
    pub(super) fn arrivals(&self, item: &Item) -> Vec<i64> {
        let named = |d: &&Delivery| d.said.as_ref().is_none_or(|said| said.contains(&item.incident));
        let arrived = |d: &&Delivery| d.notification == item.notification && d.state == "delivered" && item.spent;
        self.history.deliveries.iter().filter(arrived).filter(named).filter_map(|d| d.settled_at).collect()
    }

    pub(super) fn notices(&self, incident: &Incident) -> Vec<&Item> {
        self.history.items.iter().filter(|item| item.incident == incident.id && item.number >= 0).collect()
    }

    pub(super) fn funnel(&self) -> Funnel {
        let (mut notified, mut delivered, mut active_again) = (0, 0, 0);
        let (mut opened, mut begun) = (0, 0);
        let mut pages = false;
        for incident in &self.history.incidents {
            let notices = self.notices(incident);
            let Some(first) = notices.iter().find(|item| item.number == 0) else { continue };
            let decided = self.history.notifications.iter().find(|n| n.id == first.notification).unwrap().created_at;
            if !self.within(decided) {
                continue;
            }
            notified += 1;
            let of_it = |link: &&Link| link.incident == incident.id;
            pages |= self.history.links.iter().filter(of_it).any(|link| link.created_at < self.to);
            let arrived = notices.iter().flat_map(|item| self.arrivals(item)).min().filter(|at| *at < self.to);
            let Some(arrived) = arrived else { continue };
            delivered += 1;
            let started = self.history.begun.iter().any(|b| b.incident == incident.id && b.created_at < self.to);
            let mut links = self.history.links.iter().filter(of_it);
            let seen = links.any(|link| link.opened_at.is_some_and(|at| at < self.to));
            begun += u64::from(started);
            opened += u64::from(started || seen);
            active_again += u64::from(self.recovered(incident).is_some_and(|at| at >= arrived));
        }
        let (link_opened, attempt_started) = (pages.then_some(opened), pages.then_some(begun));
        Funnel { notified, delivered, link_opened, attempt_started, active_again }
    }

    pub(super) fn brought_back(&self) -> Vec<BroughtBack> {
        let mut found: BTreeMap<Option<u32>, u64> = BTreeMap::new();
        for incident in self.history.incidents.iter().filter(|i| !i.baseline) {
            let Some(back) = self.recovered(incident).filter(|at| self.within(*at)) else { continue };
            let arrived = |item: &&&Item| self.arrivals(item).iter().any(|at| *at <= back);
            let last = self.notices(incident).iter().filter(arrived).map(|item| item.number).max();
            *found.entry(last.map(|number| u32::try_from(number).unwrap())).or_default() += 1;
        }
        found.into_iter().map(|(after_notice, recovered)| BroughtBack { after_notice, recovered }).collect()
    }

    pub(super) fn coverage(&self) -> Coverage {
        let mut ends: Vec<i64> = Vec::new();
        let mut failed = 0;
        for run in &self.history.runs {
            match run.finished_at.filter(|at| self.within(*at)) {
                Some(at) if run.state == "finished" && learned(run) => ends.push(at),
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
            users_unqueryable: last.unqueryable,
            share: share(last.scanned - last.unknown - last.unqueryable, last.scanned),
        }
    }

    pub(super) fn last_run(&self) -> Option<&Run> {
        let finished =
            |r: &&Run| r.state == "finished" && learned(r) && r.finished_at.is_some_and(|at| self.within(at));
        self.history.runs.iter().filter(finished).max_by_key(|r| (r.finished_at, r.id.clone()))
    }

    pub(super) fn silenced(&self) -> BTreeMap<String, u64> {
        self.last_run().map(|run| run.silenced.clone()).unwrap_or_default()
    }

    pub(super) fn channels(&self) -> Vec<ChannelHealth> {
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

/// Of somebody, or there was nobody who could be asked about.
fn learned(run: &Run) -> bool {
    run.unknown == 0 || run.unknown + run.unqueryable < run.scanned
}
