//! When people are told: the ladder, the dwell, the digest, the caps, quiet time, silences, storms and the release
//! of old breakages, through the whole pipeline.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

mod pace;
mod releases;
mod storms;

use std::time::Duration;

use reconnectd::domain::{NoticePolicy, UserId};

use crate::support::rig::{Rig, World, broken, works};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The default policy, mail only, over these users, each with a working Slack account that was seen to work.
async fn seen_working(users: &[&str]) -> Rig {
    let mut rig = Rig::new().await;
    rig.settings.notices = NoticePolicy::default();
    rig.channels = vec!["email"];
    for user in users {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}_slack"), "slack"));
    }
    rig.run().await;
    rig.later(HOUR);
    rig
}

fn breaks(rig: &Rig, user: &str, toolkit: &str) {
    let now = rig.now();
    rig.world.change(user, &format!("ca_{user}_{toolkit}"), |account| *account = broken(account.clone(), now));
}

/// What was sent since the last look: user, toolkits and which notice of each, sorted.
fn told(world: &World) -> Vec<String> {
    let mut told: Vec<String> = world
        .take_sent()
        .into_iter()
        .map(|(_, notice)| {
            let items: Vec<String> = notice.items.iter().map(|i| format!("{}#{}", i.toolkit, i.number)).collect();
            format!("{}: {}", notice.user, items.join(" "))
        })
        .collect();
    told.sort();
    told
}

/// The decision stored about a user's newest incident.
async fn decision(rig: &Rig, user: &str) -> Option<String> {
    let mut work = rig.store.begin_read().await.unwrap();
    let incidents = work.stored_incidents_of(&[UserId::new(user)]).await.unwrap();
    incidents.last().unwrap().decision.clone()
}
