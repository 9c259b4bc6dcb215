//! What nothing needs any more is dropped: a batch at a time, each in the caller's transaction.
//!
//! What goes is listed in one table below, with what must be so that it may. Nothing that is still open, pending, held or
//! running goes, however old it is; of runs and occurrences the newest stay whatever their age, because the next ones are
//! decided by them. The fact `history_since` in `meta` says from when on everything the report counts is there.
//! Incidents leave daily sums behind (`fold`); `trend_since` says from when on those are whole.

use super::{StoreError, Value, Work, sql};
use crate::domain::{Timestamp, millis};

const META_HISTORY: &str = "history_since";

/// Up to when what was dropped is in daily sums. Differs from [`META_HISTORY`] only where a release dropped that knows no
/// sums.
const META_FOLDED: &str = "folded_before";

/// From when on trends are whole; only where something was dropped without being folded.
const META_TREND: &str = "trend_since";

/// What is chosen per batch: a transaction of milliseconds, so that a run is never held up. Many changes of accounts may
/// have one instant (a page of users), so fewer of those.
const BATCH: u32 = 500;
const BATCH_OF_INSTANTS: u32 = 20;

/// What can grow old. In this order: what points at something goes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expired {
    /// The single tries of deliveries that are settled.
    Attempts,
    /// Events for the operator that are settled, with their deliveries.
    OperatorEvents,
    /// Instants at which jobs were due, but the newest of each job.
    Occurrences,
    /// Connect attempts, but those whose account never worked: they are what says that it is no breakage.
    ConnectAttempts,
    /// Links to the reconnect page that work no more.
    Links,
    /// Incidents that are over, with what notices said of them.
    Incidents,
    /// Notifications of which no incident is left, with their deliveries.
    Notifications,
    /// Changes of accounts.
    Transitions,
    /// Runs, but the newest.
    Runs,
    /// Storms that are decided and of which no incident is left.
    Storms,
    /// Silences that are over.
    Silences,
    /// Users nobody has asked about since, with their accounts.
    Users,
}

/// What one batch dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// How many rows of the table it is named for.
    pub rows: u64,
    /// Where the next batch begins; none after the last.
    pub next: Option<String>,
}

/// How one kind is found and dropped. `$1` is the instant before which it is old, `$2` where the batch
/// begins, `$3` how many it has.
struct Rule {
    /// Counts what is old.
    count: &'static str,
    /// Picks the next batch, as `id`.
    pick: &'static str,
    /// Drops what was picked, in order; the last drops what the kind is named for.
    drop: &'static [&'static str],
}

macro_rules! rule {
    ($key:literal, $from:literal, $when:literal, $drop:expr) => {
        Rule {
            count: concat!("SELECT count(*) AS n FROM ", $from, " WHERE ", $when),
            pick: concat!(
                "SELECT DISTINCT ",
                $key,
                " AS id FROM ",
                $from,
                " WHERE ",
                $when,
                " AND ",
                $key,
                " > $2 ORDER BY ",
                $key,
                " LIMIT $3"
            ),
            drop: $drop,
        }
    };
}

/// The deliveries of picked notifications, and everything that hangs on them.
const WITH_DELIVERIES: &[&str] = &[
    "DELETE FROM attempts WHERE delivery_id IN \
     (SELECT delivery_id FROM deliveries WHERE notification_id IN ({values}))",
    "DELETE FROM operator_actions WHERE delivery_id IN \
     (SELECT delivery_id FROM deliveries WHERE notification_id IN ({values}))",
    "DELETE FROM deliveries WHERE notification_id IN ({values})",
    "DELETE FROM notifications WHERE notification_id IN ({values})",
];

impl Expired {
    /// All kinds, in the order they are dropped in, and their codes.
    pub const CODES: [(Self, &'static str); 12] = [
        (Self::Attempts, "attempts"),
        (Self::OperatorEvents, "operator_events"),
        (Self::Occurrences, "occurrences"),
        (Self::ConnectAttempts, "reconnect_attempts"),
        (Self::Links, "reconnect_links"),
        (Self::Incidents, "incidents"),
        (Self::Notifications, "notifications"),
        (Self::Transitions, "transitions"),
        (Self::Runs, "runs"),
        (Self::Storms, "storms"),
        (Self::Silences, "silences"),
        (Self::Users, "users"),
    ];

    /// How it is logged and shown.
    pub fn code(self) -> &'static str {
        Self::CODES.iter().find(|(known, _)| *known == self).map_or("", |(_, code)| code)
    }

    /// Whether the report counts it, so that it is kept for `[retention] history`; the rest for `operational`.
    pub fn is_history(self) -> bool {
        !matches!(self, Self::Attempts | Self::OperatorEvents | Self::Occurrences)
    }

    fn rule(self) -> Rule {
        match self {
            Self::Attempts | Self::OperatorEvents | Self::Occurrences => self.operational(),
            Self::ConnectAttempts | Self::Links => self.page(),
            Self::Incidents | Self::Notifications => self.told(),
            _ => self.history(),
        }
    }

    fn operational(self) -> Rule {
        match self {
            Self::Attempts => rule!(
                "a.delivery_id",
                "attempts a JOIN deliveries d ON d.delivery_id = a.delivery_id",
                "d.state <> 'pending' AND d.settled_at < $1",
                &["DELETE FROM attempts WHERE delivery_id IN ({values})"]
            ),
            Self::OperatorEvents => rule!(
                "n.notification_id",
                "notifications n",
                "n.user_id = '' AND n.created_at < $1 AND NOT EXISTS (SELECT 1 FROM deliveries d \
                 WHERE d.notification_id = n.notification_id AND (d.state = 'pending' OR d.settled_at >= $1))",
                WITH_DELIVERIES
            ),
            // Its key is a number; it is dropped by instants, below.
            _ => rule!(
                "scheduled_at",
                "occurrences",
                "state <> 'running' AND scheduled_at < $1 AND scheduled_at < (SELECT max(newest.scheduled_at) \
                 FROM occurrences newest WHERE newest.job = occurrences.job)",
                &[
                    "DELETE FROM occurrences WHERE state <> 'running' AND scheduled_at < (SELECT max(newest.scheduled_at) \
                 FROM occurrences newest WHERE newest.job = occurrences.job) AND scheduled_at IN ({values})"
                ]
            ),
        }
    }

    fn page(self) -> Rule {
        match self {
            // No attempt lives for more than an hour, whatever its state says. An account that one made and that has
            // never worked would be taken for broken without it.
            Self::ConnectAttempts => rule!(
                "t.attempt_id",
                "reconnect_attempts t",
                "t.created_at < $1 AND (t.ended_at IS NULL OR t.ended_at < $1) AND NOT EXISTS (SELECT 1 FROM accounts a \
                 WHERE a.user_id = t.user_id AND a.account_id = t.account_id AND a.last_active_at IS NULL)",
                &["DELETE FROM reconnect_attempts WHERE attempt_id IN ({values})"]
            ),
            _ => rule!(
                "link_id",
                "reconnect_links",
                "expires_at < $1",
                &["DELETE FROM reconnect_links WHERE link_id IN ({values})"]
            ),
        }
    }

    fn told(self) -> Rule {
        match self {
            Self::Incidents => rule!(
                "i.incident_id",
                "incidents i",
                "i.closed_at < $1 AND i.opened_at < $1 AND i.recovery IS NOT NULL AND NOT EXISTS (SELECT 1 \
                 FROM notification_items items JOIN deliveries d ON d.notification_id = items.notification_id \
                 WHERE items.incident_id = i.incident_id AND (d.state = 'pending' OR d.created_at >= $1)) \
                 AND NOT EXISTS (SELECT 1 FROM notification_items items JOIN notifications n \
                 ON n.notification_id = items.notification_id WHERE items.incident_id = i.incident_id AND n.created_at >= $1)",
                &[] // They are folded.
            ),
            _ => rule!(
                "n.notification_id",
                "notifications n",
                "n.user_id <> '' AND n.created_at < $1 AND NOT EXISTS (SELECT 1 FROM notification_items items \
                 WHERE items.notification_id = n.notification_id) AND NOT EXISTS (SELECT 1 FROM deliveries d \
                 WHERE d.notification_id = n.notification_id AND (d.state = 'pending' OR d.settled_at >= $1))",
                WITH_DELIVERIES
            ),
        }
    }

    fn history(self) -> Rule {
        match self {
            // Its key has several columns; it is dropped by instants, below.
            Self::Transitions => {
                rule!("at", "transitions", "at < $1", &["DELETE FROM transitions WHERE at IN ({values})"])
            }
            // The next run asks for the newest, whether any finished, and when all users were last seen.
            Self::Runs => rule!(
                "r.run_id",
                "runs r",
                "r.started_at < $1 AND r.state <> 'running' AND r.finished_at < $1 AND r.started_at < (SELECT \
                 min(newest.at) FROM (SELECT max(started_at) AS at FROM runs UNION ALL SELECT max(started_at) FROM runs \
                 WHERE state = 'finished' UNION ALL SELECT max(started_at) FROM runs WHERE scan_done = 1) newest)",
                &["DELETE FROM runs WHERE run_id IN ({values})"]
            ),
            Self::Storms => rule!(
                "s.storm_id",
                "storms s",
                "s.state <> 'held' AND s.decided_at < $1 AND NOT EXISTS (SELECT 1 FROM incidents i \
                 WHERE i.storm_id = s.storm_id)",
                &["DELETE FROM storms WHERE storm_id IN ({values})"]
            ),
            Self::Silences => rule!(
                "silence_id",
                "silences",
                "until_at < $1",
                &["DELETE FROM silences WHERE silence_id IN ({values})"]
            ),
            _ => rule!(
                "u.user_id",
                "users u",
                "u.outcome_at < $1 AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.user_id = u.user_id)",
                &[
                    "DELETE FROM reconnect_attempts WHERE user_id IN ({values})",
                    "DELETE FROM accounts WHERE user_id IN ({values})",
                    "DELETE FROM users WHERE user_id IN ({values})",
                ]
            ),
        }
    }

    /// Whether its key is an instant.
    fn by_instant(self) -> bool {
        matches!(self, Self::Occurrences | Self::Transitions)
    }
}

impl Work {
    /// How much of a kind is older than `before`.
    pub async fn count_expired(&mut self, kind: Expired, before: Timestamp) -> Result<u64, StoreError> {
        let rows = self.session.fetch(sql(kind.rule().count).bind(before)).await?;
        rows.first().map_or(Ok(0), |row| row.int("n")).map(|n| u64::try_from(n).unwrap_or(0))
    }

    /// Drops the next batch of a kind that is older than `before`, from behind `after` on (none at first).
    pub async fn drop_expired(
        &mut self,
        kind: Expired,
        before: Timestamp,
        after: Option<&str>,
    ) -> Result<Dropped, StoreError> {
        let rule = kind.rule();
        let pick = sql(rule.pick).bind(before);
        let mut picked: Vec<Value> = Vec::new();
        let mut next = None;
        let (pick, most) = if kind.by_instant() {
            (pick.bind(after.and_then(|after| after.parse::<i64>().ok()).unwrap_or(i64::MIN)), BATCH_OF_INSTANTS)
        } else {
            (pick.bind(after.unwrap_or("")), BATCH)
        };
        for row in &self.session.fetch(pick.bind(most)).await? {
            let (id, key) = if kind.by_instant() {
                let at = row.int("id")?;
                (at.into(), at.to_string())
            } else {
                let id = row.text("id")?;
                (id.as_str().into(), id)
            };
            picked.push(id);
            next = Some(key);
        }
        let full = picked.len() as u64 >= u64::from(most);
        let mut rows = 0;
        if kind == Expired::Incidents && !picked.is_empty() {
            rows = self.fold_incidents(&picked).await?;
        } else if !picked.is_empty() {
            for text in rule.drop {
                let values = picked.iter().map(|id| vec![id.clone()]).collect();
                rows = self.session.execute(sql(text).values(values)).await?; // The last is what the kind is named for.
            }
        }
        Ok(Dropped { rows, next: next.filter(|_| full) })
    }

    /// From when on everything the report counts is there; none where nothing was ever dropped.
    pub async fn history_since(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.instant(META_HISTORY).await
    }

    /// From when on trends are whole: what was dropped before is in no daily sum. None where everything ever dropped is.
    pub async fn trend_since(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let since = self.history_since().await?;
        if since == self.instant(META_FOLDED).await? { self.instant(META_TREND).await } else { Ok(since) }
    }

    /// Says that what is older than `at` may be gone from now on, and is in daily sums; never takes that back.
    pub async fn forget_history_before(&mut self, at: Timestamp) -> Result<(), StoreError> {
        self.keep_watched_since().await?;
        let (since, trend_since) = (self.history_since().await?, self.trend_since().await?);
        if since.is_some_and(|since| since >= at) && since == self.instant(META_FOLDED).await? {
            return Ok(());
        }
        if let Some(trend_since) = trend_since {
            self.set_meta(META_TREND, &millis(trend_since).to_string()).await?;
        }
        let at = millis(since.map_or(at, |since| since.max(at))).to_string();
        self.set_meta(META_HISTORY, &at).await?;
        self.set_meta(META_FOLDED, &at).await
    }
}
