//! The report's page as people have it: a file in a browser, in light and dark, on a desktop, at 200 %, on a phone, on
//! paper, and with the keyboard. Pictures are kept in `target/test-output`.

use reconnectd::http::Access;
use serde_json::json;

use super::driver::Browser;
use super::{AXE, SMALL, axe, output};
use crate::report_page::{page, samples, trend_page};
use crate::report_served::Served;

/// What sticks out of the window, but for what lies in a box that scrolls by itself.
const OVERFLOW: &str = "const wide = document.documentElement.clientWidth; \
    const out = [...document.querySelectorAll('body *')].filter(e => !e.parentElement.closest('.scroll') \
    && e.getBoundingClientRect().right > wide + 1).map(e => e.tagName + ' ' + e.getBoundingClientRect().right); \
    return document.scrollingElement.scrollWidth > wide ? ['the page', ...out] : out";

/// Texts of charts that meet, leave their chart, or are too small to read.
const LETTERS: &str = "const bad = []; for (const svg of document.querySelectorAll('svg')) { \
    const sheet = svg.getBoundingClientRect(); \
    const texts = [...svg.querySelectorAll('text')].map(e => ({ e, box: e.getBoundingClientRect() })); \
    for (const [at, one] of texts.entries()) { const a = one.box; const said = svg.id + one.e.textContent; \
      if (a.left < sheet.left - 1 || a.right > sheet.right + 1 || a.top < sheet.top - 3 || a.bottom > sheet.bottom + 3) \
        bad.push('out: ' + said); \
      if (parseFloat(getComputedStyle(one.e).fontSize) * sheet.width / svg.viewBox.baseVal.width < 9) bad.push('small: ' + said); \
      for (const other of texts.slice(at + 1)) { const b = other.box; \
        if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4) \
          bad.push('meet: ' + said + ' | ' + other.e.textContent); } } } return bad";

const CLOSE_LONG: &str =
    "document.querySelectorAll('details').forEach(e => e.open = e.querySelectorAll('tr').length < 150)";

async fn show(browser: &Browser, name: &str, page: &str) {
    let file = output().join(format!("report-{name}.html"));
    std::fs::create_dir_all(output()).unwrap();
    std::fs::write(&file, page).unwrap();
    browser.goto(&format!("file://{}", file.display())).await;
}

async fn nothing(browser: &Browser, about: &str, script: &str) {
    let found = browser.run(script).await;
    assert_eq!(found, json!([]), "{about}: {found:#}");
}

/// The whole page as a picture.
async fn picture(browser: &Browser, (width, phone): (u32, bool), name: &str) {
    let height = browser.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
    browser.size(width, u32::try_from(height).unwrap(), phone).await;
    browser.screenshot(&output().join(format!("{name}.png"))).await;
}

/// Looks the page over: on a desktop, at 200 %, on a phone, in light and dark. Keeps pictures of it whole.
async fn look_over(browser: &Browser, name: &str) {
    for (size, width, height, phone) in
        [("desktop", 1280, 860, false), ("zoomed", 640, 430, false), ("phone", 360, 740, true)]
    {
        for (theme, dark) in [("light", false), ("dark", true)] {
            browser.size(width, height, phone).await;
            browser.dark(dark).await;
            let about = format!("{name} {size} {theme}");
            for script in [OVERFLOW, LETTERS, SMALL] {
                nothing(browser, &about, script).await;
            }
            // Folded tables are looked over, too.
            browser.run("document.querySelectorAll('details').forEach(e => e.open = true)").await;
            nothing(browser, &about, OVERFLOW).await;
            // A thousand rows are made as ten are, and would take axe-core minutes.
            browser.run(CLOSE_LONG).await;
            let found = browser.run_async(&format!("{}\n{AXE}", axe())).await;
            assert_eq!(found, json!([]), "{about}: {found:#}");
            browser.run("document.querySelectorAll('details').forEach(e => e.open = false)").await;
            if size != "zoomed" {
                picture(browser, (width, phone), &format!("report-{name}-{size}-{theme}")).await;
            }
        }
    }
    let loaded = "return performance.getEntriesByType('resource').map(e => e.name)";
    nothing(browser, name, loaded).await;
    let complaints = browser.complaints().await;
    // A browser asks every server for an icon, and says so where a page has none or was answered with 400.
    let ours: Vec<&String> = complaints.iter().filter(|line| !line.contains("Failed to load resource")).collect();
    assert!(ours.is_empty(), "{name}: {ours:?}");
}

#[tokio::test]
async fn every_report_reads_well_everywhere() {
    let browser = Browser::start().await;
    for (name, report) in samples::all() {
        show(&browser, name, &page(&report)).await;
        look_over(&browser, name).await;
    }
}

#[tokio::test]
async fn every_trend_reads_well_everywhere() {
    let browser = Browser::start().await;
    for (name, trend) in samples::trends() {
        let name = format!("trend-{name}");
        show(&browser, &name, &trend_page(&trend)).await;
        look_over(&browser, &name).await;
    }
}

#[tokio::test]
async fn every_served_page_reads_well_everywhere() {
    let (browser, served) = (Browser::start().await, Served::with(Some(Access::ThisHost)).await);
    for (name, path, heading) in [
        ("served", "/report?period=30d&toolkit=slack", "Reconnect report: Slack"),
        ("served-trend", "/report/trend?step=day", "Reconnect trend"),
        ("served-problem", "/report?period=week", "That question has no answer"),
        ("served-trend-problem", "/report/trend?step=hour", "That question has no answer"),
    ] {
        browser.goto(&served.url(path)).await;
        assert_eq!(browser.heading().await, heading, "{path}");
        look_over(&browser, name).await;
    }
}

#[tokio::test]
async fn a_person_asks_another_question_without_a_script() {
    let (browser, served) = (Browser::start().await, Served::with(Some(Access::ThisHost)).await);
    browser.goto(&served.url("/report?period=week")).await;
    browser.run("document.querySelector('input[name=period]').focus()").await;
    browser.keys("30d").await;
    browser.enter().await;
    assert_eq!(browser.heading().await, "Reconnect report");
    browser.click("nav li:nth-child(2) a").await;
    assert_eq!(browser.heading().await, "Reconnect trend");
    browser.run("document.querySelector('select').value = 'day'").await;
    browser.click(".ask button").await;
    let (url, period) =
        (browser.url().await, browser.run("return document.querySelector('.period').textContent").await);
    assert!(url.contains("step=day") && url.contains("period=30d"), "{url}");
    assert!(period.as_str().unwrap().ends_with(", by day"), "{period}");
    assert_eq!(browser.complaints().await.iter().filter(|line| line.contains("olicy")).count(), 0);
}

#[tokio::test]
async fn charts_turn_dark_with_the_page_and_stay_light_on_paper() {
    let browser = Browser::start().await;
    show(&browser, "ordinary", &page(&samples::ordinary())).await;
    let colours = "const of = (query, what) => getComputedStyle(document.querySelector(query))[what]; \
        return [of('svg .f-first', 'fill'), of('svg .s-second', 'stroke'), of('svg .f-text', 'fill'), \
        of('section', 'backgroundColor'), of('main', 'color')]";
    browser.dark(false).await;
    let light = browser.run(colours).await;
    browser.dark(true).await;
    let dark = browser.run(colours).await;
    for (at, (one, other)) in light.as_array().unwrap().iter().zip(dark.as_array().unwrap()).enumerate() {
        assert_ne!(one, other, "{at}: the same in light and dark");
    }
    // Nothing drawn is left without a rule for the dark.
    let forgotten = "return [...document.querySelectorAll('svg [fill], svg [stroke]')].filter(e => { \
        const s = getComputedStyle(e); const a = [e.getAttribute('fill'), e.getAttribute('stroke')]; \
        const hex = c => '#' + (c.match(/\\d+/g) || []).slice(0, 3).map(n => (+n).toString(16).padStart(2, '0')).join(''); \
        return (a[0] && a[0][0] === '#' && hex(s.fill) === a[0]) || (a[1] && hex(s.stroke) === a[1]); \
        }).map(e => e.outerHTML)";
    nothing(&browser, "dark", forgotten).await;
    let features = json!([{ "name": "prefers-color-scheme", "value": "dark" }]);
    browser.media("print", features).await;
    assert_eq!(browser.run(colours).await, light, "paper is white, whatever the screen is");
    let folded =
        "return [...document.querySelectorAll('details table')].every(e => e.getBoundingClientRect().height > 50)";
    assert_eq!(browser.run(folded).await, true, "folded tables are open on paper");
    browser.print(&output().join("report-ordinary.pdf")).await;
}

#[tokio::test]
async fn the_keyboard_reaches_what_scrolls_and_what_opens() {
    const TAB: &str = "\u{e004}";
    let browser = Browser::start().await;
    browser.size(360, 740, true).await;
    show(&browser, "ordinary", &page(&samples::ordinary())).await;
    let stops = browser.run("return document.querySelectorAll('.scroll, summary').length").await.as_u64().unwrap();
    let mut opened = false;
    for _stop in 0..stops - 1 {
        browser.keys(TAB).await;
        let script = "const e = document.activeElement; const s = getComputedStyle(e); \
            return [e.tagName, s.outlineStyle, s.outlineWidth]";
        let focused = browser.run(script).await;
        assert_eq!((&focused[1], &focused[2]), (&json!("solid"), &json!("3px")), "{focused}");
        if focused[0] == "SUMMARY" {
            browser.keys(" ").await;
            opened = browser.run("return document.querySelector('details').open").await == true;
        }
    }
    assert!(opened, "the trend's table opens");
}
