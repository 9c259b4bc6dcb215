//! A report's letter before it is sent: every report makes one, nothing in it is taken for markup, what is too large is
//! left out and said, and it can be read in a mail program whatever its colours and width.

use reconnectd::report::reconnect::{Breakage, OpenByAge, letter};
use resvg::tiny_skia::Pixmap;

use super::desk::Desk;

#[tokio::test]
async fn what_is_too_large_is_left_out_and_said_and_nothing_in_a_letter_is_taken_for_markup() {
    let mut report = Desk::new().await.report().await;
    let plain = letter(&report, "Acme").unwrap();
    assert_eq!(plain, letter(&report, "Acme").unwrap(), "the same letter, byte for byte");
    assert_eq!(plain.files.len(), 2);
    let hostile = "<script>alert(1)</script>";
    report.breakages = (0..12_000)
        .map(|number| Breakage {
            toolkit: format!("{hostile}{number}"),
            reason: "revoked".to_owned(),
            newly_broken: 1_000_000,
            recovered: 1,
            gone: 0,
            open: OpenByAge::default(),
        })
        .collect();
    let large = letter(&report, hostile).unwrap();
    assert!(large.files.is_empty(), "{:?}", large.files.iter().map(|file| file.2.len()).collect::<Vec<_>>());
    for form in ["JSON", "CSV"] {
        let sentence = format!("The {form} is not attached, because it is too large for a mail");
        assert!(large.text.contains(&sentence) && large.html.contains(&sentence), "{form}");
    }
    assert!(!large.html.contains(hostile) && !large.subject.contains('\n'));
    assert!(large.html.len() < 100_000 && large.text.len() < 100_000, "{} {}", large.html.len(), large.text.len());
    report.coverage.last_audit_at = None;
    report.coverage.freshness_seconds = None;
    let blind = letter(&report, "Acme").unwrap();
    assert!(blind.text.starts_with("No audit went to its end") && blind.html.contains("Read with care."));
}

#[test]
fn every_report_makes_a_letter() {
    for (sample, report) in crate::report_page::samples::all() {
        let letter = letter(&report, "Acme").unwrap();
        assert_eq!(letter.html.matches("src=\"cid:").count(), letter.pictures.len(), "{sample}");
        for (id, png) in &letter.pictures {
            assert!(letter.html.contains(&format!("src=\"cid:{id}\"")), "{sample}: {id}");
            assert!(Pixmap::decode_png(png).is_ok() && png.len() < 300_000, "{sample}: {id}, {} bytes", png.len());
        }
        let tags: Vec<&str> = letter.html.split('<').skip(1).filter(|tag| tag.starts_with(['s', 'i'])).collect();
        let ours = ["style", "strong", "img "];
        assert!(tags.iter().all(|tag| ours.iter().any(|known| tag.starts_with(known))), "{sample}: {tags:?}");
        assert!(letter.html.len() < 100_000, "{sample}: Gmail cuts off what is longer: {}", letter.html.len());
        assert!(letter.subject.chars().count() < 200 && !letter.subject.contains(['\r', '\n']), "{}", letter.subject);
    }
}

/// A mail program's view, in a real browser: `target/test-output/letter-*.png`.
#[tokio::test]
async fn a_letter_can_be_read_in_light_and_dark_wide_and_narrow() {
    use base64::Engine as _;
    let (_, report) = crate::report_page::samples::all().into_iter().next().unwrap();
    let letter = letter(&report, "Acme").unwrap();
    let mut html = letter.html;
    for (id, png) in &letter.pictures {
        let data = base64::engine::general_purpose::STANDARD.encode(png);
        html = html.replace(&format!("cid:{id}"), &format!("data:image/png;base64,{data}"));
    }
    let output = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-output");
    std::fs::create_dir_all(&output).unwrap();
    let page = output.join("letter.html");
    std::fs::write(&page, html).unwrap();
    let browser = crate::browser::driver::Browser::start().await;
    browser.goto(&format!("file://{}", page.display())).await;
    for (size, width, phone) in [("wide", 760, false), ("narrow", 360, true)] {
        for (theme, dark) in [("light", false), ("dark", true)] {
            browser.size(width, 900, phone).await;
            browser.dark(dark).await;
            let wide = browser.run("return document.documentElement.scrollWidth").await.as_u64().unwrap();
            assert!(wide <= u64::from(width), "{size} {theme}: {wide} pixels wide");
            let shown =
                browser.run("return [...document.images].every(i => i.naturalWidth > 600 && i.width > 250)").await;
            assert_eq!(shown, true, "{size} {theme}");
            let ground = browser.run("return getComputedStyle(document.querySelector('.card')).backgroundColor").await;
            assert_eq!(ground == "rgb(255, 255, 255)", !dark, "{size} {theme}: {ground}");
            let height = browser.run("return document.documentElement.scrollHeight").await.as_u64().unwrap();
            browser.size(width, u32::try_from(height).unwrap(), phone).await;
            browser.screenshot(&output.join(format!("letter-{size}-{theme}.png"))).await;
        }
    }
}
