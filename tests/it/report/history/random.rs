//! The history that follows from a seed: most are of all sorts, some of one sort that chance does not bring about.

use std::collections::BTreeMap;

use super::{
    Account, Begun, DAY_MS, DAYS, Delivery, HOUR_MS, History, Incident, Item, Link, MONDAY_MS, Notification, Run,
    Transition, User,
};

/// The auth config of which most broke in the last week.
const BAD: &str = "ac_slack_bad";

/// What is special about a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    All,
    /// Most of what broke in the last week is of one auth config, most of whose accounts had not worked.
    OneBad,
    /// The same, and nobody was there before.
    Young,
    /// So many auth configs that not all are listed.
    Many,
}

/// The history of this seed.
pub fn random(seed: u64) -> History {
    let mut rng = fastrand::Rng::with_seed(seed);
    let pages = rng.u8(0..4) > 0;
    let sort = match seed % 6 {
        3 => Sort::Young,
        4 => Sort::Many,
        5 => Sort::OneBad,
        _ => Sort::All,
    };
    let begin = MONDAY_MS - if sort == Sort::Young { 20 } else { DAYS } * DAY_MS;
    let mut maker = Maker { rng, history: History::default(), next: 0, pages, sort, begin };
    let users = if sort == Sort::All { maker.rng.usize(1..30) } else { maker.rng.usize(30..50) };
    for n in 0..users {
        maker.user(n);
    }
    for n in 0..maker.rng.usize(0..3) {
        maker.forgotten(n);
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
    sort: Sort,
    begin: i64,
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
        let id = format!("user-{n}");
        let outcome_at = self.instant(self.begin, MONDAY_MS);
        let observed_at = (self.rng.u8(0..8) > 0).then_some(outcome_at);
        self.history.users.push(User { id: id.clone(), observed_at, outcome_at });
        for _ in 0..self.rng.usize(0..4) {
            let account = self.account(&id);
            self.changes(&account);
            let of_it = |i: &Incident| i.user == id && i.toolkit == account.toolkit && i.closed_at.is_none();
            let mut open = self.history.incidents.iter().any(of_it);
            for _ in 0..self.rng.usize(0..4) {
                open |= self.incident(&account, open);
            }
            self.history.accounts.push(account);
        }
    }

    /// Incidents of whom no other row is left.
    fn forgotten(&mut self, n: usize) {
        let account = self.account(&format!("forgotten-{n}"));
        self.incident(&account, false);
    }

    fn account(&mut self, user: &str) -> Account {
        let toolkit = match self.sort {
            Sort::OneBad | Sort::Young => self.pick(&["slack", "slack", "gmail", "notion"]),
            _ => self.pick(&["slack", "gmail", "notion"]),
        };
        let toolkit = toolkit.to_owned();
        let auth_config = match self.sort {
            Sort::Many => format!("ac_{toolkit}{}", self.rng.u8(0..30)),
            Sort::OneBad | Sort::Young if toolkit == "slack" => BAD.to_owned(),
            _ => self.pick(&["ac_T0", "ac_T1", "ac_T1", ""]).replace('T', &toolkit),
        };
        let conditions: &[_] = match auth_config.as_str() {
            BAD => &["healthy", "broken", "broken", "broken"],
            _ => &["healthy", "healthy", "broken", "pending"],
        };
        let condition = self.pick(conditions).to_owned();
        // Nothing is said of what works.
        let reason = if condition == "healthy" { "none" } else { self.pick(&["none", "refresh_refused", "transient"]) };
        Account {
            id: self.id("ca_"),
            user: user.to_owned(),
            auth_config,
            toolkit,
            reason: reason.to_owned(),
            condition,
            first_seen_at: self.instant(self.begin, MONDAY_MS),
            gone_at: (self.rng.u8(0..6) == 0).then_some(MONDAY_MS - DAY_MS),
        }
    }

    fn changes(&mut self, account: &Account) {
        let most = if account.auth_config == BAD { 2 } else { 4 };
        for _ in 0..self.rng.usize(0..most) {
            let at = self.instant(self.begin, MONDAY_MS);
            if self.history.transitions.iter().all(|other| other.account != account.id || other.at != at) {
                let from = self.pick(&["healthy", "broken", "pending"]).to_owned();
                let (user, account) = (account.user.clone(), account.id.clone());
                self.history.transitions.push(Transition { user, account, at, from });
            }
        }
    }

    /// Says whether it is open; it is not where another one is.
    fn incident(&mut self, account: &Account, other_open: bool) -> bool {
        let (begin, end) = (self.begin, MONDAY_MS);
        let before = self.history.incidents.iter().rev().find(|i| i.account == account.id).and_then(|i| i.closed_at);
        let opened_at = match before {
            // Broke again in the moment in which it was seen to be back.
            Some(closed_at) if self.rng.u8(0..3) == 0 => closed_at,
            _ if account.auth_config == BAD => self.instant(end - 7 * DAY_MS, end - DAY_MS),
            _ => self.instant(begin, end),
        };
        let closed_at = (other_open || self.rng.u8(0..4) > 0).then(|| self.instant(opened_at, end));
        let old_news = self.rng.u8(0..5) == 0;
        let released_at = (old_news && self.rng.bool()).then(|| {
            let end = closed_at.unwrap_or(end);
            self.instant(opened_at, end).min(end)
        });
        // The provider renamed it since; two that are open cannot be of one toolkit.
        let renamed = closed_at.is_some() && self.rng.u8(0..15) == 0;
        let toolkit = if renamed { self.pick(&["slack", "gmail", "notion"]) } else { &account.toolkit }.to_owned();
        let reason = self.pick(&["none", "refresh_refused", "transient", "revoked"]).to_owned();
        let incident = Incident {
            id: self.id("in_"),
            user: account.user.clone(),
            toolkit,
            account: account.id.clone(),
            opened_at,
            broke_at: opened_at - self.rng.i64(0..40) * 8 * HOUR_MS - self.rng.i64(0..HOUR_MS),
            baseline: old_news && released_at.is_none(),
            released_at,
            closed_at,
            evidence: closed_at.map(|_| self.pick(&["active", "active", "superseded", "gone"]).to_owned()),
            cause: (self.rng.u8(0..12) > 0).then(|| (reason, account.auth_config.clone())),
        };
        self.told(&incident);
        self.history.incidents.push(incident);
        closed_at.is_none()
    }

    fn told(&mut self, incident: &Incident) {
        let last = incident.closed_at.unwrap_or(MONDAY_MS);
        let mut at = incident.opened_at;
        for number in 0..self.rng.i64(0..4) {
            at = self.instant(at, last);
            self.notification(incident, number, at, MONDAY_MS);
            if self.pages && number == 0 {
                self.links(incident, at, MONDAY_MS);
            }
        }
        if self.rng.u8(0..5) == 0 && incident.closed_at.is_some() {
            self.notification(incident, -1, last, MONDAY_MS);
        }
    }

    /// Another incident of the user's and the next of its numbers, for a notice about both.
    fn beside(&mut self, incident: &Incident) -> Option<(String, i64)> {
        let others = self.history.incidents.iter().filter(|i| i.user == incident.user && i.id != incident.id);
        let other = others.map(|i| i.id.clone()).next_back().filter(|_| self.rng.bool())?;
        let items = self.history.items.iter().filter(|item| item.incident == other);
        let next = items.map(|item| item.number + 1).max().unwrap_or(0).max(0);
        Some((other, next))
    }

    fn notification(&mut self, incident: &Incident, number: i64, at: i64, end: i64) {
        let notification = Notification { id: self.id("no_"), user: incident.user.clone(), created_at: at };
        let beside = if number >= 0 { self.beside(incident) } else { None };
        let mut spent = false;
        for channel in ["email", "webhook:product"] {
            if self.rng.u8(0..3) == 0 {
                continue;
            }
            let state = self.pick(&["delivered", "delivered", "delivered", "dead", "cancelled", "pending"]);
            let settled_at = (state != "pending").then(|| self.instant(at, end));
            spent |= matches!(state, "delivered" | "dead");
            let said = match (self.rng.u8(0..6), &beside) {
                (0, _) => Some("in_other".to_owned()),
                (1, _) => None,
                (2 | 3, Some((other, _))) => Some(format!("{other} {}", incident.id)),
                (4, Some((other, _))) => Some(other.clone()),
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
        let item = |incident: String, number| Item { incident, number, notification: notification.id.clone(), spent };
        let items = [Some((incident.id.clone(), number)), beside];
        for (incident, number) in items.into_iter().flatten() {
            let taken = self.history.items.iter().any(|of| of.incident == incident && of.number == number);
            if !taken && self.rng.u8(0..10) > 0 {
                self.history.items.push(item(incident, number));
            }
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
        let started_at = self.instant(self.begin, MONDAY_MS);
        let state = self.pick(&["finished", "finished", "finished", "failed", "abandoned", "running"]).to_owned();
        let finished_at = (state != "running").then(|| started_at + self.rng.i64(0..3) * HOUR_MS);
        let scanned = self.rng.u64(0..50);
        let unqueryable = self.rng.u64(0..=scanned) / 4;
        // At times nothing was learned of anybody.
        let unknown =
            if self.rng.u8(0..5) == 0 { scanned - unqueryable } else { self.rng.u64(0..=scanned - unqueryable) };
        let mut silenced = BTreeMap::new();
        for reason in ["baseline", "already_notified", "superseded"] {
            if self.rng.bool() {
                silenced.insert(reason.to_owned(), self.rng.u64(1..9));
            }
        }
        let resumes = self.rng.u8(0..4) == 0 && !self.history.runs.is_empty();
        let resumed_from = resumes.then(|| self.history.runs[self.rng.usize(0..self.history.runs.len())].id.clone());
        let run = Run {
            id: self.id("run"),
            state,
            started_at,
            finished_at,
            resumed_from,
            scanned,
            unknown,
            unqueryable,
            silenced,
        };
        self.history.runs.push(run);
    }
}
