//! What a person reads, pinned; and what no input may do to it.

use super::super::samples::Sample;
use super::*;
use crate::domain::{
    AccountId, CloseEvidence, Contact, DeliveryId, IncidentId, NotificationId, Recovery, ToolkitSlug, UserId,
    from_millis,
};

pub(in crate::adapters::email) fn item(toolkit: &str, label: Option<&str>) -> NoticeItem {
    NoticeItem {
        incident: IncidentId::new("inc-1"),
        number: 0,
        toolkit: ToolkitSlug::new(toolkit),
        account: AccountId::new("ca_1"),
        label: label.map(str::to_owned),
        second_account: false,
        broke_at: from_millis(1_763_700_000_000),
        reconnect_url: format!("https://app.acme.example/settings?toolkit={toolkit}&from=mail"),
        recovery: None,
    }
}

pub(in crate::adapters::email) fn notice(items: Vec<NoticeItem>) -> Notice {
    Notice {
        delivery: DeliveryId::new("del-1"),
        notification: NotificationId::new("not-1"),
        outside_id: "<0199-1@acme.example>".to_owned(),
        kind: NoticeKind::Reconnect,
        unsubscribe: None,
        user: UserId::new("user-1"),
        contact: Contact {
            email: crate::domain::EmailAddress::parse("mary@example.com").ok(),
            name: Some("Mary".to_owned()),
            ..Contact::default()
        },
        items,
        created_at: from_millis(1_763_723_456_789),
        now: from_millis(1_763_723_999_000),
    }
}

/// A writer with what comes with the program, for a ladder of three notices.
pub(in crate::adapters::email) fn writer(product: &str, reply_to: Option<&str>) -> Writer {
    Writer::new(Pack::built_in().unwrap(), product, reply_to.map(str::to_owned), 3)
}

fn letter(notice: &Notice) -> Letter {
    writer("Acme", Some("support@acme.example")).write(notice, notice.unsubscribe.as_deref(), MAX_ITEMS).unwrap()
}

fn in_german(notice: Notice) -> Notice {
    Notice { contact: Contact { locale: Some("de-AT".to_owned()), ..notice.contact }, ..notice }
}

fn recovered(items: Vec<NoticeItem>, evidence: CloseEvidence) -> Notice {
    let recovery = Some(Recovery { at: from_millis(1_763_723_000_000), evidence });
    let items = items.into_iter().map(|item| NoticeItem { recovery, ..item });
    Notice { kind: NoticeKind::Recovered, ..notice(items.collect()) }
}

#[test]
fn the_text_stands_alone() {
    let letter = letter(&notice(vec![item("slack", Some("work"))]));
    insta::assert_snapshot!(letter.text, @r"
    Hello Mary,

    Acme can no longer use your Slack (work) account. It stopped working around 21
    November 2025.

    To use Slack in Acme again, reconnect it here:

        https://app.acme.example/settings?toolkit=slack&from=mail

    You get this because you connected Slack to Acme. If you no longer need it
    there, you can ignore this message.
    Questions? Write to support@acme.example.
    ");
}

#[test]
fn several_accounts_are_one_list() {
    let second = NoticeItem { second_account: true, ..item("gmail", Some("team")) };
    let letter = letter(&notice(vec![item("googlecalendar", None), second]));
    insta::assert_snapshot!(letter.text, @r"
    Hello Mary,

    Acme can no longer use 2 of your accounts. Reconnect the ones you still use:

    1. Google Calendar, stopped working around 21 November 2025
        https://app.acme.example/settings?toolkit=googlecalendar&from=mail

    2. Gmail (team), stopped working around 21 November 2025
        Your other Gmail account still works.
        https://app.acme.example/settings?toolkit=gmail&from=mail

    You get this because you connected Google Calendar and Gmail to Acme. If you
    no longer need them there, you can ignore this message.
    Questions? Write to support@acme.example.
    ");
}

#[test]
fn subjects_name_what_broke_or_works_again() {
    let nth = |toolkit, number| NoticeItem { number, ..item(toolkit, None) };
    let five = ["slack", "gmail", "github", "jira", "zoom"].map(|slug| item(slug, None)).to_vec();
    let (one, two) = (vec![item("slack", None)], vec![item("slack", None), item("gmail", None)]);
    for (notice, english, german) in [
        (notice(one.clone()), "Reconnect Slack in Acme", "Slack in Acme neu verbinden"),
        (notice(vec![nth("slack", 1)]), "Reminder: reconnect Slack in Acme", "Erinnerung: Slack in Acme neu verbinden"),
        (
            notice(vec![nth("slack", 2)]),
            "Last reminder: reconnect Slack in Acme",
            "Letzte Erinnerung: Slack in Acme neu verbinden",
        ),
        (
            notice(vec![nth("gmail", 0), nth("slack", 1)]),
            "Reconnect Gmail and Slack in Acme",
            "Gmail und Slack in Acme neu verbinden",
        ),
        (
            notice(five),
            "Reconnect Slack, Gmail, GitHub and 2 more in Acme",
            "Slack, Gmail, GitHub und 2 weitere in Acme neu verbinden",
        ),
        (recovered(one, CloseEvidence::Active), "Slack works again in Acme", "Slack funktioniert wieder in Acme"),
        (
            recovered(two, CloseEvidence::Superseded),
            "Slack and Gmail work again in Acme",
            "Slack und Gmail funktionieren wieder in Acme",
        ),
    ] {
        assert_eq!(letter(&notice).subject, english);
        assert_eq!(letter(&in_german(notice)).subject, german);
    }
}

#[test]
fn a_digest_tells_the_new_from_the_old() {
    let items = (0..3).map(|number| NoticeItem { number, ..item(["jira", "zoom", "gmail"][number as usize], None) });
    let text = letter(&in_german(notice(items.collect()))).text;
    insta::assert_snapshot!(text, @r"
    Guten Tag Mary,

    Acme kann 3 Ihrer Konten nicht nutzen. Verbinden Sie neu, was Sie noch
    brauchen:

    1. Jira, funktioniert etwa seit dem 21. November 2025 nicht mehr
        https://app.acme.example/settings?toolkit=jira&from=mail

    2. Zoom, funktioniert etwa seit dem 21. November 2025 nicht mehr
        Wegen dieses Kontos haben wir Ihnen schon geschrieben.
        https://app.acme.example/settings?toolkit=zoom&from=mail

    3. Gmail, funktioniert etwa seit dem 21. November 2025 nicht mehr
        Dies ist unsere letzte Nachricht zu diesem Konto.
        https://app.acme.example/settings?toolkit=gmail&from=mail

    Sie erhalten diese Nachricht, weil Sie Jira, Zoom und Gmail mit Acme verbunden
    haben. Wenn Sie diese dort nicht mehr brauchen, können Sie die Nachricht
    ignorieren.
    Fragen? Schreiben Sie an support@acme.example.
    ");
}

#[test]
fn who_reconnected_is_told_so_and_asked_for_nothing() {
    let unsubscribe = Some("https://u.acme.example/u/t".to_owned());
    let notice = Notice { unsubscribe, ..recovered(vec![item("slack", Some("work"))], CloseEvidence::Active) };
    let letter = letter(&notice);
    insta::assert_snapshot!(letter.text, @r"
    Hello Mary,

    Your Slack (work) account works in Acme again, as of 21 November 2025. There
    is nothing you need to do.

    You get this because we told you that it had stopped working.
    Questions? Write to support@acme.example.

    To choose what you get these messages about, or to unsubscribe:
        https://u.acme.example/u/t
    ");
    assert!(!letter.html.contains("app.acme.example") && letter.html.contains("https://u.acme.example/u/t"));
}

#[test]
fn what_is_gone_is_not_called_working() {
    let mut notice = recovered(vec![item("slack", None), item("gmail", None)], CloseEvidence::Active);
    notice.items[0].recovery = Some(Recovery { at: notice.now, evidence: CloseEvidence::Gone });
    let letter = letter(&notice);
    assert_eq!(letter.subject, "Gmail works again in Acme");
    assert!(!letter.text.contains("Slack") && !letter.html.contains("Slack"), "{}", letter.text);
}

#[test]
fn without_a_name_or_a_reply_address_it_still_reads_well() {
    let nameless = Notice { contact: Contact::default(), ..notice(vec![item("slack", None)]) };
    let letter = writer("Acme", None).write(&nameless, None, MAX_ITEMS).unwrap();
    assert!(letter.text.starts_with("Hello,\n\nAcme can no longer use your Slack account."), "{}", letter.text);
    assert!(letter.text.ends_with("If something here looks wrong to you, please ask Acme.\n"), "{}", letter.text);
    assert!(!letter.html.contains("mailto:"));
}

#[test]
fn more_accounts_than_fit_are_counted() {
    let items: Vec<_> = (0..120).map(|n| item("slack", Some(&format!("ws-{n}")))).collect();
    let letter = letter(&notice(items));
    for part in [&letter.text, &letter.html] {
        assert!(part.contains("120 of your accounts") && part.contains("and 70 more."));
        assert!(part.contains("(ws-0)") && part.contains("(ws-49)") && !part.contains("(ws-50)"));
    }
}

#[test]
fn hostile_text_stays_text() {
    let evil = "<script>alert('x')</script>{{ 7*7 }}{% raw %}\" onload=\"";
    let hostile = NoticeItem {
        toolkit: ToolkitSlug::new("<b>toolkit</b>"),
        reconnect_url: "https://app.example/\"><script>".to_owned(),
        ..item("x", Some(evil))
    };
    let notice =
        Notice { contact: Contact { name: Some(evil.to_owned()), ..Contact::default() }, ..notice(vec![hostile]) };
    let letter = writer("<i>Acme</i>", None).write(&notice, None, MAX_ITEMS).unwrap();
    let lower = letter.html.to_ascii_lowercase();
    assert!(!lower.contains("<script") && !lower.contains("<b>") && !lower.contains("<i>"), "{}", letter.html);
    assert!(!letter.html.contains("\" onload=") && letter.html.contains("{{ 7*7 }}"), "{}", letter.html);
}

#[test]
fn the_html_is_accessible_and_loads_nothing() {
    let html = letter(&notice(vec![item("slack", None), item("gmail", None)])).html;
    assert!(
        html.contains("<html lang=\"en\" dir=\"ltr\">")
            && html.contains("<title>Reconnect Slack and Gmail in Acme</title>")
    );
    assert!(html.contains("<meta name=\"color-scheme\" content=\"light dark\">"));
    assert_eq!(html.matches("<table").count(), html.matches("<table role=\"presentation\"").count());
    for loading in ["<img", "src=", "url(", "@import", "<link", "<script"] {
        assert!(!html.contains(loading), "{loading}");
    }
}

/// Every address of the links, as a browser reads it.
fn links(html: &str) -> Vec<String> {
    let targets = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    targets.map(|target| target.replace("&amp;", "&").trim_start_matches("mailto:").to_owned()).collect()
}

#[test]
fn the_text_says_all_that_the_html_says() {
    let page = crate::domain::ReconnectUrl::parse("https://app.acme.example/x?a={toolkit}&b=c").unwrap();
    for (sample, name) in Sample::ALL {
        for tag in ["en", "de"] {
            let notice = sample.notice(&page, "acme.example", Some(tag), from_millis(1_763_723_999_000));
            let letter = letter(&notice);
            assert!(letter.html.contains(&format!("<html lang=\"{tag}\"")), "{name}");
            for link in links(&letter.html) {
                assert!(letter.text.contains(&link), "{name} {tag}: {link} is not in\n{}", letter.text);
            }
            for item in &notice.items {
                let toolkit = toolkit_name(item.toolkit.as_str()).unwrap();
                assert!(letter.text.contains(&toolkit) && letter.html.contains(&toolkit), "{name} {tag}: {toolkit}");
            }
            assert!(links(&letter.html).contains(&notice.unsubscribe.unwrap()), "{name} {tag}");
        }
    }
}

/// The value of a property within a style, such as `#1a56db`.
fn property<'a>(style: &'a str, name: &str) -> Option<&'a str> {
    let of_that_name = |part: &'a str| part.trim().split_once(':').filter(|(known, _)| *known == name);
    style.split(';').find_map(of_that_name).and_then(|(_, value)| value.split_whitespace().next())
}

/// Text and background as the template pairs them: in one style, or the text's on the card it stands on.
fn pairs(styles: &[&str]) -> Vec<(String, String)> {
    let both = |style: &&&str| property(style, "color").is_some() && property(style, "background").is_some();
    let card = styles.iter().find(both).and_then(|style| property(style, "background")).unwrap();
    let pair = |style: &&str| {
        let background = property(style, "background").unwrap_or(card);
        property(style, "color").map(|text| (text.to_owned(), background.to_owned()))
    };
    styles.iter().filter_map(pair).collect()
}

#[test]
fn contrast_is_at_least_four_and_a_half() {
    let html = include_str!("templates/notice.html");
    let light: Vec<&str> = html.split("style=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let dark = html.split_once("(prefers-color-scheme: dark) {").unwrap().1.split_once("\n}").unwrap().0;
    let dark: Vec<&str> = dark.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
    // On a button of its own colours nothing changes in the dark.
    for (scheme, pairs, least) in [("light", pairs(&light), 7), ("dark", pairs(&dark), 3)] {
        assert!(pairs.len() >= least, "{scheme}: the colours were not found: {pairs:?}");
        for (text, background) in pairs {
            let ratio = contrast(&text, &background);
            assert!(ratio >= 4.5, "{scheme}: {text} on {background} is {ratio:.2}");
        }
    }
    // A colour on the card in the light that has no class to change it in the dark would stay.
    for tag in
        html.split('<').filter(|tag| property(tag.split("style=\"").nth(1).unwrap_or_default(), "color").is_some())
    {
        assert!(tag.contains("class=\"") || tag.contains("background:"), "{tag}");
    }
}

/// The contrast ratio of WCAG 2.2.
fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn lines_are_broken_at_spaces_and_links_stay_whole() {
    let link = format!("https://app.acme.example/{}-b", "a".repeat(90));
    let words = "word ".repeat(30);
    let text = wrapped(&format!("{}\n\n  {}\nSee {link} there.\n-- \n", words.trim_end(), words.trim_end()));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.iter().all(|line| line.len() <= 78 || *line == link), "{text}");
    assert_eq!((lines[0].len(), lines[1].len(), lines[2]), (74, 74, ""), "{text}");
    assert!(lines[3..5].iter().all(|line| line.starts_with("  word")), "{text}");
    assert!(lines.contains(&link.as_str()) && text.ends_with("there.\n-- \n"), "{text}");
    assert_eq!(wrapped("short\n"), "short\n");
}
