//! What the sinks and the state database must show after an installation's last run, whatever was killed before.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;

use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::binary::setup::Setup;
use crate::support::smtp_faults::FaultySmtp;

/// The numbers.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Products with a state database each.
    pub installations: u64,
    /// Processes started.
    pub runs: u64,
    /// Processes killed at a named place.
    pub at_places: u64,
    /// Processes killed after a random number of things had happened.
    pub at_random: u64,
    /// Notices that were due on a channel.
    pub deliveries: u64,
    /// Mails and POSTs the sinks took.
    pub arrivals: u64,
}

impl Tally {
    /// Processes killed.
    pub fn kills(&self) -> u64 {
        self.at_places + self.at_random
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.installations += other.installations;
        self.runs += other.runs;
        self.at_places += other.at_places;
        self.at_random += other.at_random;
        self.deliveries += other.deliveries;
        self.arrivals += other.arrivals;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills ({} at named places, {} at random) in {} runs of {} installations; {} deliveries due, \
             {} arrived, 0 lost; {} repeats, all under the first id; 0 second notices",
            self.kills(),
            self.at_places,
            self.at_random,
            self.runs,
            self.installations,
            self.deliveries,
            self.arrivals,
            self.arrivals - self.deliveries
        )
    }
}

/// One mail or POST.
struct Arrival {
    id: String,
    answered: bool,
}

/// Channel and user.
type Target = (String, String);

/// Reads both ledgers, checks them against what was due and against the database, and counts.
pub async fn check(setup: &Setup, mail: &FaultySmtp, due: &[(String, Vec<&'static str>)], tally: &mut Tally) {
    let mut arrived = mails(mail);
    arrived.extend(posts(setup, due));
    let expected: BTreeSet<Target> = due
        .iter()
        .flat_map(|(user, _)| ["email", "webhook:product"].map(|channel| (channel.to_owned(), user.clone())))
        .collect();
    assert_eq!(arrived.keys().cloned().collect::<BTreeSet<_>>(), expected, "everybody due was told, and nobody else");
    let mut everybodys = BTreeSet::new();
    for (target, arrivals) in &arrived {
        assert!(arrivals.iter().any(|arrival| arrival.answered), "{target:?} was never taken");
        assert!(arrivals.iter().all(|arrival| arrival.id == arrivals[0].id), "{target:?}: a repeat under another id");
        assert!(everybodys.insert(&arrivals[0].id), "{target:?}: somebody else's id");
        tally.arrivals += arrivals.len() as u64;
    }
    tally.deliveries += expected.len() as u64;
    stored(setup, due, &arrived).await;
}

fn mails(mail: &FaultySmtp) -> BTreeMap<Target, Vec<Arrival>> {
    let mut arrived: BTreeMap<Target, Vec<Arrival>> = BTreeMap::new();
    for (content, answered) in mail.ledger() {
        let field = |name: &str| content.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let to = field("To:");
        let address = to.rsplit(['<', ' ']).next().unwrap();
        let user = address.split_once("@example.com").unwrap().0.to_owned();
        let arrival = Arrival { id: field("Message-ID:"), answered };
        arrived.entry(("email".to_owned(), user)).or_default().push(arrival);
    }
    arrived
}

fn posts(setup: &Setup, due: &[(String, Vec<&'static str>)]) -> BTreeMap<Target, Vec<Arrival>> {
    let mut arrived: BTreeMap<Target, Vec<Arrival>> = BTreeMap::new();
    let mut ids: BTreeMap<(String, u64), String> = BTreeMap::new();
    for request in setup.sink.received() {
        let event = request.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let (user, id) = (text(&event["data"]["user_id"]), request.header("webhook-id").to_owned());
        let accounts = event["data"]["accounts"].as_array().unwrap();
        let mut toolkits: Vec<String> = accounts.iter().map(|account| text(&account["toolkit"])).collect();
        toolkits.sort();
        let (_, broken) = due.iter().find(|(due, _)| *due == user).unwrap_or_else(|| panic!("{user} was told"));
        assert_eq!(&toolkits, broken, "{user} is told everything at once");
        for account in accounts {
            let notice = (text(&account["incident_id"]), account["notice"].as_u64().unwrap());
            let first = ids.entry(notice.clone()).or_insert_with(|| id.clone());
            assert_eq!(*first, id, "{notice:?} went out under two ids");
        }
        let arrival = Arrival { id, answered: request.answered };
        arrived.entry(("webhook:product".to_owned(), user)).or_default().push(arrival);
    }
    arrived
}

/// The database tells the same story as the ledgers.
async fn stored(setup: &Setup, due: &[(String, Vec<&'static str>)], arrived: &BTreeMap<Target, Vec<Arrival>>) {
    let second = "SELECT i.incident_id FROM notification_items i JOIN deliveries d \
         ON d.notification_id = i.notification_id GROUP BY i.incident_id, i.number, d.channel HAVING count(*) > 1";
    assert_eq!(rows(setup, second).await, Vec::<Vec<String>>::new(), "a second notice");

    let incidents = rows(setup, "SELECT user_id, toolkit FROM incidents ORDER BY user_id, toolkit").await;
    let mut broken: Vec<Vec<String>> = due
        .iter()
        .flat_map(|(user, toolkits)| toolkits.iter().map(|toolkit| vec![user.clone(), (*toolkit).to_owned()]))
        .chain([vec!["old".to_owned(), "slack".to_owned()]])
        .collect();
    broken.sort();
    assert_eq!(incidents, broken, "one incident for each account that broke");

    let deliveries = rows(
        setup,
        "SELECT d.channel, n.user_id, d.outside_id, d.state, CAST(d.attempts AS TEXT), CAST((SELECT count(*) \
         FROM attempts a WHERE a.delivery_id = d.delivery_id AND a.outcome IS NULL) AS TEXT) \
         FROM deliveries d JOIN notifications n ON n.notification_id = d.notification_id",
    )
    .await;
    assert_eq!(deliveries.len(), arrived.len(), "one delivery for each user and channel");
    for row in &deliveries {
        let [channel, user, id, state, attempts, lost] = row.as_slice() else { panic!("{row:?}") };
        let arrivals = &arrived[&(channel.clone(), user.clone())];
        let (attempts, lost): (usize, usize) = (attempts.parse().unwrap(), lost.parse().unwrap());
        assert_eq!((state.as_str(), id), ("delivered", &arrivals[0].id), "{row:?}");
        assert_eq!(attempts, lost + 1, "every attempt but the last was a killed one's: {row:?}");
        assert!(arrivals.len() <= attempts, "more arrivals than attempts: {row:?}");
    }
}

/// The answer to a query whose columns are all text.
async fn rows(setup: &Setup, sql: &str) -> Vec<Vec<String>> {
    let sql = AssertSqlSafe(sql.to_owned());
    if setup.state_url.starts_with("sqlite") {
        let mut session = sqlx::SqliteConnection::connect(&setup.state_url).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut session).await.unwrap();
        session.close().await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
    } else {
        let mut session = sqlx::PgConnection::connect(&setup.state_url).await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&mut session).await.unwrap();
        session.close().await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|column| row.get(column)).collect()).collect()
    }
}
