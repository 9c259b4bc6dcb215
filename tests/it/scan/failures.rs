//! What ends a scan, and what must not.

use std::pin::pin;

use reconnectd::adapters::clock::SystemClock;
use reconnectd::domain::{Cursor, Observation, UserId};
use reconnectd::ports::{DirectoryError, ProviderError};
use reconnectd::scan::{ScanError, scan};
use tokio::sync::mpsc;

use super::fakes::{Fault, Users, World, auto, drive, fixed, flat, never_stops, scan_all};

#[tokio::test]
async fn an_error_that_stops_the_run_stops_it_at_once() {
    for fault in [Fault::Unauthorized, Fault::Gone, Fault::Foreign] {
        let hanging = ["u10", "u11", "u13", "u14"].map(|id| (id, Fault::Hangs));
        let provider = World::with_faults(hanging.into_iter().chain([("u12", fault)]));
        let directory = Users::numbered(40, 10);
        let (out, mut pages) = mpsc::channel(9);
        let ended = drive(pin!(scan(&directory, &provider, fixed(4, 1), None, out, never_stops(), &SystemClock)))
            .await
            .expect("it must end");
        match (fault, ended.unwrap_err()) {
            (Fault::Unauthorized, ScanError::Provider(ProviderError::Unauthorized { .. }))
            | (Fault::Gone, ScanError::Provider(ProviderError::Gone)) => {}
            (Fault::Foreign, ScanError::Provider(ProviderError::ForeignAccount { account, owner })) => {
                assert_eq!((account.as_str(), owner.as_str()), ("ca_somebody-else_0", "somebody-else"));
            }
            (fault, other) => panic!("{fault:?} ended the scan as {other:?}"),
        }
        assert_eq!(provider.in_flight(), 0, "the requests in flight were dropped");
        assert!(provider.sizes().len() <= 10 + 5, "nobody else was asked about");
        assert_eq!(pages.recv().await.expect("the page before is whole").users.len(), 10);
        assert!(pages.recv().await.is_none(), "a page that is not whole is never sent");
    }
}

#[tokio::test]
async fn it_stops_as_well_when_the_error_answers_a_joined_request() {
    for fault in [Fault::Unauthorized, Fault::Gone, Fault::Foreign] {
        let provider = World::with_faults([("u7", fault)]);
        let (pages, ended) = scan_all(&Users::numbered(20, 20), &provider, fixed(1, 20), None).await;
        assert!(matches!(ended, Err(ScanError::Provider(error)) if error.stops_the_run()), "{fault:?}");
        assert_eq!((pages.len(), provider.sizes()), (0, vec![20]));
    }
}

/// Those in flight hold the turn that the probe waits for, and must go on meanwhile.
#[tokio::test]
async fn an_outage_is_confirmed_while_others_wait_at_the_same_door() {
    let door = Some(tokio::sync::Mutex::new(()));
    let provider = World { door, fault_of_all: Some(Fault::Unavailable), ..World::default() };
    let directory = Users::numbered(40, 40);
    let (out, _pages) = mpsc::channel(9);
    let ended = drive(pin!(scan(&directory, &provider, fixed(4, 1), None, out, never_stops(), &SystemClock)))
        .await
        .expect("it must end");
    assert!(matches!(ended, Err(ScanError::ProviderDown { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_directory_that_fails_costs_no_page_read_before() {
    let mut directory = Users::numbered(9, 3);
    directory.fails_at = Some(6);
    let (pages, ended) = scan_all(&directory, &World::default(), auto(2), None).await;
    assert!(matches!(ended, Err(ScanError::Directory(_))));
    assert_eq!(flat(pages).len(), 6);
}

#[tokio::test]
async fn one_account_for_two_users_stops_the_run() {
    let provider = World::with_faults([("u3", Fault::Shared), ("u8", Fault::Shared)]);
    let (pages, ended) = scan_all(&Users::numbered(10, 10), &provider, fixed(1, 1), None).await;
    match ended.unwrap_err() {
        ScanError::Provider(ProviderError::ForeignAccount { owner, .. }) => assert_eq!(owner.as_str(), "u3"),
        other => panic!("{other:?}"),
    }
    assert!(pages.is_empty());
}

#[tokio::test]
async fn a_directory_that_goes_round_in_circles_is_noticed() {
    let mut directory = Users::numbered(9, 3);
    directory.stuck_at = Some(6);
    for (from, sent) in [(None, 2), (Some(Cursor("6".into())), 0)] {
        let (pages, ended) = scan_all(&directory, &World::default(), auto(2), from).await;
        assert!(matches!(ended, Err(ScanError::Directory(DirectoryError::Misconfigured { .. }))), "{ended:?}");
        assert_eq!(pages.len(), sent);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_ends_the_scan_after_few_requests() {
    for fault in [Fault::Unavailable, Fault::TimedOut] {
        for options in [auto(8), auto(1), fixed(8, 100), fixed(8, 1)] {
            let provider = World { fault_of_all: Some(fault), ..World::default() };
            let (pages, ended) = scan_all(&Users::numbered(5_000, 500), &provider, options, None).await;
            assert!(matches!(ended, Err(ScanError::ProviderDown { failures: 20, .. })), "{fault:?} {options:?}");
            assert!(pages.is_empty());
            assert!(provider.sizes().len() <= 100, "{} requests, {options:?}", provider.sizes().len());
        }
    }
}

#[tokio::test]
async fn a_provider_that_goes_down_later_ends_the_scan_and_keeps_what_was_learned() {
    let provider = World::with_faults((10..60).map(|n| (format!("u{n}"), Fault::Unavailable)));
    let (pages, ended) = scan_all(&Users::numbered(60, 10), &provider, auto(4), None).await;
    assert!(matches!(ended, Err(ScanError::ProviderDown { .. })));
    // The first page, and the second with its 10 failures; the third reaches 20.
    assert_eq!(pages.len(), 2);
}

#[tokio::test]
async fn failures_with_answers_in_between_never_end_a_scan() {
    let down = |n: usize| n % 20 != 19;
    let provider = World::with_faults((0..200).filter(|n| down(*n)).map(|n| (format!("u{n}"), Fault::Unavailable)));
    let (pages, ended) = scan_all(&Users::numbered(200, 50), &provider, fixed(1, 1), None).await;
    ended.unwrap();
    let known = flat(pages).into_iter().filter(|(_, seen)| matches!(seen, Observation::Complete(_))).count();
    assert_eq!(known, 10);
}

#[tokio::test]
async fn a_provider_that_refuses_everything_ends_the_scan() {
    for fault in [Fault::Rejected, Fault::Malformed] {
        for options in [auto(8), fixed(1, 1)] {
            let provider = World { fault_of_all: Some(fault), ..World::default() };
            let (pages, ended) = scan_all(&Users::numbered(5_000, 500), &provider, options, None).await;
            assert!(matches!(ended, Err(ScanError::EverythingRejected { failures: 20, .. })), "{fault:?} {options:?}");
            assert!(pages.is_empty() && provider.sizes().len() <= 100);
        }
    }
}

#[tokio::test]
async fn refusals_after_one_good_answer_are_about_those_users() {
    let provider = World::with_faults((0..200).filter(|n| *n != 19).map(|n| (format!("u{n}"), Fault::Rejected)));
    let (pages, ended) = scan_all(&Users::numbered(200, 50), &provider, fixed(1, 1), None).await;
    ended.unwrap();
    assert_eq!(flat(pages).len(), 200);
}

#[tokio::test]
async fn messages_say_what_to_do_and_show_no_address() {
    let provider = World { fault_of_all: Some(Fault::Unavailable), ..World::default() };
    let (_, ended) = scan_all(&Users::numbered(50, 50), &provider, auto(1), None).await;
    let error = ended.unwrap_err();
    assert!(error.to_string().contains("run again"), "{error}");
    let last = std::error::Error::source(&error).expect("the last failure").to_string();
    assert!(last.contains("HTTP 503") && !error.to_string().contains(&last));

    let foreign = ProviderError::ForeignAccount {
        account: reconnectd::domain::AccountId::new("ca_1"),
        owner: UserId::new("mary@example.com"),
    };
    assert!(!ScanError::Provider(foreign).to_string().contains("mary@"));
}
