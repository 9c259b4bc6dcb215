//! What keeps everybody from reconnecting until a person acts: who clicks reads that it is not theirs to mend, and the
//! operator is told, by the channels that carry it, by the log and by the page of `status`.

use std::sync::Arc;
use std::time::Duration;

use reconnectd::domain::{AccountId, AuthConfigId, ConnectRefusal, EventKind, OperatorEvent, ToolkitSlug, UserId};
use reconnectd::ports::ProviderError;
use reconnectd::simulator::{Fault, KeyScope};

use super::bent::Bent;
use super::link_faults::{attempts, mends};
use super::{DAY, Place, hosted};
use crate::status::status;
use crate::support::log::Log;

const OURS: &str = "We have to put something right";

/// What the operator was told since this was last asked.
async fn told(place: &Place) -> Vec<OperatorEvent> {
    place.rig.deliver().await;
    place.rig.world.take_events().into_iter().map(|(_, notice)| notice.event).collect()
}

async fn with_operator() -> Place {
    let mut place = Place::new().await;
    place.rig.carries.insert("webhook:product", vec![EventKind::ConnectRefused]);
    place
}

/// What `status` says of it: the causes, and what its hands are called.
async fn known(place: &Place) -> (Vec<&'static str>, Vec<&'static str>) {
    let status = status(&place.rig).await;
    let hands = status.hands.iter().map(|hand| hand.what).filter(|what| *what == "connect_refused").collect();
    (status.connect_refused.iter().map(|known| known.reason).collect(), hands)
}

fn disable(place: &Place, disabled: bool) {
    let (id, toolkit) = (AuthConfigId::new("ac_slack"), ToolkitSlug::new("slack"));
    place.simulator.world().put_auth_config(&id, &toolkit, "OAUTH2", disabled);
}

#[tokio::test]
async fn what_the_team_must_mend_is_told_to_it_once() {
    let place = with_operator().await;
    let link = place.notice().await;
    let served = place.serve().await;
    disable(&place, true);
    for _click in 0..3 {
        let page = served.press(&link).await;
        assert_eq!((page.status, page.heading()), (200, OURS), "{}", page.body);
    }
    let events = told(&place).await;
    let [OperatorEvent::ConnectRefused { auth_config: Some(id), status: 400..500, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((id.as_str(), attempts(&place).await), ("ac_slack", vec!["failed".to_owned(); 3]));
    // Again after a week; and anew once a page was made in between.
    place.rig.later(8 * DAY);
    served.press(&link).await;
    assert_eq!(told(&place).await.len(), 1);
    disable(&place, false);
    hosted(&served.press(&link).await);
    place.rig.later(Duration::from_mins(11));
    disable(&place, true);
    served.press(&link).await;
    assert_eq!(told(&place).await.len(), 1);
}

#[tokio::test]
async fn a_key_that_makes_no_pages_is_the_team_s_to_mend_whether_it_may_read_or_not() {
    for (scope, reason) in
        [(KeyScope::ReadOnly, ConnectRefusal::KeyMayNotLink), (KeyScope::Nothing, ConnectRefusal::KeyMayNotRead)]
    {
        let place = with_operator().await;
        let link = place.notice().await;
        let served = place.serve().await;
        place.simulator.change(|settings| settings.scope = scope);
        for _click in 0..2 {
            assert_eq!(served.press(&link).await.heading(), OURS, "{scope:?}");
        }
        place.simulator.change(|settings| settings.scope = KeyScope::Full);
        let events = told(&place).await;
        let [OperatorEvent::ConnectRefused { auth_config: None, status: 403, .. }] = &events[..] else {
            panic!("{scope:?} {events:?}")
        };
        assert_eq!(events[0].connect_refusal(), Some(reason), "{scope:?}");
        mends(&place, &link).await;
    }
}

/// With no channel that carries the event, the page of `status` knows all the same, and nothing says that anybody was told.
#[tokio::test]
async fn where_no_channel_carries_it_status_knows_until_a_page_is_made_or_nobody_clicks_any_more() {
    let place = Place::new().await;
    let link = place.notice().await;
    let served = place.serve().await;
    disable(&place, true);
    assert_eq!(known(&place).await, (vec![], vec![]));
    let log = Log::default();
    let guard = log.collect();
    assert_eq!(served.press(&link).await.heading(), OURS);
    drop(guard);
    let lines = log.lines("reconnect.refused");
    assert!(lines.len() == 1 && lines[0].contains("first=false") && lines[0].contains("ERROR"), "{lines:?}");
    assert_eq!(told(&place).await, Vec::new());
    assert_eq!(known(&place).await, (vec!["auth_config"], vec!["connect_refused"]));
    place.rig.later(14 * DAY);
    assert_eq!(known(&place).await, (vec![], vec![]), "nobody has clicked for two weeks");
    assert_eq!(served.press(&link).await.heading(), OURS);
    assert_eq!(known(&place).await, (vec!["auth_config"], vec!["connect_refused"]));
    disable(&place, false);
    hosted(&served.press(&link).await);
    assert_eq!(known(&place).await, (vec![], vec![]));
}

fn foreign() -> ProviderError {
    ProviderError::ForeignAccount { account: AccountId::new("ca_eve"), owner: UserId::new("eve") }
}

/// Where it is met, the reason and the status that are told, and words of what mends it.
#[tokio::test]
async fn each_cause_is_told_and_logged_with_what_mends_it_and_not_with_what_does_not() {
    type Row = (Option<fn() -> ProviderError>, u16, ConnectRefusal, &'static str, &'static str);
    let read = |status: u16| -> fn() -> ProviderError {
        match status {
            401 => || ProviderError::Unauthorized { status: 401, detail: String::new() },
            403 => || ProviderError::Unauthorized { status: 403, detail: String::new() },
            _ => || ProviderError::Gone,
        }
    };
    let rows: [Row; 8] = [
        (None, 400, ConnectRefusal::AuthConfig, "with this auth config", "permission"),
        (None, 401, ConnectRefusal::KeyUnknown, "put another one", "permission"),
        (None, 403, ConnectRefusal::KeyMayNotLink, "'Connected accounts: Write'", "Read"),
        (None, 410, ConnectRefusal::Release, "upgrade reconnectd", "may try again"),
        (Some(read(401)), 401, ConnectRefusal::KeyUnknown, "put another one", "permission"),
        (Some(read(403)), 403, ConnectRefusal::KeyMayNotRead, "'Connected accounts: Read'", "Write"),
        (Some(read(410)), 410, ConnectRefusal::Release, "upgrade reconnectd", "has to wait"),
        (Some(foreign), 200, ConnectRefusal::Isolation, "account of somebody else", "has to wait"),
    ];
    for (read, status, reason, mends, misleads) in rows {
        let place = with_operator().await;
        let link = place.notice().await;
        let served = place.serve_with(Arc::new(Bent { read, ..Bent::of(place.provider()) }), place.links.clone()).await;
        let log = Log::default();
        let guard = log.collect();
        for _click in 0..2 {
            if read.is_none() {
                place.simulator.fail_next_change(Fault::Status(status), 1);
            }
            let page = served.press(&link).await;
            assert_eq!((page.status, page.heading()), (200, OURS), "{reason:?} {}", page.body);
        }
        drop(guard);
        let lines = log.lines("reconnect.refused");
        let firsts: Vec<bool> = lines.iter().map(|line| line.contains("first=true")).collect();
        assert_eq!(firsts, [true, false], "{reason:?} {lines:?}");
        for part in ["ERROR", "user=mary", "incident_id=", mends, &format!("reason=\"{}\"", reason.code())] {
            assert!(lines[0].contains(part), "{reason:?}: no {part} in {}", lines[0]);
        }
        assert!(!lines[0].contains(misleads), "{reason:?} {}", lines[0]);
        assert_eq!(log.lines("reconnect.failed"), Vec::<String>::new(), "{reason:?}");
        let events = told(&place).await;
        let [event @ OperatorEvent::ConnectRefused { status: said, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((event.connect_refusal(), *said), (Some(reason), status));
        assert_eq!(known(&place).await, (vec![reason.code()], vec!["connect_refused"]));
    }
}

/// Who comes back from the provider's page while the key is refused reads that it could not be seen; the team hears why.
#[tokio::test]
async fn a_key_that_is_refused_to_who_comes_back_is_told_too() {
    let place = with_operator().await;
    let link = place.notice().await;
    let served = place.serve().await;
    let page = hosted(&served.press(&link).await);
    let back = served.decide(&page, "approve").await;
    place.simulator.change(|settings| settings.scope = KeyScope::Nothing);
    assert_eq!(served.get(&back).await.heading(), "We could not check");
    place.simulator.change(|settings| settings.scope = KeyScope::Full);
    let events = told(&place).await;
    assert_eq!(
        events.iter().map(OperatorEvent::connect_refusal).collect::<Vec<_>>(),
        [Some(ConnectRefusal::KeyMayNotRead)]
    );
    assert_eq!(served.get(&back).await.heading(), "Slack is connected again");
}
