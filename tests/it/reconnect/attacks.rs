//! What nobody and nothing can do: scanners, forged and foreign tokens, other sites' forms, lies in the query.

use reconnectd::domain::{AccountId, AttemptId, LinkId, TokenFor};
use reconnectd::simulator::SimAccount;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{DAY, PUBLIC, Place, hosted, keys};

async fn version(observer: &mut SqliteConnection) -> i64 {
    sqlx::query("PRAGMA data_version").fetch_one(observer).await.unwrap().get(0)
}

#[tokio::test]
async fn a_scanner_that_gets_everything_changes_nothing_and_asks_nobody() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let mut observer = SqliteConnection::connect(&place.rig.url).await.unwrap();
    let (before, asked) = (version(&mut observer).await, place.simulator.request_count());
    for path in [link.as_str(), &format!("{link}?status=success&connected_account_id=ca_1"), "/", "/r/", "/logo.png"] {
        for _again in 0..4 {
            served.get(path).await;
        }
        served.client.head(served.here(path)).send().await.unwrap();
        served.client.get(served.here(path)).header("sec-purpose", "prefetch").send().await.unwrap();
    }
    for path in ["/r/callback/", "/r/callback", &link.replace("/r/", "/r/callback/"), &link.replace("/r/", "/u/")] {
        assert_eq!(served.get(path).await.status, 404, "{path}");
    }
    assert_eq!((version(&mut observer).await, place.simulator.request_count()), (before, asked));
    hosted(&served.press(&link).await);
    assert_ne!(version(&mut observer).await, before, "the observer does see changes");
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_a_page_that_does_not_exist() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let nobody = served.get("/").await;
    let token = link.rsplit_once('/').unwrap().1;
    let (id, form) = (place.link_id(&link), served.get(&link).await.form());
    let foreign_key = keys("another!", &[]).token(TokenFor::Link, id.as_bytes());
    let other_purpose = place.links.keys.token(TokenFor::Attempt, id.as_bytes());
    let swapped = if token.as_bytes()[30] == b'A' { 'B' } else { 'A' };
    let changed = format!("{}{swapped}{}", &token[..30], &token[31..]);
    for token in [&foreign_key, &other_purpose, &changed, &token[1..], "x", "%ff%00", &"A".repeat(4_000)] {
        let wrong = format!("/r/{token}");
        let (got, posted) = (served.get(&wrong).await, served.post(&wrong, &form).await);
        assert_eq!((got.status, posted.status), (404, 404), "{wrong:.80}");
        assert_eq!((&got.body, &posted.body), (&nobody.body, &nobody.body), "no word on what is wrong");
    }
    let wrong = place.links.keys.token(TokenFor::Attempt, &[9; 16]);
    for token in [&wrong, token, "x"] {
        assert_eq!(served.get(&format!("/r/callback/{token}")).await.status, 404);
    }
    assert_eq!((place.writes(), place.accounts().len()), (0, 1));
}

#[tokio::test]
async fn another_site_s_form_does_nothing() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let form = served.get(&link).await.form();
    let other_link = place.links.keys.form(&LinkId::from_bytes([9; 16]), place.now());
    for (form, headers) in [
        (form.as_str(), &[("sec-fetch-site", "cross-site")][..]),
        (&form, &[("sec-fetch-site", "same-site")]),
        (&form, &[("origin", "https://evil.example")]),
        ("", &[]),
        ("x", &[]),
        (&other_link, &[("sec-fetch-site", "same-origin")]),
    ] {
        let refused = served.post_with(&link, form, headers).await;
        assert_eq!(refused.status, 403, "{headers:?}");
        assert_eq!(refused.heading(), "Please press the button once more");
    }
    for (content_type, body) in [
        ("text/plain", format!("form={form}")),
        ("application/json", format!("{{\"form\":\"{form}\"}}")),
        ("application/x-www-form-urlencoded", format!("form={form}&form={form}")),
        ("application/x-www-form-urlencoded", format!("form={form}&{}", "x".repeat(5_000))),
    ] {
        let request = served.client.post(served.here(&link)).header("content-type", content_type).body(body);
        assert_eq!(served.send(request).await.status, 403, "{content_type}");
    }
    place.rig.later(std::time::Duration::from_hours(13));
    assert_eq!(served.post(&link, &form).await.status, 403, "a page that was open overnight");
    assert_eq!(place.writes(), 0);
    let ours = [("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate"), ("origin", "null")];
    let form = served.get(&link).await.form();
    hosted(&served.post_with(&link, &form, &ours).await);
}

#[tokio::test]
async fn a_form_sent_again_leads_to_the_same_page_and_after_success_nowhere() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let form = served.get(&link).await.form();
    let first = hosted(&served.post(&link, &form).await);
    for _replay in 0..3 {
        assert_eq!(hosted(&served.post(&link, &form).await), first);
    }
    assert_eq!(place.writes(), 1);
    let back = served.decide(&first, "approve").await;
    served.get(&back).await;
    let replay = served.post(&link, &form).await;
    assert_eq!((replay.status, place.writes()), (303, 1));
    assert_eq!(served.get(&link).await.heading(), "All good");
}

#[tokio::test]
async fn nothing_in_the_callback_s_query_is_believed() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    hosted(&served.press(&link).await);
    // Somebody else's account, which works, and one of Mary's own that works and is no attempt.
    let world = place.simulator.world();
    world.put(SimAccount::new("ca_bob", "bob", "slack", place.now()));
    place.connect("ca_gmail", "gmail");
    let callback = place.callback_of(&place.attempt_account()).await;
    for query in [
        "status=success&connected_account_id=ca_bob",
        "status=success&connected_account_id=ca_gmail",
        "status=success",
        "status=failed",
        "connected_account_id=ca_bob&connected_account_id=ca_1",
        "%00",
    ] {
        let page = served.get(&format!("{callback}?{query}")).await;
        assert_eq!((page.status, page.heading()), (200, "Almost there"), "{query}");
    }
    assert_eq!(place.incidents().await, ["slack open"]);
    assert!(!served.get(&format!("{callback}?status=%3Cscript%3E")).await.body.contains("<script"));
    let posted = served.post(&callback, "x").await;
    assert_eq!(posted.status, 405);
}

#[tokio::test]
async fn an_attempt_s_account_that_is_somebody_else_s_closes_nothing() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    hosted(&served.press(&link).await);
    let made = place.attempt_account();
    let callback = place.callback_of(&made).await;
    // The provider now says that the account belongs to Bob.
    place.simulator.world().remove(&made);
    place.simulator.world().put(SimAccount::new(made.as_str(), "bob", "slack", place.now()));
    let page = served.get(&callback).await;
    assert!(page.heading() != "Slack is connected again", "{}", page.body);
    assert_eq!(place.incidents().await, ["slack open"]);
}

#[tokio::test]
async fn no_page_and_no_way_on_is_kept_or_named_to_where_it_leads() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let kept = ("no-referrer".to_owned(), "no-store".to_owned());
    let page = served.get(&link).await;
    assert_eq!(page.kept, kept);
    let way_on = served.post(&link, &page.form()).await;
    assert_eq!((way_on.status, &way_on.kept), (303, &kept));
    let back = served.decide(&hosted(&way_on), "approve").await;
    assert_eq!(served.get(&back).await.kept, kept);
    let done = served.post(&link, &page.form()).await;
    assert_eq!((done.status, &done.kept), (303, &kept), "back to our page");
    for nothing in ["/r/x", "/r/callback/x"] {
        assert_eq!(served.get(nothing).await.kept, kept, "{nothing}");
    }
}

#[tokio::test]
async fn a_guessed_attempt_is_none() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    hosted(&served.press(&link).await);
    let guess = keys("another!", &[]).token(TokenFor::Attempt, AttemptId::from_bytes([1; 16]).as_bytes());
    assert_eq!(served.get(&format!("{PUBLIC}/r/callback/{guess}")).await.status, 404);
}

#[tokio::test]
async fn one_link_used_all_the_time_is_slowed_down_and_others_are_not() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let mut statuses = Vec::new();
    for request in 0..60 {
        let from = format!("203.0.113.{request}");
        let request = served.client.get(served.here(&link)).header("x-forwarded-for", from);
        statuses.push(served.send(request).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    place.connect("ca_2", "gmail");
    place.rig.run().await;
    place.rig.later(DAY);
    place.break_account("ca_2");
    let other = place.next_link().await;
    assert_eq!(served.get(&other).await.status, 200);
    assert_eq!(place.simulator.world().account(&AccountId::new("ca_1")).unwrap().status, "EXPIRED");
}
