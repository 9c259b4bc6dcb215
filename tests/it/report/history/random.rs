//! The history that follows from a seed.

use super::{
    Account, Begun, DAY_MS, DAYS, Delivery, HOUR_MS, History, Incident, Item, Link, MONDAY_MS, Notification, Run,
    Transition, User,
};

/// The history that follows from a seed.
pub fn random(seed: u64) -> History {
    let mut maker = Maker { rng: fastrand::Rng::with_seed(seed), history: History::default(), next: 0, pages: false };
    maker.pages = maker.rng.u8(0..4) > 0;
    for n in 0..maker.rng.usize(1..30) {
        maker.user(n);
    }
    for _ in 0..maker.rng.usize(0..40) {
        maker.run();
    }
    maker.history
}

struct Maker {
    rng: fastrand::Rng,
    history: History,
    next: u32,
    /// Links lead to a page of ours.
    pages: bool,
}

impl Maker {
    /// Often on the grid of six hours, at times just beside it.
    fn instant(&mut self, from: i64, to: i64) -> i64 {
        let step = 6 * HOUR_MS;
        let at = from + self.rng.i64(0..=((to - from) / step).max(0)) * step;
        at + if self.rng.u8(0..4) == 0 { self.rng.i64(0..step) } else { 0 }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.rng.usize(0..of.len())]
    }

    fn id(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{:05}", self.next)
    }

    fn user(&mut self, n: usize) {
        let (begin, end) = (MONDAY_MS - DAYS * DAY_MS, MONDAY_MS);
        let id = format!("user-{n}");
        let outcome_at = self.instant(begin, end);
        let observed_at = (self.rng.u8(0..8) > 0).then_some(outcome_at);
        self.history.users.push(User { id: id.clone(), observed_at, outcome_at });
        for _ in 0..self.rng.usize(0..4) {
            self.account(&id, begin, end);
        }
    }

    fn account(&mut self, user: &str, begin: i64, end: i64) {
        let toolkit = self.pick(&["slack", "gmail", "notion"]).to_owned();
        let account = Account {
            id: self.id("ca_"),
            user: user.to_owned(),
            auth_config: self.pick(&["ac_T0", "ac_T1", "ac_T1", ""]).replace('T', &toolkit),
            toolkit: toolkit.clone(),
            reason: self.pick(&["none", "refresh_refused", "transient"]).to_owned(),
            condition: self.pick(&["healthy", "healthy", "broken", "pending"]).to_owned(),
            first_seen_at: self.instant(begin, end),
            gone_at: (self.rng.u8(0..6) == 0).then(|| end - DAY_MS),
        };
        for _ in 0..self.rng.usize(0..4) {
            let at = self.instant(begin, end);
            if self.history.transitions.iter().all(|other| other.account != account.id || other.at != at) {
                let from = self.pick(&["healthy", "broken", "pending"]).to_owned();
                self.history.transitions.push(Transition {
                    user: user.to_owned(),
                    account: account.id.clone(),
                    at,
                    from,
                });
            }
        }
        let open =
            self.history.incidents.iter().any(|i| i.user == user && i.toolkit == toolkit && i.closed_at.is_none());
        for _ in 0..self.rng.usize(0..4) {
            self.incident(&account, open, begin, end);
        }
        self.history.accounts.push(account);
    }

    fn incident(&mut self, account: &Account, open: bool, begin: i64, end: i64) {
        let before = self.history.incidents.iter().rev().find(|i| i.account == account.id).and_then(|i| i.closed_at);
        let opened_at = match before {
            // Broke again in the moment in which it was seen to be back.
            Some(closed_at) if self.rng.u8(0..3) == 0 => closed_at,
            _ => self.instant(begin, end),
        };
        let open = open
            || self.history.incidents.iter().any(|i| i.account == account.id && i.closed_at.is_none())
            || self.rng.u8(0..4) > 0;
        let closed_at = open.then(|| self.instant(opened_at, end));
        let old_news = self.rng.u8(0..5) == 0;
        let released_at = (old_news && self.rng.bool()).then(|| {
            let end = closed_at.unwrap_or(end);
            self.instant(opened_at, end).min(end)
        });
        let incident = Incident {
            id: self.id("in_"),
            user: account.user.clone(),
            toolkit: account.toolkit.clone(),
            account: account.id.clone(),
            opened_at,
            broke_at: opened_at - self.rng.i64(0..40) * 8 * HOUR_MS - self.rng.i64(0..HOUR_MS),
            baseline: old_news && released_at.is_none(),
            released_at,
            closed_at,
            evidence: closed_at.map(|_| self.pick(&["active", "active", "superseded", "gone"]).to_owned()),
        };
        let last = closed_at.unwrap_or(end);
        let mut at = opened_at;
        for number in 0..self.rng.i64(0..4) {
            at = self.instant(at, last);
            self.notification(&incident, number, at, end);
            if self.pages && number == 0 {
                self.links(&incident, at, end);
            }
        }
        if self.rng.u8(0..5) == 0 && closed_at.is_some() {
            self.notification(&incident, -1, last, end);
        }
        self.history.incidents.push(incident);
    }

    fn notification(&mut self, incident: &Incident, number: i64, at: i64, end: i64) {
        let notification = Notification { id: self.id("no_"), user: incident.user.clone(), created_at: at };
        let mut spent = false;
        for channel in ["email", "webhook:product"] {
            if self.rng.u8(0..3) == 0 {
                continue;
            }
            let state = self.pick(&["delivered", "delivered", "delivered", "dead", "cancelled", "pending"]);
            let settled_at = (state != "pending").then(|| self.instant(at, end));
            spent |= matches!(state, "delivered" | "dead");
            let said = match self.rng.u8(0..6) {
                0 => Some("in_other".to_owned()),
                1 => None,
                _ => Some(format!("in_x {}", incident.id)),
            };
            self.history.deliveries.push(Delivery {
                id: format!("{}{channel}", notification.id),
                notification: notification.id.clone(),
                channel: channel.to_owned(),
                state: state.to_owned(),
                created_at: at,
                settled_at,
                said: said.filter(|_| state == "delivered"),
            });
        }
        let item = Item { incident: incident.id.clone(), number, notification: notification.id.clone(), spent };
        if self.rng.u8(0..10) > 0 {
            self.history.items.push(item);
        }
        self.history.notifications.push(notification);
    }

    /// The links of an incident, from its first notice on: perhaps one that was revoked, and perhaps one that is not.
    fn links(&mut self, incident: &Incident, mut at: i64, end: i64) {
        for revoked in [true, false] {
            if self.rng.u8(0..3) == 0 {
                continue;
            }
            let id = self.id("li_");
            let until = self.instant(at, end);
            let opened_at = self.rng.bool().then(|| self.instant(at, end));
            for _ in 0..self.rng.u8(0..6).saturating_sub(3) {
                let begun = Begun {
                    id: self.id("at_"),
                    user: incident.user.clone(),
                    link: id.clone(),
                    incident: incident.id.clone(),
                    created_at: self.instant(at, end),
                };
                self.history.begun.push(begun);
            }
            self.history.links.push(Link {
                id,
                user: incident.user.clone(),
                incident: incident.id.clone(),
                created_at: at,
                expires_at: until,
                revoked_at: revoked.then_some(until),
                opened_at,
            });
            at = until;
        }
    }

    fn run(&mut self) {
        let started_at = self.instant(MONDAY_MS - DAYS * DAY_MS, MONDAY_MS);
        let state = self.pick(&["finished", "finished", "finished", "failed", "abandoned", "running"]).to_owned();
        let finished_at = (state != "running").then(|| started_at + self.rng.i64(0..3) * HOUR_MS);
        let scanned = self.rng.u64(0..50);
        let resumes = self.rng.u8(0..4) == 0 && !self.history.runs.is_empty();
        let resumed_from = resumes.then(|| self.history.runs[self.rng.usize(0..self.history.runs.len())].id.clone());
        let run = Run {
            id: self.id("run"),
            state,
            started_at,
            finished_at,
            resumed_from,
            scanned,
            unknown: self.rng.u64(0..=scanned),
            silenced: self.rng.u64(0..9),
        };
        self.history.runs.push(run);
    }
}
