//! Failures of ours before anything is sent: they cost the delivery nothing.

use std::sync::atomic::Ordering::Relaxed;

use super::*;

#[tokio::test]
async fn a_failure_of_ours_before_sending_costs_neither_the_allowance_nor_the_horizon() {
    on_both(async |mut rig| {
        rig.channels = vec!["email"];
        rig.settings.retry.max_attempts = 2;
        seen_working(&rig, &["u"]).await;
        breaks(&rig, "u", "slack");
        planned_unsaid(&rig).await;
        rig.world.directory_away.store(true, Relaxed);
        for _ in 0..20 {
            rig.deliver().await;
            rig.later(7 * HOUR);
        }
        assert_eq!(states(&rig, "email").await, ["pending"]);
        let codes = outcomes(&rig, "u", "email").await;
        assert!(codes.len() < 40, "on the ladder: {}", codes.len());
        assert_eq!((codes[0].as_str(), codes.last().unwrap().as_str()), ("provider_failed", "directory_failed"));
        rig.world.directory_away.store(false, Relaxed);
        rig.world.next_on("email", [failing(FailureClass::Transient)]);
        rig.deliver().await;
        assert_eq!(rig.world.take_told().len(), 2, "the whole allowance is left");
        assert_eq!(states(&rig, "email").await, ["delivered"]);
    })
    .await;
}
