//! Sending rates through the whole pipeline, on a clock that is moved by waiting.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use reconnectd::deliver::PaceLimits;
use reconnectd::domain::Timestamp;

use super::*;

fn limits(per_minute: u32, per_domain: u32, ramp: u32) -> PaceLimits {
    let rate = |rate| NonZeroU32::new(rate).unwrap();
    PaceLimits { per_minute: rate(per_minute), per_domain_per_minute: rate(per_domain), ramp_up_from: rate(ramp) }
}

/// `count` users whose Slack broke, every `share`-th at a domain of their own, mailed under these limits.
async fn batch(limits: PaceLimits, count: usize, share: usize) -> Rig {
    let mut rig = Rig::new().await;
    rig.page_size = 500;
    rig.settings.storm.share = 1.0; // Off: they all break at once.
    rig.settings.delivery.pace = limits;
    let users: Vec<String> = (0..count).map(|n| format!("u{n:03}")).collect();
    for (n, user) in users.iter().enumerate() {
        let domain = if n % share == 0 { format!("d{n}.example") } else { "big.example".to_owned() };
        rig.world.user_at(user, &format!("{user}@{domain}"), None);
        rig.world.put(works(user, &format!("ca_{user}_slack"), "slack"));
    }
    rig.run().await;
    rig.later(HOUR);
    for user in &users {
        breaks(&rig, user, "slack");
    }
    rig
}

fn most_in_a_minute(moments: &[Timestamp]) -> usize {
    let minute = chrono::TimeDelta::minutes(1);
    let within = |at: &Timestamp| moments.iter().filter(|other| *other >= at && **other < *at + minute).count();
    moments.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn a_large_batch_keeps_to_the_rates_and_is_sent_whole_and_webhooks_do_not_wait() {
    let rig = batch(limits(120, 40, 60), 150, 3).await;
    let began = rig.now();
    let summary = rig.run().await;
    let sent = rig.world.take_sent();
    let mut moments: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for (channel, notice) in &sent {
        let channel = if channel.as_str() == "email" { "email" } else { "webhook" };
        moments.entry(channel).or_default().push(notice.now);
        let domain = notice.contact.email.as_ref().map_or("", |email| email.domain());
        if channel == "email" && domain == "big.example" {
            moments.entry("big").or_default().push(notice.now);
        }
    }
    assert_eq!((moments["email"].len(), moments["webhook"].len()), (150, 150), "everything is sent in one run");
    assert_eq!(summary.deliveries_pending, 0);
    // A second's worth, and what waits in place at that moment.
    assert!(most_in_a_minute(&moments["email"]) <= 120 + 2 + 4, "{}", most_in_a_minute(&moments["email"]));
    assert!(most_in_a_minute(&moments["big"]) <= 40 + 1 + 1, "{}", most_in_a_minute(&moments["big"]));
    let in_first = moments["email"].iter().filter(|at| **at < began + chrono::TimeDelta::minutes(1)).count();
    assert!(in_first <= 60 + 2 + 4, "the first minute begins slowly: {in_first}");
    let last_webhook = moments["webhook"].iter().max().unwrap();
    assert!(*last_webhook < began + chrono::TimeDelta::minutes(1), "webhooks go at their own pace");
    let most = deliveries(&rig).await.iter().map(|row| row.attempts).max().unwrap();
    assert!(most <= 4, "a delivery was claimed {most} times");
    assert!(summary.counters.deliveries_put_off > 0);
    let domains = rig.store.begin_read().await.unwrap().story_of_delivery(&deliveries(&rig).await[0].id).await.unwrap();
    assert!(!format!("{domains:?}").contains("example\""), "neither address nor domain is stored");
}

#[tokio::test]
async fn what_was_put_off_for_the_rates_has_lost_no_attempt() {
    let mut rig = batch(limits(6000, 1, 6000), 4, 9).await;
    rig.channels = vec!["email"];
    rig.settings.retry.max_attempts = 1;
    rig.run().await;
    assert_eq!(rig.world.take_sent().len(), 4, "one a minute");
    let rows = deliveries(&rig).await;
    assert!(rows.iter().all(|row| row.state == "delivered"), "{rows:?}");
    assert!(rows.iter().any(|row| row.attempts > 1), "some were put off");
}
