//! Two lists of one person's accounts at once: the one that was asked for later is believed, whichever is recorded first.

use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{
    Account, AccountId, IdMint, Observation, RunCounters, RunId, ScannedPage, Status, Timestamp, UserId,
    UserObservation,
};
use reconnectd::record::{Baseline, RecordContext, record_page};
use reconnectd::store::{Store, Work};
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Notify;

use super::bent::{Bent, Gate};
use super::{Answer, Place, Served, hosted};
use crate::support::databases::postgres_database;
use crate::support::rig::{Rig, broken, works};

const SECOND: Duration = Duration::from_secs(1);

/// Who asks for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// A run over everybody.
    Audit,
    /// The page's button.
    Button,
    /// Coming back from the provider, which looks three times before it records that nothing is decided.
    Callback,
}

/// Somebody whose list waits on its way back, and where they look.
struct Asking {
    bent: Arc<Bent>,
    served: Served,
    how: Asks,
    /// So many lists are not kept waiting.
    free: usize,
}

impl Asking {
    async fn new(place: &Place, how: Asks, free: usize) -> Self {
        let gate = Gate::shut();
        gate.through.add_permits(free);
        let bent = Arc::new(Bent { lists: Some(gate), ..Bent::of(place.provider()) });
        let served = place.serve_with(bent.clone(), place.links.clone()).await;
        Self { bent, served, how, free }
    }

    fn gate(&self) -> &Gate {
        self.bent.lists.as_ref().unwrap()
    }

    /// Until the list that is kept waiting is there.
    async fn waits(&self) {
        for _list in 0..=self.free {
            self.gate().somebody().await;
        }
    }

    async fn ask(&self, place: &Place, (link, form, back): (&str, &str, &str)) -> Option<Answer> {
        match self.how {
            Asks::Audit => {
                place.rig.run().await;
                None
            }
            Asks::Button => Some(self.served.post(link, form).await),
            Asks::Callback => Some(self.served.get(back).await),
        }
    }
}

#[tokio::test]
async fn of_two_lists_the_one_asked_for_later_is_believed_whichever_is_recorded_first() {
    let orders = [false, true];
    let pairs = [
        (Asks::Audit, Asks::Callback),
        (Asks::Button, Asks::Callback),
        (Asks::Callback, Asks::Callback),
        (Asks::Audit, Asks::Button),
    ];
    for ((older, younger), older_first) in pairs.into_iter().flat_map(|pair| orders.map(|order| (pair, order))) {
        let row = format!("{older:?} asks, then {younger:?}; the older recorded first: {older_first}");
        let mut place = Place::new().await;
        let link = place.notice().await;
        let served = place.serve().await;
        let form = served.get(&link).await.form();
        // Whoever presses the button finds it mended in place, whoever comes back has a new account.
        let in_place = younger == Asks::Button;
        let under_way = if in_place { None } else { Some(hosted(&served.press(&link).await)) };
        let back = if in_place { String::new() } else { place.callback_of(&place.attempt_account()).await };
        let first = Asking::new(&place, older, if older == Asks::Callback { 2 } else { 0 }).await;
        let second = Asking::new(&place, younger, 0).await;
        place.rig.provider = Some(first.bent.clone());
        let words = (link.as_str(), form.as_str(), back.as_str());
        let (place, first, second) = (&place, &first, &second);
        let (begin, older_done, younger_done) = (Notify::new(), Notify::new(), Notify::new());
        let order = async {
            first.waits().await;
            place.rig.later(SECOND);
            match &under_way {
                Some(page) => assert_eq!(without_query(&served.decide(page, "approve").await), back),
                None => assert!(place.simulator.world().set_status(&AccountId::new("ca_1"), "ACTIVE", None)),
            }
            place.rig.later(SECOND);
            begin.notify_one();
            second.waits().await;
            let mut order = [(first, &older_done), (second, &younger_done)];
            if !older_first {
                order.reverse();
            }
            for (asking, done) in order {
                place.rig.later(SECOND);
                asking.gate().through.add_permits(1_000);
                done.notified().await;
            }
        };
        let asked_first = async {
            first.ask(place, words).await;
            older_done.notify_one();
        };
        let asked_later = async {
            begin.notified().await;
            let shown = second.ask(place, words).await;
            younger_done.notify_one();
            shown
        };
        let ((), shown, ()) = tokio::join!(asked_first, asked_later, order);
        if let Some(back_again) = shown.filter(|_| !in_place) {
            assert_eq!(back_again.heading(), "Slack is connected again", "{row}");
        }
        assert_eq!(place.incidents().await, [if in_place { "slack active" } else { "slack superseded" }], "{row}");
        assert_eq!(place.writes(), usize::from(!in_place), "nobody was sent to a second page: {row}");
    }
}

fn without_query(address: &str) -> &str {
    address.split('?').next().unwrap()
}

/// Begins to record a list of Mary's one account, up to the commit.
async fn record(store: &Store, account: Account, (asked_at, now): (Timestamp, Timestamp)) -> Work {
    let users = vec![UserObservation { user: UserId::new("mary"), observation: Observation::Complete(vec![account]) }];
    let (run, mint) = (RunId::new("serve"), IdMint::new(9));
    let baseline = Baseline { taking_stock: false, until: None };
    let context = RecordContext { run: &run, baseline, now, mint: &mint };
    let mut work = store.begin().await.unwrap();
    let page = ScannedPage { users, asked_at, next: None };
    record_page(&mut work, &page, context, &mut RunCounters::default()).await.unwrap();
    work
}

#[tokio::test]
async fn of_two_processes_that_record_at_once_the_second_sees_what_the_first_wrote() {
    let url = postgres_database().await;
    let rig = Rig::over(&url).await;
    let (start, store) = (rig.now(), Store::open(&url).await.unwrap());
    let at = move |seconds: i64| start + chrono::TimeDelta::seconds(seconds);
    let account = || works("mary", "ca_1", "slack");
    record(&store, account(), (start, start)).await.commit().await.unwrap();
    // It was broken for a moment, in which one of them asked; the other asked later and records at the same time.
    let younger = record(&store, account(), (at(2), at(3))).await;
    let other = store.clone();
    let older = tokio::spawn(async move {
        let work = record(&other, broken(works("mary", "ca_1", "slack"), start), (at(1), at(4))).await;
        work.commit().await.unwrap();
    });
    let mut observer = PgConnection::connect(&url).await.unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut observer).await.unwrap() == 0 {
        assert!(!older.is_finished(), "it was to wait for the other");
        tokio::task::yield_now().await;
    }
    younger.commit().await.unwrap();
    older.await.unwrap();
    let mary = rig.story("mary").await;
    assert_eq!(mary.accounts[0].known.account.status, Status::Active);
    assert_eq!((mary.observed_at, mary.incidents), (Some(at(2)), Vec::new()));
}
