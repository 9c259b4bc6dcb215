//! The pages behind unsubscribe links over real HTTP: what a GET leaves alone, what the one POST does, and what
//! nothing and nobody else can do.

#![expect(clippy::unwrap_used, reason = "a step that fails ends its test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{
    AddressHash, AddressKey, EmailAddress, ReconnectUrl, SuppressionCause, Unsubscribe, UnsubscribeToken, from_millis,
};
use reconnectd::http::{Brand, Server, Site};
use reconnectd::store::Store;
use secrecy::SecretString;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::databases::{on_both, sqlite_path};
use crate::support::rig::START_MS;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

fn key(text: &str) -> AddressKey {
    AddressKey::new(&SecretString::from(text.repeat(4))).unwrap()
}

fn mary() -> EmailAddress {
    EmailAddress::parse("mary@example.com").unwrap()
}

fn hash() -> AddressHash {
    key("the key!").hash(&mary())
}

/// The path in the link of Mary's mails.
fn path() -> String {
    let unsubscribe = Unsubscribe { base: "https://notices.acme.example".parse().unwrap(), key: key("the key!") };
    unsubscribe.link(&mary(), &[]).strip_prefix("https://notices.acme.example").unwrap().to_owned()
}

/// The server, running.
struct Served {
    address: SocketAddr,
    store: Store,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Served {
    async fn over(store: Store) -> Self {
        let site = Site {
            product: "Acme & Söhne".to_owned(),
            key: key("the key!"),
            store: store.clone(),
            now: Arc::new(|| from_millis(START_MS)),
            languages: Arc::new(reconnectd::languages::Languages::load(None).unwrap()),
            brand: Brand::default(),
            public_url: None,
            settings_url: ReconnectUrl::parse("https://app.example.com/settings/{toolkit}").unwrap(),
            trusted_proxies: ["127.0.0.0/8".parse().unwrap()].into(),
            reconnect: None,
            report: None,
        };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), site).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let address = server.address();
        let server = tokio::spawn(server.run(async {
            stopped.await.ok();
        }));
        Self { address, store, stop, server }
    }

    /// Sends these bytes and reads to the end of the connection.
    async fn exchange(&self, request: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        Answer::of(&mut stream).await
    }

    async fn get(&self, path: &str, headers: &str) -> Answer {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await
    }

    async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        self.exchange(&post(path, headers, body)).await
    }

    async fn is_suppressed(&self) -> bool {
        self.store.begin_read().await.unwrap().is_suppressed(&hash()).await.unwrap()
    }
}

fn post(path: &str, headers: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    async fn of(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

async fn sqlite() -> (tempfile::TempDir, String, Store) {
    let (folder, path) = sqlite_path();
    let url = format!("sqlite://{}", path.display());
    let store = Store::open(&url).await.unwrap();
    store.migrate().await.unwrap();
    (folder, url, store)
}

/// Changes with every commit of another connection (SQLite's documentation of `PRAGMA data_version`).
async fn version(observer: &mut SqliteConnection) -> i64 {
    sqlx::query("PRAGMA data_version").fetch_one(observer).await.unwrap().get(0)
}

#[tokio::test]
async fn looking_changes_nothing_however_often_and_by_whom() {
    let (_folder, url, store) = sqlite().await;
    let served = Served::over(store).await;
    let mut observer = SqliteConnection::connect(&url).await.unwrap();
    let before = version(&mut observer).await;
    for again in 0..20 {
        // One link is answered 30 times at once.
        let answered = |status: u16| status == 200 || (again > 2 && status == 429);
        for headers in [
            "",
            "Sec-Purpose: prefetch\r\n",
            "Purpose: prefetch\r\nX-Moz: prefetch\r\n",
            "User-Agent: Mozilla/5.0 (compatible; LinkScanner/1.0)\r\nReferer: https://mail.example/\r\n",
            "Cookie: a=b\r\nList-Unsubscribe: One-Click\r\n",
        ] {
            assert!(answered(served.get(&path(), headers).await.status), "{headers}");
        }
        let with_query = served.get(&format!("{}?List-Unsubscribe=One-Click", path()), "").await;
        let head = served.exchange(&format!("HEAD {} HTTP/1.1\r\nHost: x\r\n\r\n", path())).await;
        assert!(answered(with_query.status) && answered(head.status) && head.body.is_empty(), "{}", head.head);
        let body = format!("GET {} HTTP/1.1\r\nHost: x\r\n{FORM}Content-Length: 26\r\n\r\n{ONE_CLICK}", path());
        assert!(answered(served.exchange(&body).await.status), "a GET with the body of the POST is a GET");
    }
    assert_eq!((version(&mut observer).await, served.is_suppressed().await), (before, false));
    assert_eq!(served.post(&path(), FORM, ONE_CLICK).await.status, 200);
    assert_ne!(version(&mut observer).await, before, "the observer does see changes");
}

#[tokio::test]
async fn the_page_asks_in_the_readers_language_and_keeps_to_itself() {
    let (_folder, _url, store) = sqlite().await;
    let served = Served::over(store).await;
    let page = served.get(&path(), "Accept-Language: de-AT,de;q=0.9,en;q=0.5\r\n").await;
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-language: de",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
    ] {
        assert!(page.has(header), "{header} is missing: {}", page.head);
    }
    assert!(page.head.contains("content-security-policy: default-src 'none';"), "{}", page.head);
    assert!(!page.head.contains("set-cookie") && !page.body.contains("mary"), "{}{}", page.head, page.body);
    assert!(page.body.contains("<html lang=\"de\" dir=\"ltr\">") && page.body.contains("E-Mails abbestellen</button>"));
    assert!(page.body.contains("Acme &amp; Söhne") && page.body.contains("<form method=\"post\">"), "{}", page.body);
    let english = served.get(&path(), "").await;
    assert!(english.has("content-language: en") && english.body.contains("Stop these e-mails</button>"));
    // A link whose mail was in German says so; a language no page is in says nothing.
    for (query, language) in [("?lang=de", "de"), ("?about=slack&lang=de", "de"), ("?lang=fr", "en")] {
        let page = served.get(&format!("{}{query}", path()), "Accept-Language: en\r\n").await;
        assert!(page.has(&format!("content-language: {language}")), "{query}: {}", page.head);
    }
}

#[tokio::test]
async fn the_one_post_suppresses_as_often_as_it_comes() {
    on_both(async |store| {
        let served = Served::over(store).await;
        let part = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        for (headers, body) in
            [(FORM, ONE_CLICK), (FORM, ONE_CLICK), ("Content-Type: multipart/form-data; boundary=b\r\n", part)]
        {
            let answer = served.post(&path(), headers, body).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert!(answer.body.contains("You are unsubscribed") && !answer.body.contains("<form"), "{}", answer.body);
            assert!(!answer.head.contains("set-cookie") && !answer.head.contains("location"), "{}", answer.head);
            let mut work = served.store.begin_read().await.unwrap();
            let found = work.suppression(&hash()).await.unwrap().unwrap();
            assert_eq!((found.cause, found.author), (SuppressionCause::Unsubscribed, None));
            assert_eq!(work.count_suppressions().await.unwrap(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_multipart_form_is_understood_by_itself() {
    let (_folder, _url, store) = sqlite().await;
    let served = Served::over(store).await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    assert_eq!(served.post(&path(), "Content-Type: multipart/form-data; boundary=b\r\n", form).await.status, 200);
    assert!(served.is_suppressed().await);
}

#[tokio::test]
async fn nothing_else_changes_anything() {
    let (_folder, url, store) = sqlite().await;
    let served = Served::over(store).await;
    let mut observer = SqliteConnection::connect(&url).await.unwrap();
    let before = version(&mut observer).await;
    for (headers, body) in [
        (FORM, ""),
        (FORM, "List-Unsubscribe=one-click"),
        (FORM, "List-Unsubscribe=One-Click&x=y"),
        ("", ONE_CLICK),
        ("Content-Type: text/plain\r\n", ONE_CLICK),
        (FORM, &format!("{ONE_CLICK}{}", "x".repeat(5_000))),
    ] {
        let answer = served.post(&path(), headers, body).await;
        assert_eq!((answer.status, answer.body.contains("Nothing has changed")), (400, true), "{headers}{body:.80}");
    }
    let foreign = UnsubscribeToken::of(&key("another!"), &hash()).as_str().to_owned();
    let nobody = served.get("/", "").await.body;
    let long = "A".repeat(4_000);
    for token in [foreign.as_str(), "", "x", &path()[4..], &path()[3..60], &long, "%ff%00", "../u"] {
        let wrong = format!("/u/{token}");
        let (got, posted) = (served.get(&wrong, "").await, served.post(&wrong, FORM, ONE_CLICK).await);
        assert_eq!((got.status, posted.status), (404, 404), "{wrong:.80}");
        assert_eq!((&got.body, &posted.body), (&nobody, &nobody), "no word on what is wrong");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        let request = post(&path(), FORM, ONE_CLICK).replacen("POST", method, 1);
        assert_eq!(served.exchange(&request).await.status, 405, "{method}");
    }
    for path in ["/", "/u", "/u/", "/robots.txt", "/favicon.ico", "/livez", &format!("{}/x", path())] {
        assert_eq!(served.get(path, "").await.status, 404, "{path}");
    }
    for garbage in
        ["\r\n\r\n", "x\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000))]
    {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(garbage.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        // Refused or hung up on; either way it ends.
        stream.read_to_end(&mut Vec::new()).await.ok();
    }
    assert_eq!((version(&mut observer).await, served.is_suppressed().await), (before, false));
}

#[tokio::test]
async fn a_database_that_fails_is_said_and_not_called_done() {
    let (_folder, url, store) = sqlite().await;
    let served = Served::over(store).await;
    let mut session = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("DROP TABLE suppressions").execute(&mut session).await.unwrap();
    let answer = served.post(&path(), FORM, ONE_CLICK).await;
    assert_eq!(answer.status, 503);
    assert!(answer.has("retry-after: 120") && answer.body.contains("Nothing has changed"), "{}", answer.body);
    assert_eq!(served.get(&path(), "").await.status, 200, "looking needs no database");
}

#[tokio::test]
async fn whoever_asks_and_hangs_up_is_unsubscribed_all_the_same() {
    let (_folder, url, store) = sqlite().await;
    let served = Served::over(store).await;
    // A run that holds the writer.
    let mut run = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut run).await.unwrap();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(post(&path(), FORM, ONE_CLICK).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // Once these are answered, the one above was seen to hang up.
    for _request in 0..20 {
        assert_eq!(served.get(&path(), "").await.status, 200);
    }
    sqlx::query("ROLLBACK").execute(&mut run).await.unwrap();
    assert_eq!(Answer::of(&mut stream).await.status, 200);
    assert!(served.is_suppressed().await);
}

#[tokio::test]
async fn whoever_is_slow_is_hung_up_on() {
    let (_folder, _url, store) = sqlite().await;
    let served = Served::over(store).await;
    let whole = post(&path(), FORM, ONE_CLICK);
    let head_only = whole.split_once(ONE_CLICK).unwrap().0.to_owned();
    // What is sent, and after how long the line must be dead.
    for (sent, after) in [(String::new(), 10), (whole[..40].to_owned(), 10), (head_only, 30)] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        // Time now passes as fast as nobody has anything to do.
        tokio::time::pause();
        let start = tokio::time::Instant::now();
        stream.read_to_end(&mut Vec::new()).await.ok();
        let elapsed = start.elapsed();
        let expected = Duration::from_secs(after - 1)..=Duration::from_secs(after + 1);
        assert!(expected.contains(&elapsed), "{elapsed:?} {sent}");
        tokio::time::resume();
    }
    assert!(!served.is_suppressed().await);
}

#[tokio::test]
async fn more_connections_than_there_is_room_for_wait_their_turn() {
    let (_folder, _url, store) = sqlite().await;
    let served = Served::over(store).await;
    let mut idle = Vec::new();
    for _connection in 0..256 {
        idle.push(TcpStream::connect(served.address).await.unwrap());
    }
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path()).as_bytes()).await.unwrap();
    // Time now passes as fast as nobody has anything to do.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    assert_eq!(Answer::of(&mut stream).await.status, 200);
    assert!(start.elapsed() >= Duration::from_secs(9), "answered once those who said nothing were hung up on");
}

#[tokio::test]
async fn one_client_that_asks_all_the_time_is_slowed_down() {
    let (_folder, _url, store) = sqlite().await;
    let served = Served::over(store).await;
    let mut slowed = None;
    for _request in 0..2_000 {
        let answer = served.get("/", "X-Forwarded-For: 203.0.113.9\r\n").await;
        if answer.status == 429 {
            slowed = Some(answer);
            break;
        }
    }
    assert!(slowed.unwrap().has("retry-after: 60"));
    assert_eq!(served.get(&path(), "X-Forwarded-For: 203.0.113.10\r\n").await.status, 200);
}

#[tokio::test]
async fn a_stop_finishes_what_is_under_way_and_takes_nothing_new() {
    let (_folder, _url, store) = sqlite().await;
    let served = Served::over(store).await;
    let whole = post(&path(), FORM, ONE_CLICK);
    let (first, rest) = whole.split_at(whole.len() - 5);
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    // Accepted in order: once this one is answered, the one above is under way.
    assert_eq!(served.get(&path(), "").await.status, 200);
    served.stop.send(()).unwrap();
    while TcpStream::connect(served.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!served.server.is_finished(), "it waits for what is under way");
    stream.write_all(rest.as_bytes()).await.unwrap();
    assert_eq!(Answer::of(&mut stream).await.status, 200);
    served.server.await.unwrap();
    assert!(served.store.begin_read().await.unwrap().is_suppressed(&hash()).await.unwrap());
}

#[tokio::test]
async fn the_page_lets_its_reader_choose_and_change_their_mind() {
    on_both(async |store| {
        let served = Served::over(store).await;
        let page = format!("{}?about=slack.gmail", path());
        let shown = served.get(&page, "").await;
        for box_of in ["Slack", "Gmail"] {
            assert!(shown.body.contains(&format!("checked> {box_of}</label>")), "{}", shown.body);
        }
        assert!(shown.body.contains("Write to me about") && shown.body.contains("List-Unsubscribe"), "{}", shown.body);
        let saved = served.post(&page, FORM, "mail=some&shown=gmail&shown=slack&about=gmail").await;
        assert_eq!(saved.status, 200);
        assert!(saved.body.contains("Your choice is saved"), "{}", saved.body);
        // From then on, also behind a link that names neither.
        let shown = served.get(&path(), "").await.body;
        assert!(shown.contains("value=\"slack\"> Slack</label>") && !shown.contains("Gmail"), "{shown}");
        assert!(!served.is_suppressed().await);
        served.post(&page, FORM, "mail=some&shown=gmail&shown=slack&about=gmail&about=slack").await;
        let mut work = served.store.begin_read().await.unwrap();
        assert!(work.suppressed_toolkits(&hash()).await.unwrap().is_empty());
        drop(work);
        // Nothing at all, and then again.
        served.post(&page, FORM, ONE_CLICK).await;
        assert!(served.is_suppressed().await);
        let none = served.get(&page, "").await.body;
        assert!(none.contains("You get none of these e-mails") && none.contains("Send them to me again"), "{none}");
        let again = served.post(&page, FORM, "mail=again").await;
        assert!(again.status == 200 && !served.is_suppressed().await, "{}", again.body);
    })
    .await;
}

#[tokio::test]
async fn a_choice_is_neither_made_by_other_pages_nor_against_an_operator() {
    let (_folder, url, store) = sqlite().await;
    let served = Served::over(store).await;
    let mut observer = SqliteConnection::connect(&url).await.unwrap();
    let before = version(&mut observer).await;
    for headers in ["Sec-Fetch-Site: cross-site\r\n", "Origin: https://evil.example\r\n"] {
        let answer = served.post(&path(), &format!("{FORM}{headers}"), "mail=some&shown=slack").await;
        assert_eq!(answer.status, 400, "{headers}");
        // Mail services post from anywhere: RFC 8058 asks for it.
        assert_eq!(version(&mut observer).await, before);
    }
    for body in ["mail=some&about=slack", "mail=some&shown=SL%0aACK", "mail=maybe", "mail=again&mail=some"] {
        assert_eq!(served.post(&path(), FORM, body).await.status, 400, "{body}");
    }
    for cause in [SuppressionCause::Refused, SuppressionCause::Operator] {
        let mut work = served.store.begin().await.unwrap();
        work.suppress(&hash(), cause, None, from_millis(START_MS)).await.unwrap();
        work.commit().await.unwrap();
        let page = served.get(&path(), "").await.body;
        assert!(page.contains("does not write to this address") && !page.contains("<form"), "{page}");
        served.post(&path(), FORM, "mail=again").await;
        assert!(served.is_suppressed().await, "{cause:?}");
    }
}

#[tokio::test]
async fn links_of_old_mails_lead_to_the_settings_where_the_reconnect_page_is_no_more() {
    let (_folder, _, store) = sqlite().await;
    let served = Served::over(store).await;
    let posted = post("/r/AbCd", "Content-Type: application/x-www-form-urlencoded\r\n", "form=x");
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    for request in [get("/r/AbCd"), get("/r/callback/AbCd"), posted] {
        let answer = served.exchange(&request).await;
        let body = answer.body.replace("&#x2f;", "/");
        assert_eq!(answer.status, 410, "{body}");
        assert!(
            body.contains("settings of Acme") && body.contains("href=\"https://app.example.com/settings/\""),
            "{body}"
        );
    }
}
