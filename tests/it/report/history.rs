//! Random histories: rows as the product could have written them, and the SQL that puts them into either database.
//!
//! Instants lie on a grid that periods begin and end on too, so that every boundary is met often.

use std::fmt::Write as _;

use sqlx::Connection as _;

/// Monday, 2026-11-02, 00:00 UTC.
pub const MONDAY_MS: i64 = 1_793_577_600_000;
pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

#[derive(Debug, Clone)]
pub struct User {
    pub id: String,
    pub observed_at: Option<i64>,
    pub outcome_at: i64,
}

#[derive(Debug, Clone)]
pub struct Account {
    pub user: String,
    pub id: String,
    pub toolkit: String,
    pub auth_config: String,
    pub reason: String,
    pub condition: String,
    pub first_seen_at: i64,
    pub gone_at: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct Transition {
    pub user: String,
    pub account: String,
    pub at: i64,
    pub from: String,
}

#[derive(Debug, Clone)]
pub struct Incident {
    pub id: String,
    pub user: String,
    pub toolkit: String,
    pub account: String,
    pub opened_at: i64,
    pub broke_at: i64,
    pub baseline: bool,
    pub released_at: Option<i64>,
    pub closed_at: Option<i64>,
    pub evidence: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Notification {
    pub id: String,
    pub user: String,
    pub created_at: i64,
}

#[derive(Debug, Clone)]
pub struct Item {
    pub incident: String,
    pub number: i64,
    pub notification: String,
    pub spent: bool,
}

#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: String,
    pub notification: String,
    pub channel: String,
    pub state: String,
    pub created_at: i64,
    pub settled_at: Option<i64>,
    pub said: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Link {
    pub id: String,
    pub user: String,
    pub incident: String,
    pub created_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    pub opened_at: Option<i64>,
}

/// A reconnect begun behind a link.
#[derive(Debug, Clone)]
pub struct Begun {
    pub id: String,
    pub user: String,
    pub link: String,
    pub incident: String,
    pub created_at: i64,
}

#[derive(Debug, Clone)]
pub struct Run {
    pub id: String,
    pub state: String,
    pub started_at: i64,
    pub finished_at: Option<i64>,
    pub resumed_from: Option<String>,
    pub scanned: u64,
    pub unknown: u64,
    pub silenced: u64,
}

/// Everything the report counts.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub users: Vec<User>,
    pub accounts: Vec<Account>,
    pub transitions: Vec<Transition>,
    pub incidents: Vec<Incident>,
    pub notifications: Vec<Notification>,
    pub items: Vec<Item>,
    pub deliveries: Vec<Delivery>,
    pub runs: Vec<Run>,
    pub links: Vec<Link>,
    pub begun: Vec<Begun>,
}

/// Days of history before [`MONDAY_MS`].
pub const DAYS: i64 = 240;

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

fn text(value: Option<&String>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| format!("'{value}'"))
}

fn int(value: Option<i64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

const TABLES: [&str; 15] = [
    "report_days",
    "reconnect_links",
    "reconnect_attempts",
    "attempts",
    "operator_actions",
    "notification_items",
    "deliveries",
    "notifications",
    "incidents",
    "storms",
    "transitions",
    "accounts",
    "users",
    "runs",
    "meta",
];

/// The statements that make this history all there is.
pub fn script(history: &History) -> String {
    let mut out = String::from("BEGIN;\n");
    for table in TABLES {
        writeln!(out, "DELETE FROM {table};").unwrap();
    }
    for u in &history.users {
        let (id, observed_at) = (&u.id, int(u.observed_at));
        writeln!(out, "INSERT INTO users VALUES ('{id}', {observed_at}, {observed_at}, 'complete', {});", u.outcome_at)
            .unwrap();
    }
    for a in &history.accounts {
        writeln!(
            out,
            "INSERT INTO accounts (user_id, account_id, toolkit, auth_config, auth_config_disabled, status, reason, \
             is_disabled, shared, condition, first_seen_at, gone_at) VALUES ('{}', '{}', '{}', '{}', 0, 'X', '{}', 0, 0, \
             '{}', {}, {});",
            a.user, a.id, a.toolkit, a.auth_config, a.reason, a.condition, a.first_seen_at, int(a.gone_at)
        )
        .unwrap();
    }
    for t in &history.transitions {
        writeln!(
            out,
            "INSERT INTO transitions VALUES ('{}', '{}', {}, 'r', 'X', 'Y', '{}', 'other', 'none');",
            t.user, t.account, t.at, t.from
        )
        .unwrap();
    }
    for i in &history.incidents {
        let (closed_at, evidence, released_at) = (int(i.closed_at), text(i.evidence.as_ref()), int(i.released_at));
        let recovery = if i.closed_at.is_some() { "'told'" } else { "NULL" };
        writeln!(
            out,
            "INSERT INTO incidents (incident_id, user_id, toolkit, account_id, opened_at, broke_at, baseline, run_id, \
             closed_at, close_evidence, released_at, recovery) VALUES ('{}', '{}', '{}', '{}', {}, {}, {}, 'r', \
             {closed_at}, {evidence}, {released_at}, {recovery});",
            i.id,
            i.user,
            i.toolkit,
            i.account,
            i.opened_at,
            i.broke_at,
            i64::from(i.baseline)
        )
        .unwrap();
    }
    told(&mut out, history);
    pages(&mut out, history);
    for r in &history.runs {
        let counters = format!(
            "{{\"users_scanned\":{},\"users_unknown\":{},\"silenced\":{{\"baseline\":{}}}}}",
            r.scanned, r.unknown, r.silenced
        );
        writeln!(
            out,
            "INSERT INTO runs (run_id, state, started_at, updated_at, finished_at, baseline, scan_done, holder, counters, \
             resumed_from) VALUES ('{}', '{}', {}, {}, {}, 0, 1, 'h', '{counters}', {});",
            r.id, r.state, r.started_at, r.started_at, int(r.finished_at), text(r.resumed_from.as_ref())
        )
        .unwrap();
    }
    out.push_str("COMMIT;\n");
    out
}

fn told(out: &mut String, history: &History) {
    for n in &history.notifications {
        writeln!(
            out,
            "INSERT INTO notifications (notification_id, user_id, created_at, run_id, reason) VALUES ('{}', '{}', {}, 'r', 'x');",
            n.id, n.user, n.created_at
        )
        .unwrap();
    }
    for i in &history.items {
        writeln!(
            out,
            "INSERT INTO notification_items VALUES ('{}', {}, '{}', {});",
            i.incident,
            i.number,
            i.notification,
            i64::from(i.spent)
        )
        .unwrap();
    }
    for d in &history.deliveries {
        let (settled_at, said) = (int(d.settled_at), text(d.said.as_ref()));
        writeln!(
            out,
            "INSERT INTO deliveries (delivery_id, notification_id, channel, outside_id, state, attempts, next_attempt_at, \
             created_at, settled_at, said) VALUES ('{0}', '{1}', '{2}', 'o{0}', '{3}', 1, 0, {4}, {settled_at}, {said}); \
             INSERT INTO attempts (delivery_id, number, run_id, started_at) VALUES ('{0}', 1, 'r', {4});",
            d.id, d.notification, d.channel, d.state, d.created_at
        )
        .unwrap();
    }
}

fn pages(out: &mut String, history: &History) {
    for l in &history.links {
        let (revoked_at, opened_at) = (int(l.revoked_at), int(l.opened_at));
        writeln!(
            out,
            "INSERT INTO reconnect_links (link_id, incident_id, user_id, created_at, expires_at, revoked_at, opened_at) \
             VALUES ('{}', '{}', '{}', {}, {}, {revoked_at}, {opened_at});",
            l.id, l.incident, l.user, l.created_at, l.expires_at
        )
        .unwrap();
    }
    for b in &history.begun {
        writeln!(
            out,
            "INSERT INTO reconnect_attempts (attempt_id, link_id, incident_id, user_id, auth_config, state, claimed_until, \
             created_at, ended_at) VALUES ('{}', '{}', '{}', '{}', 'ac', 'expired', 0, {}, {});",
            b.id, b.link, b.incident, b.user, b.created_at, b.created_at
        )
        .unwrap();
    }
}

/// Runs statements on the database at `url`.
pub async fn execute(url: &str, script: &str) {
    let script = sqlx::AssertSqlSafe(script.to_owned());
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}
