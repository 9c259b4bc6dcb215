//! From the audit that notices a breakage to the report: it is counted for what it broke for, whatever is said of the
//! account since, and of whoever leaves it is said that nothing will close it.

use reconnectd::domain::{Account, AuthConfigId, ReasonHint, Status};
use reconnectd::report::reconnect::users_csv;

use super::*;
use crate::support::rig::{Rig, START_MS, broken, works};
use crate::walks::DAY;

fn breaks(rig: &Rig, user: &str, account: &str, reason: ReasonHint) {
    let now = rig.now();
    rig.world.change(user, account, |seen| *seen = Account { reason, ..broken(seen.clone(), now) });
}

/// Old news stands first in one incident; then things break; then one comes back, one moves on, one leaves.
async fn lived(url: &str) -> Rig {
    let mut rig = Rig::over(url).await;
    rig.settings.baseline_first = true;
    for user in ["back", "moved", "news", "left"] {
        rig.world.user(user);
        rig.world.put(works(user, &format!("ca_{user}"), "slack"));
        let created_at = Some(from_millis(START_MS - 200 * DAY_MS));
        rig.world.put(Account { created_at, ..works(user, &format!("ca_{user}_older"), "slack") });
    }
    breaks(&rig, "news", "ca_news", ReasonHint::RefreshRefused);
    rig.run().await;
    rig.later(DAY);
    breaks(&rig, "back", "ca_back", ReasonHint::RefreshRefused);
    breaks(&rig, "left", "ca_left", ReasonHint::RefreshRefused);
    breaks(&rig, "moved", "ca_moved", ReasonHint::TooManyFailures);
    breaks(&rig, "moved", "ca_moved_older", ReasonHint::Transient);
    breaks(&rig, "news", "ca_news_older", ReasonHint::Transient);
    rig.run().await;
    rig.later(DAY);
    rig.world.change("back", "ca_back", |seen| {
        (seen.status, seen.reason) = (Status::Active, ReasonHint::None);
        seen.auth_config = AuthConfigId::new("ac_another");
    });
    rig.world.remove("moved", "ca_moved");
    rig.world.forget("left");
    rig.run().await;
    rig
}

#[tokio::test]
async fn what_came_back_is_counted_for_what_it_broke_for() {
    let (_folder, path) = sqlite_path();
    for url in [format!("sqlite://{}", path.display()), postgres_database().await] {
        let rig = lived(&url).await;
        let period = Period { from: from_millis(START_MS), to: rig.now() + TimeDelta::hours(1) };
        let report = reconnect_report(&rig.store, period, period.to).await.unwrap();
        let found: Vec<_> = report
            .breakages
            .iter()
            .map(|of| (of.reason.as_str(), of.newly_broken, of.recovered, of.open.total()))
            .collect();
        let expected = [("refresh_refused", 2, 1, 1), ("too_many_failures", 1, 0, 1), ("transient", 1, 0, 1)];
        assert_eq!(found, expected, "{url}");
        let of: Vec<_> = report.auth_configs.iter().map(|of| (of.auth_config.as_str(), of.newly_broken)).collect();
        assert_eq!(of, [("ac_slack", 4)], "{url}");
        assert_eq!((report.headline.open, report.headline.open_left), (3, 1), "{url}");

        let mut list = Vec::new();
        users_csv(&rig.store, period, &mut list).await.unwrap();
        let list = String::from_utf8(list).unwrap();
        for (user, reason) in [
            ("back", "refresh_refused"),
            ("left", "refresh_refused"),
            ("moved", "too_many_failures"),
            ("news", "transient"),
        ] {
            let line = list.lines().find(|line| line.starts_with(&format!("\"{user}\""))).unwrap();
            assert!(line.contains(&format!("\"{reason}\"")), "{line}");
        }
    }
}
