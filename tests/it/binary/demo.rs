//! `demo`: needs nothing, shows everything, tells nobody twice.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::path::Path;

use super::process::Running;

const EVERYBODY: [&str; 24] = [
    "ada",
    "ben",
    "cleo",
    "dan",
    "eve",
    "finn",
    "gus",
    "hana",
    "ivan",
    "jo",
    "kim",
    "lou",
    "mia",
    "ned",
    "ola",
    "pat",
    "quin",
    "rosa",
    "sam",
    "tess",
    "uma",
    "default",
    "vic,west",
    "wöi & /#%+1",
];

/// Those whose account worked, broke, is theirs to mend, and was not mended before the notice went out.
const BROKEN: [&str; 8] = ["ben", "cleo", "finn", "hana", "jo", "ola", "tess", "wöi & /#%+1"];

fn contents(folder: &Path, extension: &str) -> Vec<String> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all: Vec<_> = paths.collect();
    assert!(all.iter().all(|path| path.extension().is_some_and(|found| found == extension)), "{all:?}");
    all.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[tokio::test]
async fn the_demo_needs_nothing_and_tells_exactly_those_concerned_once() {
    let empty = tempfile::tempdir().unwrap();
    let output = Running::start(empty.path(), "demo", &["demo", "--folder", "show"], &[]).finish().await.expect(0);
    let row = |user: &str| {
        let found: Vec<&str> =
            output.stdout.lines().filter(|line| line.trim_start().starts_with(&format!("{user:<12} "))).collect();
        assert_eq!(found.len(), 1, "{user} has one line:\n{}", output.stdout);
        found[0].to_owned()
    };
    for user in EVERYBODY {
        let (line, told) = (row(user), BROKEN.contains(&user));
        assert_eq!(line.contains("mail + webhook"), told, "{line}");
        let why = line.trim_end();
        assert!(user == "ada" || !why.ends_with(" no"), "no reason is given: {line}");
    }
    assert!(row("uma").contains(" webhook ") && !row("uma").contains("mail + webhook"));
    assert!(output.stdout.contains("Told a second time: 0."));
    assert!(output.stdout.contains("Reminded: 8."), "all but Ben: {}", output.stdout);
    assert_eq!(output.stderr, "");

    let show = empty.path().join("show");
    let mails = contents(&show.join("mails"), "eml");
    let address = |user: &str| if user.starts_with("wöi") { "woi".to_owned() } else { user.to_owned() };
    for user in BROKEN {
        let to = format!("{}@example.com", address(user));
        let to_them =
            mails.iter().filter(|mail| mail.lines().any(|line| line.starts_with("To:") && line.contains(&to)));
        let (mails, reminders): (Vec<&String>, Vec<&String>) =
            to_them.partition(|mail| !mail.contains("\nSubject: Reminder"));
        assert_eq!((mails.len(), reminders.len()), (1, usize::from(user != "ben")), "{user}");
    }
    assert_eq!(mails.len(), 2 * BROKEN.len() - 1);
    let told_once = BROKEN.iter().chain(&["uma"]).map(|user| format!("reconnect.requested {user}"));
    let reminded = told_once.clone().filter(|event| !event.ends_with(" ben"));
    let over = ["ben", "sam"].map(|user| format!("reconnect.recovered {user}"));
    let mut expected: Vec<String> = told_once.chain(reminded).chain(over).collect();
    expected.sort();
    let event = |text: &String| -> String {
        let written: serde_json::Value = serde_json::from_str(text).unwrap();
        let body = written.get("body").unwrap_or(&written);
        let body = body.as_str().map_or_else(|| body.clone(), |text| serde_json::from_str(text).unwrap());
        format!("{} {}", body["type"].as_str().unwrap(), body["data"]["user_id"].as_str().unwrap())
    };
    let mut told: Vec<String> = contents(&show.join("webhooks"), "json").iter().map(event).collect();
    told.sort();
    assert_eq!(told, expected);
    the_report_is_about_the_story(&show);
    let report = show.canonicalize().unwrap().join("report.html");
    assert!(output.stdout.contains(&format!("\n  the report    {}\n", report.display())), "{}", output.stdout);
    assert!(output.stdout.contains(" demo --serve\n"), "{}", output.stdout);
}

/// Written at the end, in every form: what broke and came back in the four audits that matter.
fn the_report_is_about_the_story(show: &Path) {
    let read = |ending: &str| std::fs::read_to_string(show.join(format!("report.{ending}"))).unwrap();
    let report: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
    let headline = &report["headline"];
    for (figure, expected) in
        [("newly_broken", 12), ("recovered", 2), ("notified", 11), ("delivered", 10), ("active_again", 1)]
    {
        assert_eq!(headline[figure], expected, "{figure}: {headline}");
    }
    assert!(headline["active_at_start"].as_u64().unwrap() > 10, "the week before is known: {headline}");
    assert!(read("csv").starts_with("section,subject,") && read("txt").contains("slack"));
    assert!(read("html").starts_with("<!DOCTYPE html>") && read("html").contains("<svg"));
}

#[tokio::test]
async fn without_a_folder_it_makes_one_and_says_where() {
    let empty = tempfile::tempdir().unwrap();
    let temporary = [("TMPDIR".to_owned(), empty.path().to_str().unwrap().to_owned())];
    let output = Running::start(empty.path(), "demo", &["demo"], &temporary).finish().await.expect(0);
    let made = format!("Everything is in {}/reconnectd-demo-", empty.path().display());
    assert!(output.stdout.contains(&made), "{}", output.stdout);
    // The configuration it leaves behind works as the last lines of the output say.
    let told = output.stdout.lines().find(|line| line.contains("explain hana")).unwrap();
    let (program, arguments) = told.split_once("anybody:  ").unwrap().1.split_once(' ').unwrap();
    assert!(Path::new(program).is_absolute() && Path::new(program).exists(), "{told}");
    assert!(output.stdout.contains(": 1 incident opened,") && output.stdout.contains(" 0 deliveries sent."), "{told}");
    assert!(output.stdout.lines().all(|line| line.trim_end() == line), "trailing blanks: {:?}", output.stdout);
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let story = Running::start(empty.path(), "explain", &arguments, &[]).finish().await.expect(0);
    assert!(story.stdout.contains("User hana") && story.stdout.contains("second_account"), "{}", story.stdout);
}

#[tokio::test]
async fn a_folder_that_exists_is_left_alone() {
    let empty = tempfile::tempdir().unwrap();
    let taken = empty.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let output = Running::start(empty.path(), "demo", &["demo", "--folder", "taken"], &[]).finish().await.expect(1);
    assert!(output.stderr.contains("does not exist yet"), "{}", output.stderr);
    assert_eq!(std::fs::read_dir(&taken).unwrap().count(), 0);
}
