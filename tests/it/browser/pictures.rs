//! What the demo tells a newcomer to do, done in a real browser: from the mail to the report. The README's pictures are
//! taken on the way; with `RECONNECTD_WRITE_PICTURES` set they replace those in `docs/images`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::driver::Browser;
use super::output;
use crate::binary::process::{Running, until};

/// A picture of the README has at most so many bytes.
const MAX_PICTURE_BYTES: u64 = 200_000;

/// Every PNG begins so (PNG, section 5.2).
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A picture in the README: its file and what it says instead for those who do not see it.
struct Picture {
    file: PathBuf,
    words: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pictures() -> Vec<Picture> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let parts = readme.split("![").skip(1).filter_map(|rest| rest.split_once("](")).filter_map(|(words, rest)| {
        let file = rest.split(')').next()?;
        file.starts_with("docs/images/").then(|| Picture { file: root().join(file), words: words.replace('\n', " ") })
    });
    parts.collect()
}

/// Takes the picture the README shows under this name. What its words quote must be on the page.
async fn take(browser: &Browser, name: &str) {
    let pictures = pictures();
    let picture = pictures.iter().find(|picture| picture.file.ends_with(format!("{name}.png")));
    let picture = picture.unwrap_or_else(|| panic!("the README shows no {name}.png"));
    let page = browser.run("return document.body.innerText").await;
    let quoted: Vec<&str> = picture.words.split('"').skip(1).step_by(2).collect();
    assert!(!quoted.is_empty(), "{}", picture.words);
    for words in quoted {
        assert!(page.as_str().unwrap().contains(words), "the README says that {name} shows {words:?}: {page}");
    }
    let taken = output().join(format!("readme-{name}.png"));
    browser.window(&taken).await;
    assert!(taken.metadata().unwrap().len() < MAX_PICTURE_BYTES, "{}", taken.display());
    if std::env::var_os("RECONNECTD_WRITE_PICTURES").is_some() {
        std::fs::create_dir_all(picture.file.parent().unwrap()).unwrap();
        std::fs::copy(&taken, &picture.file).unwrap();
    }
}

#[test]
fn the_readmes_pictures_are_there_and_small() {
    let pictures = pictures();
    let names: Vec<&str> = pictures.iter().filter_map(|picture| picture.file.file_name()?.to_str()).collect();
    assert_eq!(names, ["reconnect-page.png", "report.png", "report-charts.png"]);
    for Picture { file, words } in &pictures {
        let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(bytes.starts_with(PNG) && (bytes.len() as u64) < MAX_PICTURE_BYTES, "{}", file.display());
        assert!(words.len() > 40, "who does not see {} is told {words:?}", file.display());
    }
}

/// What stands behind `label` on one of the demo's last lines.
fn told(stdout: &str, label: &str) -> String {
    let line = stdout.lines().find(|line| line.contains(label)).unwrap_or_else(|| panic!("no {label}: {stdout}"));
    line.split_whitespace().find(|word| word.contains("://")).unwrap().to_owned()
}

async fn headline(address: &str) -> Value {
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let report: Value = client.get(address).send().await.unwrap().json().await.unwrap();
    report["headline"].clone()
}

#[tokio::test]
async fn from_the_demos_mail_to_its_report_by_clicking() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Running::start(folder.path(), "demo", &["demo", "--serve", "--folder", "show"], &[]);
    until("the demo is open", || demo.stdout().contains("Ctrl-C") || demo.ended()).await;
    let steps = demo.stdout();
    let (mail, report) = (told(&steps, "1. the mail "), told(&steps, "5. the report "));
    let before = headline(&format!("{report}.json?period=8d")).await;
    let browser = Browser::start().await;
    browser.size(1000, 640, false).await;

    browser.goto(&mail).await;
    assert_eq!(browser.run("return document.querySelectorAll('script').length").await, 0);
    browser.click("a[href*='/r/']").await;
    assert_eq!(browser.heading().await, "Reconnect Slack", "{}", browser.url().await);
    take(&browser, "reconnect-page").await;
    browser.click("main button").await;
    assert_eq!(browser.heading().await, "Connect slack", "{}", browser.url().await);
    browser.click("button[value=approve]").await;
    assert_eq!(browser.heading().await, "Slack is connected again", "{}", browser.url().await);

    browser.size(1000, 800, false).await;
    browser.goto(&report).await;
    take(&browser, "report").await;
    browser.size(1000, 1240, false).await;
    browser.run("document.getElementById('toolkits').closest('section').scrollIntoView()").await;
    take(&browser, "report-charts").await;
    let after = headline(&format!("{report}.json")).await;
    let count = |of: &Value, figure: &str| of[figure].as_u64().unwrap();
    for (figure, change) in [("recovered", 1), ("active_again", 1), ("newly_broken", 0)] {
        assert_eq!(count(&after, figure), count(&before, figure) + change, "{figure}: {before} {after}");
    }
    assert_eq!(count(&before, "recovered"), 2, "Ben and Sam");
    assert_eq!(count(&after, "open") + 1, count(&before, "open"));
    let blocked: Vec<String> = browser.complaints().await;
    let ours: Vec<&String> = blocked.iter().filter(|line| !line.contains("favicon.ico")).collect();
    assert!(ours.is_empty(), "{ours:?}");

    demo.terminate();
    let output = demo.finish().await.expect(0);
    assert!(output.stdout.ends_with("Closed.\n") && output.stderr.is_empty(), "{} {}", output.stdout, output.stderr);
}
