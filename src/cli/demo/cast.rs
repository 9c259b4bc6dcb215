//! Who plays in the demo: one user per situation, as rows of the product's database and of the provider.

use chrono::TimeDelta;

use crate::domain::Timestamp;
use crate::simulator::{SimAccount, World};

/// One made-up user.
pub(super) struct Player {
    /// The id in the product's database.
    pub id: &'static str,
    /// The address; none for a user without one.
    pub email: Option<&'static str>,
    /// What is the matter, in a few words.
    pub situation: &'static str,
    /// The accounts before the first run. `now` is the moment of the first run.
    pub before: fn(&str, Timestamp) -> Vec<SimAccount>,
    /// What happens between the first and the second run; `now` is the moment of the second.
    pub then: fn(&World, &str, Timestamp),
}

const REFUSED: &str = "Permanent auth error during token refresh";
const UNFINISHED: &str = "Connection initiation did not complete within 10 minutes";

/// An account that was connected `days` before `now` and works.
fn works(user: &str, n: u32, toolkit: &str, now: Timestamp, days: i64) -> SimAccount {
    SimAccount::new(&id(user, n), user, toolkit, now - TimeDelta::days(days))
}

/// The provider's id of a user's n-th account.
fn id(user: &str, n: u32) -> String {
    let letters: String = user.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("ca_{letters}_{n}")
}

fn nothing(_: &World, _: &str, _: Timestamp) {}

/// The user's n-th account stops working: the toolkit refuses the refresh.
fn breaks(world: &World, user: &str, n: u32) {
    let account = crate::domain::AccountId::new(id(user, n));
    world.set_status(&account, "EXPIRED", Some(REFUSED));
}

fn first_breaks(world: &World, user: &str, _: Timestamp) {
    breaks(world, user, 1);
}

fn one_slack(user: &str, now: Timestamp) -> Vec<SimAccount> {
    vec![works(user, 1, "slack", now, 90)]
}

/// Appears between the runs with one account in this state.
fn appears(world: &World, account: SimAccount, status: &str, reason: Option<&str>, changed: Timestamp) {
    world.put(account.status(status, reason, changed));
}

/// The users, in the order of the table.
pub(super) const CAST: [Player; 24] = [
    Player {
        id: "ada",
        email: Some("ada@example.com"),
        situation: "everything works",
        before: one_slack,
        then: nothing,
    },
    Player {
        id: "ben",
        email: Some("ben@example.com"),
        situation: "Slack was revoked",
        before: one_slack,
        then: first_breaks,
    },
    Player {
        id: "cleo",
        email: Some("cleo@example.com"),
        situation: "Gmail and GitHub both stopped",
        before: |user, now| vec![works(user, 1, "gmail", now, 60), works(user, 2, "github", now, 40)],
        then: |world, user, _| {
            breaks(world, user, 1);
            breaks(world, user, 2);
        },
    },
    Player {
        id: "dan",
        email: Some("dan@example.com"),
        situation: "clicked connect, never finished",
        before: |_, _| vec![],
        then: |world, user, now| {
            let began = now - TimeDelta::hours(5);
            let account = works(user, 1, "notion", began, 0);
            appears(world, account, "EXPIRED", Some(UNFINISHED), began + TimeDelta::minutes(10));
        },
    },
    Player {
        id: "eve",
        email: Some("eve@example.com"),
        situation: "the same, and no reason given",
        before: |_, _| vec![],
        then: |world, user, now| {
            let began = now - TimeDelta::hours(5);
            appears(world, works(user, 1, "notion", began, 0), "EXPIRED", None, began + TimeDelta::minutes(10));
        },
    },
    Player {
        id: "finn",
        email: Some("finn@example.com"),
        situation: "broken; will give up reconnecting",
        before: one_slack,
        then: first_breaks,
    },
    Player {
        id: "gus",
        email: Some("gus@example.com"),
        situation: "broken, has reconnected since",
        before: one_slack,
        then: |world, user, now| {
            breaks(world, user, 1);
            world.put(works(user, 2, "slack", now + TimeDelta::minutes(1), 0));
        },
    },
    Player {
        id: "hana",
        email: Some("hana@example.com"),
        situation: "second account broke, first works",
        before: |user, now| {
            vec![works(user, 1, "gmail", now, 200).alias("private"), works(user, 2, "gmail", now, 50).alias("work")]
        },
        then: |world, user, _| breaks(world, user, 2),
    },
    Player {
        id: "ivan",
        email: Some("ivan@example.com"),
        situation: "denied consent on first connect",
        before: |_, _| vec![],
        then: |world, user, now| {
            let began = now - TimeDelta::hours(3);
            let reason = Some("OAuth callback failed during token exchange");
            appears(world, works(user, 1, "linear", began, 0), "FAILED", reason, began + TimeDelta::minutes(2));
        },
    },
    Player {
        id: "jo",
        email: Some("jo@example.com"),
        situation: "worked, then FAILED in place",
        before: one_slack,
        then: |world, user, _| {
            let account = crate::domain::AccountId::new(id(user, 1));
            world.set_status(&account, "FAILED", Some("OAuth callback failed during token exchange"));
        },
    },
    Player {
        id: "kim",
        email: Some("kim@example.com"),
        situation: "switched the account off",
        before: one_slack,
        then: |world, user, _| {
            let account = crate::domain::AccountId::new(id(user, 1));
            world.set_status(&account, "INACTIVE", Some("Connection status updated by user"));
        },
    },
    Player {
        id: "lou",
        email: Some("lou@example.com"),
        situation: "revoked it on purpose",
        before: one_slack,
        then: |world, user, _| {
            let account = crate::domain::AccountId::new(id(user, 1));
            world.set_status(&account, "REVOKED", Some("Revoked via user-initiated revoke endpoint"));
        },
    },
    Player {
        id: "mia",
        email: Some("mia@example.com"),
        situation: "our own OAuth app is disabled",
        before: |user, now| vec![works(user, 1, "hubspot", now, 80).auth_config_disabled()],
        then: first_breaks,
    },
    Player {
        id: "ned",
        email: Some("ned@example.com"),
        situation: "connect attempt under way",
        before: |_, _| vec![],
        then: |world, user, now| {
            let began = now - TimeDelta::minutes(4);
            appears(world, works(user, 1, "asana", began, 0), "INITIATED", None, began);
        },
    },
    Player {
        id: "ola",
        email: Some("ola@example.com"),
        situation: "a SHARED account broke",
        before: |user, now| vec![works(user, 1, "slack", now, 70).shared()],
        then: first_breaks,
    },
    Player {
        id: "pat",
        email: Some("pat@example.com"),
        situation: "service account key expired",
        before: |user, now| vec![works(user, 1, "googledrive", now, 70).scheme("GOOGLE_SERVICE_ACCOUNT")],
        then: first_breaks,
    },
    Player {
        id: "quin",
        email: Some("quin@example.com"),
        situation: "a status nobody knows yet",
        before: one_slack,
        then: |world, user, _| {
            let account = crate::domain::AccountId::new(id(user, 1));
            world.set_status(&account, "PAUSED", None);
        },
    },
    Player {
        id: "rosa",
        email: Some("rosa@example.com"),
        situation: "was broken before the first run",
        before: |user, now| {
            let changed = now - TimeDelta::days(20);
            vec![works(user, 1, "jira", now, 150).status("EXPIRED", Some(REFUSED), changed)]
        },
        then: nothing,
    },
    Player {
        id: "sam",
        email: Some("sam@example.com"),
        situation: "heals just before the mail is sent",
        before: one_slack,
        then: first_breaks,
    },
    Player {
        id: "tess",
        email: Some("tess@example.com"),
        situation: "three dead rows of one toolkit",
        before: |user, now| (1..=3).map(|n| works(user, n, "zoom", now, 90 - i64::from(n))).collect(),
        then: |world, user, _| (1..=3).for_each(|n| breaks(world, user, n)),
    },
    Player { id: "uma", email: None, situation: "broken, no address known", before: one_slack, then: first_breaks },
    Player {
        id: "default",
        email: Some("team@example.com"),
        situation: "the provider's nobody",
        before: one_slack,
        then: first_breaks,
    },
    Player {
        id: "vic,west",
        email: Some("vic@example.com"),
        situation: "a comma in the id",
        before: one_slack,
        then: first_breaks,
    },
    Player {
        id: "wöi & /#%+1",
        email: Some("woi@example.com"),
        situation: "odd characters in the id",
        before: one_slack,
        then: first_breaks,
    },
];
