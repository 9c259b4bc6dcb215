//! `reconnectd report` and `reconnectd retention` as a person uses them.

use serde_json::Value;

use super::setup::Setup;

/// Two users whose accounts broke, one of whom came back.
async fn lived() -> Setup {
    let mut setup = Setup::new().await;
    setup.text("policy.first_run", "notify");
    for user in ["kim", "ben@example.com"] {
        setup.user(user).await;
    }
    let (kim, ben) = (setup.works("kim", "slack"), setup.works("ben@example.com", "gmail"));
    setup.once(0).await;
    setup.breaks(&kim);
    setup.breaks(&ben);
    setup.once(0).await;
    setup.works("kim", "slack");
    setup.once(0).await;
    setup
}

#[tokio::test]
async fn the_report_is_given_in_every_form_and_names_nobody() {
    let setup = lived().await;
    let text = setup.run(&["report"]).await.expect(0).stdout;
    let json = setup.run(&["report", "--period", "1d", "--format", "json"]).await.expect(0).stdout;
    setup.run(&["report", "--format", "csv", "--output", "report.csv"]).await.expect(0);
    let csv = std::fs::read_to_string(setup.folder.path().join("report.csv")).unwrap();
    let report: Value = serde_json::from_str(&json).unwrap();
    let headline = &report["headline"];
    assert_eq!(
        (&headline["newly_broken"], &headline["recovered"], &headline["open"]),
        (&2.into(), &1.into(), &1.into())
    );
    assert_eq!((&headline["notified"], &headline["delivered"]), (&2.into(), &2.into()));
    assert_eq!(report["brought_back"][0]["after_notice"], 0, "{json}");
    assert!(text.contains("\nnewly broken ") && text.contains("the first notice"), "{text}");
    assert!(csv.contains("headline,,,newly_broken,2\n") && csv.contains("breakages,gmail,"), "{csv}");
    for form in [&text, &json, &csv] {
        assert!(!form.contains("kim") && !form.contains("ben"), "{form}");
    }
    let list = setup.run(&["report", "--with-users", "--format", "csv"]).await.expect(0).stdout;
    assert!(list.contains("\n\"ben@example.com\",\"gmail\",") && list.contains("\n\"kim\",\"slack\","), "{list}");
}

#[tokio::test]
async fn the_list_for_support_is_a_file_for_its_owners_eyes_and_writes_over_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let setup = lived().await;
    let arguments = ["report", "--with-users", "--format", "csv", "--output", "list.csv"];
    setup.run(&arguments).await.expect(0);
    let path = setup.folder.path().join("list.csv");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let list = std::fs::read_to_string(&path).unwrap();
    assert!(list.contains("\n\"kim\",\"slack\","), "{list}");
    std::fs::write(&path, "what somebody made of it").unwrap();
    let refused = setup.run(&arguments).await.expect(1);
    assert!(refused.stderr.contains("list.csv") && !refused.stderr.contains("kim"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "what somebody made of it");
}

#[tokio::test]
async fn the_trend_is_a_page_too() {
    let setup = lived().await;
    let page = setup.run(&["report", "--trend", "day", "--format", "html"]).await.expect(0).stdout;
    for part in ["<h1>Reconnect trend</h1>", "2 accounts broke in ", ", and 1 came back.", "<svg ", "</html>"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    setup.run(&["report", "--trend", "week", "--format", "html", "--output", "trend.html"]).await.expect(0);
    let file = std::fs::read_to_string(setup.folder.path().join("trend.html")).unwrap();
    assert!(file.contains(", by week</p>") && !file.contains("kim") && !file.contains("<nav"), "{file}");
}

#[tokio::test]
async fn what_is_no_period_is_refused_with_what_to_write() {
    let setup = lived().await;
    for (arguments, said) in [
        (&["--from", "2020-01-02", "--to", "2020-01-02"][..], "must end after it begins"),
        (&["--to", "2999-01-01"], "must not end in the future"),
        (&["--from", "monday"], "write a day, such as 2026-11-16"),
        (&["--from=-262143-01-01", "--to=-262142-01-01"], "write a year from 1970 to 9999"),
        (&["--period", "7"], "write a number and a unit"),
        (&["--period", "7d", "--from", "2020-01-01"], "cannot be used with"),
        (&["--with-users"], "add --format csv"),
    ] {
        let output = setup.run(&[&["report"], arguments].concat()).await.expect(2);
        assert!(output.stderr.contains(said), "{said}: {}", output.stderr);
    }
}

#[tokio::test]
async fn retention_counts_drops_and_refuses_what_is_gone() {
    let setup = lived().await;
    let old = "UPDATE incidents SET opened_at = 0, broke_at = 0, closed_at = 1, recovery = 'told' WHERE user_id = 'kim'; \
               UPDATE deliveries SET created_at = 0, settled_at = 1; UPDATE notifications SET created_at = 0;";
    setup.on_state(old).await;
    let count = |output: &str| {
        let line = output.lines().find(|line| line.starts_with("incidents ")).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let rehearsed = setup.run(&["retention", "--dry-run"]).await.expect(0).stdout;
    assert!(count(&rehearsed) == "1" && rehearsed.ends_with("would be dropped\n"), "{rehearsed}");
    let dropped = setup.run(&["retention"]).await.expect(0).stdout;
    assert!(count(&dropped) == "1" && dropped.ends_with("dropped\n"), "{dropped}");
    assert_eq!(setup.rows("SELECT user_id FROM incidents").await, [["ben@example.com"]]);
    let refused = setup.run(&["report", "--from", "1971-01-01", "--to", "1971-02-01"]).await.expect(1);
    assert!(refused.stderr.contains("was dropped ([retention] history)"), "{}", refused.stderr);
    setup.run(&["report"]).await.expect(0);
}
