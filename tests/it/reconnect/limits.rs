//! How often one token may be used, wherever it is used from.

use reconnectd::domain::EmailAddress;

use super::{Answer, Place, Served, hosted};

/// More than one token may be used at once, from as many addresses.
const OFTEN: usize = 60;

const FORM: &str = "application/x-www-form-urlencoded";

async fn often(served: &Served, address: &str, body: Option<&str>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for from in 0..OFTEN {
        statuses.push(once(served, address, body, &format!("203.0.113.{from}")).await.status);
    }
    statuses
}

async fn once(served: &Served, address: &str, body: Option<&str>, from: &str) -> Answer {
    let here = served.here(address);
    let request = match body {
        Some(body) => served.client.post(here).header("content-type", FORM).body(body.to_owned()),
        None => served.client.get(here),
    };
    served.send(request.header("x-forwarded-for", from)).await
}

#[tokio::test]
async fn whatever_a_token_opens_it_does_so_thirty_times_at_once_and_not_more() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let back = served.decide(&hosted(&served.press(&link).await), "approve").await;
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
    let choice = place.unsubscribe_link(&["slack"]);
    let other = place.unsubscribe().link(&EmailAddress::parse("bob@example.com").unwrap(), &[]);
    for (what, address, body, answered) in [
        ("a look at the page", &link, None, 200),
        ("its form", &link, Some("form=x"), 403),
        ("the way back", &back, None, 200),
        ("a look at what is wanted", &choice, None, 200),
        ("the choice", &choice, Some("mail=some&shown=slack"), 200),
        ("an end of all mail", &choice, Some("List-Unsubscribe=One-Click"), 200),
        ("nonsense", &choice, Some("x=y"), 400),
    ] {
        let served = place.serve().await;
        let statuses = often(&served, address, body).await;
        let (first, rest) = statuses.split_at(30);
        assert!(first.iter().all(|status| *status == answered), "{what}: {statuses:?}");
        // While this runs, a second or two may pass, each of which is worth another.
        assert!(rest.iter().filter(|status| **status == 429).count() > 20, "{what}: {statuses:?}");
        assert_eq!(once(&served, &other, None, "203.0.113.1").await.status, 200, "others go on: {what}");
        if what == "a look at what is wanted" {
            let unsubscribed = once(&served, &choice, Some("List-Unsubscribe=One-Click"), "203.0.113.1").await;
            assert_eq!(unsubscribed.status, 200, "no scanner keeps anybody from unsubscribing");
        }
    }
}
