//! How what was decided reaches its receivers: kinds of notices, who may not be written to, sending rates, channels
//! that stop or are disabled, how long failures are repeated, and several processes side by side.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod channels;
mod horizon;
mod kinds;
mod ours;
mod rates;
mod reach;
mod side_by_side;
mod stopped;

use std::time::Duration;

use reconnectd::domain::{FailureClass, Status};
use reconnectd::ports::{ProviderError, Receipt, SendError};
use reconnectd::store::{DeliveryFilter, DeliveryRow};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::support::databases::postgres_database;
use crate::support::rig::{Rig, broken, works};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// Runs the suite over both state databases.
async fn on_both(suite: impl AsyncFn(Rig)) {
    suite(Rig::new().await).await;
    suite(Rig::over(&postgres_database().await).await).await;
}

/// Users with a Slack account each that was seen to work an hour ago.
async fn seen_working(rig: &Rig, users: &[&str]) {
    for user in users {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}_slack"), "slack"));
    }
    rig.run().await;
    rig.later(HOUR);
}

fn breaks(rig: &Rig, user: &str, toolkit: &str) {
    let now = rig.now();
    rig.world.change(user, &format!("ca_{user}_{toolkit}"), |account| *account = broken(account.clone(), now));
}

fn mends(rig: &Rig, user: &str, toolkit: &str) {
    rig.world.change(user, &format!("ca_{user}_{toolkit}"), |account| account.status = Status::Active);
}

fn failing(class: FailureClass) -> Result<Receipt, SendError> {
    Err(SendError { class, detail: "scripted".into() })
}

fn unavailable() -> ProviderError {
    ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() }
}

/// A run that records and plans; the last look before each send finds the provider away, so nothing is said.
async fn planned_unsaid(rig: &Rig) {
    rig.world.at_contact(|world, _| world.provider_fails(|_| Some(unavailable())));
    rig.run().await;
    rig.world.at_contact(|_, _| {});
    rig.world.provider_recovers();
    assert!(rig.world.take_sent().is_empty(), "nothing was said");
    rig.later(HOUR);
}

/// Every delivery, newest first.
async fn deliveries(rig: &Rig) -> Vec<DeliveryRow> {
    let every = DeliveryFilter {
        states: vec!["pending", "dead", "cancelled", "delivered"],
        limit: 1000,
        ..DeliveryFilter::default()
    };
    rig.store.begin_read().await.unwrap().deliveries(&every).await.unwrap()
}

/// The states of the deliveries on a channel, oldest first.
async fn states(rig: &Rig, channel: &str) -> Vec<String> {
    let mut rows = deliveries(rig).await;
    rows.reverse();
    rows.into_iter().filter(|row| row.channel.as_str() == channel).map(|row| row.state).collect()
}

/// The outcomes of all attempts on a user's delivery on a channel, oldest delivery first.
async fn outcomes(rig: &Rig, user: &str, channel: &str) -> Vec<String> {
    let story = rig.story(user).await;
    let mine = story.deliveries.iter().filter(|delivery| delivery.channel == channel);
    mine.flat_map(|delivery| delivery.attempts.iter().map(|a| a.outcome.clone().unwrap_or_default())).collect()
}

/// Runs a statement on the state database behind the program's back.
async fn on_state(rig: &Rig, statement: &'static str) {
    if rig.url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(&rig.url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(&rig.url).await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}
