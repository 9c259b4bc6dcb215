//! What the sinks and the state database must show after an installation's last run, whatever was killed before.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::AddAssign;

use reconnectd::domain::EventKind;

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

/// What somebody must be told on one channel: a delivery.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    channel: String,
    /// Empty where it is for the operator.
    user: String,
    /// The type of the event.
    kind: String,
    /// Toolkits, each with the number of the notice where it is one, sorted; or the subject of a storm.
    about: String,
}

impl Due {
    pub fn new(channel: &str, user: &str, kind: &str, about: &str) -> Self {
        Self { channel: channel.into(), user: user.into(), kind: kind.into(), about: about.into() }
    }
}

/// One mail or POST.
struct Arrival {
    answered: bool,
    /// Whom it reached; empty where it is for the operator.
    user: String,
    /// What a POST said; mails are for people to read.
    said: Option<(String, String)>,
}

/// By channel and the id that the outside sees.
type Arrivals = BTreeMap<(String, String), Vec<Arrival>>;

/// Reads both ledgers, checks them against what was due and against the database, and counts.
pub async fn check(setup: &Setup, mail: &FaultySmtp, due: &[Due], tally: &mut Tally) {
    let second = "SELECT i.incident_id FROM notification_items i JOIN deliveries d \
         ON d.notification_id = i.notification_id GROUP BY i.incident_id, i.number, d.channel HAVING count(*) > 1";
    assert_eq!(setup.rows(second).await, Vec::<Vec<String>>::new(), "a second notice");

    let mut arrived: Arrivals = BTreeMap::new();
    mails(mail, &mut arrived);
    posts(setup, &mut arrived);
    let mut told = Vec::new();
    for row in deliveries(setup).await {
        let delivery = Due::new(&row.channel, &row.user, &row.kind, &row.about);
        let arrivals = arrived.remove(&(row.channel.clone(), row.outside_id.clone()));
        let arrivals = arrivals.unwrap_or_else(|| panic!("{delivery:?} ({}) never arrived", row.state));
        assert!(arrivals.iter().any(|arrival| arrival.answered), "{delivery:?} was never taken");
        for arrival in &arrivals {
            assert_eq!(arrival.user, row.user, "{delivery:?} went to somebody else");
            if let Some(said) = &arrival.said {
                assert_eq!((&said.0, &said.1), (&row.kind, &row.about), "{delivery:?} said something else");
            }
        }
        assert_eq!(row.state, "delivered", "{delivery:?}");
        assert_eq!(row.attempts, row.unsent + 1, "every attempt but the last came to nothing: {delivery:?}");
        assert!(arrivals.len() <= row.attempts, "more arrivals than attempts: {delivery:?}");
        tally.arrivals += arrivals.len() as u64;
        told.push(delivery);
    }
    assert!(arrived.is_empty(), "arrived under ids nobody knows: {:?}", arrived.keys());
    let mut due = due.to_vec();
    due.sort();
    told.sort();
    if told != due {
        let only = |these: &[Due], those: &[Due]| -> Vec<Due> {
            these.iter().filter(|due| !those.contains(due)).cloned().collect()
        };
        panic!(
            "told and not due: {:?}\ndue and not told: {:?}\nof {} told, {} due",
            only(&told, &due),
            only(&due, &told),
            told.len(),
            due.len()
        );
    }
    tally.deliveries += due.len() as u64;
}

fn mails(mail: &FaultySmtp, arrived: &mut Arrivals) {
    for (content, answered) in mail.ledger() {
        let field = |name: &str| content.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let to = field("To:");
        let address = to.rsplit(['<', ' ']).next().unwrap();
        let user = address.split_once("@example.com").unwrap().0.to_owned();
        let key = ("email".to_owned(), field("Message-ID:"));
        arrived.entry(key).or_default().push(Arrival { answered, user, said: None });
    }
}

fn posts(setup: &Setup, arrived: &mut Arrivals) {
    for request in setup.sink.received() {
        let event = request.json();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let data = &event["data"];
        let account = |account: &serde_json::Value| {
            let number = account["notice"].as_u64().map_or(String::new(), |number| format!(" {number}"));
            text(&account["toolkit"]) + &number
        };
        let mut about: Vec<String> = data["accounts"].as_array().into_iter().flatten().map(account).collect();
        about.sort();
        let about = if about.is_empty() { text(&data["subject"]) } else { about.join(", ") };
        let key = ("webhook:product".to_owned(), request.header("webhook-id").to_owned());
        let said = Some((text(&event["type"]), about));
        let arrival = Arrival { answered: request.answered, user: text(&data["user_id"]), said };
        arrived.entry(key).or_default().push(arrival);
    }
}

/// A delivery as the database has it.
struct Stored {
    channel: String,
    user: String,
    kind: String,
    about: String,
    outside_id: String,
    state: String,
    attempts: usize,
    /// Attempts that were not known to have been taken.
    unsent: usize,
}

async fn deliveries(setup: &Setup) -> Vec<Stored> {
    let mut about: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let items = "SELECT items.notification_id, i.toolkit, CAST(items.number AS TEXT) FROM notification_items items \
         JOIN incidents i ON i.incident_id = items.incident_id";
    for row in setup.rows(items).await {
        let [notification, toolkit, number] = <[String; 3]>::try_from(row).unwrap();
        let said = if number == "-1" { toolkit } else { format!("{toolkit} {number}") };
        assert!(about.entry(notification).or_default().insert(said));
    }
    let deliveries = setup
        .rows(
            "SELECT d.channel, n.user_id, n.kind, COALESCE(n.about, ''), n.notification_id, d.outside_id, d.state, \
         CAST(d.attempts AS TEXT), CAST((SELECT count(*) FROM attempts a WHERE a.delivery_id = d.delivery_id \
         AND (a.outcome IS NULL OR a.outcome <> 'sent')) AS TEXT) FROM deliveries d JOIN notifications n \
         ON n.notification_id = d.notification_id",
        )
        .await;
    let stored = |row: Vec<String>| {
        let [channel, user, kind, event, notification, outside_id, state, attempts, unsent] =
            <[String; 9]>::try_from(row).unwrap();
        let items: Vec<String> = about.get(&notification).into_iter().flatten().cloned().collect();
        let event: serde_json::Value = serde_json::from_str(&event).unwrap_or_default();
        Stored {
            kind: EventKind::from_stored(&kind).unwrap().code().to_owned(),
            about: event["subject"].as_str().map_or(items.join(", "), str::to_owned),
            attempts: attempts.parse().unwrap(),
            unsent: unsent.parse().unwrap(),
            channel,
            user,
            outside_id,
            state,
        }
    };
    deliveries.into_iter().map(stored).collect()
}
