//! On a terminal: a progress bar and a log for people, the summary last.

use std::time::Duration;

use super::process::Running;
use super::setup::Setup;

#[tokio::test]
async fn a_bar_shows_the_scan_and_the_log_is_for_people() {
    let mut setup = Setup::new().await;
    for n in 0..8 {
        setup.broken_user(&format!("u{n}")).await;
    }
    setup.set("directory.page_size", "2");
    setup.set("composio.users_per_request", "1");
    setup.set("composio.concurrency", "1");
    setup.simulator.change(|settings| settings.latency = Duration::from_millis(100));
    std::fs::write(setup.folder.path().join("reconnectd.toml"), setup.configuration()).unwrap();
    let output = Running::start_on_a_terminal(setup.folder.path(), "once").finish().await.expect(0);
    let shown = output.stdout;
    assert!(shown.contains("/8 users") && shown.contains(" left"), "no bar: {shown:?}");
    let before_the_first_page: Vec<&str> = shown.split(" 0/8 users").skip(1).collect();
    assert!(!before_the_first_page.is_empty(), "the size is not shown at once: {shown:?}");
    for rest in before_the_first_page {
        let line = rest.split(['\r', '\n', '\u{1b}']).next().unwrap();
        assert_eq!(line.trim(), "", "a rate or a time left before anything was done: {shown:?}");
    }
    assert!(shown.contains("A run began.") && !shown.contains("{\"timestamp\""), "no log for people: {shown:?}");
    assert!(shown.contains("\u{1b}[32m"), "no colours: {shown:?}");
    let summary = shown.rfind("deliveries sent        8").unwrap();
    assert!(shown[summary..].find("/8 users").is_none(), "the bar is gone when the summary is printed: {shown:?}");
}
