//! Accounts walked through their lives: who is told, how often, and who never is. Over a real state
//! database, with provider, directory and channels in memory.

use std::time::Duration;

use reconnectd::domain::{ReasonHint, Status, ToolkitSlug, from_millis};
use reconnectd::ports::ProviderError;

use crate::support::databases::postgres_database;
use crate::support::rig::{Rig, START_MS, broken, works};

const HOUR: Duration = Duration::from_hours(1);
pub const DAY: Duration = Duration::from_hours(24);
pub const NOBODY: [&str; 0] = [];

/// A rig with one user per id, each with one Slack account that has been seen to work.
pub async fn seen_working(users: &[&str]) -> Rig {
    let rig = Rig::new().await;
    add_working(&rig, users).await;
    rig
}

async fn add_working(rig: &Rig, users: &[&str]) {
    for user in users {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
    }
    assert_eq!(rig.run().await.notices(), 0);
    rig.later(DAY);
}

/// The grant of the user's Slack account is refused now.
pub fn break_slack(rig: &Rig, user: &str) {
    let now = rig.now();
    rig.world.change(user, &format!("ca_{user}"), |account| *account = broken(account.clone(), now));
}

/// What the walks ask of a summary.
pub trait Counts {
    fn notices(&self) -> u64;
    fn silenced(&self, reason: &str) -> u64;
}

impl Counts for reconnectd::report::Summary {
    fn notices(&self) -> u64 {
        self.counters.notices_planned
    }

    fn silenced(&self, reason: &str) -> u64 {
        self.counters.silenced.get(reason).copied().unwrap_or(0)
    }
}

fn unavailable() -> ProviderError {
    ProviderError::Unavailable { attempts: 5, last: "HTTP 503".into() }
}

async fn life_of_an_account(rig: Rig) {
    add_working(&rig, &["u1", "u2"]).await;
    break_slack(&rig, "u1");
    let summary = rig.run().await;
    assert_eq!((summary.counters.incidents_opened, summary.counters.deliveries_sent), (1, 2));
    assert_eq!(rig.world.take_told(), ["email u1: slack", "webhook:product u1: slack"]);
    for _ in 0..3 {
        rig.later(DAY);
        let summary = rig.run().await;
        assert_eq!(summary.silenced("ladder_done"), 1);
    }
    assert_eq!(rig.world.take_told(), NOBODY, "never a second mail");

    rig.world.change("u1", "ca_u1", |account| account.status = Status::Active);
    rig.later(HOUR);
    assert_eq!(rig.run().await.counters.incidents_closed, 1);
    rig.later(DAY);
    break_slack(&rig, "u1");
    assert_eq!(rig.run().await.counters.incidents_opened, 1);
    assert_eq!(rig.world.take_told(), ["email u1: slack", "webhook:product u1: slack"], "a new breakage is new news");

    let story = rig.story("u1").await;
    let closed: Vec<_> = story.incidents.iter().map(|i| i.closed.as_ref().map(|(_, why)| why.as_str())).collect();
    assert_eq!(closed, [Some("active"), None]);
    let changes: Vec<_> =
        story.accounts[0].transitions.iter().map(|t| (t.from_status.as_str(), t.to_status.as_str())).collect();
    assert_eq!(changes, [("ACTIVE", "EXPIRED"), ("EXPIRED", "ACTIVE"), ("ACTIVE", "EXPIRED")]);
}

#[tokio::test]
async fn an_account_breaks_is_told_once_heals_and_breaks_again() {
    life_of_an_account(Rig::new().await).await;
}

#[tokio::test]
async fn the_same_life_on_postgresql() {
    life_of_an_account(Rig::over(&postgres_database().await).await).await;
}

#[tokio::test]
async fn everything_broken_for_one_user_is_one_notification() {
    let rig = seen_working(&["u1"]).await;
    rig.world.put(works("u1", "ca_g", "gmail"));
    rig.run().await;
    rig.later(DAY);
    break_slack(&rig, "u1");
    rig.later(HOUR);
    let now = rig.now();
    rig.world.change("u1", "ca_g", |account| *account = broken(account.clone(), now));
    assert_eq!(rig.run().await.notices(), 1);
    assert_eq!(rig.world.take_told(), ["email u1: gmail slack", "webhook:product u1: gmail slack"], "newest first");
}

#[tokio::test]
async fn taking_stock_tells_nobody_about_old_breakages_ever() {
    let mut rig = Rig::new().await;
    rig.settings.baseline_first = true;
    for user in ["old", "fine", "unreachable"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
    }
    break_slack(&rig, "old");
    break_slack(&rig, "unreachable");
    rig.later(DAY);
    rig.world.provider_fails(|user| (user.as_str() == "unreachable").then(unavailable));
    let first = rig.run().await;
    assert!(first.baseline && !first.complete);
    assert_eq!((first.counters.incidents_opened, first.silenced("baseline")), (1, 1));

    rig.world.provider_recovers();
    rig.later(DAY);
    break_slack(&rig, "fine");
    let second = rig.run().await;
    assert!(!second.baseline);
    assert_eq!(rig.world.take_told(), ["email fine: slack", "webhook:product fine: slack"]);
    assert_eq!(second.silenced("baseline"), 2, "also the one who could not be asked at first: broken before we came");

    // A user who joins later and breaks is told, also when first seen broken.
    rig.world.user("new");
    rig.later(DAY);
    let now = rig.now();
    rig.world.put(broken(works("new", "ca_new", "slack"), now));
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email new: slack", "webhook:product new: slack"]);
}

#[tokio::test]
async fn taking_stock_lasts_until_a_run_has_finished() {
    let mut rig = Rig::new().await;
    rig.settings.baseline_first = true;
    for user in ["a", "b", "c"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
        break_slack(&rig, user);
    }
    rig.world.provider_fails(|user| {
        (user.as_str() == "c").then(|| ProviderError::Unauthorized { status: 401, detail: String::new() })
    });
    rig.try_run().await.unwrap_err();
    rig.world.provider_recovers();
    assert!(rig.run().await.baseline);
    rig.run().await;
    assert_eq!(rig.world.take_told(), NOBODY);
}

#[tokio::test]
async fn attempts_that_were_never_finished_are_nobodys_business() {
    let rig = seen_working(&["u1", "u2"]).await;
    break_slack(&rig, "u1");
    rig.run().await;
    assert_eq!(rig.world.take_told().len(), 2);
    // u1 clicks the link in the mail and gives up; u2 tries a new toolkit and gives up.
    for (user, toolkit) in [("u1", "slack"), ("u2", "notion")] {
        let began = rig.now();
        let attempt = reconnectd::domain::Account {
            status: Status::Initiated,
            created_at: Some(began),
            updated_at: Some(began),
            ..works(user, &format!("ca_{user}_attempt"), toolkit)
        };
        rig.world.put(attempt);
    }
    assert_eq!(rig.run().await.silenced("pending"), 2);
    rig.later(Duration::from_mins(10));
    for (user, reason) in [("u1", ReasonHint::NeverCompleted), ("u2", ReasonHint::None)] {
        let now = rig.now();
        rig.world.change(user, &format!("ca_{user}_attempt"), |account| {
            account.status = Status::Expired;
            account.reason = reason;
            account.updated_at = Some(now);
        });
    }
    for _ in 0..2 {
        rig.later(DAY);
        assert_eq!(rig.run().await.silenced("never_connected"), 2);
    }
    assert_eq!(rig.world.take_told(), NOBODY, "an abandoned attempt never causes a notice");
}

#[tokio::test]
async fn incidents_close_on_evidence_and_on_nothing_else() {
    let rig = seen_working(&["again", "anew", "gone", "off", "unknown", "word"]).await;
    for user in ["again", "anew", "gone", "off", "unknown", "word"] {
        break_slack(&rig, user);
    }
    rig.run().await;
    assert_eq!(rig.world.take_told().len(), 12);
    rig.later(DAY);
    let now = rig.now();
    rig.world.change("again", "ca_again", |account| account.status = Status::Active);
    rig.world.put(reconnectd::domain::Account { created_at: Some(now), ..works("anew", "ca_anew_2", "slack") });
    rig.world.remove("gone", "ca_gone");
    rig.world.change("off", "ca_off", |account| account.status = Status::Inactive);
    rig.world.change("word", "ca_word", |account| account.status = Status::Other("PAUSED".into()));
    rig.world.provider_fails(|user| (user.as_str() == "unknown").then(unavailable));
    let summary = rig.run().await;
    assert_eq!((summary.counters.incidents_closed, summary.incidents_open, summary.complete), (3, 3, false));
    for (user, evidence) in [
        ("again", Some("active")),
        ("anew", Some("superseded")),
        ("gone", Some("gone")),
        ("off", None),
        ("unknown", None),
        ("word", None),
    ] {
        let story = rig.story(user).await;
        let closed = story.incidents[0].closed.as_ref().map(|(_, evidence)| evidence.as_str());
        assert_eq!(closed, evidence, "{user}");
    }
    assert_eq!(rig.world.take_told(), NOBODY);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_unknown_and_stops_nobody_else() {
    let rig = seen_working(&["a", "b", "c"]).await;
    for user in ["a", "b", "c"] {
        break_slack(&rig, user);
    }
    rig.world.provider_fails(|user| (user.as_str() == "b").then(unavailable));
    let summary = rig.run().await;
    assert_eq!((summary.counters.users_unknown, summary.counters.incidents_opened, summary.complete), (1, 2, false));
    rig.world.take_told();
    rig.world.provider_recovers();
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email b: slack", "webhook:product b: slack"]);
}

#[tokio::test]
async fn a_refused_key_mails_nobody() {
    let rig = seen_working(&["a", "b", "c", "d"]).await;
    for user in ["a", "b", "c", "d"] {
        break_slack(&rig, user);
    }
    let refused = || ProviderError::Unauthorized { status: 401, detail: String::new() };
    rig.world.provider_fails(move |user| (user.as_str() == "d").then(refused));
    assert!(rig.try_run().await.unwrap_err().is_unauthorized());
    assert_eq!(rig.world.take_told(), NOBODY, "not even those whose page was recorded before");

    // Refused at the last moment: planned, and still nobody is told.
    rig.world.provider_recovers();
    rig.world.at_contact(move |world, _| world.provider_fails(move |_| Some(refused())));
    assert!(rig.try_run().await.unwrap_err().is_unauthorized());
    assert_eq!(rig.world.take_told(), NOBODY);
    rig.world.at_contact(|world, _| world.provider_recovers());
    rig.world.provider_recovers();
    rig.later(DAY);
    rig.run().await;
    assert_eq!(rig.world.take_told().len(), 8, "what was planned is sent once the key works again");
}

#[tokio::test]
async fn healed_just_before_sending_is_not_mentioned_and_can_be_news_later() {
    let rig = seen_working(&["u1"]).await;
    rig.world.put(works("u1", "ca_g", "gmail"));
    rig.run().await;
    rig.later(DAY);
    break_slack(&rig, "u1");
    let now = rig.now();
    rig.world.change("u1", "ca_g", |account| *account = broken(account.clone(), now));
    rig.world.at_contact(|world, _| world.change("u1", "ca_u1", |account| account.status = Status::Active));
    let summary = rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u1: gmail", "webhook:product u1: gmail"], "slack is dropped");
    assert_eq!(summary.counters.incidents_closed, 1, "the fresh list is the evidence");

    rig.later(DAY);
    let now = rig.now();
    rig.world.at_contact(|world, _| world.change("u1", "ca_u1", |account| account.status = Status::Active));
    rig.world.change("u1", "ca_u1", |account| *account = broken(account.clone(), now));
    let summary = rig.run().await;
    assert_eq!((summary.counters.deliveries_cancelled, summary.silenced("healed")), (2, 2), "nothing left");
    assert_eq!(rig.world.take_told(), NOBODY);

    rig.world.at_contact(|_, _| {});
    rig.later(DAY);
    break_slack(&rig, "u1");
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u1: slack", "webhook:product u1: slack"]);
}

#[tokio::test]
async fn a_user_who_left_or_has_no_address_is_not_mailed() {
    let rig = seen_working(&["left"]).await;
    rig.world.user_without_address("silent");
    rig.world.put(works("silent", "ca_silent", "slack"));
    rig.run().await;
    break_slack(&rig, "left");
    break_slack(&rig, "silent");
    // `left` deletes the account with the product between the plan and the mail.
    rig.world.at_contact(|world, user| {
        if user.as_str() == "left" {
            world.forget("left");
        }
    });
    let summary = rig.run().await;
    assert_eq!(summary.notices(), 2);
    let told = rig.world.take_told();
    assert_eq!(told, ["webhook:product silent: slack"], "a webhook needs no address");
    assert_eq!((summary.silenced("no_address"), summary.silenced("user_gone")), (1, 2));
}

#[tokio::test]
async fn without_a_channel_breakages_wait_for_one() {
    let mut rig = seen_working(&["u1"]).await;
    rig.channels.clear();
    break_slack(&rig, "u1");
    assert_eq!(rig.run().await.silenced("no_channel"), 1);
    rig.channels = vec!["email"];
    rig.run().await;
    assert_eq!(rig.world.take_told(), ["email u1: slack"]);
}

#[tokio::test]
async fn a_second_account_is_named_and_many_dead_rows_are_one_notice() {
    let mut rig = Rig::new().await;
    rig.channels = vec!["email"];
    rig.world.user("two");
    rig.world.put(works("two", "ca_private", "gmail"));
    let newer = from_millis(START_MS - 30 * 86_400_000);
    let work = reconnectd::domain::Account {
        alias: Some("work".into()),
        created_at: Some(newer),
        ..works("two", "ca_work", "gmail")
    };
    rig.world.put(work);
    rig.world.user("many");
    for n in 0..5 {
        rig.world.put(works("many", &format!("ca_{n}"), "zoom"));
    }
    rig.run().await;
    rig.later(DAY);
    let now = rig.now();
    rig.world.change("two", "ca_work", |account| *account = broken(account.clone(), now));
    for n in 0..5 {
        rig.world.change("many", &format!("ca_{n}"), |account| *account = broken(account.clone(), now));
    }
    let summary = rig.run().await;
    assert_eq!((summary.notices(), summary.silenced("covered_by_incident")), (2, 4));
    let sent = rig.world.take_sent();
    let item = |user: &str| {
        let (_, notice) = sent.iter().find(|(_, notice)| notice.user.as_str() == user).unwrap();
        assert_eq!(notice.items.len(), 1);
        notice.items[0].clone()
    };
    assert_eq!((item("two").label.as_deref(), item("two").second_account), (Some("work"), true));
    assert!(!item("many").second_account);
    assert_eq!(item("many").reconnect_url, "https://app.example.com/zoom");
}

#[tokio::test]
async fn twenty_unlucky_users_side_by_side_are_no_outage() {
    let users: Vec<String> = (10..60).map(|n| format!("u{n}")).collect();
    let names: Vec<&str> = users.iter().map(String::as_str).collect();
    let rig = seen_working(&names).await;
    break_slack(&rig, "u10");
    break_slack(&rig, "u59");
    rig.world.provider_fails(|user| {
        let unlucky = user.as_str() > "u10" && user.as_str() < "u55";
        unlucky.then(unavailable)
    });
    let summary = rig.run().await;
    assert_eq!((summary.counters.users_unknown, summary.complete), (44, false));
    assert_eq!(rig.world.take_told().len(), 4, "the others are served");
}

#[tokio::test]
async fn a_renamed_toolkit_is_no_news() {
    let rig = seen_working(&["u1"]).await;
    break_slack(&rig, "u1");
    rig.run().await;
    rig.world.take_told();
    rig.world.change("u1", "ca_u1", |account| account.toolkit = ToolkitSlug::new("slack_v2"));
    let summary = rig.run().await;
    assert_eq!((summary.counters.incidents_opened, summary.counters.incidents_closed), (0, 0));
    assert_eq!(rig.world.take_told(), NOBODY);
    assert_eq!(rig.story("u1").await.incidents[0].toolkit, "slack_v2");
}

#[tokio::test]
async fn an_account_the_last_look_lacks_is_asked_for_by_its_id_before_it_counts_as_gone() {
    let rig = seen_working(&["hidden", "gone"]).await;
    break_slack(&rig, "hidden");
    break_slack(&rig, "gone");
    rig.world.at_contact(|world, user| match user.as_str() {
        "gone" => world.remove("gone", "ca_gone"),
        _ => world.hide("hidden", "ca_hidden"),
    });
    let summary = rig.run().await;
    assert_eq!(summary.counters.incidents_closed, 1);
    assert_eq!(rig.world.take_told(), ["email hidden: slack", "webhook:product hidden: slack"]);
}

#[tokio::test]
async fn a_foreign_account_in_the_last_look_stops_everything() {
    let rig = seen_working(&["u1"]).await;
    break_slack(&rig, "u1");
    rig.world.at_contact(|world, user| {
        let stranger = works("stranger", "ca_stranger", "slack");
        // What a provider that ignores the filter would answer: somebody else's row in this user's list.
        world.put(reconnectd::domain::Account { user: user.clone(), ..stranger.clone() });
        world.misplace("u1", "ca_stranger", "stranger");
    });
    let error = rig.try_run().await.unwrap_err();
    assert!(format!("{error:?}").contains("ForeignAccount"), "{error:?}");
    assert_eq!(rig.world.take_told(), NOBODY);
}
