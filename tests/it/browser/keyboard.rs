//! Every way with the keyboard alone, and where one is on it, in light and in the dark.

use reconnectd::simulator::Fault;
use serde_json::{Value, json};

use super::Visit;
use super::driver::Browser;

const TAB: &str = "\u{e004}";
const SPACE: &str = " ";

/// What has the focus, and the line around it, which stands out from what is behind it.
async fn focused(browser: &Browser) -> Value {
    let outlined = "const e = document.activeElement; const s = getComputedStyle(e); \
        const behind = getComputedStyle(document.querySelector('main')).backgroundColor; \
        return [e.tagName, (e.value || e.textContent).trim(), s.outlineStyle, s.outlineWidth, s.outlineColor != behind]";
    browser.run(outlined).await
}

/// The next stop is this one, and it can be seen.
async fn next_is(browser: &Browser, element: &str, words: &str) {
    browser.keys(TAB).await;
    assert_eq!(focused(browser).await, json!([element, words, "solid", "3px", true]));
}

#[tokio::test]
async fn everything_can_be_done_with_the_keyboard_alone() {
    for dark in [false, true] {
        let visit = Visit::new().await;
        let link = visit.place.notice().await;
        let browser = &visit.browser;
        browser.dark(dark).await;
        // Twice it does not work at once: before the provider's page, and on the way back.
        browser.goto(&link).await;
        next_is(browser, "BUTTON", "Reconnect Slack").await;
        visit.place.simulator.fail_next(Fault::Status(503), 2);
        browser.enter().await;
        assert_eq!(browser.heading().await, "That did not work");
        next_is(browser, "A", "Try again").await;
        next_is(browser, "A", "Open the settings of Acme").await;
        browser.goto(&link).await;
        next_is(browser, "BUTTON", "Reconnect Slack").await;
        browser.enter().await;
        assert_eq!(browser.heading().await, "Connect slack");
        browser.keys(TAB).await;
        visit.place.simulator.fail_next(Fault::Status(503), 2);
        browser.enter().await;
        assert_eq!(browser.heading().await, "We could not check");
        next_is(browser, "A", "Look again").await;
        browser.enter().await;
        assert_eq!(browser.heading().await, "Slack is connected again");
        next_is(browser, "A", "Go on to Acme").await;
        browser.enter().await;
        assert_eq!(browser.url().await, "https://app.example.com/welcome?from=slack");
    }
}

#[tokio::test]
async fn what_is_wanted_is_chosen_with_the_keyboard_alone() {
    for dark in [false, true] {
        let visit = Visit::new().await;
        let browser = &visit.browser;
        browser.dark(dark).await;
        browser.goto(&visit.place.unsubscribe_link(&["gmail", "slack"])).await;
        next_is(browser, "INPUT", "gmail").await;
        next_is(browser, "INPUT", "slack").await;
        browser.keys(SPACE).await;
        next_is(browser, "BUTTON", "Save this choice").await;
        browser.enter().await;
        assert_eq!(browser.heading().await, "Your choice is saved");
        let ticked = browser.run("return [...document.querySelectorAll('input:checked')].map(e => e.value)").await;
        assert_eq!(ticked, json!(["gmail"]));
        for _stop in 0..3 {
            browser.keys(TAB).await;
        }
        next_is(browser, "BUTTON", "Stop these e-mails").await;
        browser.enter().await;
        assert_eq!(browser.heading().await, "You are unsubscribed");
    }
}
