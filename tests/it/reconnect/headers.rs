//! What every answer of the server says to browsers: what it may load and who may frame it, that it is not kept and that
//! nobody is told where somebody came from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{AccountId, Colour, LinkId};
use reconnectd::http::{Brand, ReconnectSite, Site};
use reconnectd::simulator::Fault;
use reconnectd::store::{RevokeScope, Store};
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::bent::{Bent, Gate};
use super::{Answer, DAY, Place, Served, hosted};

/// An answer, and what it was an answer to.
type Seen = Vec<(&'static str, Answer)>;

/// What becomes of the account, and how.
type Change<'a> = (&'static str, &'a dyn Fn(&Place));

/// The pages of one process, with a logo of the product's or as they are after links are used no more.
async fn served(place: &Place, branded: bool, links: bool) -> Served {
    let store = Store::open(&place.rig.url).await.unwrap();
    let logo = include_bytes!("../config/logo.png").to_vec();
    let brand = Brand { colour: Colour::parse("#5b2be0").unwrap(), logo: branded.then(|| Arc::from(logo)) };
    let around = (&place.rig, &place.simulator);
    let site = Served::site(store, place.provider(), place.links.clone(), brand, around);
    let reconnect: Option<ReconnectSite> = site.reconnect.filter(|_| links);
    Served::of("127.0.0.1:0".parse().unwrap(), Site { reconnect, ..site }).await
}

impl Served {
    async fn ask(&self, method: &str, link: &str, body: &str) -> Answer {
        let request = self.client.request(method.parse().unwrap(), self.here(link)).body(body.to_owned());
        self.send(request.header("content-type", "application/x-www-form-urlencoded")).await
    }
}

/// However things stand behind a link, from both sides of its button.
async fn standings(seen: &mut Seen, branded: bool) {
    let changes: [Change; 4] = [
        ("reconnected", &|place| {
            place.simulator.world().set_status(&AccountId::new("ca_1"), "ACTIVE", None);
        }),
        ("removed", &|place| {
            place.simulator.world().remove(&AccountId::new("ca_1"));
        }),
        ("team", &|place| {
            place.simulator.world().change(&AccountId::new("ca_1"), |account| account.auth_config_disabled = true);
        }),
        ("switched off", &|place| {
            place.simulator.world().change(&AccountId::new("ca_1"), |account| account.is_disabled = true);
        }),
    ];
    for (what, change) in changes {
        let place = Place::new().await;
        let link = place.notice().await;
        let served = served(&place, branded, true).await;
        let open = served.get(&link).await;
        change(&place);
        seen.push((what, served.post(&link, &open.form()).await));
        seen.push((what, served.get(&link).await));
        seen.push(("open", open));
    }
    let place = Place::new().await;
    let link = place.notice().await;
    let served = served(&place, branded, true).await;
    seen.push(("forgotten", served.get(&place.links.page(&LinkId::from_bytes([7; 16]))).await));
    place.rig.later(30 * DAY);
    seen.push(("expired", served.get(&link).await));
    let mut work = place.rig.store.begin().await.unwrap();
    work.revoke_links(&RevokeScope::All, "support", place.now()).await.unwrap();
    work.commit().await.unwrap();
    seen.push(("revoked", served.get(&link).await));
}

/// The way to the provider and back, and what can come in between.
async fn ways(seen: &mut Seen, branded: bool) {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = served(&place, branded, true).await;
    place.simulator.fail_next(Fault::Status(503), 2);
    seen.push(("later", served.press(&link).await));
    seen.push(("foreign", served.post(&link, "not ours").await));
    let way_on = served.press(&link).await;
    let callback = place.callback_of(&place.attempt_account()).await;
    place.simulator.fail_next(Fault::Status(503), 2);
    seen.push(("unseen", served.get(&callback).await));
    seen.push(("waiting", served.get(&callback).await));
    seen.push(("not done", served.get(&served.decide(&hosted(&way_on), "deny").await).await));
    seen.push(("on to the provider", way_on));
    let way_on = served.press(&link).await;
    let back = served.decide(&hosted(&way_on), "approve").await;
    seen.push(("works", served.get(&back).await));
    for method in ["PUT", "DELETE", "POST"] {
        seen.push(("no such method", served.ask(method, &callback, "").await));
    }
    seen.push(("no such method", served.ask("PUT", &link, "").await));
    for path in ["/", "/r/x", "/r/callback/x", "/u/x", "/nothing", "/report", "/metrics"] {
        seen.push(("nothing here", served.get(path).await));
        seen.push(("nothing here", served.ask("POST", path, "x=y").await));
    }
    seen.push(("slow", slow(&served, &link).await));
    let (choice, one_click) = (place.unsubscribe_link(&["slack"]), "List-Unsubscribe=One-Click");
    seen.push(("a choice", served.get(&choice).await));
    seen.push(("chosen", served.ask("POST", &choice, "mail=some&shown=slack").await));
    seen.push(("not understood", served.ask("POST", &choice, &"x".repeat(5_000)).await));
    seen.push(("unsubscribed", served.ask("POST", &choice, one_click).await));
    seen.push(("no such method", served.ask("PUT", &choice, "").await));
    for table in ["reconnect_links", "reconnect_attempts", "suppressions"] {
        let mut database = SqliteConnection::connect(&place.rig.url).await.unwrap();
        let away = sqlx::AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO away_{table}"));
        sqlx::query(away).execute(&mut database).await.unwrap();
    }
    for (address, body) in [(&link, "form=x"), (&callback, ""), (&choice, one_click)] {
        seen.push(("no database", served.get(address).await));
        seen.push(("no database", served.ask("POST", address, body).await));
    }
    loop {
        let answer = served.get("/").await;
        if answer.status == 429 {
            seen.push(("too often", answer));
            break;
        }
    }
}

/// What needs a process of its own: a second tab, and links that are used no more.
async fn others(seen: &mut Seen, branded: bool) {
    let place = Place::new().await;
    let link = place.notice().await;
    let bent = Arc::new(Bent { pages: Some(Gate::shut()), ..Bent::of(place.provider()) });
    let first = place.serve_with(bent.clone(), place.links.clone()).await;
    let form = first.get(&link).await.form();
    let second = served(&place, branded, true).await;
    tokio::select! {
        _ = first.post(&link, &form) => panic!("it was to be slow"),
        busy = async {
            bent.pages.as_ref().unwrap().somebody().await;
            second.post(&link, &form).await
        } => seen.push(("busy", busy)),
    }
    let retired = served(&place, branded, false).await;
    for address in [&link, &format!("{}/r/callback/x", super::PUBLIC)] {
        seen.push(("retired", retired.get(address).await));
    }
    seen.push(("retired", retired.ask("POST", &link, "form=x").await));
}

/// Somebody who sends half a form and waits.
async fn slow(served: &Served, link: &str) -> Answer {
    let path = link.strip_prefix(super::PUBLIC).unwrap();
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    stream.write_all(format!("{head}Content-Length: 50\r\n\r\nform=").as_bytes()).await.unwrap();
    tokio::time::pause();
    let mut text = String::new();
    tokio::time::timeout(Duration::from_mins(1), stream.read_to_string(&mut text)).await.unwrap().unwrap();
    tokio::time::resume();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map_or_else(String::new, |(_, value)| value.to_owned())
    };
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        location: None,
        policy: header("content-security-policy"),
        kept: (header("referrer-policy"), header("cache-control")),
        body: body.to_owned(),
    }
}

/// The policy's directives.
fn directives(policy: &str) -> BTreeMap<&str, &str> {
    policy.split("; ").map(|directive| directive.split_once(' ').unwrap_or((directive, ""))).collect()
}

#[tokio::test]
async fn no_answer_can_be_framed_kept_or_traced_and_forms_lead_out_only_from_the_page_that_has_one() {
    for branded in [false, true] {
        let mut seen = Seen::new();
        standings(&mut seen, branded).await;
        ways(&mut seen, branded).await;
        others(&mut seen, branded).await;
        let mut statuses: Vec<u16> = seen.iter().map(|(_, answer)| answer.status).collect();
        statuses.sort_unstable();
        statuses.dedup();
        assert_eq!(statuses, [200, 303, 400, 403, 404, 405, 408, 409, 410, 429, 503], "every status there is");
        for (what, answer) in &seen {
            let about = format!("{what}, {}: {}", answer.status, answer.policy);
            assert_eq!(answer.kept, ("no-referrer".to_owned(), "no-store".to_owned()), "{about}");
            if answer.status == 303 {
                assert_eq!(answer.body, "", "{about}");
                continue;
            }
            let mut policy = directives(&answer.policy);
            let leads_out = policy.remove("form-action").unwrap();
            if *what == "open" {
                assert!(leads_out.starts_with("'self' https: http://127.0.0.1:"), "{about}");
            } else {
                assert_eq!(leads_out, "'self'", "{about}");
            }
            let style = policy.remove("style-src").unwrap();
            assert!(style.starts_with("'sha256-") && !style.contains(' '), "{about}");
            assert_eq!(policy.remove("img-src"), branded.then_some("'self'"), "{about}");
            let rest = [("base-uri", "'none'"), ("default-src", "'none'"), ("frame-ancestors", "'none'")];
            assert_eq!(policy.into_iter().collect::<Vec<_>>(), rest, "{about}");
        }
    }
}

#[tokio::test]
async fn the_logo_and_the_report_are_held_to_the_same() {
    let place = Place::new().await;
    let logo = served(&place, true, true).await;
    let logo = logo.client.get(logo.here("/logo.png")).send().await.unwrap();
    let header = |answer: &reqwest::Response, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&logo, "content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(header(&logo, "referrer-policy"), "no-referrer");
    let access = reconnectd::http::Access::token(&"a-token-of-32-visible-characters".into());
    let report = crate::report_served::Served::with(access).await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for path in ["/report", "/report.json", "/report.csv", "/report?from=nonsense", "/report/trend?step=week"] {
        for token in ["a-token-of-32-visible-characters", "another-one"] {
            let answer = client.get(report.url(path)).bearer_auth(token).send().await.unwrap();
            let about = format!("{path} {}", answer.status());
            let policy = header(&answer, "content-security-policy");
            let policy = directives(&policy);
            assert_eq!((policy["default-src"], policy["frame-ancestors"]), ("'none'", "'none'"), "{about}");
            assert_eq!(header(&answer, "referrer-policy"), "no-referrer", "{about}");
            assert_eq!(header(&answer, "cache-control"), "no-store", "{about}");
        }
    }
}
