//! The report over real HTTP: who is let in and who is not, what is answered in which form, and what is wrong with a
//! question that has no answer.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{AddressKey, Colour, ReconnectUrl, Timestamp};
use reconnectd::http::{Access, Brand, ReportSite, Server, Site};
use reconnectd::report::reconnect::{
    Frame, Period, ReconnectReport, ReportScope, Step, Trend, TrendAsked, csv, html, reconnect_report, text, trend,
    trend_html,
};
use reconnectd::store::Store;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::report::{execute, some_history};
use crate::support::databases::sqlite_path;

const TOKEN: &str = "a-token-of-32-visible-characters";

pub struct Served {
    address: SocketAddr,
    client: Client,
    store: Store,
    url: String,
    now: Timestamp,
    _stop: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

fn by_token() -> Option<Access> {
    Access::token(&SecretString::from(TOKEN))
}

fn by_proxy() -> Access {
    Access::Proxy { header: "x-forwarded-user".parse().unwrap(), from: Vec::new() }
}

impl Served {
    pub async fn with(access: Option<Access>) -> Self {
        let (folder, path) = sqlite_path();
        let url = format!("sqlite://{}", path.display());
        let store = Store::open(&url).await.unwrap();
        store.migrate().await.unwrap();
        let now = some_history(&url).await;
        let site = Site {
            product: "Acme & Söhne".to_owned(),
            key: AddressKey::new(&SecretString::from("the key!".repeat(4))).unwrap(),
            store: store.clone(),
            now: Arc::new(move || now),
            languages: Arc::new(reconnectd::languages::Languages::load(None).unwrap()),
            brand: Brand::default(),
            public_url: None,
            settings_url: ReconnectUrl::parse("https://app.example.com/settings/{toolkit}").unwrap(),
            trusted_proxies: Vec::new(),
            reconnect: None,
            report: access.map(|access| ReportSite { access, period: Duration::from_hours(24 * 7) }),
        };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), site).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let address = server.address();
        tokio::spawn(server.run(async {
            stopped.await.ok();
        }));
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { address, client, store, url, now, _stop: stop, _folder: folder }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    fn asking(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    async fn get(&self, path: &str) -> Response {
        self.asking(path).bearer_auth(TOKEN).send().await.unwrap()
    }

    async fn report(&self, days: i64) -> ReconnectReport {
        let to = self.now;
        let period = Period { from: to - chrono::TimeDelta::days(days), to };
        reconnect_report(&self.store, period, to).await.unwrap()
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn where_nobody_may_read_it_there_is_no_report() {
    let served = Served::with(None).await;
    let nothing = served.get("/nothing-at-all").await;
    let nothing = (nothing.status(), nothing.text().await.unwrap());
    for path in ["/report", "/report.json", "/report/trend", "/report/trend.csv"] {
        let answer = served.get(path).await;
        assert_eq!((answer.status(), answer.text().await.unwrap()), nothing, "{path}");
    }
    assert_eq!(nothing.0, 404);
}

#[tokio::test]
async fn a_token_opens_every_path_and_nothing_else_does() {
    let served = Served::with(by_token()).await;
    for path in ["/report", "/report.json", "/report.csv", "/report.txt", "/report/trend", "/report/trend.json"] {
        for request in [
            served.asking(path),
            served.asking(path).bearer_auth("another-token-of-32-visible-char"),
            served.asking(path).basic_auth("kim", Some(TOKEN)),
            served.asking(&format!("{path}?token={TOKEN}")),
            served.asking(path).header("x-forwarded-user", "kim"),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{path}");
            assert!(header(&answer, "www-authenticate").starts_with("Bearer realm="), "{path}");
            let body = answer.text().await.unwrap();
            assert!(!body.contains("roken") && !body.contains(TOKEN), "{path}: {body}");
        }
        assert_eq!(served.get(path).await.status(), 200, "{path}");
        let post = served.client.post(served.url(path)).bearer_auth(TOKEN);
        assert_eq!(post.send().await.unwrap().status(), 405, "{path}");
    }
}

#[tokio::test]
async fn the_proxy_says_who_reads() {
    let served = Served::with(Some(by_proxy())).await;
    let ask = async |name: Option<&str>| {
        let request = served.asking("/report.json");
        let request = if let Some(name) = name { request.header("x-forwarded-user", name) } else { request };
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask(Some("kim")).await, ask(None).await, ask(Some(" ")).await), (200, 403, 403));
    assert_eq!(served.get("/report").await.status(), 403, "a token opens nothing here");
}

#[tokio::test]
async fn every_form_is_what_the_files_hold() {
    let served = Served::with(by_token()).await;
    let expected = served.report(7).await;
    assert!(expected.headline.newly_broken > 0, "the history says nothing");
    let found: ReconnectReport = served.get("/report.json").await.json().await.unwrap();
    assert_eq!(found, expected);
    let read = async |path: &str, kind: &str| {
        let answer = served.get(path).await;
        assert!(header(&answer, "content-type").starts_with(kind), "{path}");
        answer.text().await.unwrap()
    };
    assert_eq!(read("/report.json", "application/json").await, expected.json().unwrap());
    assert_eq!(read("/report.csv", "text/csv").await, csv(&expected).unwrap());
    assert_eq!(read("/report.txt", "text/plain").await, text(&expected));
    let answer = served.asking("/report").bearer_auth(TOKEN).header("accept", "application/json").send().await.unwrap();
    assert_eq!(answer.json::<ReconnectReport>().await.unwrap(), expected);
    // The served page is the file with links and a form.
    let page = served.get("/report").await.text().await.unwrap();
    let file = html(&expected, &Frame::file("Acme & Söhne", Colour::ACCENT)).unwrap();
    assert_eq!(main_of(&page), main_of(&file));
    assert!(page.contains("<nav ") && page.contains("<form ") && !file.contains("<nav "), "{page}");
    let month: ReconnectReport = served.get("/report.json?period=30d").await.json().await.unwrap();
    assert_eq!(month, served.report(30).await);
    assert_ne!(month.headline, expected.headline);
    let scope = ReportScope { toolkit: Some("slack".to_owned()), ..ReportScope::from(expected.period) };
    let slack = reconnect_report(&served.store, scope, served.now).await.unwrap();
    assert!(slack.headline.newly_broken > 0 && slack.headline != expected.headline, "the history says nothing");
    let found: ReconnectReport = served.get("/report.json?toolkit=slack").await.json().await.unwrap();
    assert_eq!(found, slack);
}

/// A page without what leads to others.
fn main_of(page: &str) -> &str {
    page.split_once("<main>").unwrap().1
}

#[tokio::test]
async fn the_trend_is_what_the_command_writes() {
    let served = Served::with(by_token()).await;
    for (word, step) in [("day", Step::Day), ("week", Step::Week), ("month", Step::Month)] {
        let (from, to) = (served.now - chrono::TimeDelta::days(28), served.now);
        let asked = TrendAsked { from, to, step, toolkit: Some("slack".to_owned()) };
        let points = trend(&served.store, &asked).await.unwrap();
        let expected = Trend::new(asked, points);
        assert!(expected.points.iter().any(|point| point.newly_broken > 0), "the history says nothing");
        let query = format!("?step={word}&period=28d&toolkit=slack");
        let read =
            async |ending: &str| served.get(&format!("/report/trend{ending}{query}")).await.text().await.unwrap();
        assert_eq!(read(".json").await, expected.json().unwrap());
        assert_eq!(read(".csv").await, expected.csv().unwrap());
        assert_eq!(read(".txt").await, expected.text());
        let page = read("").await;
        // The served page is the file with links and a form.
        let file = trend_html(&expected, &Frame::file("Acme & Söhne", Colour::ACCENT)).unwrap();
        assert_eq!(main_of(&page), main_of(&file));
        assert!(page.contains("<nav ") && page.contains("<form ") && !file.contains("<nav "), "{page}");
    }
}

#[tokio::test]
async fn answers_are_kept_by_nobody_and_pages_load_nothing() {
    let served = Served::with(by_token()).await;
    for path in ["/report", "/report.json", "/report/trend", "/report?period=nonsense", "/report.csv"] {
        let answer = served.get(path).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{path}");
        }
        assert_eq!(answer.headers().get_all("content-security-policy").iter().count(), 1, "{path}: both would hold");
        let policy = header(&answer, "content-security-policy").to_owned();
        assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("<script") && !page.contains(" src=") && !page.contains("href=\"http"), "{path}");
    }
}

#[tokio::test]
async fn a_question_without_an_answer_is_told_so_in_its_form() {
    let served = Served::with(by_token()).await;
    for (path, words) in [
        ("/report?period=week", "The parameter period cannot be used: write a number and a unit"),
        ("/report?from=1969-12-31", "The parameter from cannot be used: write a year from 1970"),
        ("/report?from=-262143-01-01&to=-262142-01-01", "cannot be used: write a year from 1970"),
        ("/report.json?period=week", "The parameter period cannot be used"),
        ("/report.csv?from=2026-13-01", "The parameter from cannot be used: write a day"),
        ("/report?from=-262143-01-01", "The parameter from cannot be used: write a year from 1970 to 9999"),
        ("/report/trend?step=hour", "The parameter step cannot be used: write day, week or month"),
        ("/report/trend?step=day&period=3000d", "has at most"),
        ("/report?%3Cscript%3E=1", "The parameter &lt;script&gt; cannot be used"),
    ] {
        let answer = served.get(path).await;
        let (status, page) = (answer.status(), answer.text().await.unwrap());
        assert!(status == 400 && page.contains(words), "{path}: {status} {page}");
        assert_eq!(path.contains(".json"), page.starts_with("{\"error\":"), "{path}");
    }
}

#[tokio::test]
async fn a_trend_that_ends_within_a_day_of_sums_is_told_what_to_ask() {
    let served = Served::with(by_token()).await;
    let (from, to) = (served.now - chrono::TimeDelta::days(28), served.now - chrono::TimeDelta::days(7));
    let path = format!("/report/trend?step=day&from={}&to={}", from.format("%F"), to.format("%FT12:00:00Z"));
    assert_eq!(served.get(&path).await.status(), 200);
    // Retention has folded everything but the last day.
    let since = reconnectd::domain::millis(served.now - chrono::TimeDelta::days(1));
    let folded = format!("INSERT INTO meta VALUES ('history_since', '{since}'), ('folded_before', '{since}');");
    execute(&served.url, &folded).await;
    let answer = served.get(&path.replace(":00:00Z", ":00:01Z")).await;
    let (status, page) = (answer.status(), answer.text().await.unwrap());
    assert!(status == 400 && page.contains("let the trend end at 00:00 UTC"), "{status} {page}");
    assert_eq!(served.get(&path.replace("T12:", "T00:")).await.status(), 200);
}

#[tokio::test]
async fn who_guesses_is_slowed_down() {
    let served = Served::with(by_token()).await;
    let mut found = Vec::new();
    for _try in 0..90 {
        found.push(served.asking("/report").bearer_auth("a guess").send().await.unwrap().status().as_u16());
    }
    assert_eq!(found[0], 401);
    assert!(found.contains(&429) && found.iter().all(|status| [401, 429].contains(status)), "{found:?}");
}

#[tokio::test]
async fn the_form_asks_the_next_question_and_the_views_link_to_each_other() {
    let served = Served::with(by_token()).await;
    let page = served.get("/report?period=30d&toolkit=slack").await.text().await.unwrap();
    for part in [
        "<form method=\"get\" class=\"ask\"",
        "name=\"period\" value=\"30d\"",
        "name=\"toolkit\" value=\"slack\"",
        "href=\"report&#x2f;trend?period=30d&amp;toolkit=slack\"",
        "href=\"report.csv?period=30d&amp;toolkit=slack\"",
        "href=\"report?period=7d&amp;toolkit=slack\"",
        "href=\"report?period=30d\">all",
        "aria-current=\"page\">30d",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let page = served.get("/report/trend?step=month").await.text().await.unwrap();
    assert!(page.contains("href=\"..&#x2f;report\"") && page.contains("<option selected>month</option>"), "{page}");
}
