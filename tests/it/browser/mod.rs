//! The pages in a real browser, with the simulator as the provider's hosted page: clicked, tabbed through, on a phone, in
//! the dark, and looked over by axe-core. Pictures of every page are kept in `target/test-output`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step that fails ends its test")]

pub mod driver;
mod keyboard;
mod looks;
mod pictures;
mod report;
mod ways;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use driver::Browser;
use reconnectd::domain::Colour;
use reconnectd::http::Brand;
use reconnectd::languages::Languages;

use crate::reconnect::{Place, Served};
use crate::support::words;

/// A place whose links lead to a server that is there, that server, and a browser.
struct Visit {
    place: Place,
    served: Served,
    browser: Browser,
    language: &'static str,
}

impl Visit {
    async fn new() -> Self {
        Self::with(Brand::default(), "en").await
    }

    /// Of somebody whose browser asks for this language.
    async fn reading(language: &'static str) -> Self {
        Self::with(Brand::default(), language).await
    }

    /// Of somebody who reads from right to left.
    async fn right_to_left() -> Self {
        Self::with(Brand::default(), "he").await
    }

    /// With a logo and a colour of the product's own.
    async fn branded(language: &'static str) -> Self {
        let logo = include_bytes!("../config/logo.png").to_vec();
        Self::with(Brand { colour: Colour::parse("#5b2be0").unwrap(), logo: Some(logo.into()) }, language).await
    }

    async fn with(brand: Brand, language: &'static str) -> Self {
        // The address must be known before the first mail; nobody else takes a port just given back.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut place = Place::new().await;
        let catalogues = tempfile::tempdir().unwrap();
        words::put(catalogues.path(), &[("he.toml", words::right_to_left())]);
        place.rig.languages = Arc::new(Languages::load(Some(catalogues.path())).unwrap());
        place.move_to(&format!("http://{address}"));
        drop(listener);
        let served = place.serve_at(address, brand).await;
        let browser = Browser::start().await;
        browser.language(language).await;
        Self { place, served, browser, language }
    }

    /// The page that is shown has this heading, in English, in German, or in English with Hebrew letters.
    async fn says(&self, english: &str, german: &str) {
        let isolated = || english.split("Slack").map(words::hebrew).collect::<Vec<_>>().join("\u{2068}Slack\u{2069}");
        let expected = match self.language {
            "de" => german.to_owned(),
            "he" => isolated(),
            _ => english.to_owned(),
        };
        let direction = if self.language == "he" { "rtl" } else { "ltr" };
        assert_eq!(self.browser.run("return document.documentElement.dir").await, direction);
        assert_eq!(self.browser.heading().await, expected, "{}", self.browser.url().await);
        assert_eq!(self.browser.run("return document.documentElement.lang").await, self.language);
    }

    /// Nothing was blocked by the pages' own policy, and no page had an error. A closed network is no page's fault.
    async fn no_complaints(&self) {
        let complaints = self.browser.complaints().await;
        let ours: Vec<_> = complaints.iter().filter(|line| !line.contains("favicon.ico")).collect();
        assert!(ours.is_empty(), "{ours:?}");
    }

    /// Looks the page over: with axe-core, for what sticks out, for targets that are too small; in light and dark, on a
    /// desktop, at 200 %, on a phone and at the 320 pixels WCAG 2.2 asks for (1.4.10). Keeps pictures of whole pages.
    async fn inspect(&self, name: &str) {
        let name = if self.language == "en" { name.to_owned() } else { format!("{name}-{}", self.language) };
        for (size, width, height, phone) in [
            ("desktop", 1280, 860, false),
            ("zoomed", 640, 430, false),
            ("narrow", 320, 256, false),
            ("phone", 360, 740, true),
        ] {
            self.browser.size(width, height, phone).await;
            let pictured = size == "desktop" || size == "phone";
            for (theme, dark) in [("light", false), ("dark", true)] {
                self.browser.dark(dark).await;
                let about = format!("{name} {size} {theme}");
                for (script, what) in [(OVERFLOW, "sticks out"), (SMALL, "is small")] {
                    let found = self.browser.run(script).await;
                    assert_eq!(found.as_array().unwrap().len(), 0, "{about} {what}: {found}");
                }
                // Width changes neither colours nor names: what the rules say of one size they say of the next.
                if pictured {
                    let found = self.browser.run_async(&format!("{}\n{AXE}", axe())).await;
                    let rules = found.as_array().unwrap_or_else(|| panic!("{about}: {found}"));
                    assert_eq!(rules.len(), 0, "{about}: {found:#}");
                    self.browser.screenshot(&output().join(format!("{name}-{size}-{theme}.png"))).await;
                }
            }
        }
        self.browser.size(1280, 860, false).await;
        self.browser.dark(false).await;
    }
}

/// What is wider than the window.
const OVERFLOW: &str = "const wide = document.documentElement.clientWidth; \
    return [...document.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > wide + 1 || e.getBoundingClientRect().left < -1) \
    .map(e => e.tagName + ' ' + e.getBoundingClientRect().right + ' > ' + wide)";

/// What can be pressed and is less than 44 pixels high (WCAG 2.2 asks for 24, phones for more).
const SMALL: &str = "return [...document.querySelectorAll('button, a, label')] \
    .filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)";

/// Every rule there is, of WCAG 2.2 AA and of good practice.
const AXE: &str = "const done = arguments[arguments.length - 1]; \
    axe.run(document).then(r => done(r.violations.map(v => ({ rule: v.id, impact: v.impact, \
    nodes: v.nodes.map(n => n.html + ' ' + n.failureSummary) }))), e => done(String(e)))";

fn axe() -> String {
    let path = std::env::var("RECONNECTD_TEST_AXE").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/axe-core-4.14.1/axe.min.js").into()
    });
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}; tests/run fetches axe-core"))
}

fn output() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-output")
}
