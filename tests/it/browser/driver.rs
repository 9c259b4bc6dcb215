//! A real browser, driven over `WebDriver` (W3C): Debian's Chromium, headless, by its chromedriver.
//!
//! Plain HTTP and JSON: what these tests need of `WebDriver` is a page, a click, a key, a script and a picture.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// The key under which `WebDriver` names an element (W3C `WebDriver`, section 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window, closed when dropped.
pub struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    pub async fn start() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let program = std::env::var("RECONNECTD_TEST_CHROMEDRIVER").unwrap_or_else(|_| "/usr/bin/chromedriver".into());
        // It wants one port on IPv4 and IPv6; where somebody has one of the two, it ends, and another is tried.
        let (driver, port) = (0..5)
            .find_map(|_| listening(&program))
            .unwrap_or_else(|| panic!("{program} does not start; tests/run installs chromium-driver"));
        let profile = tempfile::tempdir().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        // Without the flags that keep it off the network, Chromium looks its maker's hosts up at every start.
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--window-size=1280,900",
            format!("--user-data-dir={}", profile.path().display()),
        ]);
        let wanted = json!({
            "capabilities": { "alwaysMatch": {
                "goog:chromeOptions": { "args": arguments },
                "goog:loggingPrefs": { "browser": "ALL" },
            } }
        });
        let root = format!("http://127.0.0.1:{port}/session");
        let answer: Value = client.post(&root).json(&wanted).send().await.unwrap().json().await.unwrap();
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        Self { driver, client, session: format!("{root}/{id}"), _profile: profile }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Value {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.session));
        if method == Method::POST {
            request = request.json(&body);
        }
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].clone();
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, body).await
    }

    async fn cdp(&self, command: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    pub async fn goto(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    pub async fn url(&self) -> String {
        self.ask(Method::GET, "/url", Value::Null).await.as_str().unwrap().to_owned()
    }

    /// Runs a script in the page; what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Runs a script that calls its last argument when it is done.
    pub async fn run_async(&self, script: &str) -> Value {
        self.post("/execute/async", json!({ "script": script, "args": [] })).await
    }

    pub async fn heading(&self) -> String {
        self.run("return document.querySelector('h1').textContent").await.as_str().unwrap().to_owned()
    }

    /// Clicks what leads to another page, and waits until that is there.
    pub async fn click(&self, selector: &str) {
        self.mark().await;
        self.tick(selector).await;
        self.arrive().await;
    }

    /// Presses what leads to another page, and waits until that is there.
    pub async fn enter(&self) {
        self.mark().await;
        self.keys("\u{e007}").await;
        self.arrive().await;
    }

    async fn mark(&self) {
        self.run("window.left = false").await;
    }

    /// The next page is there once its window has no mark any more.
    pub async fn arrive(&self) {
        for _look in 0..1_500 {
            let script = "return window.left === undefined && document.readyState === 'complete'";
            let body = json!({ "script": script, "args": [] });
            let request = self.client.post(format!("{}/execute/sync", self.session)).json(&body);
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            // While one page makes room for another, there is none to ask.
            if answer["value"] == Value::Bool(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no other page came: {}", self.url().await);
    }

    /// Clicks as a person does: where the element is, if nothing covers it.
    pub async fn tick(&self, selector: &str) {
        let found = self.post("/element", json!({ "using": "css selector", "value": selector })).await;
        let element = found[ELEMENT].as_str().unwrap();
        self.post(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Presses keys one after the other, with nothing else.
    pub async fn keys(&self, keys: &str) {
        let mut actions = Vec::new();
        for key in keys.chars() {
            actions.push(json!({ "type": "keyDown", "value": key }));
            actions.push(json!({ "type": "keyUp", "value": key }));
        }
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] })).await;
    }

    /// Opens another tab and goes on in it; its handle.
    pub async fn new_tab(&self) -> String {
        let handle = self.post("/window/new", json!({ "type": "tab" })).await["handle"].as_str().unwrap().to_owned();
        self.tab(&handle).await;
        handle
    }

    pub async fn this_tab(&self) -> String {
        self.ask(Method::GET, "/window", Value::Null).await.as_str().unwrap().to_owned()
    }

    pub async fn tab(&self, handle: &str) {
        self.post("/window", json!({ "handle": handle })).await;
    }

    /// A window of this many CSS pixels; `phone` as a phone shows it.
    pub async fn size(&self, width: u32, height: u32, phone: bool) {
        let scale = if phone { 2 } else { 1 };
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    pub async fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        self.media("screen", json!([{ "name": "prefers-color-scheme", "value": value }])).await;
    }

    /// Shows pages as on this medium: `screen` or `print`.
    pub async fn media(&self, medium: &str, features: Value) {
        self.cdp("Emulation.setEmulatedMedia", json!({ "media": medium, "features": features })).await;
    }

    /// The page on paper, as a PDF file.
    pub async fn print(&self, file: &Path) {
        let pages = self.post("/print", json!({ "page": { "width": 21.0, "height": 29.7 } })).await;
        std::fs::write(file, STANDARD.decode(pages.as_str().unwrap()).unwrap()).unwrap();
    }

    /// Which language the browser asks for.
    pub async fn language(&self, tag: &str) {
        self.cdp("Network.enable", json!({})).await;
        self.cdp("Network.setExtraHTTPHeaders", json!({ "headers": { "Accept-Language": tag } })).await;
    }

    /// A picture of the whole page, however long.
    pub async fn screenshot(&self, file: &Path) {
        self.capture(file, true).await;
    }

    /// A picture of what the window shows.
    pub async fn window(&self, file: &Path) {
        self.capture(file, false).await;
    }

    async fn capture(&self, file: &Path, whole: bool) {
        let picture = self.cdp("Page.captureScreenshot", json!({ "captureBeyondViewport": whole })).await;
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the browser complained about since this was last asked: violations of the page's policy above all.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        let lines = log.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap_or_default().to_owned());
        lines.collect()
    }
}

/// A driver that listens, and where; none where it ended at once.
fn listening(program: &str) -> Option<(Child, String)> {
    let command = Command::new(program).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut driver = command.unwrap_or_else(|error| panic!("{program}: {error}; tests/run installs chromium-driver"));
    let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("successfully on port ")?.1.trim_end_matches('.').to_owned()));
    if port.is_none() {
        driver.wait().unwrap();
    }
    Some((driver, port?))
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its browser ends with it; a failure means that it has ended already.
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}
